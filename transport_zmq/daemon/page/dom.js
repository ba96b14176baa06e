// Elements, made and kept. Whatever a node tells becomes text and attributes, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element of HTML with attributes and children; texts among these stay texts. */
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same of SVG. */
export function drawn(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

/** The element with an id. */
export function byId(id) {
  return document.getElementById(id);
}

/** Changes a text only where it is another: what reads the page aloud then says only news. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A link to another member's page. */
export function link(base, text) {
  return element("a", { href: `${base}/` }, text);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

// Colours and strokes that all canvases share.

import { FAMILIES } from "./kinds.js";

/** Fits a canvas to its element; returns its context, in units of CSS pixels, cleared. */
export function prepare(canvas) {
  const scale = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** The colours of the style sheet, as a canvas needs them; asked for again when the scheme changes. */
export function readTheme() {
  const style = getComputedStyle(document.documentElement);
  const names = ["paper", "panel", "line", "grid", "ink", "soft", "faint", "accent", "accent-soft", "cursor", "follower",
    "pre-candidate", "candidate", "leader", "down", "vote", "append", "heartbeat", "snapshot", "read", "other", "commit",
    "cut", "cut-ink", "violation", "sans", "mono"];
  const theme = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  theme.text = parseFloat(style.getPropertyValue("--canvas-text")); // pixels
  theme.row = parseFloat(style.getPropertyValue("--row"));
  return theme;
}

/** The colour of an event, by its number in KINDS. */
export function colourOf(theme, kind, name) {
  if (name === "violation") return theme.violation;
  if (name === "commit") return theme.commit;
  return kind < FAMILIES.length ? theme[FAMILIES[kind].id] : theme.soft;
}

/** Adds one shape to the path of a canvas, its tip at (x, y) towards (dx, dy), a vector of length 1. */
export function addShape(context, shape, x, y, dx, dy, size) {
  const at = (along, across) => [x - dx * along - dy * across, y - dy * along + dx * across];
  const polygon = (...points) => {
    context.moveTo(...points[0]);
    for (const point of points.slice(1)) context.lineTo(...point);
    context.closePath();
  };
  const half = size / 2;
  if (shape === "triangle") polygon(at(0, 0), at(size * 1.25, half), at(size * 1.25, -half));
  else if (shape === "diamond") polygon(at(0, 0), at(half * 1.3, half), at(half * 2.6, 0), at(half * 1.3, -half));
  else if (shape === "square") polygon(at(0, half), at(size, half), at(size, -half), at(0, -half));
  else if (shape === "bar") polygon(at(0, half * 1.3), at(size * 0.45, half * 1.3), at(size * 0.45, -half * 1.3), at(0, -half * 1.3));
  else if (shape === "chevron") polygon(at(0, 0), at(size, half), at(half, 0), at(size, -half));
  else {
    const [cx, cy] = at(half * 0.8, 0);
    context.moveTo(cx + half * 0.7, cy);
    context.arc(cx, cy, half * 0.7, 0, 7);
  }
}

/** Slanted lines, which the eye separates from any plain colour. */
export function hatch(context, left, top, width, height, colour, gap) {
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  context.strokeStyle = colour;
  context.lineWidth = 1.2;
  context.beginPath();
  for (let x = Math.floor((left - height) / gap) * gap; x < left + width; x += gap) {
    context.moveTo(x, top + height);
    context.lineTo(x + height, top);
  }
  context.stroke();
  context.restore();
}

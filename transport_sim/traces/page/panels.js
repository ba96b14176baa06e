// The panels below the diagram: the states of the nodes, the events around the cursor, and the one at the cursor.

import { KINDS, ROLE_GLYPHS } from "./kinds.js";
import { colourOf } from "./paint.js";
import { countUpTo, statesAfter } from "./run.js";
import { writeSpan, writeTime } from "./view.js";
import { configurationInWords, sentence } from "./words.js";

/** Makes an element, with text as text: nothing of a trace is ever read as HTML. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  const { dataset, ...others } = properties;
  Object.assign(made, others);
  Object.assign(made.dataset, dataset);
  made.append(...children);
  return made;
}

const COLUMNS = [
  ["term", (state) => state.term],
  ["vote", (state) => state.vote ?? "–"],
  ["leader", (state) => state.leader ?? "–"],
  ["log end", (state) => `${state.last_index}@${state.last_term}`],
  ["commit", (state) => state.commit_index],
  ["applied", (state) => state.applied_index],
  ["durable", (state) => state.durable_index],
  ["configuration", (state) => (state.configuration ? configurationInWords(state.configuration) : "–")],
];

/** What a node is doing, in a word. */
export function doing(state, time) {
  if (!state.up) return "down";
  return state.paused > time ? "paused" : state.role;
}

/** Makes the table of states; returns what shows the states after an event. */
export function makeStates(table, scene) {
  const { run } = scene;
  table.tHead.append(element("tr", {}, ...["node", "role", ...COLUMNS.map(([name]) => name)].map((name) => element("th", { textContent: name, scope: "col" }))));
  const rows = run.ids.map((id) => {
    const cells = ["", ...COLUMNS].map(() => element("td"));
    const row = element("tr", {}, element("td", { textContent: id }), ...cells);
    table.tBodies[0].append(row);
    return { row, cells };
  });
  return function showStates(number, time) {
    const states = statesAfter(run, number);
    const before = statesAfter(run, number - 1);
    rows.forEach(({ row, cells }, lane) => {
      const now = doing(states[lane], time);
      row.className = `${states[lane].up ? states[lane].role : "off"}`;
      const glyph = element("span", { className: "glyph", textContent: now === "down" ? "✕" : now === "paused" ? "‖" : ROLE_GLYPHS[now], ariaHidden: "true" });
      cells[0].replaceChildren(glyph, run.parts[lane] === "witness" && now === "follower" ? "witness" : now);
      const changed = number >= 0 && run.nodes[number] === lane;
      cells[0].classList.toggle("changed", changed && now !== doing(before[lane], time));
      COLUMNS.forEach(([, value], column) => {
        const cell = cells[column + 1];
        cell.textContent = states[lane].up ? value(states[lane]) : "";
        cell.classList.toggle("changed", changed && states[lane].up && value(states[lane]) !== value(before[lane]));
      });
    });
    return states;
  };
}

/** Makes the list of events; returns what shows it around an event. */
export function makeList(list, position, scene, goTo) {
  const { run, filter } = scene;
  const items = [];
  list.addEventListener("click", (event) => {
    const item = event.target.closest("li");
    if (item?.dataset.number) goTo(Number(item.dataset.number));
  });
  list.addEventListener("wheel", (event) => {
    event.preventDefault();
    goTo(filter.step(scene.cursor.number, Math.sign(event.deltaY) * 3));
  }, { passive: false });
  return function showEvents(number) {
    const among = filter.found ?? filter.shown;
    const room = Math.max(1, Math.floor(list.clientHeight / scene.theme.row));
    while (items.length < room) {
      const item = element("li", { id: `event-${items.length}`, role: "option" }, element("time"), element("span", { className: "dot" }), element("span"));
      items.push(item);
      list.append(item);
    }
    while (items.length > room) items.pop().remove();
    const here = countUpTo(among, number) - 1;
    const first = Math.max(0, Math.min(here - Math.floor(room * 0.55), among.length - room));
    list.removeAttribute("aria-activedescendant");
    items.forEach((item, place) => {
      const shown = among[first + place];
      item.hidden = shown === undefined;
      if (item.hidden) return;
      const event = run.events[shown];
      item.dataset.number = shown;
      item.className = `${shown > number ? "later" : ""} ${event.event === "violation" ? "violation" : ""}`;
      item.ariaSelected = String(shown === number);
      if (shown === number) list.setAttribute("aria-activedescendant", item.id);
      const [time, dot, text] = item.children;
      time.textContent = writeTime(run, event.at).replace(" s", "");
      dot.style.background = colourOf(scene.theme, run.kinds[shown], event.event);
      text.textContent = text.title = sentence(run, shown);
    });
    const total = among.length.toLocaleString("en");
    position.textContent = among.length ? `${(here + 1).toLocaleString("en")} of ${total}${filter.found ? " found" : among.length < run.events.length ? " shown" : ""}` : "none";
  };
}

/** Makes the details; returns what shows those of an event. */
export function makeDetails(box, scene, goTo) {
  const { run } = scene;
  const jump = (text, number) => element("button", { type: "button", className: "goto", textContent: text, onclick: () => goTo(number) });
  return function showDetails(number) {
    if (number < 0) return box.replaceChildren("Nothing has happened yet.");
    const event = run.events[number];
    const title = element("h3", { textContent: sentence(run, number), className: event.event === "violation" ? "violation" : "" });
    const jumps = [];
    for (const flight of run.flights.get(number) ?? []) {
      if (number !== flight.send && !jumps.length) jumps.push(jump("Sent ↖", flight.send));
      if (flight.end < 0 || flight.end === number) continue;
      const after = run.times[flight.end] - run.times[flight.send];
      jumps.push(jump(`${run.events[flight.end].event === "drop" ? "Lost" : "Arrives"} after ${writeSpan(run, after)} ↘`, flight.end));
    }
    const message = run.flights.has(number) ? run.events[run.flights.get(number)[0].send].message : null;
    const fields = { time: writeTime(run, event.at), kind: KINDS[run.kinds[number]].label, ...event, ...(message ?? {}) };
    const list = element("dl");
    for (const [field, value] of Object.entries(fields)) {
      if (field === "at" || field === "message" && message) continue;
      const text = typeof value === "string" ? value : JSON.stringify(value, null, 0);
      list.append(element("dt", { textContent: field }), element("dd", { textContent: text }));
    }
    return box.replaceChildren(title, ...jumps, list);
  };
}

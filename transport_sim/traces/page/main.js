// Puts the parts together: one scene, a cursor in it, and what moves both.

import { drawDiagram, layOut, ROOMY } from "./diagram.js";
import { makeFilter } from "./filter.js";
import { addControls } from "./controls.js";
import { addKeys } from "./keys.js";
import { makeLanes } from "./lanes.js";
import { drawOverlay } from "./overlay.js";
import { makeOverview } from "./overview.js";
import { prepare, readTheme } from "./paint.js";
import { doing, makeDetails, makeList, makeStates } from "./panels.js";
import { makePlayer } from "./player.js";
import { addPointer } from "./pointer.js";
import { countUpTo, eventAt, makeRun } from "./run.js";
import { ROLE_GLYPHS } from "./kinds.js";
import { makeView, writeTime } from "./view.js";
import { sentence } from "./words.js";

const $ = (id) => document.getElementById(id);
const EVENTS_AT_FIRST = 140; // so many before the broken promise are in sight when the page opens

const run = makeRun(JSON.parse($("trace").textContent));
const scene = {
  run, lanes: makeLanes(run), theme: readTheme(), version: 0, hover: -1, density: false,
  cursor: { number: -1, time: 0 },
  frames: { drawn: 0, lastMs: 0 }, // how long the last frame took to draw
  firstRow: (send) => countUpTo(run.messages.send, send - 1), // rows are in the order of sending
};
let [viewMoved, cursorMoved, asked] = [true, true, 0];

/** Asks for one frame, however many things have changed. */
function ask(what) {
  if (what === "view") viewMoved = true;
  if (what === "cursor") cursorMoved = true;
  if (asked === 0) asked = requestAnimationFrame(draw);
}

scene.view = makeView(run.lastTime, () => ask("view"));
scene.filter = makeFilter(run, () => {
  scene.version += 1;
  ask("view");
  ask("cursor");
});
scene.ask = ask;

/** Moves the cursor onto an event; the diagram follows if it must. */
scene.goTo = (number, follow = true) => {
  scene.cursor = { number, time: number < 0 ? 0 : run.times[number] };
  if (follow) scene.view.follow(scene.cursor.time);
  ask("cursor");
};
/** Moves the cursor to a time: all that happened until then has happened. */
scene.goToTime = (time, follow = true) => {
  const within = Math.min(Math.max(time, 0), run.lastTime);
  scene.cursor = { number: eventAt(run, within), time: within };
  if (follow) scene.view.follow(within);
  ask("cursor");
};

const nodes = run.ids.map((id, lane) => {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "node";
  button.ariaPressed = "false";
  button.title = `Show only the messages of ${id}, or all again`;
  const [glyph, name, note] = ["span", "b", "small"].map((tag) => document.createElement(tag));
  glyph.className = "glyph";
  glyph.ariaHidden = "true";
  name.textContent = id;
  button.append(glyph, name, note);
  button.addEventListener("click", () => {
    scene.filter.toggleNode(lane);
    button.ariaPressed = String(scene.filter.nodes.has(lane));
  });
  $("lanes").append(button);
  return { button, glyph, note };
});

const drawOverview = makeOverview($("overview"), scene);
const showStates = makeStates($("states"), scene);
const showEvents = makeList($("events"), $("position"), scene, scene.goTo);
const showDetails = makeDetails($("details"), scene, scene.goTo);
scene.player = makePlayer(scene, $("play"), $("speed"));
addControls(scene);
addKeys(scene);
addPointer($("board"), $("tip"), scene);

function draw() {
  const begun = performance.now();
  asked = 0;
  if (viewMoved) {
    const diagram = $("diagram");
    scene.view.width = diagram.clientWidth;
    scene.layout = layOut(run, diagram.clientHeight);
    $("lanes").classList.toggle("compact", scene.layout.pitch < ROOMY);
    nodes.forEach(({ button }, lane) => (button.style.top = `${scene.layout.middle(lane)}px`));
    drawDiagram(prepare(diagram), scene);
  }
  drawOverlay(prepare($("overlay")), scene);
  drawOverview();
  if (cursorMoved) showCursor();
  viewMoved = cursorMoved = false;
  scene.frames.drawn += 1;
  scene.frames.lastMs = performance.now() - begun;
}

function showCursor() {
  const { number, time } = scene.cursor;
  const states = showStates(number, time);
  showEvents(number);
  showDetails(number);
  $("clock").textContent = writeTime(run, time);
  $("scrubber").value = time;
  $("scrubber").setAttribute("aria-valuetext", writeTime(run, time));
  nodes.forEach(({ button, glyph, note }, lane) => {
    const now = doing(states[lane], time);
    button.className = `node ${states[lane].up ? states[lane].role : ""}`;
    glyph.textContent = now === "down" ? "✕" : now === "paused" ? "‖" : ROLE_GLYPHS[now];
    note.textContent = now === "down" ? "down" : `${now} T${states[lane].term}`;
  });
  if (!scene.player.playing && number >= 0) $("announcer").textContent = sentence(run, number);
}

/** The style sheet may now say something else: the scheme has changed, or the size. */
function restyle() {
  scene.theme = readTheme();
  scene.version += 1;
  scene.repaintLegend();
  ask("view");
  ask("cursor");
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);
new ResizeObserver(restyle).observe($("board"));

const [violation] = run.violations;
if (violation === undefined) scene.goTo(-1, false);
else {
  scene.goTo(violation, false);
  scene.showAround(violation, EVENTS_AT_FIRST);
}
window.quorate = scene; // for the console, and for tests

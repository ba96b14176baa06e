// Everything above the diagram: the title, the verdict, the scrubber, the legend that filters, the search.

import { FAMILIES, KINDS } from "./kinds.js";
import { addShape, prepare } from "./paint.js";

const SEARCH_AFTER_MS = 160; // of silence: nobody wants results between two keys

export function addControls(scene) {
  const { run, view, filter } = scene;
  const $ = (id) => document.getElementById(id);
  describeRun(scene, $);

  $("scrubber").max = run.lastTime;
  $("scrubber").addEventListener("input", () => scene.goToTime(Number($("scrubber").value)));
  // The arrow keys step through events here as everywhere; a range would move by hundredths of the run.
  $("scrubber").addEventListener("keydown", (event) => event.key.startsWith("Arrow") && event.preventDefault());
  $("back").addEventListener("click", () => scene.goTo(filter.step(scene.cursor.number, -1)));
  $("on").addEventListener("click", () => scene.goTo(filter.step(scene.cursor.number, 1)));
  $("zoom-in").addEventListener("click", () => zoom(0.5));
  $("zoom-out").addEventListener("click", () => zoom(2));
  $("fit").addEventListener("click", () => view.fit());

  const zoom = (factor) => {
    const { time } = scene.cursor;
    const at = time >= view.from && time <= view.to ? time : (view.from + view.to) / 2;
    view.glideTo(at - (at - view.from) * factor, at + (view.to - at) * factor);
  };
  scene.zoom = zoom;
  /** Shows the events just before one, and a little of what follows. */
  scene.showAround = (number, count) => {
    const from = run.times[Math.max(0, number - count)];
    const to = run.times[number];
    const span = Math.max(to - from, 2000);
    view.show(to - span, to + span * 0.12);
  };

  const swatches = KINDS.map((kind, number) => {
    const chip = document.createElement("button");
    chip.type = "button";
    chip.className = "chip";
    chip.ariaPressed = "true";
    chip.title = `Show or hide: ${kind.label.toLowerCase()}${number < FAMILIES.length ? " (messages)" : ""}`;
    const swatch = document.createElement("canvas");
    if (number < FAMILIES.length) chip.append(swatch);
    chip.append(kind.label);
    chip.addEventListener("click", () => {
      filter.toggleKind(number);
      chip.ariaPressed = String(filter.on[number]);
    });
    $("families").append(chip);
    return swatch;
  });
  scene.repaintLegend = () => FAMILIES.forEach((family, number) => paintSwatch(swatches[number], family, scene.theme));
  scene.repaintLegend();

  let waiting = 0;
  const search = () => {
    clearTimeout(waiting);
    if ($("search").value !== filter.query) filter.search($("search").value);
    const count = filter.found?.length;
    $("matches").textContent = filter.found === null ? "" : `${count.toLocaleString("en")} ${count === 1 ? "match" : "matches"}`;
  };
  $("search").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(search, SEARCH_AFTER_MS);
  });
  $("search").addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    search();
    if (filter.found?.length) scene.goTo(filter.step(scene.cursor.number, event.shiftKey ? -1 : 1, filter.found));
  });
}

/** Says what run this is, and what came of it. */
function describeRun(scene, $) {
  const { run } = scene;
  const { header } = run;
  const count = `${run.events.length.toLocaleString("en")} events`;
  if (run.steps) {
    $("run").textContent = `exploration of ${run.ids.length} nodes`;
    $("settings").textContent = count;
  } else {
    $("run").textContent = `seed ${header.seed}`;
    const faults = header.faults?.length ? header.faults.join(", ") : "no faults";
    const only = Array.isArray(header.only) ? `shrunk to ${header.only.length} decisions` : null;
    $("settings").textContent = [`${header.nodes ?? run.ids.length} nodes`, `${header.seconds} s`, only, count, faults].filter(Boolean).join(" · ");
    $("settings").title = $("settings").textContent;
  }
  const verdict = $("verdict");
  const [violation] = run.violations;
  verdict.textContent = violation === undefined ? "✓ every promise held" : `⚑ ${run.events[violation].promise} is broken: ${run.events[violation].message}`;
  verdict.title = verdict.textContent;
  verdict.classList.toggle("broken", violation !== undefined);
  verdict.disabled = violation === undefined;
  verdict.addEventListener("click", () => {
    scene.goTo(violation, false);
    scene.showAround(violation, 140);
  });
}

function paintSwatch(canvas, family, theme) {
  const context = prepare(canvas);
  const middle = canvas.clientHeight / 2;
  context.strokeStyle = context.fillStyle = theme[family.id];
  context.lineWidth = family.width + 0.4;
  context.setLineDash(family.dash);
  context.beginPath();
  context.moveTo(0, middle);
  context.lineTo(15, middle);
  context.stroke();
  context.setLineDash([]);
  context.beginPath();
  addShape(context, family.shape, 22, middle, 1, 0, 9);
  context.fill();
}

// The strip with the whole run: who led when, how much happened, faults, elections and broken promises, and the window
// that the diagram shows.

import { prepare } from "./paint.js";

const BARS = 360;

/** How many events fall into each of many equal parts of the run. */
function busyness(run) {
  const bars = new Uint32Array(BARS);
  for (const time of run.times) bars[Math.min(BARS - 1, Math.floor((time / run.lastTime) * BARS))] += 1;
  return bars;
}

/** Makes the strip; returns what draws it. */
export function makeOverview(canvas, scene) {
  const { run, view, lanes } = scene;
  const bars = busyness(run);
  const most = Math.max(...bars);
  const still = document.createElement("canvas"); // what does not move, drawn once for a size and a scheme
  let drawnFor = "";
  const toX = (time) => (time / run.lastTime) * canvas.clientWidth;
  const toTime = (x) => (x / canvas.clientWidth) * run.lastTime;
  const centre = (event) => {
    const time = toTime(event.clientX - canvas.getBoundingClientRect().left);
    view.show(time - view.span() / 2, time + view.span() / 2);
  };

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    centre(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (canvas.hasPointerCapture(event.pointerId)) centre(event);
  });
  canvas.addEventListener("dblclick", () => view.fit());

  const drawStill = (context, width, height) => {
    const { theme, filter } = scene;
    const top = theme.text + 4;
    const row = (height - top - 6) / run.ids.length;
    context.fillStyle = theme.line;
    for (let bar = 0; bar < BARS; bar++) {
      const tall = Math.sqrt(bars[bar] / most) * (height - top - 2);
      context.fillRect((bar * width) / BARS, height - tall, width / BARS + 0.5, tall);
    }
    context.fillStyle = theme["cut-ink"];
    context.globalAlpha = 0.28;
    for (const cut of lanes.cuts) {
      cut.lanes.forEach((lane, number) => {
        if (lane.unreached.length + lane.unheard.length && (lane.away || cut.islands === 1)) context.fillRect(toX(cut.from), top + row * number, Math.max(1, toX(cut.to) - toX(cut.from)), row);
      });
    }
    context.globalAlpha = 1;
    lanes.lanes.forEach((lane, number) => {
      const middle = top + row * (number + 0.5);
      for (const span of lane.roles) {
        const thick = span.role === "follower" ? 1 : Math.min(row * 0.66, 8);
        context.fillStyle = theme[span.role] ?? theme.follower;
        context.fillRect(toX(span.from), middle - thick / 2, Math.max(span.role === "follower" ? 0.5 : 1.5, toX(span.to) - toX(span.from)), thick);
      }
      context.fillStyle = theme.ink;
      for (const mark of lane.marks) if (mark.kind === "crash") context.fillRect(toX(mark.at) - 1, middle - 3, 2, 6);
    });
    context.fillStyle = theme.ink;
    for (const fault of lanes.faults) triangle(context, toX(fault.at), 12, 3.5, 7);
    context.fillStyle = theme.leader;
    context.font = `600 ${theme.text - 1.5}px ${theme.sans}`;
    let free = -Infinity;
    for (const election of lanes.elections) {
      const x = toX(election.at);
      context.fillRect(x - 0.75, 1, 1.5, 13);
      const text = `T${election.term}`;
      if (x < free || x + 30 > width) continue;
      context.fillText(text, x + 3.5, theme.text - 1);
      free = x + context.measureText(text).width + 16;
    }
    if (filter.found !== null) {
      context.fillStyle = theme.accent;
      for (const number of filter.found) context.fillRect(toX(run.times[number]) - 0.5, height - 6, 1.2, 6);
    }
    context.fillStyle = theme.violation;
    for (const number of run.violations) {
      const x = Math.min(toX(run.times[number]), width - 1);
      context.fillRect(x - 1, 0, 2, height);
      context.beginPath();
      context.moveTo(x, 0);
      context.lineTo(x - 13, 6);
      context.lineTo(x, 12);
      context.fill();
    }
  };

  return function drawOverview() {
    const { theme, cursor } = scene;
    const context = prepare(canvas);
    const { clientWidth: width, clientHeight: height } = canvas;
    const needed = `${canvas.width} ${canvas.height} ${scene.version}`;
    if (needed !== drawnFor) {
      still.width = canvas.width;
      still.height = canvas.height;
      const scale = canvas.width / width;
      const into = still.getContext("2d");
      into.setTransform(scale, 0, 0, scale, 0, 0);
      drawStill(into, width, height);
      drawnFor = needed;
    }
    context.drawImage(still, 0, 0, width, height);
    const left = Math.max(0, toX(view.from));
    const right = Math.min(width, toX(view.to));
    context.fillStyle = theme.paper;
    context.globalAlpha = 0.55;
    context.fillRect(0, 0, left, height);
    context.fillRect(right, 0, width - right, height);
    context.globalAlpha = 1;
    context.strokeStyle = theme.accent;
    context.lineWidth = 1.5;
    context.strokeRect(left + 0.75, 0.75, Math.max(right - left - 1.5, 2), height - 1.5);
    context.fillStyle = theme.cursor;
    context.fillRect(toX(cursor.time) - 0.75, 0, 1.5, height);
  };
}

function triangle(context, x, y, half, tall) {
  context.beginPath();
  context.moveTo(x, y + 1);
  context.lineTo(x - half, y + 1 - tall);
  context.lineTo(x + half, y + 1 - tall);
  context.fill();
}

// The space-time diagram: lanes, bands and arrows, drawn on a canvas; only what is in sight, and less of it from afar.

import { drawAxis, drawCuts, drawFaults, drawViolations, TOP } from "./backdrop.js";
import { drawDensity, drawFlights } from "./flights.js";
import { hatch } from "./paint.js";
import { countUpTo } from "./run.js";

const BANDS = { leader: 17, candidate: 11, "pre-candidate": 9, follower: 5 }; // thickness in pixels: it tells roles apart too
/** Pixels between lanes from which on there is room for a second line of text. */
export const ROOMY = 50;
const CLOSEST_MARKS = 5; // pixels between marks of disks and clients below which they are left out

/** Where the lanes lie: the middle of each, and how far apart they are. */
export function layOut(run, height) {
  const pitch = (height - TOP - 8) / run.ids.length;
  return { height, pitch, middle: (lane) => TOP + pitch * (lane + 0.54) };
}

/** Draws everything that does not move with the cursor. */
export function drawDiagram(context, scene) {
  const { run, view, layout, theme } = scene;
  context.lineJoin = "round";
  drawCuts(context, scene);
  drawAxis(context, scene);
  context.lineWidth = 1;
  scene.lanes.lanes.forEach((lane, number) => drawLane(context, scene, lane, layout.middle(number)));
  scene.density = !drawFlights(context, scene);
  if (scene.density) drawDensity(context, scene);
  context.font = `600 ${theme.text}px ${theme.sans}`;
  context.textBaseline = "middle";
  scene.lanes.lanes.forEach((lane, number) => inSight(scene, lane).forEach((span) => labelRole(context, scene, span, layout.middle(number))));
  scene.lanes.lanes.forEach((lane, number) => drawMarks(context, scene, lane, layout.middle(number)));
  drawFaults(context, scene);
  context.fillStyle = theme.panel;
  context.globalAlpha = 1;
  if (view.from < 0) context.fillRect(0, TOP, Math.max(0, view.toX(0)), layout.height); // before the run there is nothing
  if (view.to > run.lastTime) context.fillRect(view.toX(run.lastTime) + 1, TOP + 4, view.width, layout.height);
  drawViolations(context, scene);
}

function drawLane(context, scene, lane, y) {
  const { view, theme } = scene;
  for (const span of lane.outages) {
    if (span.to < view.from || span.from > view.to) continue;
    const [left, right] = [view.toX(span.from), view.toX(span.to)];
    context.strokeStyle = theme.down;
    context.setLineDash(span.first ? [1, 5] : [3, 5]);
    context.beginPath();
    context.moveTo(Math.max(left, -5), y);
    context.lineTo(Math.min(right, view.width + 5), y);
    context.stroke();
    context.setLineDash([]);
  }
  for (const span of inSight(scene, lane)) drawRole(context, scene, span, y);
  for (const pause of lane.pauses) if (pause.to >= view.from && pause.from <= view.to) drawPause(context, scene, pause, y);
}

/** The spans of a lane's roles that reach into the window. */
function inSight({ view }, lane) {
  let last = countUpTo(lane.roleEnds, view.from);
  const first = last;
  while (last < lane.roles.length && lane.roles[last].from <= view.to) last += 1;
  return lane.roles.slice(first, last);
}

function drawRole(context, scene, span, y) {
  const { view, theme } = scene;
  const thick = BANDS[span.role] ?? BANDS.follower;
  const left = Math.max(view.toX(span.from), -20);
  const right = Math.max(Math.min(view.toX(span.to), view.width + 20), left + (span.role === "follower" ? 0.5 : 2));
  context.fillStyle = theme[span.role] ?? theme.follower;
  context.fillRect(left, y - thick / 2, right - left, thick);
  if (span.role === "pre-candidate" && right - left > 4) hatch(context, left, y - thick / 2, right - left, thick, theme.panel, 5);
}

/** Writes the term, and the role if there is room, where a span begins or enters the window. */
function labelRole(context, { view, theme, layout }, span, y) {
  const thick = BANDS[span.role] ?? BANDS.follower;
  const start = Math.max(view.toX(span.from), 0);
  const room = Math.min(view.toX(span.to), view.width) - start - 10;
  const texts = span.role === "follower" ? [`T${span.term}`] : [`T${span.term} ${span.role}`, `T${span.term}`];
  const text = texts.find((one) => context.measureText(one).width <= room);
  const isBelow = span.role !== "leader" && span.role !== "follower";
  if (text === undefined || (isBelow && layout.pitch < ROOMY)) return;
  if (span.role === "leader") {
    context.fillStyle = theme.paper;
    context.fillText(text, start + 7, y + 0.5);
    return;
  }
  const below = isBelow ? thick / 2 + theme.text * 0.8 : 0;
  context.fillStyle = theme.panel;
  context.fillRect(start + 4, y - theme.text * 0.65 + below, context.measureText(text).width + 6, theme.text * 1.3);
  context.fillStyle = isBelow ? theme.ink : theme.soft;
  context.fillText(text, start + 7, y + 0.5 + below);
}

function drawPause(context, scene, pause, y) {
  const { view, theme } = scene;
  const left = Math.max(view.toX(pause.from), -2);
  const right = Math.min(view.toX(pause.to), view.width + 2);
  context.fillStyle = theme.panel;
  context.globalAlpha = 0.75;
  context.fillRect(left, y - 10, right - left, 20);
  context.globalAlpha = 1;
  hatch(context, left, y - 8, right - left, 16, theme.soft, 7);
  context.fillStyle = theme.ink;
  if (right - left > 8) {
    context.fillRect(Math.max(left, 2), y - 8, 2.5, 16);
    context.fillRect(Math.max(left, 2) + 4.5, y - 8, 2.5, 16);
  }
}

/** Single events of a lane: what started, crashed, reached a disk, was proposed or committed. */
function drawMarks(context, scene, lane, y) {
  const { view, theme, filter } = scene;
  const first = countUpTo(lane.markTimes, view.from - 1);
  const last = countUpTo(lane.markTimes, view.to);
  const crowded = (last - first) * CLOSEST_MARKS > view.width;
  const dimmed = (mark) => filter.matched !== null && !filter.matched[mark.number];
  for (let place = first; place < last; place++) {
    const mark = lane.marks[place];
    const weighty = mark.kind === "start" || mark.kind === "crash" || mark.kind === "snapshot" || (mark.kind === "configuration" && mark.at > 0);
    if ((crowded && !weighty) || !filter.on[scene.run.kinds[mark.number]]) continue;
    context.globalAlpha = dimmed(mark) ? 0.15 : 1;
    MARKS[mark.kind](context, theme, view.toX(mark.at), y, mark);
  }
  context.globalAlpha = 1;
}

const MARKS = {
  start: (context, theme, x, y) => {
    context.fillStyle = theme.ink;
    context.beginPath();
    context.moveTo(x + 9, y);
    context.lineTo(x, y - 6);
    context.lineTo(x, y + 6);
    context.fill();
  },
  crash: (context, theme, x, y) => {
    context.strokeStyle = theme.ink;
    context.lineWidth = 2.6;
    context.beginPath();
    context.moveTo(x - 6, y - 6);
    context.lineTo(x + 6, y + 6);
    context.moveTo(x + 6, y - 6);
    context.lineTo(x - 6, y + 6);
    context.stroke();
    context.lineWidth = 1;
  },
  durable: (context, theme, x, y) => {
    context.fillStyle = theme.soft;
    context.fillRect(x - 1, y + 10, 2, 6);
    context.fillRect(x - 3, y + 14.5, 6, 1.8);
  },
  commit: (context, theme, x, y) => {
    context.strokeStyle = theme.commit;
    context.lineWidth = 2.2;
    context.beginPath();
    context.moveTo(x - 4, y - 21);
    context.lineTo(x - 1, y - 18);
    context.lineTo(x + 5, y - 25);
    context.stroke();
    context.lineWidth = 1;
  },
  snapshot: (context, theme, x, y) => {
    context.fillStyle = theme.snapshot;
    context.fillRect(x - 5, y - 5, 10, 10);
    context.fillStyle = theme.panel;
    context.fillRect(x - 2, y - 2, 4, 4);
  },
  propose: (context, theme, x, y) => {
    context.strokeStyle = theme.soft;
    context.beginPath();
    context.moveTo(x, y - 24);
    context.lineTo(x, y - 10);
    context.moveTo(x - 3, y - 14);
    context.lineTo(x, y - 10);
    context.lineTo(x + 3, y - 14);
    context.stroke();
  },
  configuration: (context, theme, x, y) => {
    context.strokeStyle = theme.ink;
    context.fillStyle = theme.panel;
    context.lineWidth = 1.5;
    context.beginPath();
    for (let corner = 0; corner < 6; corner++) context.lineTo(x + 6 * Math.cos((corner * Math.PI) / 3), y - 18 + 6 * Math.sin((corner * Math.PI) / 3));
    context.closePath();
    context.fill();
    context.stroke();
    context.lineWidth = 1;
  },
};

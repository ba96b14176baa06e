// What stands behind and above the lanes: the axis, cuts as shading, faults, and the flags of broken promises.

import { cutInWords } from "./lanes.js";
import { hatch } from "./paint.js";
import { ticks } from "./view.js";

/** Where the lanes begin, in pixels: above them are the axis and the faults. */
export const TOP = 48;
const AXIS = 22;

export function drawAxis(context, { run, view, layout, theme }) {
  context.font = `${theme.text}px ${theme.sans}`;
  context.textBaseline = "middle";
  context.textAlign = "left";
  context.strokeStyle = theme.grid;
  context.fillStyle = theme.soft;
  context.lineWidth = 1;
  context.beginPath();
  for (const tick of ticks(run, view, theme.text * 9)) {
    const x = Math.round(view.toX(tick.time)) + 0.5;
    context.moveTo(x, 6);
    context.lineTo(x, layout.height);
    context.fillText(tick.label, x + 5, 12);
  }
  context.stroke();
  context.strokeStyle = theme.line;
  context.beginPath();
  context.moveTo(0, TOP - 0.5);
  context.lineTo(view.width, TOP - 0.5);
  context.stroke();
}

/** Shades the lanes of nodes that are cut off, and says from whom. */
export function drawCuts(context, { view, layout, theme, lanes }) {
  context.font = `${theme.text - 0.5}px ${theme.sans}`;
  context.textBaseline = "middle";
  for (const cut of lanes.cuts) {
    if (cut.to < view.from || cut.from > view.to) continue;
    const left = Math.max(view.toX(cut.from), 0);
    const width = Math.min(view.toX(cut.to), view.width) - left;
    cut.lanes.forEach((lane, number) => {
      if (lane.unreached.length + lane.unheard.length === 0) return;
      const top = layout.middle(number) - layout.pitch * 0.5;
      // Who keeps the larger part of the cluster is shaded lightly, who is away from it is hatched as well.
      context.fillStyle = theme.cut;
      context.globalAlpha = lane.away ? 0.75 : 0.28;
      context.fillRect(left, top + 1, width, layout.pitch - 2);
      if (lane.away) {
        context.globalAlpha = 0.16;
        hatch(context, left, top + 1, width, layout.pitch - 2, theme["cut-ink"], 9);
      }
      context.globalAlpha = 1;
      const words = cutInWords(lane);
      if (layout.pitch > 54 && context.measureText(words).width + 12 < width) {
        context.fillStyle = theme["cut-ink"];
        context.fillText(words, left + 7, top + layout.pitch - 11);
      }
    });
    context.fillStyle = theme["cut-ink"];
    context.fillRect(left, TOP - 4, Math.max(width, 1.5), 4);
  }
}

/** Marks the faults above the lanes, each with its name where there is room. */
export function drawFaults(context, { view, theme, lanes, filter, run }) {
  context.font = `${theme.text}px ${theme.sans}`;
  context.textBaseline = "middle";
  const inSight = lanes.faults.filter((fault) => fault.at >= view.from && fault.at <= view.to && filter.on[run.kinds[fault.number]]);
  inSight.forEach((fault, place) => {
    const x = view.toX(fault.at);
    context.fillStyle = theme.ink;
    context.beginPath();
    context.moveTo(x, TOP - 4);
    context.lineTo(x - 4, TOP - 12);
    context.lineTo(x + 4, TOP - 12);
    context.fill();
    const room = (place + 1 < inSight.length ? view.toX(inSight[place + 1].at) - 6 : view.width) - x - 8;
    if (context.measureText(fault.text).width < room) context.fillText(fault.text, x + 8, AXIS + 12);
  });
}

/** Raises a flag over each broken promise. */
export function drawViolations(context, { run, view, layout, theme }) {
  for (const number of run.violations) {
    const event = run.events[number];
    if (event.at < view.from || event.at > view.to) continue;
    const x = view.toX(event.at);
    context.strokeStyle = context.fillStyle = theme.violation;
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(x, 2);
    context.lineTo(x, layout.height);
    context.stroke();
    context.font = `700 ${theme.text + 1}px ${theme.sans}`;
    context.textBaseline = "middle";
    const text = `${event.promise} broken`;
    const width = context.measureText(text).width + 18;
    const side = x - width - 8 > 0 ? -1 : 1; // the flag flies over what led there
    context.beginPath();
    context.moveTo(x, 3);
    context.lineTo(x + side * (width + 6), 3);
    context.lineTo(x + side * width, 13);
    context.lineTo(x + side * (width + 6), 23);
    context.lineTo(x, 23);
    context.fill();
    context.fillStyle = theme.panel;
    context.textAlign = "center";
    context.fillText(text, x + (side * width) / 2, 13.5);
    context.textAlign = "left";
    const lane = run.lane(event.node);
    if (lane >= 0) {
      context.beginPath();
      context.arc(x, layout.middle(lane), 11, 0, 7);
      context.stroke();
    }
    context.lineWidth = 1;
  }
}

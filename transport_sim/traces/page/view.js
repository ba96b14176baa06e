// The window of time that the diagram shows, and how times are written.

const NARROWEST = 50; // microseconds in a window
const GLIDE_MS = 180;

/** A window onto a run of a given length; calls `changed` whenever it moves. */
export function makeView(length, changed) {
  const margin = length * 0.015;
  const view = { from: -margin, to: length + margin, width: 1, length };
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let glide = 0;

  const set = (from, to) => {
    const span = Math.min(Math.max(to - from, NARROWEST), length + 2 * margin);
    view.from = Math.min(Math.max((from + to - span) / 2, -margin), length + margin - span);
    view.to = view.from + span;
    changed();
  };
  const stop = () => cancelAnimationFrame(glide);

  view.toX = (time) => ((time - view.from) / (view.to - view.from)) * view.width;
  view.toTime = (x) => view.from + (x / view.width) * (view.to - view.from);
  view.span = () => view.to - view.from;
  view.show = (from, to) => {
    stop();
    set(from, to);
  };
  /** Moves there within a blink, so that the eye can follow. */
  view.glideTo = (from, to) => {
    stop();
    if (still) return set(from, to);
    const [oldFrom, oldTo, begun] = [view.from, view.to, performance.now()];
    const step = (now) => {
      const part = Math.min(1, Math.max(0, (now - begun) / GLIDE_MS));
      const eased = 1 - (1 - part) ** 3;
      set(oldFrom + (from - oldFrom) * eased, oldTo + (to - oldTo) * eased);
      if (part < 1) glide = requestAnimationFrame(step);
    };
    glide = requestAnimationFrame(step);
    return undefined;
  };
  view.zoomAt = (time, factor) => view.show(time - (time - view.from) * factor, time + (view.to - time) * factor);
  view.pan = (by) => view.show(view.from + by, view.to + by);
  view.fit = () => view.glideTo(-margin, length + margin);
  /** Keeps a time in sight, with room on both sides. */
  view.follow = (time) => {
    const room = view.span() * 0.12;
    if (time < view.from + room || time > view.to - room) view.show(time - view.span() * 0.5, time + view.span() * 0.5);
  };
  return view;
}

/** Writes a time: seconds to the microsecond, or the number of a step of an exploration. */
export function writeTime(run, time) {
  if (run.steps) return `step ${Math.round(time / 1000)}`;
  const [whole, part] = (time / 1e6).toFixed(6).split(".");
  return `${whole}.${part.slice(0, 3)}\u2009${part.slice(3)} s`;
}

/** Writes a length of time, in the unit that suits it. */
export function writeSpan(run, span) {
  if (run.steps) return span < 1000 ? "less than a step" : `${Math.round(span / 1000)} steps`;
  if (span < 1000) return `${Math.round(span)} µs`;
  return span < 1e6 ? `${(span / 1000).toPrecision(3)} ms` : `${(span / 1e6).toPrecision(3)} s`;
}

/** Times for the ticks of an axis, at least `gap` pixels apart, each with its label. */
export function ticks(run, view, gap) {
  const least = (view.span() / view.width) * gap;
  let step = run.steps ? 1000 : 1;
  for (const factor of cycle(run.steps ? [2, 2.5, 2] : [2, 2.5, 2])) {
    if (step >= least) break;
    step *= factor;
  }
  const found = [];
  for (let time = Math.ceil(Math.max(0, view.from) / step) * step; time <= Math.min(view.to, view.length); time += step) {
    found.push({ time, label: run.steps ? `${Math.round(time / 1000)}` : label(time, step) });
  }
  return found;
}

function* cycle(values) {
  for (;;) yield* values;
}

function label(time, step) {
  const digits = Math.max(0, Math.min(6, 6 - Math.floor(Math.log10(step) + 1e-9)));
  return `${(time / 1e6).toFixed(digits)} s`;
}

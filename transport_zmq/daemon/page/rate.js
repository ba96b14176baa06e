// How many entries are committed: a figure, and a line for the last minute.

import { byId, drawn, say } from "./dom.js";
import { number } from "./words.js";

const SECONDS = 60;
const [WIDTH, HEIGHT] = [300, 44];

export class Rate {
  #samples = []; // [second, commit index at its end], one for each second in which something was told

  /** Takes note of how far the log is committed at a time in milliseconds. */
  note(nowMs, commit) {
    const second = Math.floor(nowMs / 1000);
    const last = this.#samples.at(-1);
    if (last && commit < last[1]) this.#samples = []; // another cluster
    if (this.#samples.at(-1)?.[0] === second) this.#samples.at(-1)[1] = commit;
    else this.#samples.push([second, commit]);
    while (this.#samples.length > 1 && this.#samples[1][0] < second - SECONDS) this.#samples.shift();
  }

  /** Entries of each of the last seconds, the newest, whole one last. */
  counts(nowMs) {
    const now = Math.floor(nowMs / 1000);
    const counts = new Array(SECONDS).fill(0);
    let before = this.#samples[0]?.[1] ?? 0;
    for (const [second, commit] of this.#samples) {
      const place = SECONDS - (now - second);
      if (place >= 0 && place < SECONDS) counts[place] = commit - before;
      before = commit;
    }
    return counts;
  }

  /** Draws it. */
  draw(nowMs) {
    const counts = this.counts(nowMs);
    const recent = counts.slice(-3);
    say(byId("rate"), number(Math.round(recent.reduce((sum, count) => sum + count, 0) / recent.length)));
    const top = Math.max(10, ...counts);
    const points = counts.map((count, i) => `${((i * WIDTH) / (SECONDS - 1)).toFixed(1)},${(HEIGHT - 2 - (count * (HEIGHT - 6)) / top).toFixed(1)}`);
    byId("rates").replaceChildren(
      drawn("polygon", { class: "area", points: `0,${HEIGHT} ${points.join(" ")} ${WIDTH},${HEIGHT}` }),
      drawn("polyline", { class: "line", points: points.join(" ") }),
    );
  }
}

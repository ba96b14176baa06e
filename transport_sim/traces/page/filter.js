// What is shown: kinds that are switched on, nodes that are picked out, and what a search found.

import { KINDS } from "./kinds.js";
import { countUpTo } from "./run.js";
import { searchable } from "./words.js";

/** The filter of a run. `shown` lists the events that pass, `found` those of them that the search matches. */
export function makeFilter(run, changed) {
  const filter = { on: KINDS.map(() => true), nodes: new Set(), query: "", shown: null, found: null, matched: null };

  const passes = (number) =>
    filter.on[run.kinds[number]] && (filter.nodes.size === 0 || filter.nodes.has(run.nodes[number]) || filter.nodes.has(run.others[number]) || run.nodes[number] < 0);

  const update = () => {
    const shown = [];
    for (let number = 0; number < run.events.length; number++) if (passes(number)) shown.push(number);
    filter.shown = Int32Array.from(shown);
    filter.found = filter.matched === null ? null : filter.shown.filter((number) => filter.matched[number]);
    changed();
  };

  filter.toggleKind = (kind) => {
    filter.on[kind] = !filter.on[kind];
    update();
  };
  filter.toggleNode = (lane) => {
    if (!filter.nodes.delete(lane)) filter.nodes.add(lane);
    update();
  };
  /** Whether the diagram shows a flight. */
  filter.showsFlight = (messages, row) =>
    filter.on[messages.family[row]] && (filter.nodes.size === 0 || filter.nodes.has(messages.from[row]) || filter.nodes.has(messages.to[row]));
  /** Looks for events in which every word occurs; `field=value` means exactly that value. */
  filter.search = (query) => {
    filter.query = query;
    const words = query.toLowerCase().split(/\s+/).filter(Boolean).map((word) => (word.includes("=") ? ` ${word} ` : word));
    if (words.length === 0) filter.matched = null;
    else {
      filter.matched = new Uint8Array(run.events.length);
      for (let number = 0; number < run.events.length; number++) {
        const text = searchable(run, number);
        filter.matched[number] = words.every((word) => text.includes(word)) ? 1 : 0;
      }
    }
    update();
  };
  /** The event that passes `by` places after (before) another, among all that are shown or all that were found. */
  filter.step = (number, by, among = filter.shown) => {
    const place = countUpTo(among, by > 0 ? number : number - 1) + (by > 0 ? by - 1 : by);
    return among.length ? among[Math.min(Math.max(place, 0), among.length - 1)] : number;
  };
  update();
  return filter;
}

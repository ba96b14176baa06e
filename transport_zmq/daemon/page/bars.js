// How far the log of every member goes: the same stretch of the log's end for all, long enough for the slowest.

import { byId, element, say } from "./dom.js";
import { number } from "./words.js";

const LEAST_SHOWN = 64; // entries

/** Draws a bar for every member whose log is known. */
export function drawBars({ members, end, commit, leader }) {
  const known = members.filter(({ lag }) => lag !== null);
  const shown = stretch(Math.max(0, ...known.map(({ lag }) => lag)), end ?? 0);
  say(byId("scale"), known.length ? `the last ${number(shown)} entries` : "");
  const committed = end === null ? null : Math.max(0, 1 - (end - commit) / shown);
  byId("bars").replaceChildren(...members.map((member) => bar(member, shown, committed, member.id === leader)));
}

function stretch(lag, end) {
  let shown = LEAST_SHOWN;
  while (shown < lag * 1.15 && shown < end) shown *= 2;
  return shown;
}

function bar(member, shown, committed, leads) {
  const share = member.lag === null ? 0 : Math.max(0, 1 - member.lag / shown);
  const words = lagInWords(member, leads);
  const missed = member.standing === "missed";
  const fill = element("span", { class: "fill" });
  fill.style.width = `${(100 * share).toFixed(2)}%`;
  const track = element("span", { class: "track", "aria-hidden": "true" }, fill);
  if (committed !== null && member.lag !== null) {
    const mark = element("span", { class: "commit" });
    mark.style.left = `${(100 * committed).toFixed(2)}%`;
    track.append(mark);
  }
  return element("li", { class: missed ? "missed" : leads ? "leader" : "" }, element("b", { title: member.id }, member.id), track, element("span", { class: "lag" }, words));
}

/** How far a member is behind, in words. */
export function lagInWords({ lag, stuck, standing }, leads) {
  if (leads) return "leads";
  if (lag === null) return standing === "missed" ? "not heard of" : "not known here";
  if (lag === 0) return standing === "missed" ? "was level" : "level ✓";
  return `${stuck && standing !== "missed" ? "▲ " : ""}${number(lag)} behind`;
}

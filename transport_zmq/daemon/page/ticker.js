// What happened, the newest first: what the members tell, and what this page has noticed itself.

import { byId, element } from "./dom.js";
import { told } from "./words.js";
import { isWell } from "./cluster.js";

const MOST_LINES = 150;
const SIGNS = { election: "◆", leader: "★", snapshot: "▣", members: "◎", trouble: "▲", life: "•" };

export class Ticker {
  #noticed = [];
  #well = new Map(); // by id, whether it was well when it was looked at last
  #shown = "";

  /** Notices who is missed and who has returned. */
  notice(cluster) {
    for (const member of cluster.members) {
      if (member.standing === "unknown") continue;
      const [was, is] = [this.#well.get(member.id), isWell(member)];
      if (was !== undefined && was !== is) this.#add(member.id, is ? "Returned" : "Missed", member.silentMs === null ? null : cluster.leading?.id);
      this.#well.set(member.id, is);
    }
  }

  /** Shows the newest lines. */
  draw(sources) {
    const lines = [...this.#noticed];
    for (const [id, { events }] of sources) lines.push(...events.map((event) => ({ id, event })));
    lines.sort((a, b) => b.event.at_ms - a.event.at_ms || b.event.number - a.event.number);
    const items = [];
    for (const { id, event } of lines) {
      const words = told(id, event);
      if (words && items.length < MOST_LINES) items.push([event.at_ms, ...words]);
    }
    const key = JSON.stringify(items);
    if (key === this.#shown) return;
    this.#shown = key;
    byId("ticker").replaceChildren(...items.map(([atMs, family, words]) => line(atMs, family, words)));
  }

  #add(id, event, by) {
    this.#noticed = [...this.#noticed, { id, event: { event, by, at_ms: Date.now(), number: 0 } }].slice(-MOST_LINES);
  }
}

function line(atMs, family, words) {
  const at = new Date(atMs);
  const clock = at.toLocaleTimeString("en-GB");
  return element("li", { class: family }, element("time", { datetime: at.toISOString(), title: at.toLocaleString() }, clock), element("span", { class: "sign", "aria-hidden": "true" }, SIGNS[family]), element("span", {}, words));
}

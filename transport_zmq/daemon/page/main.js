// The page: who is asked, and what is shown when something is told.

import { assemble } from "./cluster.js";
import { byId, element, link, say } from "./dom.js";
import { drawBars } from "./bars.js";
import { drawRing } from "./ring.js";
import { fillTable } from "./table.js";
import { Rate } from "./rate.js";
import { BUSY, ENDED, LIVE, SILENT, Source } from "./source.js";
import { Ticker } from "./ticker.js";
import { verdict } from "./verdict.js";
import { number, row } from "./words.js";

const FLOW_MS = 1500; // entries are shown to flow so long after the last was committed
const SIGNS = { well: "✓", care: "▲", grave: "✕" };

const home = new Source("", changed);
const sources = new Map(); // by id, once it is known
const ticker = new Ticker();
const rate = new Rate();
let [due, flowedAt, commit] = [false, -Infinity, null];

function changed() {
  if (due) return;
  due = true;
  requestAnimationFrame(show);
  setTimeout(show, 250); // a page in the background has no frames
}

function show() {
  if (!due) return;
  due = false;
  meet();
  const now = performance.now();
  const cluster = assemble(sources, home.status?.id ?? "");
  if (cluster.commit !== null) {
    if (commit !== null && cluster.commit > commit) flowedAt = now;
    commit = cluster.commit;
    rate.note(Date.now(), commit);
  }
  ticker.notice(cluster);
  drawAll(cluster, now);
  window.quorate = { cluster, sources };
}

/** Asks every member whose page is known, too. */
function meet() {
  if (!home.status) return;
  sources.set(home.status.id, home);
  for (const [id, address] of Object.entries(home.status.http_peers)) {
    if (!sources.has(id) && isOwnPlace()) sources.set(id, new Source(`http://${address}`, changed));
  }
}

/** Whether the page comes from where the others know it: to pages from elsewhere they tell nothing. */
function isOwnPlace() {
  const known = home.status.http_peers[home.status.id];
  return known !== undefined && `http://${known}`.toLowerCase().replace(/:80$/, "") === location.origin;
}

function drawAll(cluster, now) {
  const { weight, words } = verdict(cluster);
  byId("verdict").className = weight;
  say(byId("verdict").querySelector(".sign"), SIGNS[weight]);
  say(byId("verdict").querySelector(".words"), words);
  document.title = `${SIGNS[weight]} ${cluster.leader ? `${cluster.leader} leads` : "no leader"}, term ${cluster.term} · Quorate`;
  document.body.classList.toggle("stale", cluster.stale);
  say(byId("cluster"), cluster.id ? `cluster ${cluster.id.slice(0, 8)}` : "");
  notice();
  drawRing(cluster, now - flowedAt < FLOW_MS);
  figures(cluster);
  rate.draw(Date.now());
  drawBars(cluster);
  fillTable(cluster);
  ticker.draw(sources);
  footer();
}

function figures({ leading }) {
  const applied = leading ?? home.status;
  say(byId("committed"), number(commit));
  say(byId("applied"), number(applied?.applied_index));
  say(byId("applied-by"), applied ? ` by ${applied.id}` : "");
}

/** Says what this page lacks: its own node, or the pages of the others. */
function notice() {
  const box = byId("notice");
  const parts = home.state === LIVE || !home.status ? elsewhere() : lost();
  box.hidden = parts.length === 0;
  const text = element("p", {}, ...parts).textContent;
  if (box.textContent !== text) box.replaceChildren(...parts);
}

const WHY = {
  [BUSY]: "is watched by too many pages already, and tells this one nothing.",
  [ENDED]: "has ended in good order.",
  [SILENT]: "has said nothing for a while: it may be frozen, or far away.",
};

function lost() {
  const id = home.status.id;
  const others = [...sources].filter(([, source]) => source !== home && source.live);
  const why = WHY[home.state] ?? "is lost: it cannot be reached.";
  const told = `${id}, which brought this page, ${why} It is tried again and again. `;
  if (!others.length) return [told];
  const links = others.flatMap(([other, { base }], i) => [i ? ", " : "", link(base, other)]);
  return [told, `What you see is told by ${row(others.map(([other]) => other))}. Their pages: `, ...links, "."];
}

function elsewhere() {
  const address = home.status?.http_peers[home.status.id];
  if (!address || isOwnPlace()) return [];
  return ["The other members tell only pages that come from where they know this one: ", link(`http://${address}`, address), "."];
}

function footer() {
  if (!home.status) return;
  const { id, version, http_peers: peers } = home.status;
  const alone = Object.keys(peers).length ? "" : " Start the members with --http-peers, and it will ask all of them.";
  say(byId("source"), `The page of ${id}, Quorate ${version}. It only reads.${alone}`);
}

changed();
setInterval(changed, 1000); // times go by

// Every node with its numbers, for those who want them exactly, and for readers that speak.

import { byId, element, link } from "./dom.js";
import { lagInWords } from "./bars.js";
import { ago, number, roleInWords, sign, size } from "./words.js";

const COLUMNS = ["node", "role", "term", "committed", "applied", "lag", "heard", "disk"];

/** Fills the table. */
export function fillTable(cluster) {
  const rows = cluster.members.map((member) => {
    const cells = values(member, cluster).map((value, i) => element(i ? "td" : "th", { "data-label": COLUMNS[i], scope: i ? null : "row" }, value));
    return element("tr", { class: member.standing }, ...cells);
  });
  byId("nodes").tBodies[0].replaceChildren(...rows);
}

function values(member, { leading, leader, own }) {
  const { id, node, source } = member;
  const name = source?.base && id !== own ? link(source.base, id) : id;
  const role = `${sign(member)} ${roleInWords(member)}`;
  const numbers = node ? [String(node.term), number(node.commit_index), number(node.applied_index)] : ["–", "–", "–"];
  const full = node?.disk_full ? " (full)" : "";
  const disk = node?.disk_bytes === null || !node ? "–" : `${size(node.disk_bytes)}${full}`;
  return [name, role, ...numbers, lagInWords(member, leader === id), heard(member, leading), disk];
}

/** When it was heard last: by the leader, or by this page. */
function heard({ id, node, source, silentMs }, leading) {
  if (leading && id !== leading.id && silentMs !== null) return ago(silentMs);
  if (node) return "now";
  return source?.lostAt && source.heardAt ? ago(performance.now() - source.heardAt) : "–";
}

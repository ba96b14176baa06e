// How the cluster is, in one line.

import { isLost, isWell } from "./cluster.js";
import { row } from "./words.js";

/** The words, and how grave they are: "well", "care", "grave". */
export function verdict(cluster) {
  if (!cluster.term && !cluster.members.length) return { weight: "care", words: "Connecting …" };
  if (cluster.stale) return { weight: "grave", words: "No member is reached; this is the past" };
  if (!cluster.leader) return electing(cluster);
  const says = cluster.leading ? "" : `, says ${cluster.teller}`;
  const leads = `${cluster.leader} leads in term ${cluster.term}${says}`;
  const troubles = troubled(cluster);
  if (troubles.length) return { weight: "care", words: `${leads}; ${troubles.join("; ")}` };
  return { weight: "well", words: cluster.leading ? `All is well: ${leads}` : leads };
}

function electing({ term, members }) {
  if (members.every(({ part }) => part === "no member")) return { weight: "care", words: "It waits to be added to a cluster" };
  const candidates = members.filter(({ role, standing }) => standing === "speaks" && role === "candidate").map(({ id }) => id);
  const who = candidates.length ? `: ${row(candidates)} asks for votes` : "";
  return { weight: "grave", words: `No leader in term ${term}${who}` };
}

function troubled({ members }) {
  const found = [];
  const named = (test, is, are) => {
    const ids = members.filter(test).map(({ id }) => id);
    if (ids.length) found.push(`${row(ids)} ${ids.length === 1 ? is : are}`);
  };
  named((member) => !isWell(member) && member.standing !== "unknown", "is not heard of", "are not heard of");
  named(({ stuck, standing }) => stuck && standing !== "missed", "makes no progress", "make no progress");
  named(({ node }) => node?.disk_full, "has a full disk", "have full disks");
  named(({ node }) => node?.refused_by, "is refused by the others", "are refused by the others");
  const unread = members.filter(({ standing, source }) => standing === "heard" && isLost(source)).map(({ id }) => id);
  if (unread.length) found.push(`the page of ${row(unread)} is not reached`);
  return found;
}

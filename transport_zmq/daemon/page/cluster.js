// The cluster, put together from what its members tell: each speaks for itself, and the leader for those who do not.

import { CONNECTING, LIVE } from "./source.js";

const NO_STATUS = { configuration: { voters: [], outgoing: [], learners: [], witnesses: [] }, followers: [], transport: { connected: {} } };

/** What is known now. `sources` are by id of the member; `own` is the id of the one whose page this is. */
export function assemble(sources, own) {
  const told = [...sources.values()].filter(({ status }) => status && status.role !== "down");
  const live = told.filter((source) => source.live).map(({ status }) => status);
  const statuses = live.length ? live : told.map(({ status }) => status); // the past is better than nothing
  const leading = newest(statuses.filter(({ role }) => role === "leader"));
  const best = newest(statuses) ?? NO_STATUS;
  const led = leading && leading.term >= best.term ? leading : null;
  const basis = led ?? best;
  const cluster = {
    own,
    stale: live.length === 0,
    term: basis.term ?? 0,
    leading: led,
    leader: led?.id ?? basis.leader ?? null,
    teller: basis.id ?? own, // who says so
    commit: max(statuses, "commit_index"),
    end: led?.last_index ?? max(statuses, "last_index"),
    id: basis.cluster ?? null,
  };
  cluster.members = ids(basis, live).map((id) => member(id, basis, cluster, sources));
  return cluster;
}

/** Whether a member is known to work: it speaks here, or the leader hears it. */
export function isWell({ standing }) {
  return standing === "speaks" || standing === "heard";
}

/** Whether a page was asked, and does not answer. */
export function isLost(source) {
  return source !== undefined && source.state !== LIVE && source.state !== CONNECTING;
}

function newest(statuses) {
  return statuses.reduce((best, status) => (best === null || status.term > best.term ? status : best), null);
}

function max(statuses, field) {
  return statuses.length ? Math.max(...statuses.map((status) => status[field])) : null;
}

function ids({ configuration: { voters, outgoing, learners } }, live) {
  const found = new Set([...voters, ...outgoing, ...learners, ...live.map(({ id }) => id)]);
  return [...found].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
}

function member(id, basis, cluster, sources) {
  const source = sources.get(id);
  const node = source?.live && source.status.role !== "down" ? source.status : null;
  const follower = cluster.leading?.followers.find((each) => each.id === id) ?? null;
  const position = reach(follower?.match_index ?? 0, source?.status?.last_index ?? 0, node !== null);
  return {
    id,
    node,
    source,
    part: part(id, basis.configuration),
    role: role(id, node, cluster),
    standing: standing(id, node, follower, source, basis, cluster.stale),
    stuck: follower?.stuck ?? false,
    silentMs: follower?.silent_ms ?? null,
    position,
    lag: position === null || cluster.end === null ? null : Math.max(0, cluster.end - position),
  };
}

/** How far a log goes: what the leader knows counts, once it knows; of who is silent, what it told last counts too. */
function reach(match, last, speaks) {
  return (speaks ? match || last : Math.max(match, last)) || null;
}

function part(id, { voters, outgoing, learners, witnesses }) {
  if (witnesses.includes(id)) return "witness";
  if (learners.includes(id)) return "learner";
  if (voters.includes(id)) return "voter";
  return outgoing.includes(id) ? "leaving" : "no member";
}

function role(id, node, { leader }) {
  return node?.role ?? (id === leader ? "leader" : "follower");
}

/** How much this page knows of a member: it "speaks", or others have "heard" it, or it is "missed"; or "unknown". */
function standing(id, node, follower, source, basis, stale) {
  if (node) return "speaks";
  if (stale) return "missed";
  if (follower?.heard) return "heard";
  if (follower && follower.silent_ms > basis.election_timeout_ms) return "missed";
  if (basis.leader === id) return "heard"; // its followers will tell when they miss it
  if (isLost(source)) return "missed";
  return basis.transport?.connected?.[id] === false ? "missed" : "unknown";
}

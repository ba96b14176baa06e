// Events and states in words.

/** What a member is, in a few words. */
export function roleInWords({ role, part, standing }) {
  if (standing === "missed") return "not heard of";
  if (standing === "unknown") return part === "voter" ? "member" : part;
  if (role === "pre-candidate") return "asks around";
  if (role === "follower" && part !== "voter") return part;
  return part === "witness" ? `${role}, witness` : role;
}

/** A shape for every role, so that nobody needs colours. */
export function sign({ role, part, standing }) {
  if (standing === "missed") return "✕";
  if (role === "leader") return "★";
  if (role === "candidate" || role === "pre-candidate") return "◆";
  if (part === "learner") return "◇";
  return part === "witness" ? "□" : "●";
}

/** How long ago, in one unit. */
export function ago(ms) {
  if (ms < 950) return "now";
  if (ms < 90_000) return `${Math.round(ms / 1000)} s ago`;
  if (ms < 5_400_000) return `${Math.round(ms / 60_000)} min ago`;
  return `${Math.round(ms / 3_600_000)} h ago`;
}

/** A number of bytes. */
export function size(bytes) {
  let unit = 0;
  for (; bytes >= 1024 && unit < 4; unit += 1) bytes /= 1024;
  return `${bytes.toFixed(unit && bytes < 100 ? 1 : 0)} ${["B", "KiB", "MiB", "GiB", "TiB"][unit]}`;
}

/** An integer. */
export function number(value) {
  return value === null || value === undefined ? "–" : value.toLocaleString("en");
}

/** Ids in a row. */
export function row(ids) {
  return ids.length < 2 ? ids.join("") : `${ids.slice(0, -1).join(", ")} and ${ids.at(-1)}`;
}

const CAMPAIGNS = {
  "pre-vote": (id, { term }) => `${id} misses a leader, and asks whether it would be elected in term ${term}`,
  vote: (id, { term }) => `${id} stands for election in term ${term}`,
  transfer: (id, { term }) => `${id} was asked to take over, and stands in term ${term}`,
};

// [family, sentence] by event; null for what another event says better.
const EVENTS = {
  Started: (id) => ["life", `${id} has started`],
  Ending: (id) => ["life", `${id} ends in good order`],
  Missed: (id, { by }) => ["trouble", by ? `${id} is not heard of any more, says ${by}` : `${id} cannot be reached from this page`],
  Returned: (id) => ["life", `${id} is heard of again`],
  RoleChanged: (id, { role, leader, term }) => (role === "follower" && leader ? ["leader", `${id} follows ${leader} in term ${term}`] : null),
  CampaignBegun: (id, event) => ["election", (CAMPAIGNS[event.kind] ?? CAMPAIGNS.vote)(id, event)],
  CampaignWon: (id, { term, voters }) => ["leader", `${id} is elected in term ${term}, by ${row(voters)}`],
  CampaignLost: (id, { term, reason }) => ["election", `${id} gives up its campaign for term ${term}: ${reason}`],
  LeadershipLost: (id, { term, reason }) => ["leader", `${id} leads no more in term ${term}: ${reason}`],
  TransferBegun: (id, { target }) => ["leader", `${id} hands over to ${target}`],
  TransferEnded: (id, { target, succeeded }) => ["leader", succeeded ? `${id} has handed over to ${target}` : `${id} could not hand over to ${target}`],
  SnapshotTaken: (id, { index }) => ["snapshot", `${id} has taken a snapshot, up to ${number(index)}`],
  SnapshotOffered: (id, { follower, index }) => ["snapshot", `${id} sends ${follower} a snapshot, up to ${number(index)}`],
  DownloadBegun: (id, { leader, index }) => ["snapshot", `${id} receives a snapshot of ${leader}, up to ${number(index)}`],
  DownloadRefused: (id, { index }) => ["trouble", `${id} drops what it has received of the snapshot up to ${number(index)}`],
  SnapshotInstalled: (id, { index }) => ["snapshot", `${id} goes on from a snapshot, up to ${number(index)}`],
  ChangeBegun: (id, { target }) => ["members", `${id} changes the members, to ${members(target)}`],
  ConfigurationChanged: (id, { configuration, index }) => ["members", `${id} goes by the members of entry ${number(index)}: ${members(configuration)}`],
  CaughtUp: (id, { member }) => ["members", `${member} has caught up, says ${id}`],
  ChangeEnded: (id, { reason }) => (reason ? ["trouble", `the change of members has failed: ${reason}`] : ["members", `the change of members is done, says ${id}`]),
  FeatureLevelRaised: (id, { feature_level: level }) => ["members", `${id} works at feature level ${level}`],
  FollowerHealth: (id, { follower, stuck }) => (stuck ? ["trouble", `${follower} makes no progress, says ${id}`] : ["life", `${follower} makes progress again, says ${id}`]),
  AcknowledgedLost: (id, { follower, replace }) => ["trouble", `${follower} has lost entries that it had acknowledged${replace ? ": remove it, and add it again" : ""}`],
  Refused: (id, { by }) => ["trouble", `${id} is refused by ${by}: its id belongs to another data directory`],
  StorageFault: (id, { reason }) => ["trouble", `the storage of ${id} has failed: ${reason}`],
  SpaceChanged: (id, { full }) => (full ? ["trouble", `the disk of ${id} is full`] : ["life", `the disk of ${id} has space again`]),
};

/** The family and the sentence of an event of a node; null for what is not worth a line. */
export function told(id, event) {
  return EVENTS[event.event] ? EVENTS[event.event](id, event) : ["life", `${id}: ${event.event}`];
}

function members({ voters, outgoing, learners, witnesses }) {
  const parts = [voters.map((id) => (witnesses.includes(id) ? `${id} (witness)` : id)).join(" ")];
  if (outgoing.length) parts.push(`together with ${outgoing.join(" ")} until it is done`);
  if (learners.length) parts.push(`learning: ${learners.join(" ")}`);
  return parts.join("; ");
}

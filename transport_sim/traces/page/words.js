// Events in words.

/** One sentence about an event. */
export function sentence(run, number) {
  const event = run.events[number];
  const flight = run.flights.get(number)?.[0];
  const message = flight && run.events[flight.send].message;
  switch (event.event) {
    case "send": return `${event.node} → ${event.to}  ${messageInWords(event.message)}`;
    case "deliver": return `${event.node} ← ${event.from}  ${message ? messageInWords(message) : `message ${event.id}`}`;
    case "drop": return `${event.node} ✕ ${event.to}  ${message ? message.type : `message ${event.id}`} lost: ${LOSSES[event.why] ?? event.why}`;
    case "duplicate": return `${event.node} → ${event.to}  ${message ? message.type : `message ${event.id}`} will arrive twice`;
    case "start": return `${event.node} starts from its disk: term ${event.term}, log to ${event.last_index}`;
    case "crash": return `${event.node} crashes`;
    case "pause": return `${event.node} pauses`;
    case "state": return `${event.node} ${changes(event)}`;
    case "configuration": return `${event.node} goes by the configuration of index ${event.index}: ${configurationInWords(event)}`;
    case "durable": return `${event.node} write ${event.write} is durable${durableInWords(event)}`;
    case "commit": return `index ${event.index} is committed, seen by ${event.by}`;
    case "propose": return `${event.client ?? "somebody"} proposes ${short(event.command)} to ${event.node}`;
    case "answer": return `${event.client ?? "somebody"} is answered ${event.error ? `: ${short(event.error)}` : `for ${event.command === undefined ? `a ${event.what ?? "request"}` : short(event.command)}`}`;
    case "snapshot": return `${event.node} has ${event.how} a snapshot up to ${event.index}`;
    case "fault": return `fault: ${event.fault} ${faultInWords(event)}`;
    case "cut": return event.links.length ? `${event.links.length} links are cut` : "all links are whole";
    case "heal": return "the faults are over";
    case "violation": return `${event.promise} is broken: ${event.message}`;
    default: return [event.node, event.event].filter(Boolean).join(" ");
  }
}

const LOSSES = { loss: "by chance", cut: "the link is cut", down: "the receiver is down" };

/** A message: its type, and what of its fields matters most. */
export function messageInWords(message) {
  const parts = [];
  if (message.campaign !== undefined && message.granted === undefined) parts.push(`campaign ${message.campaign}`);
  if (message.last_index !== undefined) parts.push(`log ${message.last_index}@${message.last_term ?? "?"}`);
  if (message.granted !== undefined) parts.push(message.granted ? "granted" : "refused");
  if (message.prev_index !== undefined && message.entries) parts.push(`${entriesInWords(message)} after ${message.prev_index}`);
  if (message.match_index !== undefined) parts.push(`up to ${message.match_index}`);
  if (message.hint_index !== undefined) parts.push(`at ${message.prev_index}, try ${message.hint_index}`);
  if (message.round !== undefined) parts.push(`round ${message.round}`);
  if (message.snapshot?.index !== undefined) parts.push(`to ${message.snapshot.index}, byte ${message.offset}`);
  if (message.transfer) parts.push("handed over");
  return `${message.type} T${message.term}${parts.length ? ` · ${parts.join(", ")}` : ""}`;
}

function entriesInWords({ entries }) {
  if (!entries.length) return "no entry";
  return entries.length === 1 ? "1 entry" : `${entries.length} entries`;
}

const NAMES = { last_index: "log end", commit_index: "commit", applied_index: "applied", durable_index: "durable", base_index: "log begin" };
const UNSAID = new Set(["at", "event", "node", "last_term", "base_index"]);

function changes(event) {
  const said = [];
  if (event.role) said.push(`becomes ${event.role}`);
  for (const [field, value] of Object.entries(event)) {
    if (field !== "role" && !UNSAID.has(field)) said.push(`${NAMES[field] ?? field} ${value ?? "none"}`);
  }
  return said.join(", ") || "changes";
}

function durableInWords(event) {
  const parts = [];
  if (event.last_index !== undefined && event.last_index !== null) parts.push(`log to ${event.last_index}`);
  if (event.term !== undefined && event.term !== null) parts.push(`term ${event.term}, vote ${event.vote ?? "none"}`);
  return parts.length ? `: ${parts.join(", ")}` : "";
}

/** Who takes part: voters, joint halves, learners and witnesses. */
export function configurationInWords({ voters, outgoing, learners, witnesses }) {
  const parts = [voters.map((id) => (witnesses?.includes(id) ? `${id}(w)` : id)).join(" ") || "nobody"];
  if (outgoing?.length) parts.push(`and ${outgoing.join(" ")}`);
  if (learners?.length) parts.push(`learning ${learners.join(" ")}`);
  return parts.join(", ");
}

function faultInWords(event) {
  if (event.groups) return event.groups.map((group) => group.join(" ")).join(" | ");
  return event.node ?? "";
}

function short(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value ?? null);
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}

/** All that a search looks at: `field=value` pairs and the sentence, in small letters, between blanks. */
export function searchable(run, number) {
  const event = run.events[number];
  const flight = run.flights.get(number)?.[0];
  const fields = { ...(flight ? run.events[flight.send].message : null), ...event };
  const pairs = Object.entries(fields).map(([field, value]) => (value !== null && typeof value === "object" ? "" : `${field}=${value}`));
  return ` ${pairs.join(" ")} ${sentence(run, number)} `.toLowerCase();
}

// What there is to see, and how each kind looks: a colour from the style sheet, and a shape that tells it apart without
// colour.

/** Families of messages, in the order of the legend. Dashes and shapes carry what colours carry. */
export const FAMILIES = [
  { id: "vote", label: "Votes", shape: "diamond", dash: [], width: 1.6,
    types: ["PreVoteRequest", "PreVoteReply", "VoteRequest", "VoteReply"] },
  { id: "append", label: "Appends", shape: "triangle", dash: [], width: 1.3,
    types: ["Append", "AppendAccepted", "AppendRejected"] },
  { id: "heartbeat", label: "Heartbeats", shape: "circle", dash: [2, 3], width: 1,
    types: ["Heartbeat", "HeartbeatEcho"] },
  { id: "snapshot", label: "Snapshots", shape: "square", dash: [9, 3], width: 1.8,
    types: ["SnapshotChunk", "SnapshotReceived"] },
  { id: "read", label: "Reads", shape: "bar", dash: [5, 3], width: 1.3, types: ["ReadRequest", "ReadReply"] },
  { id: "other", label: "Other", shape: "chevron", dash: [1, 2], width: 1.4, types: [] },
];

/** Groups of events that are no messages; they can be hidden as families can. */
export const GROUPS = [
  { id: "state", label: "States", events: ["start", "state", "configuration"] },
  { id: "disk", label: "Disks", events: ["durable", "snapshot"] },
  { id: "client", label: "Clients", events: ["propose", "answer", "commit"] },
  { id: "fault", label: "Faults", events: ["crash", "pause", "fault", "cut", "heal", "violation"] },
];

export const KINDS = [...FAMILIES, ...GROUPS];
const OTHER_FAMILY = FAMILIES.findIndex((family) => family.id === "other");
const UNKNOWN_GROUP = FAMILIES.length;
const FAMILY_OF = new Map(FAMILIES.flatMap((family, number) => family.types.map((type) => [type, number])));
const GROUP_OF = new Map(GROUPS.flatMap((group, number) => group.events.map((event) => [event, FAMILIES.length + number])));

/** The number of a message's family. */
export function familyOf(type) {
  return FAMILY_OF.get(type) ?? OTHER_FAMILY;
}

/** The number in KINDS of an event that is no message; what is unknown counts as a change of state. */
export function groupOf(event) {
  return GROUP_OF.get(event) ?? UNKNOWN_GROUP;
}

export const ROLE_GLYPHS = { leader: "★", candidate: "◆", "pre-candidate": "◇", follower: "●" };

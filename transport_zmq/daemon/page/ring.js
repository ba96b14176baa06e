// The ring of members: who leads whom, and who is missed.

import { byId, drawn, say } from "./dom.js";
import { isWell } from "./cluster.js";
import { roleInWords, sign } from "./words.js";

const CENTER = { x: 232, y: 226 };
const ORBIT = 146;
const LETTER = 13; // about as wide as one, with room beside it
const MOST_LETTERS = 14;

/** Draws the ring anew; `flowing` says whether entries are committed just now. */
export function drawRing(cluster, flowing) {
  const ring = byId("ring");
  const places = around(cluster.members);
  const leader = places.find(({ member }) => member.id === cluster.leader);
  const lowest = Math.max(CENTER.y + ORBIT, ...places.map(({ y, radius }) => y + radius + 44));
  ring.setAttribute("viewBox", `0 0 ${2 * CENTER.x} ${Math.ceil(lowest + 8)}`);
  const parts = [drawn("circle", { class: "orbit", cx: CENTER.x, cy: CENTER.y, r: ORBIT })];
  if (leader) parts.push(...places.filter((place) => place !== leader).map((place) => spoke(leader, place, flowing)));
  parts.push(...middle(cluster), ...places.map((place) => knot(place, place === leader)));
  ring.replaceChildren(ring.querySelector("title"), ...parts);
  say(ring.querySelector("title"), inWords(cluster));
}

function around(members) {
  const radius = members.length > 9 ? 22 : members.length > 5 ? 29 : 37;
  return members.map((member, i) => {
    const angle = (2 * Math.PI * i) / members.length - Math.PI / 2;
    return { member, radius, x: CENTER.x + ORBIT * Math.cos(angle), y: CENTER.y + ORBIT * Math.sin(angle) };
  });
}

function spoke(leader, place, flowing) {
  const well = isWell(place.member);
  const [dx, dy] = [place.x - leader.x, place.y - leader.y];
  const length = Math.hypot(dx, dy);
  const at = (distance) => ({ x: leader.x + (dx * distance) / length, y: leader.y + (dy * distance) / length });
  const [from, to] = [at(leader.radius + 9), at(length - place.radius - 9)];
  const line = (kind) => drawn("line", { class: kind, x1: from.x, y1: from.y, x2: to.x, y2: to.y });
  const parts = [line(well ? "spoke" : "spoke cut")];
  if (well && flowing) parts.push(line("flow"));
  return drawn("g", {}, ...parts);
}

function middle({ term, leader }) {
  return [
    drawn("circle", { class: "middle", cx: CENTER.x, cy: CENTER.y, r: 60 }),
    drawn("text", { class: "term-label", x: CENTER.x, y: CENTER.y - 22 }, "term"),
    drawn("text", { class: `term${String(term).length > 5 ? " long" : ""}`, x: CENTER.x, y: CENTER.y + 15 }, String(term)),
    drawn("text", { class: leader ? "leads" : "leads none", x: CENTER.x, y: CENTER.y + 38 }, leader ? `${short(leader)} leads` : "no leader"),
  ];
}

function knot({ member, radius, x, y }, leads) {
  const state = member.standing === "missed" ? "missed" : leads ? "leader" : member.role;
  const group = drawn("g", {
    class: ["knot", state, member.part.replace(" ", "-"), member.standing].join(" "),
    transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`,
  });
  group.append(
    drawn("title", {}, `${member.id}: ${roleInWords(member)}`),
    drawn("circle", { class: "halo", r: radius + 7 }),
    drawn("circle", { class: "body", r: radius }),
    ...(member.id.length * LETTER < 2 * radius ? named(member, radius, y) : labelled(member, radius, y)),
  );
  return group;
}

/** The name in the circle, the role beside it. */
function named(member, radius, y) {
  return [
    drawn("text", { class: "sign", y: -radius * 0.3 }, sign(member)),
    drawn("text", { class: "id", y: radius * 0.36 }, member.id),
    drawn("text", { class: "role", y: isAbove(y) ? -radius - 15 : radius + 24 }, roleInWords(member)),
  ];
}

/** A name that is too long for the circle, and the role below it. */
function labelled(member, radius, y) {
  const top = isAbove(y) ? -radius - 32 : radius + 24;
  return [
    drawn("text", { class: "sign large", y: 8 }, sign(member)),
    drawn("text", { class: "id outside", y: top }, short(member.id)),
    drawn("text", { class: "role", y: top + 18 }, roleInWords(member)),
  ];
}

function isAbove(y) {
  return y < CENTER.y - ORBIT / 2;
}

function short(id) {
  return id.length > MOST_LETTERS ? `${id.slice(0, MOST_LETTERS - 1)}…` : id;
}

function inWords({ members, term }) {
  return `Term ${term}. ${members.map((member) => `${member.id}: ${roleInWords(member)}`).join(", ")}.`;
}

// The run: the trace, laid out so that questions about it are answered quickly.

import { familyOf, groupOf } from "./kinds.js";

export const IN_FLIGHT = 0;
export const ARRIVED = 1;
export const LOST = 2;
const NOBODY = -1;
const CHECKPOINT_EVERY = 1024; // events between two remembered states of all nodes: one look-up replays at most so many

/** Where a sorted array passes a value: how many of its elements are at most that. */
export function countUpTo(sorted, value) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Makes a run of the header, the events and the end of a trace. */
export function makeRun({ header, events, end }) {
  const ids = header.members.map((member) => member.id);
  const laneOf = new Map(ids.map((id, lane) => [id, lane]));
  const lane = (id) => laneOf.get(id) ?? NOBODY;
  const count = events.length;
  const run = {
    header, events, ids, lane, end,
    parts: header.members.map((member) => member.part),
    steps: header.kind === "explore",
    times: Float64Array.from(events, (event) => event.at),
    lastTime: Math.max(1, end?.at ?? 0, count ? events[count - 1].at : 0),
    kinds: new Uint8Array(count), // numbers of KINDS
    nodes: new Int16Array(count), // lanes, or NOBODY
    others: new Int16Array(count), // the other end of a message
    flights: new Map(), // event -> the flights of the message that it is about
    violations: [],
  };
  run.messages = layOutMessages(run);
  run.checkpoints = remember(run);
  return run;
}

/** Finds every flight of a message: one for each arrival or loss, sorted by the time of sending. */
function layOutMessages(run) {
  const sent = new Map();
  const flights = [];
  run.events.forEach((event, number) => {
    run.kinds[number] = groupOf(event.event);
    run.nodes[number] = run.lane(event.node ?? event.by);
    run.others[number] = NOBODY;
    if (event.event === "violation") run.violations.push(number);
    if (event.event === "send") {
      const flight = { send: number, end: NOBODY, fate: IN_FLIGHT, from: run.lane(event.node), to: run.lane(event.to), family: familyOf(event.message.type) };
      run.kinds[number] = flight.family;
      run.others[number] = flight.to;
      sent.set(event.id, flight);
      flights.push(flight);
      run.flights.set(number, [flight]);
    } else if (event.event === "deliver" || event.event === "drop" || event.event === "duplicate") {
      let flight = sent.get(event.id);
      if (flight === undefined) return;
      run.kinds[number] = flight.family;
      run.others[number] = event.event === "deliver" ? flight.from : flight.to;
      const all = run.flights.get(flight.send);
      if (event.event !== "duplicate") {
        if (flight.end !== NOBODY) {
          flight = { ...flight };
          flights.push(flight);
          all.push(flight);
        }
        flight.end = number;
        flight.fate = event.event === "deliver" ? ARRIVED : LOST;
      }
      run.flights.set(number, all);
    }
  });
  return asColumns(run, flights);
}

/** Flights as columns: drawing runs through them many times a second. */
function asColumns(run, flights) {
  const at = (number) => run.times[number];
  const latencies = Float64Array.from(flights.filter((flight) => flight.fate === ARRIVED), (flight) => at(flight.end) - at(flight.send)).sort();
  const usual = latencies.length ? latencies[latencies.length >> 1] : run.lastTime / 100;
  flights.sort((a, b) => at(a.send) - at(b.send) || a.send - b.send);
  const columns = {
    count: flights.length,
    start: Float64Array.from(flights, (flight) => at(flight.send)),
    // Where one was lost on its way, or whether it ever arrives, the trace may not say: such an arrow is of usual length.
    stop: Float64Array.from(flights, (flight) => (flight.fate === IN_FLIGHT ? at(flight.send) + usual : Math.max(at(flight.end), at(flight.send) + (flight.fate === LOST ? usual / 2 : 0)))),
    way: Float32Array.from(flights, (flight) => (flight.fate === ARRIVED ? 1 : flight.fate === IN_FLIGHT ? 0.4 : at(flight.end) > at(flight.send) ? 0.82 : 0.5)),
    from: Int16Array.from(flights, (flight) => flight.from),
    to: Int16Array.from(flights, (flight) => flight.to),
    family: Uint8Array.from(flights, (flight) => flight.family),
    fate: Uint8Array.from(flights, (flight) => flight.fate),
    send: Int32Array.from(flights, (flight) => flight.send),
    end: Int32Array.from(flights, (flight) => flight.end),
    latest: new Float64Array(flights.length), // the latest stop of all flights up to here
  };
  let latest = 0;
  for (let row = 0; row < columns.count; row++) columns.latest[row] = latest = Math.max(latest, columns.stop[row]);
  return columns;
}

/** The rows of flights that a window of time can show: [first, after the last]. */
export function flightsWithin(messages, from, to) {
  return [countUpTo(messages.latest, from - 1e-9), countUpTo(messages.start, to)];
}

/** What a node is before the trace says anything of it. */
function unknownNode() {
  return { up: false, paused: 0, role: "follower", term: 0, vote: null, leader: null, last_index: 0, last_term: 0, base_index: 0,
    commit_index: 0, applied_index: 0, durable_index: 0, configuration: null };
}

const STATE_FIELDS = ["term", "vote", "role", "leader", "last_index", "last_term", "base_index", "commit_index", "applied_index", "durable_index"];

/** Lets an event change the states of the nodes. */
function apply(run, states, event) {
  const state = states[run.lane(event.node)];
  if (state === undefined) return;
  if (event.event === "start" || event.event === "state") {
    if (event.event === "start") Object.assign(state, unknownNode(), { configuration: state.configuration, up: true });
    for (const field of STATE_FIELDS) if (field in event) state[field] = event[field];
  } else if (event.event === "crash") {
    state.up = false;
    state.paused = 0;
  } else if (event.event === "pause") state.paused = event.until;
  else if (event.event === "configuration") state.configuration = event;
}

function remember(run) {
  const states = run.ids.map(unknownNode);
  const checkpoints = [];
  run.events.forEach((event, number) => {
    if (number % CHECKPOINT_EVERY === 0) checkpoints.push(states.map((state) => ({ ...state })));
    apply(run, states, event);
  });
  return checkpoints.length ? checkpoints : [states];
}

/** The states of all nodes once an event and all before it have happened; -1 for the state before all. */
export function statesAfter(run, number) {
  const checkpoint = Math.min(Math.floor(Math.max(0, number) / CHECKPOINT_EVERY), run.checkpoints.length - 1);
  const states = run.checkpoints[checkpoint].map((state) => ({ ...state }));
  for (let replayed = checkpoint * CHECKPOINT_EVERY; replayed <= number; replayed++) apply(run, states, run.events[replayed]);
  return states;
}

/** The last event at or before a time, -1 when there is none. */
export function eventAt(run, time) {
  return countUpTo(run.times, time) - 1;
}

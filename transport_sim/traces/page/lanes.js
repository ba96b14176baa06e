// What stands in the lanes: who was what when, who was cut off from whom, and the marks of single events.

/** The lanes of a run: spans of roles and outages, each sorted by time, marks, and the spans between two cuts. */
export function makeLanes(run) {
  const lanes = run.ids.map((id) => ({ id, roles: [], outages: [], pauses: [], marks: [], open: null, downSince: 0 }));
  const cuts = [];
  let cutSince = null;
  const close = (lane, at) => {
    if (lane.open !== null && at > lane.open.from) lane.roles.push({ ...lane.open, to: at });
    lane.open = null;
  };
  const endCut = (at) => {
    if (cutSince !== null && at > cutSince.from) cuts.push(describeCut(run, cutSince.links, cutSince.from, at));
    cutSince = null;
  };
  run.events.forEach((event, number) => {
    const lane = lanes[run.lane(event.node ?? event.by)];
    if (event.event === "cut") {
      endCut(event.at);
      if (event.links.length) cutSince = { links: event.links, from: event.at };
    } else if (lane === undefined) {
      return;
    } else if (event.event === "start" || event.event === "state") {
      if (event.event === "start") {
        if (lane.downSince !== null) lane.outages.push({ from: lane.downSince, to: event.at, first: lane.downSince === 0 });
        lane.downSince = null;
        endPause(lane, event.at);
      }
      const before = lane.open ?? { role: "follower", term: 0, leader: null };
      const role = event.role ?? before.role;
      const term = event.term ?? before.term;
      const leader = "leader" in event ? event.leader : before.leader;
      if (lane.open === null || role !== before.role || term !== before.term) {
        close(lane, event.at);
        lane.open = { from: event.at, role, term, leader, number };
      } else lane.open.leader = leader;
    } else if (event.event === "crash") {
      close(lane, event.at);
      endPause(lane, event.at);
      lane.downSince = event.at;
    } else if (event.event === "pause") lane.pauses.push({ from: event.at, to: event.until });
    if (MARKED.has(event.event)) lane.marks.push({ at: event.at, kind: event.event, number, term: event.term });
  });
  for (const lane of lanes) {
    close(lane, run.lastTime);
    endPause(lane, run.lastTime);
    if (lane.downSince !== null) lane.outages.push({ from: lane.downSince, to: run.lastTime, first: lane.downSince === 0 });
    lane.markTimes = Float64Array.from(lane.marks, (mark) => mark.at);
    lane.roleEnds = Float64Array.from(lane.roles, (span) => span.to);
  }
  endCut(run.lastTime);
  return { lanes, cuts, faults: faultsOf(run), elections: electionsOf(lanes) };
}

const MARKED = new Set(["start", "crash", "durable", "commit", "snapshot", "propose", "configuration"]);

/** A node that crashes or ends while it pauses pauses no longer. */
function endPause(lane, at) {
  const pause = lane.pauses.at(-1);
  if (pause !== undefined && pause.to > at) pause.to = at;
}

/** Who is cut off from whom: for each lane whom it cannot reach and cannot hear, and its island if there are several. */
function describeCut(run, links, from, to) {
  const cut = new Set(links.map(([sender, receiver]) => `${sender} ${receiver}`));
  const passes = (a, b) => !cut.has(`${a} ${b}`) && !cut.has(`${b} ${a}`);
  const island = run.ids.map(() => -1);
  let islands = 0;
  run.ids.forEach((_, first) => {
    if (island[first] !== -1) return;
    const waiting = [first];
    island[first] = islands;
    while (waiting.length) {
      const here = waiting.pop();
      run.ids.forEach((id, lane) => {
        if (island[lane] !== -1 || !passes(run.ids[here], id)) return;
        island[lane] = islands;
        waiting.push(lane);
      });
    }
    islands += 1;
  });
  const sizes = Array.from({ length: islands }, (_, number) => island.filter((other) => other === number).length);
  const largest = sizes.indexOf(Math.max(...sizes));
  return {
    from, to, islands,
    lanes: run.ids.map((id, lane) => ({
      away: islands > 1 && island[lane] !== largest,
      island: island[lane],
      unreached: run.ids.filter((other) => cut.has(`${id} ${other}`)),
      unheard: run.ids.filter((other) => cut.has(`${other} ${id}`)),
    })),
  };
}

/** In words, what a lane is cut off from; empty if nothing. */
export function cutInWords({ unreached, unheard }) {
  const both = unreached.filter((id) => unheard.includes(id));
  const words = [];
  const only = (ids) => ids.filter((id) => !both.includes(id)).join(" ");
  if (both.length) words.push(`cut off from ${both.join(" ")}`);
  if (unreached.length > both.length) words.push(`cannot reach ${only(unreached)}`);
  if (unheard.length > both.length) words.push(`cannot hear ${only(unheard)}`);
  return words.join(", ");
}

function faultsOf(run) {
  const faults = [];
  run.events.forEach((event, number) => {
    if (event.event === "fault") faults.push({ at: event.at, number, text: [event.fault, event.node].filter(Boolean).join(" ") });
    else if (event.event === "heal") faults.push({ at: event.at, number, text: "all mended" });
  });
  return faults;
}

/** Who was elected when, in order. */
function electionsOf(lanes) {
  const found = lanes.flatMap((lane, number) => lane.roles.filter((span) => span.role === "leader").map((span) => ({ at: span.from, lane: number, term: span.term, number: span.number })));
  return found.sort((a, b) => a.at - b.at);
}

"""Makes plausible traces of any length: a toy cluster that elects, replicates, meets faults and breaks a promise.

It is no Raft: only what is seen of one from outside, in the format of docs/trace.md.
"""

import argparse
import heapq
import json
import random
from pathlib import Path

FAULTS = ["latency", "drop", "duplicate", "partition", "one-way", "crash", "slow-disk", "pause"]
FIELDS = ("term", "vote", "role", "leader", "last_index", "last_term", "base_index")
FIELDS += ("commit_index", "applied_index", "durable_index")


class Member:
    """What is seen of one node."""

    def __init__(self, id):
        self.id = id
        self.up = False
        self.paused_until = 0
        self.starts = 0
        self.heard = 0
        self.votes = set()
        self.match = {}
        self.writes = 0
        self.shown = {}
        self.term = self.last_index = self.last_term = self.base_index = 0
        self.commit_index = self.applied_index = self.durable_index = 0
        self.vote = self.leader = None
        self.role = "follower"

    def state(self):
        return {field: getattr(self, field) for field in FIELDS}


class Toy:
    """A toy cluster that writes its trace as it goes."""

    def __init__(self, events, nodes=5, seed=7, violation=True):
        self.wanted = events
        self.chance = random.Random(seed)
        self.violation = violation
        self.now = 0
        self.heap = []
        self.pushed = 0
        self.messages = 0
        self.committed = 0
        self.cut = set()
        self.ids = [f"n{number}" for number in range(1, nodes + 1)]
        self.members = {id: Member(id) for id in self.ids}
        self.header = {
            "trace": "quorate",
            "version": 1,
            "kind": "run",
            "seed": seed,
            "nodes": nodes,
            "faults": FAULTS,
            "seconds": 20.0,
            "only": None,
            "members": [
                {"id": id, "part": "witness" if nodes > 3 and id == self.ids[-1] else "voter"} for id in self.ids
            ],
            "election_timeout_ms": 300,
        }
        self.events = []

    # The clockwork

    def run(self):
        for member in self.members.values():
            self.start(member)
        self.later(60_000, self.propose)
        self.later(900_000, self.fault)
        enough = self.wanted - (2 if self.violation else 0)
        while len(self.events) < enough:
            self.now, _, action, arguments = heapq.heappop(self.heap)
            action(*arguments)
        del self.events[enough:]
        if self.violation:
            self.break_promise()
        self.emit("end", events=len(self.events), digest=f"{self.chance.getrandbits(128):032x}")
        return [self.header, *self.events]

    def later(self, delay, action, *arguments):
        self.pushed += 1
        heapq.heappush(self.heap, (self.now + delay, self.pushed, action, arguments))

    def emit(self, event, **fields):
        self.events.append({"at": self.now, "event": event, **fields})

    def changed(self, member):
        state = member.state()
        news = {field: value for field, value in state.items() if member.shown.get(field) != value}
        if news:
            self.emit("state", node=member.id, **news)
        member.shown = state

    def break_promise(self):
        index = self.committed
        node = self.ids[2]
        self.emit("commit", index=index, term=self.members[node].term, by=node)
        message = f"{node} commits another entry at {index} than n1 did </script><b>& that is no markup"
        self.emit("violation", promise="S4", message=message, node=node)

    # Members

    def start(self, member):
        member.up = True
        member.starts += 1
        member.role, member.leader = "follower", None
        member.last_index = member.durable_index
        member.commit_index = member.applied_index = member.base_index
        member.shown = member.state()
        incarnation = self.chance.getrandbits(52) if member.starts == 1 else 0
        self.emit("start", node=member.id, **member.shown, incarnation=incarnation)
        voters = self.ids if len(self.ids) < 5 else self.ids[:-1]
        witnesses = self.ids[len(voters) :]
        self.emit(
            "configuration",
            node=member.id,
            index=0,
            voters=self.ids,
            outgoing=[],
            learners=[],
            witnesses=witnesses,
        )
        self.wait_for_leader(member)

    def wait_for_leader(self, member):
        member.heard += 1
        self.later(self.chance.randint(300_000, 600_000), self.campaign, member, member.heard, member.starts)

    def campaign(self, member, heard, starts):
        stale = member.heard != heard or member.starts != starts or not member.up or member.role == "leader"
        if stale or self.now < member.paused_until:
            return
        if member.id == self.ids[-1] and len(self.ids) > 3:
            self.wait_for_leader(member)
            return
        member.role, member.leader = "pre-candidate", None
        member.votes = {member.id}
        self.changed(member)
        self.to_all(member, "PreVoteRequest", term=member.term + 1, campaign=self.chance.getrandbits(16))
        self.wait_for_leader(member)

    def to_all(self, member, type, term=None, **fields):
        for other in self.ids:
            if other != member.id:
                self.send(member, other, type, term=term, **fields)

    def send(self, member, to, type, term=None, **fields):
        self.messages += 1
        id = self.messages
        message = {"type": type, "term": member.term if term is None else term, **fields}
        self.emit("send", node=member.id, to=to, id=id, message=message)
        if (member.id, to) in self.cut:
            self.emit("drop", node=member.id, to=to, id=id, why="cut")
            return
        if self.chance.random() < 0.015:
            self.emit("drop", node=member.id, to=to, id=id, why="loss")
            return
        latency = 400 + int(self.chance.lognormvariate(7, 0.7))
        self.later(latency, self.arrive, member.id, to, id, message)
        if self.chance.random() < 0.01:
            self.emit("duplicate", node=member.id, to=to, id=id)
            self.later(latency + 3_000, self.arrive, member.id, to, id, message)

    def arrive(self, sender, to, id, message):
        member = self.members[to]
        if (sender, to) in self.cut or not member.up:
            self.emit("drop", node=sender, to=to, id=id, why="cut" if member.up else "down")
            return
        if self.now < member.paused_until:
            self.later(member.paused_until - self.now, self.arrive, sender, to, id, message)
            return
        self.emit("deliver", node=to, **{"from": sender}, id=id)
        if message["term"] > member.term and not message["type"].startswith("PreVote"):
            member.term, member.vote, member.role, member.leader = message["term"], None, "follower", None
            self.wait_for_leader(member)
        getattr(self, "on_" + message["type"])(member, self.members[sender], message)
        self.changed(member)

    def on_PreVoteRequest(self, member, sender, message):  # noqa: N802 - named as the message
        granted = member.leader is None and sender.last_index >= member.last_index
        self.send(member, sender.id, "PreVoteReply", campaign=message["campaign"], granted=granted)

    def on_PreVoteReply(self, member, sender, message):  # noqa: N802
        if member.role != "pre-candidate" or not message["granted"]:
            return
        member.votes.add(sender.id)
        if len(member.votes) * 2 > len(self.ids):
            member.role, member.vote = "candidate", member.id
            member.term += 1
            member.votes = {member.id}
            self.changed(member)
            self.write(member, term=member.term, vote=member.id)
            self.to_all(member, "VoteRequest", last_index=member.last_index, last_term=member.last_term, transfer=False)

    def on_VoteRequest(self, member, sender, message):  # noqa: N802
        granted = member.vote in (None, sender.id) and message["last_index"] >= member.last_index
        if granted and message["term"] == member.term:
            member.vote = sender.id
            self.write(member, term=member.term, vote=sender.id)
            self.wait_for_leader(member)
        self.send(member, sender.id, "VoteReply", granted=granted)

    def on_VoteReply(self, member, sender, message):  # noqa: N802
        if member.role != "candidate" or not message["granted"] or message["term"] != member.term:
            return
        member.votes.add(sender.id)
        if len(member.votes) * 2 > len(self.ids):
            member.role, member.leader = "leader", member.id
            member.match = dict.fromkeys(self.ids, 0)
            self.changed(member)
            self.append(member)
            self.beat(member, member.term, 1)

    def beat(self, member, term, round):
        if not member.up or member.role != "leader" or member.term != term or self.now < member.paused_until:
            return
        self.to_all(member, "Heartbeat", round=round, commit=member.commit_index, pause_ms=0)
        self.later(60_000, self.beat, member, term, round + 1)

    def on_Heartbeat(self, member, sender, message):  # noqa: N802
        if message["term"] < member.term:
            self.send(member, sender.id, "HigherTerm")
            return
        member.role, member.leader = "follower", sender.id
        self.wait_for_leader(member)
        self.send(member, sender.id, "HeartbeatEcho", round=message["round"], commit=member.commit_index, promise_ms=0)

    def on_HeartbeatEcho(self, member, sender, message):  # noqa: N802
        pass

    def on_HigherTerm(self, member, sender, message):  # noqa: N802
        pass

    def append(self, member):
        member.last_index += 1
        member.last_term = member.term
        self.changed(member)
        self.write(member, last_index=member.last_index)
        entry = {"index": member.last_index, "term": member.term, "kind": "command", "bytes": 40}
        for other in self.ids:
            if other != member.id:
                before = member.last_index - 1
                fields = {"prev_index": before, "prev_term": member.term, "commit": member.commit_index}
                self.send(member, other, "Append", **fields, entries=[entry])

    def on_Append(self, member, sender, message):  # noqa: N802
        if message["term"] < member.term:
            self.send(member, sender.id, "HigherTerm")
            return
        member.role, member.leader = "follower", sender.id
        self.wait_for_leader(member)
        if message["prev_index"] > member.last_index + 40:
            self.send(member, sender.id, "SnapshotReceived", index=member.last_index + 1, offset=0, size_bytes=1000)
            member.base_index = message["prev_index"]
            self.emit("snapshot", node=member.id, index=member.base_index, term=member.term, how="installed")
        member.last_index = max(member.last_index, message["entries"][-1]["index"])
        member.last_term = message["term"]
        member.commit_index = max(member.commit_index, min(message["commit"], member.last_index))
        member.applied_index = min(member.commit_index, member.durable_index)
        self.changed(member)
        self.write(member, last_index=member.last_index, then=(sender.id, message["term"]))

    def on_AppendAccepted(self, member, sender, message):  # noqa: N802
        if member.role != "leader" or message["term"] != member.term:
            return
        member.match[sender.id] = max(member.match[sender.id], message["match_index"])
        held = sorted([*(match for id, match in member.match.items() if id != member.id), member.durable_index])
        index = held[(len(held) - 1) // 2]
        if index > member.commit_index:
            member.commit_index = member.applied_index = index
            if index > self.committed:
                self.committed = index
                self.emit("commit", index=index, term=member.term, by=member.id)
                self.emit("answer", client="c1", command=f"set k{index % 7}", error=None, result=index)

    def on_SnapshotReceived(self, member, sender, message):  # noqa: N802
        pass

    def write(self, member, then=None, **fields):
        member.writes += 1
        delay = 300 + int(self.chance.expovariate(1 / 1_500))
        self.later(delay, self.written, member, member.starts, member.writes, then, fields)

    def written(self, member, starts, number, then, fields):
        if not member.up or member.starts != starts:
            return
        self.emit("durable", node=member.id, write=number, **fields)
        if "last_index" in fields:
            member.durable_index = max(member.durable_index, fields["last_index"])
            self.changed(member)
        if then is not None and member.term == then[1] and member.role != "leader":
            self.send(member, then[0], "AppendAccepted", match_index=fields["last_index"])

    def propose(self):
        leaders = [member for member in self.members.values() if member.role == "leader" and member.up]
        for leader in leaders:
            if self.now >= leader.paused_until:
                self.emit("propose", node=leader.id, client="c1", command=f"set k{leader.last_index % 7}")
                self.append(leader)
        self.later(self.chance.choice((4_000, 9_000, 40_000, 150_000)), self.propose)

    # Faults

    def fault(self):
        kind = self.chance.choice(("partition", "partition", "one-way", "crash", "crash", "pause"))
        getattr(self, "_" + kind.replace("-", "_"))(f"injector:{len(self.events)}")
        self.later(self.chance.randint(1_000_000, 2_600_000), self.fault)

    def leader_or_any(self):
        leaders = [member for member in self.members.values() if member.role == "leader" and member.up]
        return leaders[0] if leaders and self.chance.random() < 0.7 else self.members[self.chance.choice(self.ids)]

    def _partition(self, key):
        one = self.leader_or_any().id
        side = {one, self.chance.choice(self.ids)} if len(self.ids) > 3 else {one}
        rest = [id for id in self.ids if id not in side]
        self.emit("fault", fault="partition", key=key, groups=[sorted(side), rest])
        self.sever({(a, b) for a in side for b in rest} | {(b, a) for a in side for b in rest})

    def _one_way(self, key):
        one = self.leader_or_any().id
        links = {(one, other) for other in self.ids if other != one}
        self.emit("fault", fault="one-way", key=key, node=one)
        self.sever(links)

    def sever(self, links):
        self.cut = links
        self.emit("cut", links=sorted(map(list, links)))
        self.later(self.chance.randint(500_000, 1_500_000), self.mend)

    def mend(self):
        if self.cut:
            self.cut = set()
            self.emit("cut", links=[])

    def _crash(self, key):
        member = self.leader_or_any()
        if not member.up:
            return
        self.emit("fault", fault="crash", key=key, node=member.id)
        self.emit("crash", node=member.id)
        member.up = False
        member.role = "follower"
        self.later(self.chance.randint(300_000, 1_200_000), self.restart, member, key)

    def restart(self, member, key):
        self.emit("fault", fault="restart", key=key, node=member.id)
        self.start(member)

    def _pause(self, key):
        member = self.leader_or_any()
        if not member.up:
            return
        member.paused_until = self.now + self.chance.randint(200_000, 900_000)
        self.emit("fault", fault="pause", key=key, node=member.id)
        self.emit("pause", node=member.id, until=member.paused_until)
        self.later(member.paused_until - self.now + 1, self.wait_for_leader, member)


def lines(events=2_000, nodes=5, seed=7, violation=True):
    """The lines of a trace of that many events, header and end included."""
    toy = Toy(events, nodes, seed, violation)
    return [json.dumps(line, separators=(",", ":"), ensure_ascii=False) for line in toy.run()]


def write(path, **settings):
    """Writes a trace and returns where."""
    Path(path).write_text("".join(line + "\n" for line in lines(**settings)), encoding="utf-8")
    return Path(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path")
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--nodes", type=int, default=5)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    write(given.path, events=given.events, nodes=given.nodes, seed=given.seed)

"""What the scenarios reach: one in which nothing happens would prove nothing."""

from collections import Counter

from raft.messages import AppendRejected, HeartbeatEcho, HigherTerm, PreVoteReply, VoteReply
from raft.observer import FollowerHealth, MessageDropped
from raft.progress import REPLICATE
from tests.micropython.replay import Replay

MARKS = (
    "append rejected with a hint that skips",
    "append retried after silence",
    "clock ran backwards",
    "dropped: beyond the log",
    "dropped: leader is heard",
    "dropped: malformed",
    "dropped: second leader",
    "dropped: stranger",
    "entry applied",
    "error: CommittedEntryConflict",
    "error: EntryTooLarge",
    "error: InvalidCommand",
    "error: InvalidConfig",
    "error: InvalidRestore",
    "error: NotLeader",
    "error: Overloaded",
    "follower recovered",
    "follower stuck",
    "held reply died with its term",
    "higher term told",
    "joint configuration",
    "leader elected",
    "leader gave up without quorum",
    "learner applied",
    "log cut off",
    "log truncated",
    "message delivered twice",
    "more committed than one turn applies",
    "number above 2**30",
    "pre-vote refused",
    "restarted with a log",
    "snapshot chunk sent",
    "snapshot chunk sent behind the first",
    "snapshot installed",
    "snapshot made",
    "vote refused",
    "vote split",
    "window full",
    "write reported before an earlier one",
    "writes lost in a crash",
)


class Watched(Replay):
    """A replay that counts what it reaches, in `reached`."""

    def __init__(self):
        super().__init__()
        self.reached = Counter()

    def effect(self, kind, node, value):
        super().effect(kind, node, value)
        if kind == "error":
            self.reached["error: " + type(value).__name__] += 1
        elif kind == "apply":
            self.reached["entry applied"] += 1
            self.reached["learner applied"] += node in self._members["learners"]
        elif kind == "deadline":
            self.reached["number above 2**30"] += value is not None and value > 1 << 30
        elif kind == "work":
            self.reached["more committed than one turn applies"] += value
        elif kind == "save":
            self.reached["snapshot made"] += 1
        elif kind == "restore":
            self.reached["snapshot installed"] += 1
        elif kind.startswith("read for "):
            self.reached["snapshot chunk sent"] += 1
            self.reached["snapshot chunk sent behind the first"] += value.offset > 0
        elif isinstance(value, PreVoteReply):
            self.reached["pre-vote refused"] += not value.granted
        elif isinstance(value, VoteReply):
            self.reached["vote refused"] += not value.granted
        elif isinstance(value, HigherTerm):
            self.reached["higher term told"] += 1
        elif isinstance(value, AppendRejected):
            self.reached["append rejected with a hint that skips"] += value.hint_index < value.prev_index - 1
        elif isinstance(value, FollowerHealth):
            self.reached["follower stuck" if value.stuck else "follower recovered"] += 1
        elif isinstance(value, MessageDropped):
            self.reached["dropped: " + value.reason] += 1

    def feed(self, line):
        """Carries out one line, and compares the node before and after it."""
        verb, node = line.split()[:2]
        before = self.nodes.get(node) and Glimpse(self.nodes[node])
        lost = verb == "crash" and self.disks[node].pending[-1:]
        super().feed(line)
        self.reached["writes lost in a crash"] += bool(lost and lost[0].number > int(line.split()[2]))
        after = self.nodes.get(node) and Glimpse(self.nodes[node])
        if verb == "duplicate":
            self.reached["message delivered twice"] += 1
        if after and not before:
            self.reached["restarted with a log"] += after.log.last_index > 0
            self.reached["joint configuration"] += after.core.configuration.joint
        if after and before:
            self._compare(verb, line.split(), before, after)

    def _compare(self, verb, words, before, after):
        deposed = before.role.name == "leader" and after.role.name == "follower" and after.term == before.term
        failed = before.role.name == "candidate" and after.role.name in ("follower", "pre-candidate")
        self.reached["leader elected"] += before.role.name != "leader" and after.role.name == "leader"
        self.reached["leader gave up without quorum"] += deposed
        self.reached["vote split"] += failed and after.term == before.term and after.role.leader is None
        self.reached["held reply died with its term"] += bool(before.held) and after.term > before.term
        self.reached["log cut off"] += after.base_index > before.base_index
        self.reached["log truncated"] += not after.holds(before.last_entry)
        self.reached["window full"] += verb == "ready" and after.has_full_window
        if verb == "persisted":
            self.reached["write reported before an earlier one"] += int(words[3]) > before.done + 1
        if verb in ("tick", "propose", "persisted", "deliver", "duplicate", "forge"):
            self.reached["clock ran backwards"] += int(words[2]) < before.now
        if verb == "deliver" and before.role is after.role:
            self.reached["append retried after silence"] += before.replicates_to > after.replicates_to and isinstance(
                self.landed, HeartbeatEcho
            )

    def _land(self, sender, receiver, number):
        self.landed = super()._land(sender, receiver, number)
        return self.landed


class Glimpse:
    """A node at one moment."""

    def __init__(self, core):
        self.core = core
        self.role = core.role
        self.term = core.term
        self.log = core.log
        self.now = core.now
        self.done = core.log.writes.done
        self.held = len(core._held)
        log = core.log
        self.base_index = log.base_index
        self.last_entry = log.entry(log.last_index) if log.last_index > log.base_index else None
        followers = getattr(core.role, "progress", {}).values()
        self.replicates_to = sum(progress.state == REPLICATE for progress in followers)
        self.has_full_window = any(
            progress.state == REPLICATE
            and progress.next_index <= core.log.last_index
            and not progress.may_send(core.config)
            for progress in followers
        )

    def holds(self, entry):
        if entry is None or entry.index <= self.log.base_index:
            return True
        return entry.index <= self.log.last_index and self.log.entry(entry.index) == entry


def watch(path):
    """Replays a scenario and returns how often it reached what."""
    replay = Watched()
    for line in path.read_text(encoding="ascii").splitlines():
        replay.feed(line)
    return replay.reached

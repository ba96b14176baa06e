"""What the scenarios reach: one in which nothing happens would prove nothing."""

from collections import Counter

from raft import errors
from raft.entries import COMMAND
from raft.errors import TransferRefused
from raft.messages import (
    MESSAGES,
    Append,
    AppendRejected,
    Heartbeat,
    HeartbeatEcho,
    Message,
    PreVoteReply,
    PreVoteRequest,
    SnapshotChunk,
    TimeoutNow,
    VoteReply,
    VoteRequest,
)
from raft.observer import ConfigurationChanged, DownloadBegun, FollowerHealth, MessageDropped, Refused
from raft.progress import REPLICATE
from raft.ready import Answer
from tests.micropython.replay import Replay

EVENTS = (
    "append rejected with a hint that skips",
    "append retried after silence",
    "catching up took too long",
    "change answered",
    "clock ran backwards",
    "cluster got its id",
    "configuration taken back",
    "dropped: another cluster",
    "dropped: beyond the log",
    "dropped: leader is heard",
    "dropped: malformed",
    "dropped: promised to elect nobody",
    "dropped: second leader",
    "dropped: stranger",
    "dropped: wrong incarnation",
    "entry applied",
    "follower recovered",
    "follower stuck",
    "held reply died with its term",
    "higher priority took over",
    "incarnation bound",
    "joint configuration",
    "joint configuration left",
    "leader elected",
    "leader elected by transfer",
    "leader gave up without quorum",
    "leader handed over before its removal",
    "leader removed from office",
    "leader resigned because of its disk",
    "leader woke from quiescence",
    "learner applied",
    "log cut off",
    "log truncated",
    "member bound before it spoke",
    "message came during an installation",
    "message delivered twice",
    "more committed than one turn applies",
    "number above 2**30",
    "pre-vote refused",
    "promise carried over a restart",
    "promise made",
    "quiescent heartbeat",
    "read answered",
    "read failed",
    "read outlived its lease",
    "read served by lease",
    "restarted with a log",
    "restarted with an incarnation",
    "snapshot chunk sent",
    "snapshot chunk sent behind the first",
    "snapshot chunk too late for its term",
    "snapshot continued after a restart or with another leader",
    "snapshot gone",
    "snapshot installed",
    "snapshot made",
    "staleness known",
    "status of followers",
    "told that its disk is another's",
    "transfer answered",
    "transfer failed",
    "transfer refused: nobody is heard",
    "vote refused",
    "vote split",
    "window full",
    "witness counts for all",
    "witness counts for what others hold",
    "witness got a snapshot",
    "witness stored a command without its payload",
    "write reported before an earlier one",
    "writes lost in a crash",
)


def raised_by_the_core():
    """The names of all errors that a node can raise or answer; that of a broken storage is its actor's."""
    known = [error for error in vars(errors).values() if isinstance(error, type)]
    families = {base for error in known for base in error.__bases__} - {errors.ReadFailed}
    # The storages of these scenarios do not tell whom they serve, and all members run the same program.
    others = {errors.StorageFailed, errors.WrongKind, errors.MemberTooOld, errors.ProgramTooOld}
    return sorted(error.__name__ for error in known if error not in families and error not in others)


MARKS = (
    *EVENTS,
    *(f"error: {name}" for name in raised_by_the_core()),
    *(f"sent: {message.__name__}" for message in MESSAGES),
)


class Watched(Replay):
    """A replay that counts what it reaches, in `reached`."""

    def __init__(self):
        super().__init__()
        self.reached = Counter()
        self._asked = {}  # what tickets were given for, by node and ticket
        self._told = {}  # who told a node to campaign
        self._started_ms = {}

    def effect(self, kind, node, value):
        super().effect(kind, node, value)
        reached = self.reached
        if kind == "error":
            reached["transfer refused: nobody is heard"] += isinstance(value, TransferRefused) and value.target is None
            reached["error: " + type(value).__name__] += 1
        elif kind in ("read", "transfer", "change"):
            self._asked[node, value] = kind
        elif kind == "stale":
            reached["staleness known"] += value is not None
        elif kind == "status":
            reached["status of followers"] += bool(value.followers)
        elif kind == "apply":
            reached["entry applied"] += 1
            reached["learner applied"] += node in self.nodes[node].configuration.learners
        elif kind == "write":
            bare = any(entry.kind == COMMAND and not entry.data for entry in value.entries)
            witness = node in self.nodes[node].configuration.witnesses
            reached["witness stored a command without its payload"] += witness and bare
        elif kind == "deadline":
            reached["number above 2**30"] += value is not None and value > 1 << 30
        elif kind == "work":
            reached["more committed than one turn applies"] += value
        elif kind == "save":
            reached["snapshot made"] += 1
        elif kind == "restore":
            reached["snapshot installed"] += 1
            reached["witness got a snapshot"] += node in self.nodes[node].configuration.witnesses
        elif kind.startswith("read for "):
            reached["snapshot chunk sent"] += 1
            reached["snapshot chunk sent behind the first"] += value.offset > 0
        elif isinstance(value, Answer):
            self._note_answer(self._asked[node, value.ticket], value)
        elif isinstance(value, Message):
            self._note_message(kind[len("send to ") :], value)
        else:
            self._note_event(value)

    def _note_answer(self, question, answer):
        if answer.error is None:
            self.reached[question + " answered"] += 1
        else:
            self.reached[question + " failed"] += 1
            self.reached["error: " + type(answer.error).__name__] += 1

    def _note_message(self, receiver, message):
        reached = self.reached
        reached["sent: " + type(message).__name__] += 1
        if isinstance(message, PreVoteReply):
            reached["pre-vote refused"] += not message.granted
        elif isinstance(message, VoteReply):
            reached["vote refused"] += not message.granted
        elif isinstance(message, AppendRejected):
            reached["append rejected with a hint that skips"] += message.hint_index < message.prev_index - 1
        elif isinstance(message, Heartbeat):
            reached["quiescent heartbeat"] += message.pause_ms > 0
        elif isinstance(message, HeartbeatEcho):
            reached["promise made"] += message.promise_ms > 0
        elif isinstance(message, TimeoutNow):
            self._told[receiver] = message.sender

    def _note_event(self, event):
        reached = self.reached
        if isinstance(event, FollowerHealth):
            reached["follower stuck" if event.stuck else "follower recovered"] += 1
        elif isinstance(event, MessageDropped):
            reached["dropped: " + event.reason] += 1
        elif isinstance(event, DownloadBegun):
            reached["snapshot continued after a restart or with another leader"] += event.size_bytes > 0
        elif isinstance(event, Refused):
            reached["told that its disk is another's"] += 1
        elif isinstance(event, ConfigurationChanged):
            reached["joint configuration"] += event.configuration.joint
            reached["incarnation bound"] += bool(event.configuration.incarnations)

    def feed(self, line):
        """Carries out one line, and compares the node before and after it."""
        verb, node = line.split()[:2]
        before = self.nodes.get(node) and Glimpse(self.nodes[node])
        lost = verb == "crash" and self.disks[node].pending[-1:]
        self.landed = None
        super().feed(line)
        self.reached["writes lost in a crash"] += bool(lost and lost[0].number > int(line.split()[2]))
        after = self.nodes.get(node) and Glimpse(self.nodes[node])
        if verb == "duplicate":
            self.reached["message delivered twice"] += 1
        elif verb == "gone":
            self.reached["snapshot gone"] += 1
        elif verb == "piece":
            self.reached["snapshot chunk too late for its term"] += before.role.name != "leader"
        if after and not before:
            self.reached["restarted with a log"] += after.log.last_index > 0
            self.reached["restarted with an incarnation"] += after.term > 0 and after.core.identity.incarnation > 0
            self.reached["joint configuration"] += after.configuration.joint
        if after and before:
            self._compare(verb, line.split(), before, after)

    def _compare(self, verb, words, before, after):
        reached = self.reached
        failed = before.role.name == "candidate" and after.role.name in ("follower", "pre-candidate")
        reached["vote split"] += failed and after.term == before.term and after.role.leader is None
        reached["held reply died with its term"] += bool(before.held) and after.term > before.term
        reached["log cut off"] += after.base_index > before.base_index
        reached["log truncated"] += not after.holds(before.last_entry)
        reached["window full"] += verb == "ready" and after.has_full_window
        reached["cluster got its id"] += not before.cluster and after.cluster > 0
        reached["read served by lease"] += after.served_by_lease > before.served_by_lease
        reached["read outlived its lease"] += before.leased > after.leased and after.asked > before.asked
        bound = after.configuration.incarnations
        reached["member bound before it spoke"] += any(one not in before.configuration.members for one in bound)
        reached["configuration taken back"] += after.configuration_index < before.configuration_index
        reached["joint configuration left"] += before.configuration.joint and not after.configuration.joint
        if before.role.name == "leader" or after.role.name == "leader":
            self._compare_leaders(verb, before, after)
        if verb == "persisted":
            reached["write reported before an earlier one"] += int(words[3]) > before.done + 1
        if verb in ("tick", "propose", "persisted", "deliver", "duplicate", "forge"):
            reached["clock ran backwards"] += int(words[2]) < before.now
        if verb == "deliver" and before.role is after.role:
            lost_track = before.replicates_to > after.replicates_to
            reached["append retried after silence"] += lost_track and isinstance(self.landed, HeartbeatEcho)
        if isinstance(self.landed, (Append, SnapshotChunk)):
            reached["message came during an installation"] += before.installing and after.installing
        if isinstance(self.landed, (PreVoteRequest, VoteRequest)) and self.landed.term > before.term:
            first = self._started_ms[words[1]] + after.core.config.lease_promise_ms
            reached["promise carried over a restart"] += after.now < after.promised_until_ms == first

    def _compare_leaders(self, verb, before, after):
        reached = self.reached
        if after.role is before.role:
            reached["catching up took too long"] += after.long_rounds > before.long_rounds
            reached["witness counts for all"] += after.degraded and not before.degraded
            reached["witness counts for what others hold"] += before.degraded and not after.degraded
            reached["leader woke from quiescence"] += verb != "tick" and before.pause_ms > after.pause_ms
        elif after.role.name == "leader":
            reached["leader elected"] += 1
            told_by = self._told.get(after.core.id)
            if before.is_in_transfer and told_by:
                priority = after.configuration.priority
                reached["leader elected by transfer"] += 1
                reached["leader handed over before its removal"] += told_by not in after.configuration.voters
                reached["higher priority took over"] += priority(after.core.id) > priority(told_by)
        elif after.role.name == "follower" and after.term == before.term:
            if verb == "ready":
                reached["leader removed from office"] += 1
            elif after.core.restraint.disk_is_stalled(after.now):
                reached["leader resigned because of its disk"] += 1
            else:
                reached["leader gave up without quorum"] += 1

    def _begin(self, node, configuration, now, seed):
        super()._begin(node, configuration, now, seed)
        self._started_ms[node] = int(now)

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
        self.held = len(core.outbox._held)
        self.cluster = core.identity.cluster
        self.configuration = core.configuration
        self.configuration_index = core.log.configurations.newest_index
        self.served_by_lease = core.reads.served_by_lease
        self.leased = len(core.reads._leased)
        self.asked = len(core.reads._fresh) + len(core.reads._asked)
        self.promised_until_ms = core.restraint.promised_until_ms
        self.installing = core.snapshots.installing is not None
        leading = core.leading
        self.pause_ms = leading._pause_ms if leading else 0
        self.long_rounds = sum(one.rounds for one in leading.reconfiguration._catching_up) if leading else 0
        self.degraded = bool(leading and leading.witness_mode.degraded)
        self.is_in_transfer = core.role.name == "candidate" and core.role._transfer
        log = core.log
        self.base_index = log.base_index
        self.last_entry = log.entry(log.last_index) if log.last_index > log.base_index else None
        followers = leading.progress.values() if leading else ()
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

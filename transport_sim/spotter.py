"""Recognizes rare situations, by what nodes tell their observers, what reaches them, and how they answer.

It only looks: it decides nothing, draws nothing and changes nothing, so that a run is the same with it and without.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from actors.session_table import AHEAD, EXPIRED, FULL, Reply
from raft.actor import LEASE
from raft.entries import CONFIGURATION
from raft.errors import (
    ChangeInProgress,
    NoSpace,
    NotCaughtUp,
    Overloaded,
    ReadFailed,
    TermNotCommitted,
    TransferInProgress,
)
from raft.membership import Configuration
from raft.messages import Append, HigherTerm, Message, NoRoom, PreVoteReply, SnapshotChunk
from raft.observer import (
    CampaignBegun,
    CampaignWon,
    CaughtUp,
    ChangeEnded,
    Committed,
    DownloadBegun,
    Event,
    FollowerHealth,
    LeadershipLost,
    MessageDropped,
    SnapshotOffered,
    TransferBegun,
    TransferEnded,
    Truncated,
    VoteAnswered,
)

from .quorums import halves_of, is_quorum
from .situations import Situations

if TYPE_CHECKING:
    from .host import Host

_SESSION = b"\x02"  # what a command of a session begins with; session and sequence follow
_WHICH_COMMAND = slice(1, 17)

_REASONS = {
    "no quorum is heard": "leader-unheard",
    "the own disk stands still": "leader-disk-stalled",
    "it is no voter any more": "removed-leader-stepped-down",
}
_DROPPED = {
    "leader is heard": "vote-request-beside-leader",
    "wrong incarnation": "wrong-incarnation",
}
_ERRORS: dict[type[Exception], str] = {
    NoSpace: "command-without-space",
    Overloaded: "back-pressure",
    TransferInProgress: "proposal-during-transfer",
    TermNotCommitted: "change-refused",
    ChangeInProgress: "change-refused",
    NotCaughtUp: "voter-too-slow",
}
_OUTCOMES = {EXPIRED: "session-expired", AHEAD: "session-full", FULL: "session-full"}


class Spotter:
    """Watches the hosts of one cluster.

    Args:
        hosts: all of them.
        found: where situations are counted.
        timeout_ms: the election timeout.
    """

    def __init__(self, hosts: Sequence[Host], found: Situations, timeout_ms: int) -> None:
        self._hosts = hosts
        self._reach = found.reach
        self._timeout_ms = timeout_ms
        self._leaders: dict[int, str] = {}  # by term
        self._candidates: dict[int, set[str]] = {}  # by term
        self._died_quiet: dict[int, Host] = {}  # quiescent leaders that crashed, by term
        self._started: dict[str, tuple[int, str | None, int]] = {}  # term, vote and time when a node started
        self._committed = 0
        self._commands: set[bytes] = set()  # sessions and sequences of the commands committed
        self._joint_term = 0  # of the last joint configuration that was committed
        self._promoting: set[str] = set()  # leaders whose new voters have caught up
        self._removed: dict[str, bool] = {}  # by leader that hands over: whether it is no voter any more
        self._offers: dict[tuple[str, str], int] = {}  # by leader and follower: the snapshot that is sent
        self._chunks: dict[str, int] = {}  # by follower: when the last chunk came
        self._by_event: dict[type[Event], Callable[[Host, Any], None]] = {
            CampaignBegun: self._campaign_begun,
            CampaignWon: self._campaign_won,
            LeadershipLost: self._leadership_lost,
            VoteAnswered: self._vote_answered,
            MessageDropped: self._message_dropped,
            FollowerHealth: self._follower_health,
            Committed: self._commit_rose,
            Truncated: self._truncated,
            SnapshotOffered: self._snapshot_offered,
            DownloadBegun: self._download_begun,
            CaughtUp: self._caught_up,
            ChangeEnded: self._change_ended,
            TransferBegun: self._transfer_begun,
            TransferEnded: self._transfer_ended,
        }
        self._by_message: dict[type[Message], Callable[[Host, Any], None]] = {
            Append: self._append,
            SnapshotChunk: self._chunk,
            PreVoteReply: self._pre_vote_reply,
            HigherTerm: self._higher_term,
            NoRoom: self._no_room,
        }

    # What is reported

    def observe(self, host: Host, event: Event) -> None:
        """Look at an event of a node."""
        look = self._by_event.get(type(event))
        if look is not None:
            look(host, event)

    def received(self, host: Host, message: Message) -> None:
        """Look at a message that is put in a node's mailbox."""
        look = self._by_message.get(type(message))
        if look is not None:
            look(host, message)

    def started(self, host: Host) -> None:
        """A node was started."""
        node = host.node
        self._started[host.id] = (node.term, node.vote, node.now)
        if node.log.base_index == node.log.last_index > 0:
            self._reach("restart-from-snapshot-alone")

    def crashed(self, host: Host) -> None:
        """A node is about to crash."""
        leading = host.node.leading
        if leading is not None and leading.deadline is not None and self._is_quiet(leading.deadline, host):
            self._died_quiet[host.node.term] = host

    def _is_quiet(self, deadline: int, host: Host) -> bool:
        return deadline - host.node.now > self._timeout_ms

    def asked_to_read(self, host: Host, consistency: str) -> None:
        """A node is asked to read."""
        leading = host.node.leading
        if consistency != LEASE or leading is None or not leading.has_committed:
            return
        if host.node.config.lease_promise_ms and not leading.lease_holds(host.now_ms):
            self._reach("lease-ended-by-transfer" if leading.succession.told else "lease-refused")

    def answered(self, error: Exception | None, result: object) -> None:
        """Something that was asked for is answered."""
        if error is None:
            name = _OUTCOMES.get(result.outcome) if isinstance(result, Reply) else None
        elif isinstance(error, ReadFailed):
            name = "read-unconfirmed" if "no leader has confirmed it" in str(error) else None
        else:
            name = _ERRORS.get(type(error))
        if name is not None:
            self._reach(name)

    # Elections

    def _campaign_begun(self, host: Host, event: CampaignBegun) -> None:
        if event.kind == "pre-vote":
            leader = self._died_quiet.pop(event.term - 1, None)
            if leader is not None and leader.actor is None:
                self._reach("quiet-leader-found-dead")
            return
        self._candidates.setdefault(event.term, set()).add(host.id)
        rivals = self._candidates.get(event.term - 1, ())
        if len(rivals) > 1 and event.term - 1 not in self._leaders:
            del self._candidates[event.term - 1]
            self._reach("split-vote")

    def _campaign_won(self, host: Host, event: CampaignWon) -> None:
        self._leaders[event.term] = host.id
        configuration = host.node.configuration
        if configuration.joint:
            self._reach("elected-when-joint")
        if configuration.witnesses:
            full = [voter for voter in event.voters if voter not in configuration.witnesses]
            if not is_quorum(full, halves_of(configuration)):
                self._reach("witness-decided-election")
        for other in self._hosts:
            if other is not host and other.actor is not None and other.node.leading is not None:
                self._reach("two-leaders")

    def _leadership_lost(self, host: Host, event: LeadershipLost) -> None:
        name = _REASONS.get(event.reason)
        if name is not None:
            self._reach(name)

    def _vote_answered(self, host: Host, event: VoteAnswered) -> None:
        if event.granted:
            return
        if event.reason == "leader is heard":
            self._reach("pre-vote-beside-leader")
        elif event.reason == "promised to elect nobody":
            self._promised(host)
        elif event.reason == "voted for another":
            term, vote, _ = self._started[host.id]
            if term == event.term and vote is not None:
                self._reach("vote-remembered")

    def _message_dropped(self, host: Host, event: MessageDropped) -> None:
        name = _DROPPED.get(event.reason)
        if name is not None:
            self._reach(name)
        elif event.reason == "promised to elect nobody":
            self._promised(host)

    def _promised(self, host: Host) -> None:
        """A vote is refused because of a promise; it is the one of the start as long as none was given since."""
        node = host.node
        _, _, started_ms = self._started[host.id]
        if node.restraint.promised_until_ms == started_ms + node.config.lease_promise_ms:
            self._reach("promise-outlives-restart")

    def _pre_vote_reply(self, host: Host, message: PreVoteReply) -> None:
        asks = host.node.role.name == "pre-candidate"
        if asks and not message.granted and message.term > host.node.term:
            self._reach("term-learned-by-rejection")

    def _higher_term(self, host: Host, message: HigherTerm) -> None:
        if host.node.leading is not None and message.term > host.node.term:
            self._reach("leader-freed-returning-node")

    # The log

    def _no_room(self, host: Host, message: NoRoom) -> None:
        self._reach("follower-without-space")

    def _commit_rose(self, host: Host, event: Committed) -> None:
        log = host.node.log
        leads = host.node.leading is not None
        if event.index <= self._committed:
            return
        for index in range(max(self._committed, log.base_index) + 1, event.index + 1):
            entry = log.entry(index)
            if leads and entry.term < host.node.term and index == self._committed + 1:
                self._reach("successor-committed-entry")
            if entry.kind == CONFIGURATION:
                self._configuration_committed(log.configurations.at(index), entry.term)
            elif entry.data[:1] == _SESSION:
                command = entry.data[_WHICH_COMMAND]
                if command in self._commands:
                    self._reach("command-repeated")
                self._commands.add(command)
        self._committed = event.index
        if leads:
            self._look_who_holds(host, event.index)

    def _configuration_committed(self, configuration: Configuration, term: int) -> None:
        if configuration.joint:
            self._joint_term = term
        else:
            if 0 < self._joint_term < term:
                self._reach("joint-change-inherited")
            self._joint_term = 0

    def _look_who_holds(self, host: Host, index: int) -> None:
        node = host.node
        if node.log.durable_index < index:
            self._reach("committed-before-own-disk")
        configuration = node.configuration
        if configuration.witnesses and node.leading is not None:
            match_of = node.leading.match_of
            full = [one for one in configuration.members if one not in configuration.witnesses]
            if not is_quorum([one for one in full if match_of(one) >= index], halves_of(configuration)):
                self._reach("witness-decided-commit")

    def _truncated(self, host: Host, event: Truncated) -> None:
        disk = host.disk  # it holds the old entries still, as far as it ever did
        lost = disk.entries[event.first - 1 - disk.base[0] :]
        if not lost:
            return
        if len(lost) > 1:
            self._reach("truncation-of-several")
        if any(self._leaders.get(entry.term) == host.id for entry in lost):
            self._reach("leader-lost-entries")
        if any(entry.kind == CONFIGURATION and Configuration.decode(entry.data).joint for entry in lost):
            self._reach("joint-change-truncated")
        first = lost[0]
        holders = [other.id for other in self._hosts if other.disk.term_at(first.index) == first.term]
        if is_quorum(holders, halves_of(host.node.configuration)):
            self._reach("majority-lost-entry")

    def _append(self, host: Host, message: Append) -> None:
        if message.prev_index < host.node.log.base_index and message.entries:
            self._reach("append-before-base")

    def _follower_health(self, host: Host, event: FollowerHealth) -> None:
        if event.stuck:
            self._reach("follower-stuck")

    # Snapshots

    def _snapshot_offered(self, host: Host, event: SnapshotOffered) -> None:
        transfer = (host.id, event.follower)
        before = self._offers.get(transfer)
        self._offers[transfer] = event.index
        if before is None or before >= event.index:
            return
        for follower in self._hosts:
            if follower.id == event.follower and follower.actor is not None:
                download = follower.node.snapshots.download
                follows = follower.node.role.leader == host.id
                if follows and download is not None and download.snapshot.index == before:
                    self._reach("snapshot-superseded")

    def _download_begun(self, host: Host, event: DownloadBegun) -> None:
        if event.size_bytes:
            self._reach("snapshot-continued")

    def _chunk(self, host: Host, message: SnapshotChunk) -> None:
        node = host.node
        snapshot = message.snapshot
        download = node.snapshots.download
        before_ms = self._chunks.get(host.id)
        self._chunks[host.id] = host.now_ms
        if download is not None and download.is_of(snapshot, message.fingerprint) and before_ms is not None:
            goes_on = message.offset == download.size_bytes > 0
            if goes_on and host.now_ms - before_ms > self._timeout_ms:
                self._reach("snapshot-resumed")
        log = node.log
        conflict = log.commit_index < snapshot.index <= log.last_index and log.term_at(snapshot.index) != snapshot.term
        if message.last and conflict:
            self._reach("snapshot-over-conflict")

    # Members and transfers

    def _caught_up(self, host: Host, event: CaughtUp) -> None:
        self._promoting.add(host.id)

    def _change_ended(self, host: Host, event: ChangeEnded) -> None:
        if host.id in self._promoting:
            self._promoting.discard(host.id)
            if event.index:
                self._reach("voter-promoted")

    def _transfer_begun(self, host: Host, event: TransferBegun) -> None:
        self._removed[host.id] = host.id not in host.node.configuration.voters

    def _transfer_ended(self, host: Host, event: TransferEnded) -> None:
        was_removed = self._removed.pop(host.id, False)
        if not event.succeeded:
            self._reach("transfer-failed")
        elif was_removed:
            self._reach("removed-leader-handed-over")
        elif host.node.room.is_full:
            self._reach("full-leader-gave-way")

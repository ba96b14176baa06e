"""What a leader knows about one follower: how far its log matches, and what is on its way to it.

A follower is *probed* until one append succeeds: one append at a time, from `next_index`, going back by whole terms
when refused. Then it is *replicated to*: appends are pipelined without waiting, within a window of messages and bytes
(thesis section 10.2.2). A refusal, or silence, drops it back to probing from what is known to match. When it needs
entries that the leader's log no longer has, it is *sent a snapshot*, one chunk at a time, and then replicated to.

No other file assigns the fields of `Progress`.
"""

from .features import BASE_LEVEL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .config import Config
    from .log import Log
    from .snapshot import Snapshot

PROBE = "probe"
REPLICATE = "replicate"
SNAPSHOT = "snapshot"


class Progress:
    """The leader's view of one follower.

    Args:
        next_index: where to begin: one behind the leader's last entry.
        now: milliseconds; the moment the leader was elected.

    Attributes:
        state: `PROBE`, `REPLICATE` or `SNAPSHOT`.
        match_index: the follower's log durably equals the leader's up to here. Raised only by answers to appends
            (contract R2), lowered only by the proof that the follower has lost entries (D6). Always
            0 <= match_index < next_index.
        matched_round: the leader's newest round of heartbeats when match_index last rose.
        trusted_round: acknowledgements of before the follower heard this round may speak of entries it has lost since.
        has_lost: whether it has lost entries that it had acknowledged to this leader.
        next_index: the next entry to send.
        told_commit: the commit index last sent.
        told_round: the round of heartbeats that was the last one when it was first sent.
        echoed_round: the newest round of heartbeats that the follower has echoed.
        feature_level: the highest that its program supports, as that echo said; 0 before the first one.
        heard_ms: when that round was *sent*; at first the moment of election.
        promised_until_ms: by the leader's clock, how long at least it elects nobody else (contract L2).
        no_room: whether the last thing it said of entries is that its disk has no room for them (contract D2).
        advanced_ms: when match_index last rose, or more of the snapshot was there than ever before, or the follower
            last had all there was.
        snapshot: the snapshot on its way, or None.
        snapshot_offset: how many bytes of it have arrived.
    """

    __slots__ = (
        "_flights",
        "_flying_bytes",
        "_latency_ms",
        "_most_bytes",
        "_probe_is_repeat",
        "_probe_repeats",
        "_probe_sent_ms",
        "advanced_ms",
        "echoed_round",
        "feature_level",
        "has_lost",
        "heard_ms",
        "match_index",
        "matched_round",
        "next_index",
        "no_room",
        "promised_until_ms",
        "snapshot",
        "snapshot_offset",
        "state",
        "told_commit",
        "told_round",
        "trusted_round",
    )

    def __init__(self, next_index: int, now: int) -> None:
        self.state = PROBE
        self.match_index = 0
        self.matched_round = 0
        self.trusted_round = 0
        self.has_lost = False
        self.next_index = next_index
        self.told_commit = 0
        self.told_round = 0
        self.echoed_round = 0
        self.feature_level = 0
        self.heard_ms = now
        self.promised_until_ms = 0
        self.no_room = False
        self.advanced_ms = now
        self.snapshot: "Snapshot | None" = None
        self.snapshot_offset = 0
        self._most_bytes = 0  # of that snapshot: how many had arrived at any time
        self._probe_sent_ms: "int | None" = None  # when the one outstanding probe, or chunk, was last sent
        self._probe_is_repeat = False  # whether it was sent before: what its answer took tells nothing
        self._probe_repeats = 0  # how often one was sent again since an answer could be measured
        self._latency_ms = 0  # how long answers took lately: the slowest, slowly forgotten
        self._flights: "list[tuple[int, int, int]]" = []  # unanswered appends: (last index, bytes, sent at)
        self._flying_bytes = 0

    def was_sent_all(self, last_index: int, log: "Log") -> bool:
        """Whether it was sent all that it may have: the entries up to `last_index`, and the news of every commit."""
        first = self.next_index
        is_sent = self.state == REPLICATE and first > last_index and first > log.base_index
        return is_sent and self.told_commit >= log.commit_index

    def may_send(self, config: "Config") -> bool:
        """Whether an append with entries may go now. One that is larger than the window goes when it is empty."""
        if self.state != REPLICATE:
            return self._probe_sent_ms is None
        return len(self._flights) < config.window_messages and (
            not self._flights or self._flying_bytes < config.window_bytes
        )

    def sent(self, last_index: int, size_bytes: int, commit: int, now: int, leader_round: int) -> None:
        """Note an append that ends with `last_index` (the previous index when it carries no entries)."""
        if commit > self.told_commit:
            self.told_round = leader_round
        self.told_commit = commit
        if self.state == PROBE:
            self._probe_sent_ms = now
        elif last_index >= self.next_index:
            self._flights.append((last_index, size_bytes, now))
            self._flying_bytes += size_bytes
            self.next_index = last_index + 1

    def accepted(self, match_index: int, now: int, leader_round: int) -> bool:
        """Note that an append ending with `match_index` is durable there; return whether match_index rose."""
        landed = 0
        while landed < len(self._flights) and self._flights[landed][0] <= match_index:
            self._flying_bytes -= self._flights[landed][1]
            self._measure(now - self._flights[landed][2])
            landed += 1
        if landed:
            self._flights = self._flights[landed:]
        rose = match_index > self.match_index
        if rose:
            self.match_index = match_index
            self.matched_round = leader_round
            self.next_index = max(self.next_index, match_index + 1)
            self.advanced_ms = now
            self.no_room = False
        # A late answer from before the follower's log was lost track of proves nothing about where to go on.
        probed = self.state == PROBE and match_index >= self.match_index
        installed = self.snapshot is not None and match_index >= self.snapshot.index
        if probed or installed:
            self._probe_is_answered(now)
            self._replicate()
        return rose

    def begin_snapshot(self, snapshot: "Snapshot") -> None:
        """Send a snapshot instead of entries, from its beginning."""
        self.state = SNAPSHOT
        self.snapshot = snapshot
        self.snapshot_offset = self._most_bytes = 0
        self._begin_probing()
        self._flights = []
        self._flying_bytes = 0

    def chunk_sent(self, now: int) -> None:
        """Note that the chunk at `snapshot_offset` is on its way."""
        self._probe_sent_ms = now

    def chunk_received(self, index: int, offset: int, size_bytes: int, now: int) -> None:
        """Note that the follower has so many bytes of the snapshot of `index`, having got the chunk at `offset`.

        Only the answer to the chunk that is on its way counts: one that comes twice must not send the next one twice.
        """
        if self.snapshot is None or self.snapshot.index != index or self.snapshot_offset != offset:
            return
        if size_bytes > self._most_bytes:
            # What is sent again and again, because it finds no space, gets nobody further.
            self._most_bytes = size_bytes
            self.advanced_ms = now
        self.snapshot_offset = size_bytes
        self._probe_is_answered(now)

    def rejected(self, prev_index: int, next_index: int, now: int) -> None:
        """Note that the append behind `prev_index` did not fit, and that `next_index` is where to try next."""
        if self.state == PROBE:
            if prev_index != self.next_index - 1 or prev_index <= self.match_index:
                return  # the answer to an earlier probe, or what an answer since then contradicts
            self.next_index = max(self.match_index + 1, min(next_index, prev_index))
            self._probe_is_answered(now)
        elif self.state == REPLICATE and prev_index > self.match_index:
            self._probe_again()

    def refused_for_space(self, prev_index: int, now: int) -> None:
        """Note that there was no room for what follows `prev_index`: try again after a while, as if it were lost."""
        if prev_index < self.match_index or self.state == SNAPSHOT:
            return  # there was, later
        if self.state == REPLICATE:
            self._probe_again()
        self.no_room = True
        self._probe_sent_ms = now
        self._probe_is_repeat = True

    def disproves(self, prev_index: int, round: int) -> bool:
        """Whether a refusal of the append behind `prev_index` proves that the follower has lost what it acknowledged.

        A leader never has a follower truncate what that has acknowledged to it, and a follower that has heard a later
        round than the newest one of when its acknowledgement came has refused later than it acknowledged.
        """
        return prev_index <= self.match_index and round > self.matched_round

    def lost(self, next_index: int, trusted_round: int, now: int) -> None:
        """Note that the follower has lost what it acknowledged, and that `next_index` is where to go on.

        What of its log is durable is not known any more, until it acknowledges anew: having heard `trusted_round`,
        which no earlier acknowledgement can have.
        """
        self.has_lost = True
        self.match_index = 0
        self.trusted_round = trusted_round
        self.advanced_ms = now
        self.snapshot = None
        self._probe_again()
        self.next_index = next_index

    def disqualified(self) -> None:
        """Let nothing count any more that the follower has told: no echo, no promise."""
        self.echoed_round = 0
        self.heard_ms = 0
        self.promised_until_ms = 0

    def echoed(self, round: int, sent_ms: int, promised_until_ms: int = 0, feature_level: int = BASE_LEVEL) -> bool:
        """Note the echo of a round of heartbeats; return whether it is the newest so far.

        An older one counts for nothing, least of all the promise that it carries (contract L2), or the level of the
        program that ran then.
        """
        if round <= self.echoed_round:
            return False
        self.promised_until_ms = promised_until_ms
        self.feature_level = feature_level
        self.echoed_round = round
        self.heard_ms = sent_ms
        return True

    def missed_commit(self, commit: int, round: int) -> None:
        """Note what the follower knew in some round, less than it was told: what it was told before that was lost."""
        if round > self.told_round:
            self.told_commit = min(self.told_commit, commit)

    def retry_lost(self, now: int, least_ms: int, most_ms: int) -> None:
        """Send again what has been unanswered for long: a lost probe or chunk, or an append by way of probing.

        Args:
            now: milliseconds.
            least_ms: lower bound of the patience. Above it, it is twice what answers took lately, since a follower
                whose disk is slow answers late and has lost nothing.
            most_ms: upper bound of the patience.
        """
        patience_ms = max(least_ms, min(2 * self._latency_ms, most_ms))
        if self.state != REPLICATE:
            # Each repetition doubles the patience, until an answer shows how long answers take.
            patience_ms = max(least_ms, min(patience_ms << min(self._probe_repeats, 8), most_ms))
            if self._probe_sent_ms is not None and now - self._probe_sent_ms >= patience_ms:
                self._probe_sent_ms = None
                self._probe_is_repeat = True
                self._probe_repeats += 1
        elif self._flights and now - self._flights[0][2] >= patience_ms:
            self._probe_again()

    def _probe_is_answered(self, now: int) -> None:
        # Which of two equal probes an answer belongs to cannot be told, and a guess would be wrong for ever: what is
        # slow would look fast and be sent twice, or what is lost would look slow (Karn's rule).
        if self._probe_sent_ms is not None and not self._probe_is_repeat:
            self._measure(now - self._probe_sent_ms)
            self._probe_repeats = 0
        self._begin_probing()

    def _begin_probing(self) -> None:
        self._probe_sent_ms = None
        self._probe_is_repeat = False

    def _measure(self, latency_ms: int) -> None:
        self._latency_ms = max(latency_ms, self._latency_ms * 7 // 8)

    def note_if_current(self, last_index: int, now: int) -> None:
        """Restart the clock of `is_stuck` while the follower has everything up to `last_index`."""
        if self.match_index >= last_index:
            self.advanced_ms = now

    def is_stuck(self, now: int, patience_ms: int) -> bool:
        """Whether the follower lacks entries and none has arrived for `patience_ms` (contract R8)."""
        return now - self.advanced_ms >= patience_ms

    def _replicate(self) -> None:
        self.state = REPLICATE
        self.next_index = self.match_index + 1
        self.snapshot = None
        self._begin_probing()

    def _probe_again(self) -> None:
        self.state = PROBE
        self.next_index = self.match_index + 1
        self._begin_probing()
        self._flights = []
        self._flying_bytes = 0

    def check(self) -> None:
        """Assert the invariants of this class; the simulator calls it after every event."""
        assert 0 <= self.match_index < self.next_index, "R2: match_index < next_index is broken"
        assert self._flying_bytes == sum([flight[1] for flight in self._flights]), "R5: flying bytes leak"

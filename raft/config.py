"""The settings of a node, each with its unit, default, bounds and reason. All times are milliseconds."""

from .errors import InvalidConfig
from .features import BASE_LEVEL, FEATURE_LEVEL

LIMIT = (1 << 30) - 1  # larger integers take memory of their own on 32-bit boards

# name, default, smallest, largest
_FIELDS = (
    ("election_timeout_ms", 1000, 10, 3_600_000),
    ("heartbeat_interval_ms", 100, 1, 3_600_000),
    ("commit_delay_ms", 5, 0, 1000),
    ("max_append_entries", 1024, 1, 1 << 20),
    ("max_append_bytes", 256 * 1024, 1, LIMIT),
    ("window_messages", 64, 1, 1 << 16),
    ("window_bytes", 4 * 1024 * 1024, 1, LIMIT),
    ("max_entry_bytes", 8 * 1024 * 1024, 1, LIMIT),
    ("max_uncommitted_bytes", 64 * 1024 * 1024, 1, LIMIT),
    ("max_apply_entries", 4096, 1, 1 << 20),
    ("max_pending_reads", 4096, 1, 1 << 20),
    ("lease_promise_ms", 0, 0, 3_600_000),
    ("max_clock_drift_ppm", 10_000, 0, 500_000),
    ("quiescent_timeouts", 0, 0, 1000),
    ("snapshot_entries", 10_000, 1, LIMIT),
    ("snapshot_bytes", 64 * 1024 * 1024, 1, LIMIT),
    ("snapshot_tail_entries", 1000, 0, LIMIT),
    ("snapshot_chunk_bytes", 256 * 1024, 1, LIMIT),
    ("may_lose_acknowledged", 0, 0, 1),
)


class Config:
    """Immutable settings, validated when made. Every argument is a keyword and an integer.

    Args:
        election_timeout_ms: E. A follower that hears no leader for a time drawn from [E, 2E) campaigns; a leader that
            hears no quorum for E steps down; a node that heard its leader within E refuses votes to others.
            10 to 3,600,000, default 1000. Well above a round trip plus a disk sync (thesis section 3.9).
        heartbeat_interval_ms: how often a leader sends a round of heartbeats. 1 to a third of the election timeout,
            so that two lost rounds depose nobody. Default 100.
        commit_delay_ms: for how long a leader may keep the news of a commit from its followers, so that it goes with
            the next entries and not by itself. Rounds of heartbeats take it along. 0 to 1000, 0 for at once, default 5.
        max_append_entries: most entries in one append. 1 to 2**20, default 1024.
        max_append_bytes: most payload bytes in one append; a single larger entry travels alone. Default 256 KiB.
        window_messages: most unacknowledged appends to one follower (thesis section 10.2.2). 1 to 65,536, default 64.
        window_bytes: most unacknowledged payload bytes to one follower; one append may exceed it. Default 4 MiB.
        max_entry_bytes: hard limit of one command. Default 8 MiB.
        max_uncommitted_bytes: most bytes a leader holds that are not committed, or not on its own disk, before it
            refuses proposals with `Overloaded`. One proposal always passes when nothing is pending. Default 64 MiB.
        max_apply_entries: most entries handed out for application at once, so that a long backlog does not hold up
            heartbeats. Default 4096.
        max_pending_reads: most reads that wait at one node before more are refused with `TooManyReads`. Default 4096.
        lease_promise_ms: for how long a voter that hears its leader promises to elect nobody else, so that the leader
            can serve reads by a lease (contract L2). At most the election timeout; 0, the default, for no promise. A
            clock that does not count suspended time, or may be wrong by more than `max_clock_drift_ppm`, needs 0. After
            a restart a member keeps to what is set then, so before it is lowered anywhere, reading by lease must end.
        max_clock_drift_ppm: by how much the rate of any member's clock may be wrong, in millionths. Default 10,000.
        quiescent_timeouts: how many election timeouts an idle, caught-up leader stays silent between two rounds of
            heartbeats (contract L4); followers wait twice as long. 0, the default, for never.
        snapshot_entries, snapshot_bytes: a snapshot is made when so many entries, or so many bytes of them, were
            applied since the last one. Defaults 10,000 and 64 MiB.
        snapshot_tail_entries: how many entries before the snapshot stay in the log, so that a follower that is a
            little behind needs no snapshot. Default 1000.
        snapshot_chunk_bytes: most bytes of a snapshot in one message. Default 256 KiB.
        feature_level: the highest feature level that this node supports (contract M10). 1 to `program_level`, the
            default. While a single member holds it down, the level of the cluster does not rise, and all members can
            go back to the older program.
        may_lose_acknowledged: 1 where a member that loses power may lose entries that it has acknowledged, since they
            are synced at intervals: it is then caught up from its real end. 0, the default, where all is synced before
            it is acknowledged: who loses some all the same has a disk that lies, and must be replaced (contract D6).

    Raises:
        InvalidConfig: names the field, the value and the bound.

    Attributes:
        program_level: the highest feature level that the program supports; a class of its own that says another one
            stands for another program.
    """

    program_level = FEATURE_LEVEL

    def __init__(self, **settings: int) -> None:
        self.election_timeout_ms = 0
        self.heartbeat_interval_ms = 0
        self.commit_delay_ms = 0
        self.max_append_entries = 0
        self.max_append_bytes = 0
        self.window_messages = 0
        self.window_bytes = 0
        self.max_entry_bytes = 0
        self.max_uncommitted_bytes = 0
        self.max_apply_entries = 0
        self.max_pending_reads = 0
        self.lease_promise_ms = 0
        self.max_clock_drift_ppm = 0
        self.quiescent_timeouts = 0
        self.snapshot_entries = 0
        self.snapshot_bytes = 0
        self.snapshot_tail_entries = 0
        self.snapshot_chunk_bytes = 0
        self.may_lose_acknowledged = 0
        self.feature_level = 0
        fields = list(_FIELDS)
        fields.append(("feature_level", self.program_level, BASE_LEVEL, self.program_level))
        for name, default, smallest, largest in fields:
            value = settings.pop(name, default)
            if type(value) is not int or not smallest <= value <= largest:
                raise InvalidConfig(name, value, f"an integer from {smallest} to {largest}")
            setattr(self, name, value)
        for name in sorted(settings):
            raise InvalidConfig(name, settings[name], "one of: " + ", ".join([field[0] for field in fields]))
        if self.heartbeat_interval_ms * 3 > self.election_timeout_ms:
            raise InvalidConfig(
                "heartbeat_interval_ms",
                self.heartbeat_interval_ms,
                f"at most a third of election_timeout_ms ({self.election_timeout_ms})",
            )

        if self.lease_promise_ms > self.election_timeout_ms:
            raise InvalidConfig(
                "lease_promise_ms", self.lease_promise_ms, f"at most election_timeout_ms ({self.election_timeout_ms})"
            )

    def replaced(self, **settings: int) -> "Config":
        """Return these settings with others in place of some, of the same program.

        Raises:
            InvalidConfig: as for the constructor.
        """
        kept = {field[0]: getattr(self, field[0]) for field in _FIELDS}
        kept["feature_level"] = self.feature_level
        kept.update(settings)
        return type(self)(**kept)

    @property
    def retry_ms(self) -> int:
        """How long an append may stay unanswered at least before the leader sends it again: two heartbeats."""
        return 2 * self.heartbeat_interval_ms

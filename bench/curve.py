"""A curve of memory over commands, and the rule by which it counts as flat."""

from __future__ import annotations

from dataclasses import dataclass

# A pointer that one node keeps for each command is 8 bytes: within a million commands it exceeds this twice over. And
# it is well above what an allocator still takes after a warm-up.
RSS_ALLOWANCE_BYTES = 4 * 1024 * 1024

# A log may exceed its threshold by what waits for an answer: the turn that crosses it applies that much too many at
# most, as much again is on its way when the snapshot is taken, and followers are behind by a turn or two.
TURNS_IN_A_LOG = 4


@dataclass(frozen=True)
class Plan:
    """What a run was asked to do, as far as the verdict depends on it.

    Attributes:
        commands: how many in all.
        snapshot_entries, snapshot_tail_entries: as in `raft.config.Config`.
        in_flight: how many commands wait for an answer at a time.
    """

    commands: int
    snapshot_entries: int
    snapshot_tail_entries: int
    in_flight: int

    @property
    def warm_up_commands(self) -> int:
        """After how many commands nothing may grow any more.

        100,000, or a tenth of a shorter run; more where logs take longer to be full for the second time, since until
        then it is they that fill memory; half of the run at most.
        """
        return min(max(min(100_000, self.commands // 10), 2 * self.log_bound_entries), self.commands // 2)

    @property
    def log_bound_entries(self) -> int:
        """How many entries a log may hold."""
        return self.snapshot_entries + self.snapshot_tail_entries + TURNS_IN_A_LOG * self.in_flight


@dataclass(frozen=True)
class Point:
    """What was held on the way to some number of commands: the most that was seen since the point before.

    Attributes:
        commands: how many were answered.
        seconds: since the first was proposed.
        log_entries_sum: entries in the logs of all nodes, in memory.
        log_entries_max: entries in the longest of them.
        log_bytes: what the entries of all logs counted together when they were most.
        stored_entries_sum, stored_entries_max: the same as for the logs, in storage.
        rss_bytes: physical memory of the process.
        snapshots: how many all nodes have made so far.
    """

    commands: int
    seconds: float
    log_entries_sum: int
    log_entries_max: int
    log_bytes: int
    stored_entries_sum: int
    stored_entries_max: int
    rss_bytes: int
    snapshots: int

    def as_object(self) -> dict[str, object]:
        """Return the point as it stands in JSON."""
        return {
            "commands": self.commands,
            "seconds": round(self.seconds, 3),
            "log_entries": {"sum": self.log_entries_sum, "max": self.log_entries_max},
            "log_bytes": self.log_bytes,
            "stored_entries": {"sum": self.stored_entries_sum, "max": self.stored_entries_max},
            "rss_bytes": self.rss_bytes,
            "snapshots": self.snapshots,
        }


@dataclass(frozen=True)
class Verdict:
    """Whether a curve is flat.

    Attributes:
        plan: what the run was asked to do.
        log_growth_entries, stored_growth_entries, log_growth_bytes, rss_growth_bytes: the most that was held after the
            warm-up, less the most that was held by its end; the entries are those of the longest log.
        longest_log: the most entries that any log or storage held, at any time.
        objections: why it is not flat, in words; none when it is.
    """

    plan: Plan
    log_growth_entries: int
    stored_growth_entries: int
    log_growth_bytes: int
    rss_growth_bytes: int
    longest_log: int
    objections: tuple[str, ...]

    @property
    def flat(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.objections

    @property
    def rule(self) -> str:
        """The rule, in words."""
        return (
            f"flat: no log holds more than {self.plan.log_bound_entries:,} entries (snapshot_entries + "
            f"snapshot_tail_entries + {TURNS_IN_A_LOG} * in_flight), in memory or in storage, at any time; every node "
            f"makes a snapshot; and the most physical memory held after {self.plan.warm_up_commands:,} commands "
            f"exceeds the most held before by at most {RSS_ALLOWANCE_BYTES:,} bytes"
        )

    def as_object(self) -> dict[str, object]:
        """Return the verdict as it stands in JSON."""
        return {
            "flat": self.flat,
            "objections": list(self.objections),
            "warm_up_commands": self.plan.warm_up_commands,
            "log_growth_entries": self.log_growth_entries,
            "stored_growth_entries": self.stored_growth_entries,
            "log_growth_bytes": self.log_growth_bytes,
            "rss_growth_bytes": self.rss_growth_bytes,
            "rss_allowance_bytes": RSS_ALLOWANCE_BYTES,
            "longest_log_entries": self.longest_log,
            "log_bound_entries": self.plan.log_bound_entries,
            "rule": self.rule,
        }


def judge(points: list[Point], snapshots: list[int], plan: Plan) -> Verdict:
    """Return the verdict on a curve.

    Args:
        points: in order; at least one within the warm-up and one behind it.
        snapshots: how many each node has made.
        plan: what the run was asked to do.
    """
    early = [point for point in points if point.commands <= plan.warm_up_commands]
    late = [point for point in points if point.commands > plan.warm_up_commands]

    def growth(name: str) -> int:
        before: int = max(getattr(point, name) for point in early)
        after: int = max(getattr(point, name) for point in late)
        return after - before

    rss_growth = growth("rss_bytes")
    longest = max(max(point.log_entries_max, point.stored_entries_max) for point in points)
    objections = []
    if min(snapshots) == 0:
        objections.append(f"{snapshots.count(0)} of {len(snapshots)} nodes made no snapshot: their logs were never cut")
    if longest > plan.log_bound_entries:
        objections.append(f"a log held {longest:,} entries, more than {plan.log_bound_entries:,}")
    if rss_growth > RSS_ALLOWANCE_BYTES:
        objections.append(f"physical memory grew by {rss_growth:,} bytes, more than {RSS_ALLOWANCE_BYTES:,}")
    return Verdict(
        plan,
        growth("log_entries_max"),
        growth("stored_entries_max"),
        growth("log_bytes"),
        rss_growth,
        longest,
        tuple(objections),
    )

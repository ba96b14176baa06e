"""The promises that can be seen to be broken only by comparing members: log matching (S3) and durability (S8)."""

from __future__ import annotations

from collections.abc import Sequence

from transport_sim.shadow import InvariantError

from .canonical import Log
from .member import Member


def check_logs(members: Sequence[Member]) -> None:
    """Check that logs which have an entry of the same index and term are equal up to there (S3)."""
    logs = [(member.id, log) for member in members for log in (member.log, member.stored)]
    for position, (id, log) in enumerate(logs):
        for other_id, other in logs[:position]:
            index = min(len(log), len(other))
            while index and log[index - 1][0] != other[index - 1][0]:
                index -= 1
            if log[:index] != other[:index]:
                raise InvariantError(
                    "S3", f"{other_id} and {id} have entry {index} of the same term, and differ up to there"
                )


def check_commit(committed: Log, members: Sequence[Member]) -> None:
    """Check that what was just committed is durable on a majority (S8)."""
    holders = [member.id for member in members if member.stored[: len(committed)] == committed]
    if 2 * len(holders) <= len(members):
        raise InvariantError("S8", f"committed entry {len(committed)} is durable on {holders} only")


def check_disks(committed: Log, members: Sequence[Member]) -> None:
    """Check that nobody could be elected without all that is committed, by what is on the disks (S8).

    Members that are down count: they come back with their disks.
    """
    ends = [(member.stored[-1][0] if member.stored else 0, len(member.stored)) for member in members]
    for member, end in zip(members, ends, strict=True):
        grants = [other for other in ends if other <= end]
        if member.stored[: len(committed)] != committed and 2 * len(grants) > len(members):
            raise InvariantError("S8", f"{member.id} could be elected without the committed entry {len(committed)}")

"""Draws what a run is made of: members, limits, timeouts, and how its network, disks and clocks are."""

from __future__ import annotations

from collections.abc import Sequence

from actors.session_table import SessionLimits
from raft.config import Config
from raft.membership import Configuration

from .application import Application
from .chance import Chance
from .climate import Mix
from .cluster import Setting
from .host import MODEL, REAL

SPARES = 2
"""How many machines stand by to become members."""

REAL_SHARE = 0.25
"""How many of all runs have the real storage on their disks; they take longer than those with the model."""


def draw_setting(
    chance: Chance,
    nodes: int,
    kinds: Sequence[str],
    mix: Mix,
    application: Application,
    of_users: bool,
    storage: str | None = None,
) -> Setting:
    """Draw a setting.

    Args:
        chance: decides.
        nodes: how many members, 1 to 9.
        kinds: the kinds of faults that may happen.
        mix: the trouble that the run is in for.
        application: what the nodes compute.
        of_users: whether users wrote it.
        storage: what works on the disks, one of `host.STORAGES`; None to let chance choose.
    """
    # What users send is never too large, and each of their clients gets a session.
    largest, sessions = (1 << 23, 10_000) if of_users else (300, 6)
    election_timeout_ms = chance.pick((150, 300, 1000))
    # Where clocks jump nobody can rely on leases: they assume that clocks are only a little too fast or slow (L2).
    least_ms, most_ms = election_timeout_ms // 4, election_timeout_ms
    promises_ms = (0,) if "clock-jump" in mix.struck else (0, least_ms, most_ms, most_ms)
    config = Config(
        election_timeout_ms=election_timeout_ms,
        heartbeat_interval_ms=election_timeout_ms // chance.pick((3, 5, 10)),
        max_append_entries=chance.pick((1, 4, 1024)),
        max_append_bytes=chance.pick((64, 512, 262_144)),
        window_messages=chance.pick((1, 3, 64)),
        window_bytes=chance.pick((200, 1 << 22)),
        max_entry_bytes=chance.pick((largest, 1 << 23)),
        max_uncommitted_bytes=chance.pick((2_000, 1 << 26)),
        max_apply_entries=chance.pick((2, 4096)),
        snapshot_entries=chance.pick((10, 100, 10_000)),
        snapshot_tail_entries=chance.pick((0, 10, 1000)),
        snapshot_chunk_bytes=chance.pick((200, 1000, 262_144)),
        lease_promise_ms=chance.pick(promises_ms),
        max_clock_drift_ppm=chance.pick((10_000, 200_000, 200_000)),
        quiescent_timeouts=chance.pick((0, 0, 0, 2)),
    )
    ids = [f"n{number}" for number in range(1, nodes + 1 + (SPARES if "membership" in kinds else 0))]
    witnesses = _draw_witnesses(chance.fork("witnesses"), ids, nodes, kinds)
    first = tuple(ids[:nodes])
    timeout_ms = chance.pick((500, 2_000, 10_000, 3_600_000))
    few = chance.pick((sessions, 10_000))
    limits = SessionLimits(
        timeout_ms=timeout_ms,
        # Registrations in doubt fill the table; where sessions never expire, nobody else would ever get one.
        sessions=few if timeout_ms < 3_600_000 else 10_000,
        window=chance.pick((2, 16, 1024)),
        session_reply_bytes=chance.pick((500, 1 << 22)),
    )
    return Setting(
        ids=ids,
        configuration=Configuration(first, witnesses=tuple(sorted(witnesses.intersection(first)))),
        witnesses=witnesses,
        config=config,
        limits=limits,
        weather=mix.weather,
        disk_speed=mix.disk_speed,
        storage=storage or (REAL if chance.fork("storage").happens(REAL_SHARE) else MODEL),
        busy=mix.busy,
        drift_ppm=chance.fork("drift").pick((0, config.max_clock_drift_ppm, config.max_clock_drift_ppm))
        if "drift" in kinds
        else 0,
        application=application,
    )


def _draw_witnesses(chance: Chance, ids: list[str], nodes: int, kinds: Sequence[str]) -> set[str]:
    """Draw who is a witness whenever it is a member: one of the first members, a spare one, or mostly nobody."""
    witnesses = set()
    if "membership" in kinds and nodes > 2 and chance.happens(0.3):
        witnesses.add(ids[1])
    if len(ids) > nodes and chance.happens(0.3):
        witnesses.add(ids[-1])
    return witnesses

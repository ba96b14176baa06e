"""Draws what a run is made of: members, limits, timeouts, and how its network, disks and clocks are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from actors.session_table import SessionLimits
from actors.storage.policy import ALWAYS, NEVER, SyncPolicy
from raft.config import Config
from raft.errors import InvalidConfig
from raft.membership import Configuration

from .application import Application
from .chance import Chance
from .climate import Mix
from .cluster import Setting
from .host import MODEL, REAL, Host

SPARES = 2
"""How many machines stand by to become members."""

INTERVALS = 0.12
"""How many of the runs have disks that sync at intervals."""
FORGETTING = 0.03
"""In how many a node that starts again has lost its disk: every crash costs a replacement, so that little happens."""
REAL_SHARE = 0.25
"""How many of all runs have the real storage on their disks; they take longer than those with the model."""


def draw_setting(
    chance: Chance,
    nodes: int,
    kinds: Sequence[str],
    mix: Mix,
    application: Application,
    of_users: bool,
    sync: str | None = None,
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
        sync: when disks sync entries, see `SyncPolicy`; to be drawn when None. For users it is always, unless they ask
            for another: they want to know what their machine does, and not what their disks do.
        storage: what works on the disks, one of `host.STORAGES`; None to let chance choose. The real one is there for
            disks that sync always, and not for machines of users, whose commands may be larger than its segments.

    Raises:
        InvalidConfig: the real storage is asked for where it is not there.
    """
    if storage == REAL and (of_users or sync not in (None, ALWAYS.text)):
        raise InvalidConfig("storage", storage, "model, for machines of users, and for disks that do not sync always")
    if sync is None and not of_users and storage != REAL:
        policy = _draw_policy(chance.fork("policy"))
    else:
        policy = SyncPolicy.parse(sync or ALWAYS.text)
    if storage is None:
        may_be_real = policy is ALWAYS and not of_users
        storage = REAL if may_be_real and chance.fork("storage").happens(REAL_SHARE) else MODEL
    # What users send is never too large, and each of their clients gets a session.
    largest, sessions = (1 << 23, 10_000) if of_users else (300, 6)
    election_timeout_ms = chance.pick((150, 300, 1000))
    # Where clocks jump nobody can rely on leases: they assume that clocks are only a little too fast or slow (L2).
    least_ms, most_ms = election_timeout_ms // 4, election_timeout_ms
    promises_ms = (0,) if "clock-jump" in mix.struck else (0, least_ms, most_ms, most_ms)
    config = Config(
        election_timeout_ms=election_timeout_ms,
        commit_delay_ms=chance.fork("news").pick((0, 5, 5, 20)),
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
        may_lose_acknowledged=int(policy.may_lose_acknowledged),
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
        disk_speed=replace(mix.disk_speed, at_once=chance.fork("at once").pick((0.0, 0.0, 0.0, 0.8))),
        policy=policy,
        storage=storage,
        busy=mix.busy,
        drift_ppm=chance.fork("drift").pick((0, config.max_clock_drift_ppm, config.max_clock_drift_ppm))
        if "drift" in kinds
        else 0,
        # Whose program is too old stops, and its next start would cost it its disk.
        programs={} if policy is NEVER else _draw_programs(chance.fork("programs"), ids, nodes, mix),
        application=application,
        reserve_bytes=1 << 26 if of_users else chance.fork("reserve").pick((1_000, 10_000, 1 << 26)),
    )


def _draw_programs(chance: Chance, ids: Sequence[str], nodes: int, mix: Mix) -> dict[str, int]:
    """Draw which program each machine has at first, in some of the runs in which they are restarted one by one."""
    if "rolling-restart" not in mix.struck or not chance.happens(0.2):
        return {}
    oldest = chance.pick((1, 2))
    members = {id: chance.pick((oldest, oldest, 2, 3)) for id in ids[:nodes]}
    return members | {id: chance.pick((1, 2, 3)) for id in ids[nodes:]}


def set_power_loss(chance: Chance, hosts: Sequence[Host]) -> None:
    """Draw whether the crashes of a run are those of machines, which lose power, or of processes alone, or mixed."""
    power_loss = chance.pick((0.0, 0.5, 1.0))
    for host in hosts:
        host.disk.power_loss = power_loss


def _draw_policy(chance: Chance) -> SyncPolicy:
    unit = chance.unit()
    if unit < FORGETTING:
        return NEVER
    if unit < FORGETTING + INTERVALS:
        return SyncPolicy.parse(chance.pick(("interval(50)", "interval(500)", "interval(5000)")))
    return ALWAYS


def _draw_witnesses(chance: Chance, ids: list[str], nodes: int, kinds: Sequence[str]) -> set[str]:
    """Draw who is a witness whenever it is a member: one of the first members, a spare one, or mostly nobody."""
    witnesses = set()
    if "membership" in kinds and nodes > 2 and chance.happens(0.3):
        witnesses.add(ids[1])
    if len(ids) > nodes and chance.happens(0.3):
        witnesses.add(ids[-1])
    return witnesses

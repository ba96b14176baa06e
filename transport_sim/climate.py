"""Climates: how much trouble a run is in for, from none to more than any real cluster meets.

A run draws its climate, unless it is told one, and then its own mix within the climate: how slow and lossy the network
is, how slow the disks are, how fast faults follow each other, and which kinds take part at all. Leaving kinds out at
random finds more than always mixing them all, since faults hide each other's effects (Groce et al., Swarm Testing,
ISSTA 2012).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .chance import Chance
from .disk import DiskSpeed
from .network import Weather

STRUCK = (
    "partition",
    "one-way",
    "bridge",
    "ring",
    "crash",
    "rolling-restart",
    "pause",
    "clock-jump",
    "disk-error",
    "disk-full",
)
"""The kinds of faults that strike at moments of their own."""


@dataclass(frozen=True)
class Climate:
    """What the mix of a run is drawn from: one of each tuple.

    Attributes:
        weight: how often it is drawn, relative to the others.
        usual_us, drop, duplicate, reorder, late_us: see `Weather`.
        disk_us, stall: see `DiskSpeed`.
        busy: see `World`.
        pace_us: usual time between two faults; empty when none strikes.
        share: how likely each kind in `STRUCK` takes part, 0 to 1.
        worst_moments: how likely a fault strikes in an election.
        tearing: how likely a crash tears the write that is under way.
        rot: how likely a disk is found to be damaged at a restart.
        past: how likely the cluster begins with a past (`past.py`), if it may.
        usurper: how likely a run has one.
    """

    weight: int
    usual_us: tuple[int, ...]
    drop: tuple[float, ...]
    duplicate: tuple[float, ...]
    reorder: tuple[float, ...]
    late_us: tuple[int, ...]
    disk_us: tuple[int, ...]
    stall: tuple[float, ...]
    busy: tuple[float, ...]
    pace_us: tuple[int, ...]
    share: float
    worst_moments: tuple[float, ...]
    tearing: tuple[float, ...]
    rot: tuple[float, ...]
    past: float
    usurper: float


CLIMATES = {
    # All the trouble lies in the past, so that no election of the run clears it away: elections start from any mix of
    # logs and terms that Raft allows, and whoever cannot win then never does.
    "calm": Climate(
        weight=12,
        usual_us=(200, 800, 3_000),
        drop=(0.0, 0.0, 0.01, 0.05),
        duplicate=(0.0, 0.02),
        reorder=(0.0, 0.02),
        late_us=(5_000, 50_000),
        disk_us=(500, 2_000, 10_000),
        stall=(0.0, 0.002),
        busy=(0.0, 0.05),
        pace_us=(),
        share=0.0,
        worst_moments=(0.0,),
        tearing=(0.0,),
        rot=(0.0,),
        past=1.0,
        usurper=0.0,
    ),
    # One building: fast, and now and then something breaks.
    "lan": Climate(
        weight=8,
        usual_us=(200, 800),
        drop=(0.0, 0.001),
        duplicate=(0.0,),
        reorder=(0.0, 0.02),
        late_us=(5_000,),
        disk_us=(500, 2_000),
        stall=(0.0, 0.002),
        busy=(0.0, 0.05),
        pace_us=(3_000_000, 10_000_000),
        share=0.5,
        worst_moments=(0.0, 0.3),
        tearing=(0.0, 0.5),
        rot=(0.0, 0.3),
        past=0.0,
        usurper=0.5,
    ),
    # Several regions: round trips near the shortest election timeout.
    "wan": Climate(
        weight=8,
        usual_us=(10_000, 20_000),
        drop=(0.0, 0.01, 0.05),
        duplicate=(0.0, 0.02),
        reorder=(0.02, 0.1),
        late_us=(50_000,),
        disk_us=(500, 2_000),
        stall=(0.0, 0.002),
        busy=(0.0, 0.05),
        pace_us=(1_000_000, 3_000_000),
        share=0.5,
        worst_moments=(0.0, 0.3),
        tearing=(0.0, 0.5),
        rot=(0.0, 0.3),
        past=0.1,
        usurper=0.5,
    ),
    # Everything works most of the time.
    "flaky": Climate(
        weight=36,
        usual_us=(200, 800, 3_000, 10_000),
        drop=(0.0, 0.01, 0.05),
        duplicate=(0.0, 0.02, 0.1),
        reorder=(0.0, 0.02, 0.1),
        late_us=(5_000, 50_000, 2_000_000),
        disk_us=(500, 2_000, 10_000),
        stall=(0.0, 0.002, 0.01),
        busy=(0.0, 0.05, 0.3),
        pace_us=(300_000, 1_000_000, 3_000_000),
        share=0.5,
        worst_moments=(0.0, 0.3),
        tearing=(0.0, 0.5, 1.0),
        rot=(0.0, 0.5),
        past=0.2,
        usurper=0.5,
    ),
    # Nothing works for long.
    "hostile": Climate(
        weight=36,
        usual_us=(800, 3_000, 10_000),
        drop=(0.01, 0.05, 0.2),
        duplicate=(0.02, 0.1),
        reorder=(0.02, 0.1, 0.3),
        late_us=(50_000, 2_000_000),
        disk_us=(500, 2_000, 10_000),
        stall=(0.0, 0.002, 0.01),
        busy=(0.05, 0.3),
        pace_us=(300_000, 1_000_000),
        share=0.7,
        worst_moments=(0.0, 0.3, 0.7),
        tearing=(0.5, 1.0),
        rot=(0.0, 0.5),
        past=0.2,
        usurper=0.5,
    ),
}
"""Every climate, by name, from the mildest to the worst."""


@dataclass
class Mix:
    """What a run has drawn from its climate.

    Attributes:
        climate: the name of it.
        weather: of the network.
        disk_speed: of every disk.
        busy: see `World`.
        struck: the kinds in `STRUCK` that take part.
        pace_us: usual time between two faults, 0 when none strikes.
        worst_moments, tearing, rot: see `Climate`.
        past: whether the cluster begins with a past, if it may.
        usurper: whether there is one, if there may be.
    """

    climate: str
    weather: Weather = field(default_factory=Weather)
    disk_speed: DiskSpeed = field(default_factory=DiskSpeed)
    busy: float = 0.0
    struck: tuple[str, ...] = ()
    pace_us: int = 0
    worst_moments: float = 0.0
    tearing: float = 0.0
    rot: float = 0.0
    past: bool = False
    usurper: bool = False


def draw_climate(chance: Chance) -> str:
    """Draw the name of a climate, by the weights."""
    at = chance.between(1, sum(climate.weight for climate in CLIMATES.values()))
    for name, climate in CLIMATES.items():
        at -= climate.weight
        if at <= 0:
            return name
    raise AssertionError("the weights were counted twice and differ")


def draw_mix(chance: Chance, name: str, kinds: Sequence[str]) -> Mix:
    """Draw the mix of a run.

    Args:
        chance: decides; each part of the mix has a fork of its own.
        name: of the climate.
        kinds: the kinds of faults that may take part at all.
    """
    climate = CLIMATES[name]
    mix = Mix(name, _draw_weather(chance.fork("weather"), climate, kinds))
    disks = chance.fork("disks")
    if "slow-disk" in kinds:
        mix.disk_speed.usual_us = disks.pick(climate.disk_us)
        mix.disk_speed.stall = disks.pick(climate.stall)
    mix.tearing = disks.pick(climate.tearing) if "torn-write" in kinds else 0.0
    mix.rot = disks.pick(climate.rot) if "bit-rot" in kinds else 0.0
    mix.busy = chance.fork("busy").pick(climate.busy) if "busy" in kinds else 0.0
    trouble = chance.fork("trouble")
    mix.past = trouble.happens(climate.past) and "crash" in kinds
    mix.usurper = trouble.happens(climate.usurper) and "usurper" in kinds
    mix.worst_moments = trouble.pick(climate.worst_moments) if "worst-moment" in kinds else 0.0
    if climate.pace_us:
        mix.pace_us = trouble.pick(climate.pace_us)
        # A run in which clocks jump has no leases, and most runs shall have some.
        drawn = {kind: trouble.happens(climate.share / (3 if kind == "clock-jump" else 1)) for kind in STRUCK}
        possible = [kind for kind in STRUCK if kind in kinds]
        mix.struck = tuple(kind for kind in possible if drawn[kind]) or tuple(possible[:1])
    return mix


def _draw_weather(chance: Chance, climate: Climate, kinds: Sequence[str]) -> Weather:
    weather = Weather()
    if "latency" in kinds:
        weather.usual_us = chance.pick(climate.usual_us)
    if "drop" in kinds:
        weather.drop = chance.pick(climate.drop)
    if "duplicate" in kinds:
        weather.duplicate = chance.pick(climate.duplicate)
    if "reorder" in kinds:
        weather.reorder = chance.pick(climate.reorder)
        weather.late_us = chance.pick(climate.late_us)
    return weather

"""Versions of the frames between members: every program reads all up to its own, and sends what everybody reads.

Members are upgraded one by one, so neighbours run different programs for a while. Which version may be sent is no
matter between two of them: a frame may be on its way when its receiver is started with the program before. It hangs on
the feature level in force (contract M10), which all members support, for good.

A later version is entered here with the level from which on it is sent; `frame.split` and `codec` then are told of it
by the header, and go on reading the ones before.
"""

from __future__ import annotations

from functools import cache

from raft.features import BASE_LEVEL

OLDEST = 1

SENT_FROM = {OLDEST: BASE_LEVEL}
"""By version: the feature level from which on it is sent. Both only ever go up."""


@cache
def version_at(feature_level: int) -> int:
    """Return the version of the frames that are sent at a feature level."""
    return max(version for version, level in SENT_FROM.items() if level <= feature_level)

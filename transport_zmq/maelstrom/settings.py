"""The settings of a member in Maelstrom's hands: those of a daemon that do not speak of addresses, keys and members."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..daemon.errors import ConflictingSettings
from ..daemon.settings import DEFAULT, NOWHERE, Given, Settings, settle

MAELSTROM = "Maelstrom"
USED = (
    "data-dir",
    "election-timeout-ms",
    "heartbeat-interval-ms",
    "snapshot-entries",
    "snapshot-bytes",
    "snapshot-tail-entries",
    "stop-timeout-ms",
    "log-level",
    "log-format",
)


def settled_for(given: Mapping[str, Given], member: str) -> Settings:
    """Return the settings of a member, whose id Maelstrom tells.

    Args:
        given: what the options are set to.
        member: its id.

    Raises:
        ConflictingSettings: an option is set that means nothing here.
        SettingsError: a value is not what it must be.
    """
    for name, value in given.items():
        if name not in USED and value.source not in (DEFAULT, NOWHERE):
            raise ConflictingSettings(
                ("maelstrom", name),
                f"{name} is set ({value.source}), and with --maelstrom it means nothing: Maelstrom says who takes part "
                f"and carries every message; leave it out (what counts is {', '.join(USED)})",
            )
    folder = given["data-dir"].text
    own = Given(str(Path(folder or ".") / member), given["data-dir"].source)
    return settle({**given, "name": Given(member, MAELSTROM), "data-dir": own})


def is_durable(given: Mapping[str, Given]) -> bool:
    """Whether members keep what they store; else it is gone when they end."""
    return given["data-dir"].text is not None

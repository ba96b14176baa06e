"""What a daemon logs, and how: lines for people, or one JSON object a line."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING

from loguru import logger

from raft.membership import Configuration
from raft.observer import DEBUG, ESSENTIAL, INFO, TRACE, FollowerHealth, Refused, StorageFault

if TYPE_CHECKING:
    from loguru import Message

_LINE = "{time:YYYY-MM-DD HH:mm:ss.SSS} <level>{level: <7}</level> {extra[node]}: {message}"
_OBSERVED = {"debug": DEBUG, "trace": TRACE, "info": INFO}
_WORDS = re.compile(r"(?<!^)(?=[A-Z])")


def set_up(node: str, level: str, form: str) -> None:
    """Let everything be logged to stderr.

    Args:
        node: the id of the member, which each line names.
        level: one of `options.LOG_LEVELS`.
        form: one of `options.LOG_FORMATS`.
    """
    logger.configure(handlers=[], extra={"node": node})
    if form == "json":
        logger.add(_write_json, level=level.upper())
    else:
        logger.add(sys.stderr, level=level.upper(), format=_LINE, backtrace=False, diagnose=False)


def _write_json(message: Message) -> None:
    record = message.record
    said = {
        "time": record["time"].isoformat(timespec="milliseconds"),
        "level": record["level"].name.lower(),
        "message": record["message"],
        **record["extra"],
    }
    if record["exception"] is not None:
        said["exception"] = repr(record["exception"].value)
    print(json.dumps(said, default=str), file=sys.stderr, flush=True)


class EventLog:
    """Logs the events of a node; the port `Observer` of `actors.ports`.

    Args:
        level: one of `options.LOG_LEVELS`.
    """

    def __init__(self, level: str) -> None:
        self.level = _OBSERVED.get(level, ESSENTIAL)

    def observe(self, event: object) -> None:
        """Log an event: what happened, then its fields, all but the node, which each line names."""
        kind = type(event)
        fields = {name: getattr(event, name) for name in getattr(kind, "FIELDS", ()) if name != "node"}
        what = _WORDS.sub(" ", kind.__name__).lower()
        told = ", ".join(f"{name} {_shown(value)}" for name, value in fields.items())
        extra = {name: value if isinstance(value, int) else _shown(value) for name, value in fields.items()}
        logger.bind(event=kind.__name__, **extra).log(_severity(event), "{}: {}", what, told)


def _severity(event: object) -> str:
    if isinstance(event, (Refused, StorageFault)):
        return "ERROR"
    if isinstance(event, FollowerHealth):
        return "WARNING" if event.stuck else "INFO"
    level = getattr(event, "level", ESSENTIAL)
    return "INFO" if level <= INFO else "DEBUG" if level == DEBUG else "TRACE"


def _shown(value: object) -> str:
    if isinstance(value, Configuration):
        parts = [(part, getattr(value, part)) for part in ("voters", "outgoing", "learners", "witnesses")]
        return ", ".join(f"{part} {' '.join(ids)}" for part, ids in parts if ids)
    if isinstance(value, tuple):
        return " ".join(str(part) for part in value) or "none"
    return "none" if value is None else str(value)

"""Reads traces: newline-delimited JSON, one protocol event a line. The format is described in docs/trace.md.

A trace is read line by line and never held whole. Everything that a reader relies on is checked: whoever iterates over
the events needs no checks of its own. Unknown events and unknown fields pass, since the format may gain them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, cast

VERSION = 1
"""The version of the format that this module reads."""

LONGEST_LINE_BYTES = 4 << 20
"""Bounds what one line may hold, in bytes: an append of the most entries that a node sends at once fits many times."""

MOST_EVENTS = 2_000_000
"""Bounds a trace, in events; about ten minutes of a busy cluster."""

MOST_MEMBERS = 100
"""Bounds the members of a trace, spares included."""

LARGEST_NUMBER = 2**53 - 1
"""The largest index, term or time: what every reader of JSON holds exactly (RFC 8259, section 6)."""

KINDS = ("run", "explore")
PARTS = ("voter", "witness", "learner", "spare")
ROLES = ("follower", "pre-candidate", "candidate", "leader")

Event = dict[str, Any]
"""One event: "at" in microseconds of virtual time, "event" its name, and the fields that belong to it."""


class TraceError(Exception):
    """A trace cannot be read.

    Attributes:
        file: the file's name.
        line: the number of the line, from 1; 0 when it is not about one line.
        problem: what is wrong, the bound that it exceeds if any, and what to do.
    """

    def __init__(self, file: str, line: int, problem: str) -> None:
        super().__init__(f"{file}:{line}: {problem}" if line else f"{file}: {problem}")
        self.file = file
        self.line = line
        self.problem = problem


class UnreadableFile(TraceError):
    """The file cannot be opened or read."""


class NoTrace(TraceError):
    """The file does not begin as a trace of a known version does."""


class MalformedTrace(TraceError):
    """A line is no event, or contradicts what was said before."""


class TruncatedTrace(TraceError):
    """The trace has no end: whatever wrote it did not finish."""


class TraceTooLarge(TraceError):
    """A line is too long, or there are too many events."""


@dataclass(frozen=True)
class Header:
    """The first line of a trace.

    Attributes:
        kind: "run" for a run of random faults, "explore" for an exploration.
        members: ids, in order.
        fields: the whole line.
    """

    kind: str
    members: tuple[str, ...]
    fields: dict[str, Any]


class Trace:
    """A trace that is being read, as `opened` returns it.

    Attributes:
        header: the first line.
        end: the last line, once `events` is exhausted.
    """

    def __init__(self, name: str, stream: BinaryIO, most_events: int) -> None:
        self._name = name
        self._stream = stream
        self._most_events = most_events
        self._line = 0
        self.end: Event | None = None
        self.header = self._read_header()
        self._members = frozenset(self.header.members)

    def events(self) -> Iterator[Event]:
        """Iterate over the events, all but the header and the end. Can be done once.

        Raises:
            TraceError: of the kind that says what is wrong, as soon as the line is met.
        """
        now = count = 0
        while (event := self._next()) is not None:
            if self.end is not None:
                self._fail("a line after the end; cut off what follows the line with the event 'end'")
            at: Any = event.get("at")
            if not is_number(at):
                self._fail(f"'at' is {_shown(at)}, and must be a whole number of microseconds from 0 to 2^53 - 1")
            if at < now:
                self._fail(f"'at' falls from {now} to {at}; the events of a trace stand in the order of time")
            now = at
            name = event.get("event")
            if not isinstance(name, str) or not name:
                self._fail(f"'event' is {_shown(name)}, and must be the name of an event")
            for field, is_good, wanted in _FIELDS.get(name, ()):
                if not is_good(event.get(field)):
                    self._fail(f"field {field!r} of {name!r} is {_shown(event.get(field))}, and must be {wanted}")
            self._check_members(event)
            if name == "end":
                self.end = event
                continue
            count += 1
            if count > self._most_events:
                message = f"more than {self._most_events:,} events, the most that fit here; record a shorter run"
                raise TraceTooLarge(self._name, self._line, f"{message}, with a smaller --seconds")
            yield event
        if self.end is None:
            problem = (
                "the trace ends without the event 'end': the run was interrupted or the file cut off; record again"
            )
            raise TruncatedTrace(self._name, self._line, problem)

    def _read_header(self) -> Header:
        fields = self._next() or {}
        if fields.get("trace") != "quorate":
            problem = 'the first line must be the header of a trace, {"trace":"quorate",...}; was the right file named?'
            raise NoTrace(self._name, 1, problem)
        version = fields.get("version")
        if version != VERSION or isinstance(version, bool):
            problem = f"version {_shown(version)} of the format, and this quorate reads version {VERSION}"
            raise NoTrace(self._name, 1, f"{problem}; read it with the quorate that recorded it, or record it again")
        if fields.get("kind") not in KINDS:
            self._fail(f"'kind' is {_shown(fields.get('kind'))}, and must be one of {', '.join(KINDS)}")
        members = fields.get("members")
        if not isinstance(members, list) or not 1 <= len(members) <= MOST_MEMBERS:
            self._fail(f"'members' must be a list of 1 to {MOST_MEMBERS} members")
        ids = []
        for member in members:
            if not isinstance(member, dict) or not is_name(member.get("id")) or member.get("part") not in PARTS:
                self._fail(
                    f'{_shown(member)} is no member; one is {{"id":"n1","part":PART}}, PART of {", ".join(PARTS)}'
                )
            if member["id"] in ids:
                self._fail(f"the member {_shown(member['id'])} stands there twice")
            ids.append(member["id"])
        return Header(fields["kind"], tuple(ids), fields)

    def _next(self) -> dict[str, Any] | None:
        """Return the next line's object, None at the end of the file."""
        try:
            line = self._stream.readline(LONGEST_LINE_BYTES + 1)
        except OSError as error:
            raise _unreadable(self._name, error) from error
        if not line:
            return None
        self._line += 1
        if len(line) > LONGEST_LINE_BYTES:
            problem = f"a line of more than {LONGEST_LINE_BYTES:,} bytes, the most that fit here"
            raise TraceTooLarge(self._name, self._line, f"{problem}; propose smaller commands")
        try:
            found = json.loads(line.decode("utf-8"), object_pairs_hook=_without_twins, parse_constant=_refuse_constant)
        except UnicodeDecodeError as error:
            self._fail(f"byte {error.start + 1} of the line is no UTF-8; was the file compressed or converted?")
        except (ValueError, RecursionError) as error:
            if not line.endswith(b"\n"):
                raise TruncatedTrace(
                    self._name, self._line, "the last line is cut off; record the trace again"
                ) from error
            self._fail(f"no JSON object: {error}")
        if not isinstance(found, dict):
            self._fail(f"a line must be one JSON object, and this is {_shown(found)}")
        return cast("dict[str, Any]", found)

    def _check_members(self, event: Event) -> None:
        for field in ("node", "to", "from", "by"):
            member = event.get(field)
            if member is not None and (not isinstance(member, str) or member not in self._members):
                self._fail(f"field {field!r} of {event['event']!r} is {_shown(member)}, no member of the header")

    def _fail(self, problem: str) -> NoReturn:
        raise MalformedTrace(self._name, self._line, problem)


@contextmanager
def opened(path: Path, most_events: int = MOST_EVENTS) -> Iterator[Trace]:
    """Open a trace and read its header.

    Args:
        path: the file.
        most_events: how many events it may have.

    Raises:
        TraceError: of the kind that says what is wrong.
    """
    try:
        stream = path.open("rb")
    except OSError as error:
        raise _unreadable(str(path), error) from error
    with stream:
        yield Trace(str(path), stream, most_events)


def is_number(value: object) -> bool:
    """Whether a value is a whole number from 0 to 2^53 - 1."""
    return type(value) is int and 0 <= value <= LARGEST_NUMBER


def is_name(value: object) -> bool:
    """Whether a value is a text of 1 to 64 characters, as ids of members are."""
    return isinstance(value, str) and 1 <= len(value) <= 64


def _unreadable(name: str, error: OSError) -> UnreadableFile:
    return UnreadableFile(name, 0, f"cannot be read: {error.strerror or error}")


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands in an object twice")
    return found


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


_Check = tuple[str, Callable[[object], bool], str]


def _optional(is_good: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or is_good(value)


def _is_message(value: object) -> bool:
    return isinstance(value, dict) and is_name(value.get("type")) and is_number(value.get("term"))


def _is_links(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(link, list) and len(link) == 2 and all(is_name(end) for end in link) for link in value
    )


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(is_name(name) for name in value)


def _check(fields: str, is_good: Callable[[object], bool], wanted: str) -> tuple[_Check, ...]:
    return tuple((field, is_good, wanted) for field in fields.split())


def _numbers(fields: str) -> tuple[_Check, ...]:
    return _check(fields, is_number, "a whole number from 0 to 2^53 - 1")


def _maybe_numbers(fields: str) -> tuple[_Check, ...]:
    return _check(fields, _optional(is_number), "a whole number from 0 to 2^53 - 1, or missing")


def _names(fields: str) -> tuple[_Check, ...]:
    return _check(fields, is_name, "a text of 1 to 64 characters")


_POSITIONS = "last_index last_term base_index commit_index applied_index durable_index"
_ROLE = _check("role", lambda value: value in ROLES, f"one of {', '.join(ROLES)}")
_MAYBE_ROLE = _check("role", lambda value: value is None or value in ROLES, f"one of {', '.join(ROLES)}, or missing")
_MAYBE_NAMES = _check("vote leader", _optional(is_name), "the id of a member, null or missing")
_FIELDS: dict[str, tuple[_Check, ...]] = {
    "start": (*_names("node"), *_numbers(f"term {_POSITIONS}"), *_ROLE, *_MAYBE_NAMES),
    "crash": _names("node"),
    "pause": (*_names("node"), *_numbers("until")),
    "state": (*_names("node"), *_maybe_numbers(f"term {_POSITIONS}"), *_MAYBE_ROLE, *_MAYBE_NAMES),
    "configuration": (
        *_names("node"),
        *_numbers("index"),
        *_check("voters", _is_names, "a list of ids"),
        *_check("outgoing learners witnesses", _optional(_is_names), "a list of ids, null or missing"),
    ),
    "send": (
        *_names("node to"),
        *_numbers("id"),
        *_check("message", _is_message, 'an object with a "type" and a "term"'),
    ),
    "deliver": (*_names("node from"), *_numbers("id")),
    "drop": (*_names("node to"), *_numbers("id"), *_names("why")),
    "duplicate": (*_names("node to"), *_numbers("id")),
    "durable": (*_names("node"), *_numbers("write"), *_maybe_numbers("term last_index")),
    "commit": (*_numbers("index"), *_maybe_numbers("term"), *_names("by")),
    "snapshot": (*_names("node how"), *_numbers("index term")),
    "propose": _names("node"),
    "fault": _names("fault"),
    "cut": _check("links", _is_links, "a list of pairs of ids"),
    "violation": (*_names("promise"), *_check("message", lambda value: isinstance(value, str), "a text")),
}

"""The options of a daemon: what each is called, how it is read, and what it is when nobody says.

Each can be given as a flag, as an environment variable, and in a file; all of them are texts, and are read here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from actors.storage.policy import InvalidPolicy, SyncPolicy
from raft.features import BASE_LEVEL, FEATURE_LEVEL
from raft.membership import MAX_ID_LENGTH, MAX_MEMBERS

from ..address import Address
from ..errors import InvalidAddress
from ..keys import is_key

LOG_LEVELS = ("error", "warning", "info", "debug", "trace")
LOG_FORMATS = ("human", "json")
OFF = "off"
_YES = ("true", "yes", "on", "1")
_NO = ("false", "no", "off", "0")


class Unreadable(Exception):
    """A text is no value of an option.

    Attributes:
        bound: what is one, in words.
        shown: the text, or what may be shown of it.
    """

    def __init__(self, bound: str, shown: str) -> None:
        super().__init__(bound)
        self.bound = bound
        self.shown = shown


class Option(NamedTuple):
    """One option.

    Attributes:
        name: as a flag has it, without the dashes.
        read: returns the value that a text stands for, or raises `Unreadable`.
        default: as a text; None when there is none.
        metavar: stands for the value in a help.
        help: says what it is.
    """

    name: str
    read: Callable[[str], Any]
    default: str | None
    metavar: str
    help: str

    @property
    def attribute(self) -> str:
        """Its name as Python has it."""
        return self.name.replace("-", "_")


def member_id(text: str) -> str:
    """Return an id of a member."""
    if 1 <= len(text) <= MAX_ID_LENGTH and text.isprintable() and not set(text) & set(" ,="):
        return text
    raise Unreadable(f"1 to {MAX_ID_LENGTH} characters, without spaces, commas and '='", text)


def path(text: str) -> Path:
    """Return a path; a key that stands where the path of its file should is not shown to anybody."""
    if is_key(text):
        raise Unreadable("the path of the file, never the key itself: others can see it here, so make a new one", "***")
    if not text or "\0" in text:
        raise Unreadable("a path", text)
    return Path(text)


def no_or_path(text: str) -> Path | None:
    """Return a path, or None for an empty text."""
    return path(text) if text else None


def address(text: str) -> Address:
    """Return an address to listen on; port 0 is any that is free."""
    try:
        return Address.parse(text)
    except InvalidAddress:
        raise Unreadable("host:port, for instance 127.0.0.1:7101 or [::1]:7101", text) from None


def no_or_address(text: str) -> Address | None:
    """Return an address, or None for "off"."""
    if text == OFF:
        return None
    try:
        return address(text)
    except Unreadable as error:
        raise Unreadable(f"{error.bound}, or {OFF}", text) from None


def reachable(text: str) -> str:
    """Return an address that others can connect to, as text; empty for none."""
    if text and (address(text).port == 0 or address(text).host in ("0.0.0.0", "::")):
        raise Unreadable("an address that others can connect to, with a host and a port of 1 to 65535", text)
    return text


def peers(text: str) -> dict[str, str]:
    """Return the addresses of members by id, from `n1=host:port,n2=host:port`; none for an empty text."""
    found: dict[str, str] = {}
    for part in text.split(",") if text.strip() else ():
        id, equals, where = part.strip().partition("=")
        try:
            if not equals or not reachable(where):
                raise Unreadable("", text)
            member_id(id)
        except Unreadable:
            raise Unreadable(f"name=host:port,name=host:port,…, which {part.strip()!r} is not", text) from None
        if id in found:
            raise Unreadable(f"a list that names each member once, and {id} is there twice", text)
        found[id] = where
    if len(found) > MAX_MEMBERS:
        raise Unreadable(f"at most {MAX_MEMBERS} members", text)
    return found


def ids(text: str) -> tuple[str, ...]:
    """Return ids of members, separated by commas; none for an empty text."""
    return tuple(sorted({member_id(part.strip()) for part in text.split(",")} if text.strip() else ()))


def flag(text: str) -> bool:
    """Return yes or no."""
    if text.lower() in _YES + _NO:
        return text.lower() in _YES
    raise Unreadable("true or false", text)


def sync_policy(text: str) -> SyncPolicy:
    """Return when entries are synced."""
    try:
        return SyncPolicy.parse(text)
    except InvalidPolicy as error:
        raise Unreadable(str(error).partition("; use ")[2], text) from None


def class_name(text: str) -> str:
    """Return the name of a class, as `package.module:Class`."""
    module, colon, name = text.partition(":")
    if colon and name.isidentifier() and all(part.isidentifier() for part in module.split(".")):
        return text
    raise Unreadable("package.module:Class, for instance actors.kv:KeyValue", text)


def integer(smallest: int, largest: int) -> Callable[[str], int]:
    """Return what reads integers between two bounds."""

    def read(text: str) -> int:
        digits = text.replace("_", "").removeprefix("-")
        if digits.isascii() and digits.isdigit() and len(digits) < 20 and smallest <= int(text) <= largest:
            return int(text)
        raise Unreadable(f"an integer from {smallest:,} to {largest:,}", text)

    return read


def one_of(*words: str) -> Callable[[str], str]:
    """Return what reads one of some words."""

    def read(text: str) -> str:
        if text in words:
            return text
        raise Unreadable(f"one of {', '.join(words)}", text)

    return read


MOST = (1 << 30) - 1
MOST_MS = 3_600_000

OPTIONS = (
    Option("name", member_id, None, "ID", "The id of this member; it stays the same for ever."),
    Option("data-dir", path, None, "DIR", "Where everything is stored; made when it is missing."),
    Option("listen", address, "127.0.0.1:7101", "HOST:PORT", "Where the other members connect to."),
    Option("client-listen", address, "127.0.0.1:7201", "HOST:PORT", "Where clients connect to."),
    Option(
        "http", no_or_address, "127.0.0.1:7301", "HOST:PORT", "Where the page, /livez, /readyz and /status are; or off."
    ),
    Option(
        "peers",
        peers,
        "",
        "LIST",
        "All members of a new cluster, this one too: n1=host:port,n2=host:port,… "
        "Once there is a data directory, that knows better, and this is not looked at.",
    ),
    Option(
        "witnesses",
        ids,
        "",
        "LIST",
        "Which of --peers vote and have no state machine, at most half; the same on all members: n3,…",
    ),
    Option(
        "witness",
        flag,
        "false",
        "",
        "Let this member vote and have no state machine; for one that joins, others are named by --witnesses.",
    ),
    Option("join", flag, "false", "", "Wait to be added to a cluster that runs, instead of --peers."),
    Option(
        "advertise",
        reachable,
        "",
        "HOST:PORT",
        "Where the other members reach this one, if not where --peers says; "
        "needed by one that joins and listens on 0.0.0.0.",
    ),
    Option(
        "client-peers",
        peers,
        "",
        "LIST",
        "Where clients reach the members, as --peers has it: who asks a member "
        "that does not lead is told where the leader is. Clients that know all members need it not.",
    ),
    Option(
        "http-peers",
        peers,
        "",
        "LIST",
        "Where --http of the members is, as --peers has it: so the page of each shows all, and goes on when its own "
        "member is lost.",
    ),
    Option(
        "key-file",
        no_or_path,
        "",
        "FILE",
        "The secret key of this member; needs --allow-list. Without, nothing is encrypted.",
    ),
    Option("allow-list", no_or_path, "", "FILE", "Whose keys are taken, and as what; read again on SIGHUP."),
    Option(
        "insecure-bind",
        flag,
        "false",
        "",
        "Let ports be reached from other machines though there are no keys: "
        "whoever reaches them can read and change everything.",
    ),
    Option("sync", sync_policy, "always", "POLICY", "When entries are synced: always, interval(MS) or never."),
    Option("election-timeout-ms", integer(10, MOST_MS), "1000", "MS", "Without a leader for so long, elect one."),
    Option("heartbeat-interval-ms", integer(1, MOST_MS), "100", "MS", "At most a third of the election timeout."),
    Option(
        "feature-level",
        integer(BASE_LEVEL, FEATURE_LEVEL),
        str(FEATURE_LEVEL),
        "LEVEL",
        "Hold the feature level of the cluster down at this one, so that all can go back to the program before.",
    ),
    Option("lease-promise-ms", integer(0, MOST_MS), "0", "MS", "For reads by lease; 0 for none."),
    Option("snapshot-entries", integer(1, MOST), "100000", "N", "A snapshot is made after so many entries."),
    Option(
        "snapshot-bytes",
        integer(1, MOST),
        str(64 * 1024 * 1024),
        "BYTES",
        "A snapshot is made after so many bytes of entries.",
    ),
    Option(
        "snapshot-tail-entries", integer(0, MOST), "1000", "N", "So many entries before a snapshot stay in the log."
    ),
    Option("machine", class_name, "actors.kv:KeyValue", "MODULE:CLASS", "The state machine, the same everywhere."),
    Option("stop-timeout-ms", integer(0, MOST_MS), "10000", "MS", "How long an end in good order may take."),
    Option("log-level", one_of(*LOG_LEVELS), "info", "LEVEL", "What is logged: " + ", ".join(LOG_LEVELS) + "."),
    Option("log-format", one_of(*LOG_FORMATS), "human", "FORMAT", "human, or json: one object a line."),
)

BY_NAME = {option.name: option for option in OPTIONS}

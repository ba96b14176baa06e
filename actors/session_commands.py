"""What stands in the log of a cluster with client sessions: every command begins with one byte that tells its kind.

- `PLAIN`: the rest is a command for the state machine, applied as often as it stands in the log.
- `REGISTER`: nothing follows. Opens a session; its id is the index of this entry.
- `STAMP`: nothing follows, and nothing is done; the leader proposes it so that log time goes on.
- `SESSION`: the session, the sequence of the command in it and the lowest sequence whose reply the client still waits
  for, 8 bytes each and big-endian; the rest is a command for the state machine, applied once.

Sessions and sequences are numbers from 1 to `MAX_NUMBER`, and the lowest sequence is not above the command's own. A
command has exactly one encoding.

Keeps to what MicroPython understands: boards run this file too.
"""

import struct

PLAIN = 0
REGISTER = 1
SESSION = 2
STAMP = 3

MAX_NUMBER = (1 << 63) - 1
_HEADER = ">BQQQ"
HEADER_BYTES = 25  # what a command in a session is longer than the state machine's


class MalformedCommand(ValueError):
    """The bytes are no command; the text says where they go wrong."""


class Command:
    """A decoded command.

    Attributes:
        kind: `PLAIN`, `REGISTER`, `SESSION` or `STAMP`.
        payload: the command for the state machine; empty for a registration or a stamp.
        session: the id of the session; 0 without one, as for the next two.
        sequence: the number of the command in the session.
        lowest: the lowest sequence of the session whose reply the client has not got.
    """

    __slots__ = ("kind", "lowest", "payload", "sequence", "session")

    def __init__(self, kind: int, payload: bytes, session: int = 0, sequence: int = 0, lowest: int = 0) -> None:
        self.kind = kind
        self.payload = payload
        self.session = session
        self.sequence = sequence
        self.lowest = lowest


def plain(payload: bytes) -> bytes:
    """Encode a command without a session."""
    return b"\x00" + payload


def register() -> bytes:
    """Encode "open a session"."""
    return b"\x01"


def stamp() -> bytes:
    """Encode "let log time go on"."""
    return b"\x03"


def in_session(session: int, sequence: int, lowest: int, payload: bytes) -> bytes:
    """Encode a command of a session.

    Args:
        session: the id of the session.
        sequence: the number of the command in the session, another one for each command and the same for each retry.
        lowest: the lowest sequence whose reply the client still waits for, at most `sequence`.
        payload: the command for the state machine.

    Raises:
        ValueError: when the numbers are out of their bounds.
    """
    if not (1 <= session <= MAX_NUMBER and 1 <= lowest <= sequence <= MAX_NUMBER):
        _check(session, sequence, lowest, ValueError)
    return struct.pack(_HEADER, SESSION, session, sequence, lowest) + payload


def numbers_in(data: bytes) -> "tuple[int, int, int] | None":
    """Return session, sequence and lowest of a command in a session, as most are; None when `decode` must look."""
    if len(data) >= HEADER_BYTES and data[0] == SESSION:
        _, session, sequence, lowest = struct.unpack_from(_HEADER, data)
        if 1 <= session <= MAX_NUMBER and 1 <= lowest <= sequence <= MAX_NUMBER:
            return session, sequence, lowest
    return None


def decode(data: bytes) -> Command:
    """Return the command that the bytes encode.

    Raises:
        MalformedCommand: when they encode none.
    """
    kind = data[:1]
    if kind == b"\x02":
        if len(data) < HEADER_BYTES:
            raise MalformedCommand("it ends within its numbers")
        _, session, sequence, lowest = struct.unpack_from(_HEADER, data)
        _check(session, sequence, lowest, MalformedCommand)
        return Command(SESSION, data[HEADER_BYTES:], session, sequence, lowest)
    if kind == b"\x00":
        return Command(PLAIN, data[1:])
    if kind == b"\x01" or kind == b"\x03":
        if len(data) > 1:
            raise MalformedCommand(f"{len(data) - 1} bytes follow its end")
        return Command(data[0], b"")
    raise MalformedCommand(f"there is no kind {data[0]}" if data else "it is empty")


def _check(session: int, sequence: int, lowest: int, error: "type[ValueError]") -> None:
    if not 1 <= session <= MAX_NUMBER:
        raise error(f"the session is {session}; it must be 1 to 2**63 - 1")
    if not 1 <= lowest <= sequence <= MAX_NUMBER:
        raise error(
            f"the sequence is {sequence} and the lowest unanswered one {lowest}; they must be 1 to 2**63 - 1, the "
            "lowest not above the other"
        )

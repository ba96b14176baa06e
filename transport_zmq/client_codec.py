"""What clients and nodes say to each other, as bytes.

A frame is a header and a body:

    magic    4 bytes   b"QUOR"
    version  1 byte    of everything behind it
    kind     1 byte    `REQUESTS` from a client, `ANSWERS` from a node
    cluster  8 bytes   id of the cluster, 0 while the sender knows none

The body is a row of small msgpack arrays, one behind the other, and a nil that ends it, as in `codec.py` and for the
same reasons. A request is (kind, number, patience in ms, argument), an answer (number of the request, code, value); the
codes stand in `client_answers.py`. Nothing is nested: an argument or value with a structure is bytes of
`actors.results`.

A client that speaks to a cluster names it, since addresses are used again: a command of a session must not reach
another cluster that happens to have a session of that number.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import islice
from typing import Any, NamedTuple

import msgpack

from .codec import END, KEPT_BYTES
from .frame import MAGIC
from .limits import FULL_ITEMS
from .refusal import FRAME_KIND, MALFORMED, MESSAGE_KIND, NOT_OURS, TOO_LARGE, TOO_MANY, TRUNCATED, VERSION, Refusal

WIRE_VERSION = 1  # a request that is new is none: a node that does not know it says so

# The kind of a frame; `frame.PEER` is 1.
REQUESTS = 2
ANSWERS = 3

_HEAD = struct.Struct(">4sBBQ")
HEAD_BYTES = _HEAD.size

# The numbers of wire version 1. A number is never used again for something else.
HELLO = 1  # who are you, and what must I know? argument: nil
PROPOSE = 2  # argument: the command as it is to stand in the log, see `actors.session_commands`
READ = 3  # linearizable; argument: the query, by `actors.results`
READ_LEASE = 4
READ_STALE = 5
STATUS = 6  # argument: nil
CHANGE = 7  # argument: the changes, by `client_answers.encode_changes`
TRANSFER = 8  # argument: who shall lead, or nil
WATCH = 9  # answered when there is something to tell, or with nil when there was not for long; argument: as for READ
UNWATCH = 10  # argument: the number of a WATCH that nobody waits for any more; neither is answered

_NOTHING = type(None)
_ARGUMENTS: dict[int, tuple[type, ...]] = {
    HELLO: (_NOTHING,),
    PROPOSE: (bytes,),
    READ: (bytes,),
    READ_LEASE: (bytes,),
    READ_STALE: (bytes,),
    STATUS: (_NOTHING,),
    CHANGE: (bytes,),
    TRANSFER: (str, _NOTHING),
    WATCH: (bytes,),
    UNWATCH: (int,),
}

MAX_NUMBER = (1 << 63) - 1
MAX_PATIENCE_MS = 24 * 3600 * 1000
MAX_TEXT_BYTES = 4096  # ids of members, and what is wrong with a result
_VALUES = (_NOTHING, int, str, bytes)


class Request(NamedTuple):
    """What a client asks for.

    Attributes:
        kind: one of the above; of what was received also any other, which a later program may know.
        number: names the answer; no other request of the same connection that is under way has it.
        patience_ms: for how long the client waits, 1 ms to a day.
        argument: see the kinds.
    """

    kind: int
    number: int
    patience_ms: int
    argument: bytes | str | int | None

    @property
    def is_known(self) -> bool:
        """Whether this program knows what is asked for."""
        return self.kind in _ARGUMENTS


class Answer(NamedTuple):
    """What a node says to a request.

    Attributes:
        number: of the request; 0 for the connection as a whole.
        code: what it came to.
        value: depends on the code and on what was asked.
    """

    number: int
    code: int
    value: bytes | str | int | None


new_row: Any = tuple.__new__
"""Makes a `Request` or an `Answer` of its fields in a plain tuple, in half the time that its class takes for it."""


class RowPacker:
    """Makes pieces of bodies.

    Attributes:
        pack: returns a `Request` or an `Answer`, or a plain tuple with the same fields, as a piece of a body.
    """

    def __init__(self) -> None:
        self.pack: Callable[[tuple[Any, ...]], bytes] = msgpack.Packer(autoreset=True).pack


def frame_of(kind: int, cluster: int, pieces: list[bytes]) -> bytes:
    """Return a frame with these pieces in its body."""
    return b"".join((_HEAD.pack(MAGIC, WIRE_VERSION, kind, cluster), *pieces, END))


def split(frame: bytes, kind: int) -> tuple[int, memoryview]:
    """Return the cluster that a frame names and its body.

    Args:
        frame: what anybody may have sent.
        kind: the only one that is read here.

    Raises:
        Refusal: it is none of ours. Nothing else is ever raised, whatever the bytes.
    """
    if frame[:4] != MAGIC:
        raise Refusal(NOT_OURS)
    if len(frame) < HEAD_BYTES:
        raise Refusal(TRUNCATED, "in the header")
    _, version, found, cluster = _HEAD.unpack_from(frame)
    if version != WIRE_VERSION:
        raise Refusal(VERSION, f"{version}, this is {WIRE_VERSION}")
    if found != kind:
        raise Refusal(FRAME_KIND, f"{found}, here only {kind}")
    return cluster, memoryview(frame)[HEAD_BYTES:]


class RowReader:
    """Reads bodies that anybody may have sent.

    Args:
        limit_bytes: how large a body may be.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._unpacker = self._fresh()

    def requests(self, body: memoryview) -> list[Request]:
        """Return the requests of a body, all of them or none.

        Raises:
            Refusal: something is wrong with it. Nothing else is ever raised, whatever the bytes.
        """
        return [_request(row) for row in self._rows(body)]

    def answers(self, body: memoryview) -> list[Answer]:
        """Return the answers of a body, all of them or none; raises as `requests` does."""
        return [_answer(row) for row in self._rows(body)]

    def _rows(self, body: memoryview) -> list[Any]:
        if len(body) > self._limit_bytes:
            raise Refusal(TOO_LARGE, f"{len(body)} bytes, at most {self._limit_bytes}")
        unpacker = self._unpacker
        end = unpacker.tell() + len(body)
        try:
            unpacker.feed(body)
            # Up to the nil and no further: of what follows it, the beginning of an array would wait for the next body.
            rows = list(islice(iter(unpacker.unpack, None), FULL_ITEMS + 1))
            if len(rows) > FULL_ITEMS:
                raise Refusal(TOO_MANY, f"more than {FULL_ITEMS}")
            if unpacker.tell() != end:
                raise Refusal(MALFORMED, "something follows the end")
        except Refusal:
            self._unpacker = self._fresh()
            raise
        except msgpack.OutOfData:
            self._unpacker = self._fresh()
            raise Refusal(TRUNCATED, "the end is missing") from None
        except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
            self._unpacker = self._fresh()
            raise Refusal(MALFORMED, type(error).__name__) from None
        if len(body) > KEPT_BYTES:
            self._unpacker = self._fresh()
        return rows

    def _fresh(self) -> msgpack.Unpacker:
        return msgpack.Unpacker(
            max_buffer_size=self._limit_bytes + KEPT_BYTES,
            read_size=4096,
            use_list=False,
            max_array_len=len(Request._fields),
            max_map_len=0,
            max_ext_len=0,
            max_str_len=MAX_TEXT_BYTES,
            max_bin_len=self._limit_bytes,
        )


def _request(row: Any) -> Request:
    if type(row) is not tuple or len(row) != len(Request._fields):
        raise Refusal(MALFORMED, "a request is no array of four")
    kind, number, patience_ms, argument = row
    if type(kind) is not int:
        raise Refusal(MESSAGE_KIND, "no number")
    if type(number) is not int or not 1 <= number <= MAX_NUMBER:
        raise Refusal(MALFORMED, "the number of a request is none")
    if type(patience_ms) is not int or not 1 <= patience_ms <= MAX_PATIENCE_MS:
        raise Refusal(MALFORMED, "the patience of a request is none")
    if kind not in _ARGUMENTS:
        return Request(kind, number, patience_ms, None)  # a later program's; whoever it is put before says so
    if type(argument) not in _ARGUMENTS[kind]:
        raise Refusal(MALFORMED, f"the argument of a request of kind {kind} is a {type(argument).__name__}")
    request: Request = new_row(Request, row)
    return request


def _answer(row: Any) -> Answer:
    if type(row) is not tuple or len(row) != len(Answer._fields):
        raise Refusal(MALFORMED, "an answer is no array of three")
    number, code, value = row
    if type(number) is not int or not 0 <= number <= MAX_NUMBER or type(code) is not int:
        raise Refusal(MALFORMED, "the number or the code of an answer is none")
    if type(value) not in _VALUES:
        raise Refusal(MALFORMED, f"the value of an answer is a {type(value).__name__}")
    answer: Answer = new_row(Answer, row)
    return answer

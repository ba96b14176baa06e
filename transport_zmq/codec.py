"""Messages of the core as msgpack.

A body is a row of small arrays, one behind the other. A message is one array: the number of its kind, then its fields
in the order of `FIELDS`, without the sender, whom the header of the frame names. In the place of its entries an
`Append` tells how many there are, and each of them follows as an array of its own. A `SnapshotChunk` has the fields of
its snapshot in the place of the snapshot. A nil ends the row, so that a body that was cut off between two messages is
noticed too. So nothing is nested, and a hostile body cannot make the reader allocate much
more than was sent: msgpack reserves room for an array when it sees the array's head, at every level anew.

An append that goes to several peers is packed once.

What the fields hold is judged by `Message.problem`, in the core, before it changes anything; here it is made sure
that there are as many as there must be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from operator import attrgetter
from typing import Any

import msgpack

from raft.entries import Entry
from raft.errors import MalformedConfiguration
from raft.membership import Configuration
from raft.messages import (
    Append,
    AppendAccepted,
    AppendRejected,
    Heartbeat,
    HeartbeatEcho,
    HigherTerm,
    Message,
    PreVoteReply,
    PreVoteRequest,
    ReadReply,
    ReadRequest,
    SnapshotChunk,
    SnapshotReceived,
    TimeoutNow,
    VoteReply,
    VoteRequest,
    WrongIncarnation,
)
from raft.snapshot import Snapshot

from .frame import Header
from .limits import Limits
from .refusal import MALFORMED, MESSAGE_KIND, TOO_LARGE, TOO_MANY, TRUNCATED, Refusal

# The numbers of wire version 1. A number is never used again for something else, and a new one makes a new version:
# whoever does not know it drops the whole frame.
KINDS: dict[int, type[Any]] = {
    1: PreVoteRequest,
    2: PreVoteReply,
    3: VoteRequest,
    4: VoteReply,
    5: Append,
    6: AppendAccepted,
    7: AppendRejected,
    8: Heartbeat,
    9: HeartbeatEcho,
    10: SnapshotChunk,
    11: SnapshotReceived,
    12: HigherTerm,
    13: ReadRequest,
    14: ReadReply,
    15: TimeoutNow,
    16: WrongIncarnation,
}

END = b"\xc0"  # nil
MAX_ARRAY_LENGTH = 16  # no message has more fields
KEPT_BYTES = 64 * 1024  # an unpacker that has held more gives its memory back

Fields = Callable[[Any], tuple[Any, ...]]


def _fields_of(kind: type[Any]) -> Fields:
    fields = kind.FIELDS[1:]
    assert kind.FIELDS[0] == "sender", f"{kind.__name__} does not begin with its sender"
    getter = attrgetter(*fields)
    return getter if len(fields) > 1 else lambda message: (getter(message),)


_NUMBERS = {kind: number for number, kind in KINDS.items()}
_FIELDS = {kind: _fields_of(kind) for kind in KINDS.values()}
_LENGTHS = {number: len(kind.FIELDS) for number, kind in KINDS.items()}
_LENGTHS[_NUMBERS[SnapshotChunk]] += len(Snapshot.FIELDS) - 1
_ENTRY_FIELDS = attrgetter("index", "term", "kind", "data", "stamp_ms")


class MessagePacker:
    """Makes bytes of the messages of one turn.

    Followers that are equally far are sent the very same `Append`: its bytes are kept until the end of the turn.
    """

    def __init__(self) -> None:
        self._pack = msgpack.Packer(autoreset=True).pack
        self._appends: dict[int, tuple[bytes, int]] = {}  # by id, which nothing else has while the message lives

    def forget(self) -> None:
        """Forget the appends; the turn is over, and they may not live any longer."""
        self._appends.clear()

    def pack(self, message: Message) -> tuple[bytes, int]:
        """Return the message as a piece of a body, and how many messages and entries that holds.

        An `Append` must live until the next `forget`.
        """
        kind = type(message)
        fields = _FIELDS[kind](message)
        if kind is Append:
            packed = self._appends.get(id(message))
            if packed is None:
                *before, entries = fields
                pieces = [self._pack((_NUMBERS[Append], *before, len(entries)))]
                pieces += map(self._pack, map(_ENTRY_FIELDS, entries))
                packed = self._appends[id(message)] = b"".join(pieces), len(pieces)
            return packed
        if kind is SnapshotChunk:
            term, snapshot, *rest = fields
            described = (snapshot.index, snapshot.term, snapshot.stamp_ms, snapshot.configuration.encode())
            fields = (term, *described, *rest)
        return self._pack((_NUMBERS[kind], *fields)), 1


class MessageUnpacker:
    """Makes messages of bytes that anybody may have sent.

    Args:
        limits: how large a body may be.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._unpacker = self._fresh()

    def unpack(self, body: bytes | memoryview, header: Header) -> list[Message]:
        """Return the messages of a body, all of them or none.

        Args:
            body: what follows the header.
            header: says who speaks.

        Raises:
            Refusal: something is wrong with it. Nothing else is ever raised, whatever the bytes.
        """
        if len(body) > self._limits.frame_bytes:
            raise Refusal(TOO_LARGE, f"{len(body)} bytes, at most {self._limits.frame_bytes}")
        unpacker = self._unpacker
        end = unpacker.tell() + len(body)
        try:
            unpacker.feed(body)
            messages = self._messages(unpacker, header)
            if unpacker.tell() != end:
                raise Refusal(MALFORMED, "something follows the end")
        except Refusal:
            self._unpacker = self._fresh()
            raise
        except (ValueError, TypeError, msgpack.exceptions.UnpackException, MalformedConfiguration) as error:
            self._unpacker = self._fresh()
            raise Refusal(MALFORMED, type(error).__name__) from None
        if len(body) > KEPT_BYTES:
            self._unpacker = self._fresh()
        return messages

    def _messages(self, unpacker: Iterable[Any], header: Header) -> list[Message]:
        sender, incarnation, cluster = header.sender, header.incarnation, header.cluster
        items = iter(unpacker)
        room = self._limits.frame_items
        messages: list[Message] = []
        for item in items:
            if item is None:
                return messages
            room -= 1
            if type(item) is not tuple or not item:
                raise Refusal(MALFORMED, "a message is no array")
            number = item[0]
            kind = KINDS.get(number) if type(number) is int else None
            if kind is None:
                raise Refusal(MESSAGE_KIND, repr(number) if type(number) is int else "no number")
            if len(item) != _LENGTHS[number]:
                raise Refusal(MALFORMED, f"a {kind.__name__} of {len(item) - 1} fields")
            message: Message
            if kind is Append:
                _, term, prev_index, prev_term, commit, count = item
                room -= _count(count, room)
                message = Append(sender, term, prev_index, prev_term, commit, _entries(items, count))
            elif kind is SnapshotChunk:
                _, term, index, snapshot_term, stamp_ms, configuration, offset, data, last = item
                snapshot = _snapshot(index, snapshot_term, stamp_ms, configuration)
                message = SnapshotChunk(sender, term, snapshot, offset, data, last)
            else:
                message = kind(sender, *item[1:])
            if room < 0:
                raise Refusal(TOO_MANY, f"more than {self._limits.frame_items}")
            if incarnation:
                message.incarnation = incarnation
            if cluster:
                message.cluster = cluster
            messages.append(message)
        raise Refusal(TRUNCATED, "the end is missing")

    def _fresh(self) -> msgpack.Unpacker:
        limit = self._limits.frame_bytes
        return msgpack.Unpacker(
            max_buffer_size=limit + KEPT_BYTES,
            read_size=4096,
            use_list=False,
            max_array_len=MAX_ARRAY_LENGTH,
            max_map_len=0,
            max_ext_len=0,
            max_str_len=0,
            max_bin_len=limit,
        )


def _count(value: object, room: int) -> int:
    if type(value) is not int or value < 0:
        raise Refusal(MALFORMED, "the number of entries is none")
    if value > room:
        raise Refusal(TOO_MANY, f"an append of {value} entries")
    return value


def _entries(items: Iterator[Any], count: int) -> tuple[Entry, ...]:
    """Return the next entries; if there are fewer, the end is missing too."""
    return tuple(
        [Entry(index, term, kind, data, stamp_ms) for index, term, kind, data, stamp_ms in islice(items, count)]
    )


def _snapshot(index: Any, term: Any, stamp_ms: Any, configuration: object) -> Snapshot:
    if type(configuration) is not bytes:
        raise Refusal(MALFORMED, "a configuration is no bytes")
    return Snapshot(index, term, stamp_ms, Configuration.decode(configuration))

"""The codec: what goes in comes out, and whatever else comes in is refused with a reason and nothing else."""

import random
import tracemalloc

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raft.config import Config
from raft.entries import COMMAND, Entry
from raft.messages import Append, Heartbeat, Message
from tests.golden.wire import samples
from tests.transport_zmq import wire
from transport_zmq.codec import END, MessagePacker, MessageUnpacker
from transport_zmq.frame import HEAD_BYTES, PEER, Header, split
from transport_zmq.limits import Limits
from transport_zmq.refusal import (
    CLUSTER,
    FRAME_KIND,
    MALFORMED,
    MESSAGE_KIND,
    NOT_OURS,
    REASONS,
    RECEIVER,
    TOO_LARGE,
    TOO_MANY,
    TRUNCATED,
    VERSION,
    Refusal,
)

EXAMPLES = 2000
UNPACKER = MessageUnpacker(wire.LIMITS)
HEADER = Header(PEER, 7, 9, "n1", "n2", "example:7000")
UNSIGNED = HEADER._replace(cluster=0, incarnation=0)
SAMPLE_FRAMES = [wire.frame_of(HEADER, [message]) for message in samples.MESSAGES]
SAMPLE_NAMES = [type(message).__name__ for message in samples.MESSAGES]


def read(frame):
    """The messages of a frame, or why it is refused."""
    try:
        header, body = split(frame)
        return UNPACKER.unpack(body, header)
    except Refusal as refusal:
        assert refusal.reason in REASONS
        return refusal.reason


def unpack(body, limits=wire.LIMITS):
    return MessageUnpacker(limits).unpack(body, UNSIGNED)


def judge(outcome):
    """What was read is refused, or is messages of which the core can tell what is wrong with them."""
    if not isinstance(outcome, str):
        for message in outcome:
            assert isinstance(message, Message)
            assert message.problem() is None or isinstance(message.problem(), str)


@given(wire.batches())
@settings(max_examples=EXAMPLES // 10)
def test_what_was_packed_is_unpacked(batch):
    header, messages = batch

    split_header, body = split(wire.frame_of(header, messages))

    assert split_header == header
    assert UNPACKER.unpack(body, header) == messages


def test_an_append_for_several_peers_is_packed_once():
    append = Append("n1", 3, 0, 0, 0, tuple([Entry(index, 3, COMMAND, b"x" * 100, 5) for index in range(1, 4)]))
    packer = MessagePacker()

    first, count = packer.pack(append)

    assert count == 4
    assert packer.pack(append)[0] is first
    packer.forget()
    assert packer.pack(append)[0] is not first
    assert packer.pack(append)[0] == first


@pytest.mark.contract("C4")
def test_random_bytes_are_refused_or_judged_by_the_core():
    chance = random.Random(1)
    for _ in range(EXAMPLES):
        garbage = chance.randbytes(chance.randint(0, 300))
        assert read(garbage) == NOT_OURS
        judge(read(HEADER.encode() + garbage))
        judge(read(HEADER.encode()[:HEAD_BYTES] + garbage))


@pytest.mark.contract("C4")
@given(st.binary(max_size=60))
@settings(max_examples=EXAMPLES // 10)
def test_small_bodies_are_refused_or_judged_by_the_core(garbage):
    judge(read(HEADER.encode() + garbage))
    judge(read(HEADER.encode() + garbage + END))


@pytest.mark.contract("C4")
@pytest.mark.parametrize("frame", SAMPLE_FRAMES, ids=SAMPLE_NAMES)
def test_a_frame_that_is_cut_off_anywhere_is_refused(frame):
    outcomes = {read(frame[:length]) for length in range(len(frame))}

    assert outcomes == {NOT_OURS, TRUNCATED}


@pytest.mark.contract("C4")
@pytest.mark.parametrize("frame", SAMPLE_FRAMES, ids=SAMPLE_NAMES)
def test_each_bit_that_is_flipped_is_refused_or_judged_by_the_core(frame):
    for place in range(8 * len(frame)):
        flipped = bytearray(frame)
        flipped[place // 8] ^= 1 << place % 8
        judge(read(bytes(flipped)))


@pytest.mark.contract("C4")
def test_frames_that_are_mangled_in_several_ways_are_refused_or_judged_by_the_core():
    chance = random.Random(1)
    for _ in range(EXAMPLES):
        frame = bytearray(chance.choice(SAMPLE_FRAMES))
        for _ in range(chance.randint(1, 6)):
            begin = chance.randrange(len(frame))
            end = min(len(frame), begin + chance.randint(0, 4))
            frame[begin:end] = chance.randbytes(chance.randint(0, 4)) or frame[end : end + 1]
        judge(read(bytes(frame)))


@pytest.mark.contract("C4")
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(0, 20) | st.floats() | st.text(max_size=5) | st.binary(max_size=5),
        lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
        max_leaves=10,
    )
)
@settings(max_examples=EXAMPLES // 10)
def test_whatever_msgpack_can_hold_is_refused_or_judged_by_the_core(value):
    judge(read(HEADER.encode() + msgpack.packb(value) + END))


@pytest.mark.contract("C4")
def test_an_unpacker_that_refused_a_body_reads_the_next():
    beat = Heartbeat("n1", 3, 1)
    good = MessagePacker().pack(beat)[0] + END
    unpacker = MessageUnpacker(wire.LIMITS)

    for bad in (
        b"\xc1",
        b"\x96\x05",
        good[:-1],
        good + b"\x93",
        good[:-1] + b"\x93" + END,
        b"\x91\xcc\xc8",
        b"\xdd\xff\xff\xff\xff",
    ):
        with pytest.raises(Refusal):
            unpacker.unpack(bad, UNSIGNED)
        assert unpacker.unpack(good, UNSIGNED) == [beat]


def refused(body, limits=wire.LIMITS):
    with pytest.raises(Refusal) as caught:
        unpack(body, limits)
    return caught.value.reason


@pytest.mark.contract("C4")
def test_a_message_of_an_unknown_kind_is_refused():
    assert refused(msgpack.packb((200, 1, 2))) == MESSAGE_KIND
    assert refused(msgpack.packb((0, 1))) == MESSAGE_KIND
    assert refused(msgpack.packb((True, 1, 2, 3, 4))) == MESSAGE_KIND, "True is not the number 1"
    assert refused(msgpack.packb((8.0, 1, 2, 3, 4))) == MESSAGE_KIND


@pytest.mark.contract("C4")
def test_a_message_with_too_few_or_too_many_fields_is_refused():
    assert refused(msgpack.packb((8, 1, 1, 0))) == MALFORMED
    assert refused(msgpack.packb((8, 1, 1, 0, 0, 0))) == MALFORMED
    assert refused(msgpack.packb(()) + msgpack.packb(1)) == MALFORMED
    assert refused(msgpack.packb((12, "a text")) + END) == MALFORMED
    entry = msgpack.packb((1, 1, 1, b""))
    assert refused(msgpack.packb((5, 1, 0, 0, 0, 1)) + entry) == MALFORMED, "an entry without its stamp"


@pytest.mark.contract("C4")
def test_sizes_are_checked_before_anything_is_read():
    limits = Limits(frame_bytes=1000, frame_items=10, queue_bytes=1)

    assert refused(b"\xc1" * 1001, limits) == TOO_LARGE
    assert refused(msgpack.packb((8, 1, 1, 0, 0)) * 11, limits) == TOO_MANY
    assert len(unpack(msgpack.packb((8, 1, 1, 0, 0)) * 10 + END, limits)) == 10
    assert refused(msgpack.packb((5, 1, 0, 0, 0, 10)), limits) == TOO_MANY
    assert refused(msgpack.packb((5, 1, 0, 0, 0, -1)), limits) == MALFORMED


@pytest.mark.contract("C4")
@pytest.mark.parametrize(
    "bomb",
    [
        b"\xdd\x00\xff\xff\xff" * 200,  # arrays of 16 million in arrays of 16 million
        b"\xdc\xff\xff" * 1000,
        b"\x91" * 5000,
        b"\xdf\xff\xff\xff\xff" * 100,
        b"\xc6\x7f\xff\xff\xff",
        b"\x96\x05\x01\x00\x00\x00\xce\xff\xff\xff\xff",
        b"\x9f" * 10_000,
    ],
)
def test_a_few_bytes_cannot_make_the_reader_allocate_many(bomb):
    unpacker = MessageUnpacker(wire.LIMITS)
    tracemalloc.start()
    try:
        with pytest.raises(Refusal):
            unpacker.unpack(bomb, UNSIGNED)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 1_000_000


@pytest.mark.contract("C4")
def test_a_header_says_whom_the_frame_is_for():
    HEADER.check(PEER, "n2", 7)
    HEADER.check(PEER, "n2", 0)
    HEADER._replace(cluster=0).check(PEER, "n2", 7)
    for header, reason in (
        (HEADER._replace(kind=200), FRAME_KIND),
        (HEADER._replace(receiver="n3"), RECEIVER),
        (HEADER._replace(cluster=8), CLUSTER),
    ):
        with pytest.raises(Refusal) as caught:
            header.check(PEER, "n2", 7)
        assert caught.value.reason == reason


@pytest.mark.contract("C4")
def test_a_header_that_cannot_be_read_is_refused():
    good = HEADER.encode()

    assert read(good + END) == []
    assert read(b"quor" + good[4:]) == NOT_OURS
    assert read(good[:4] + b"\x02" + good[5:]) == VERSION
    assert read(good[: HEAD_BYTES - 1]) == TRUNCATED
    assert read(good[:-1]) == TRUNCATED
    assert read(good[:HEAD_BYTES] + b"\xff" + good[HEAD_BYTES + 1 :]) == NOT_OURS
    assert read(HEADER._replace(sender="").encode()) == NOT_OURS
    assert read(HEADER._replace(receiver="x" * 65).encode()) == NOT_OURS
    assert read(HEADER._replace(receiver="\N{GRINNING FACE}" * 64).encode() + END) == []


def test_the_limits_leave_room_for_what_a_node_sends():
    config = Config(max_entry_bytes=1000, max_append_bytes=500, snapshot_chunk_bytes=300)
    limits = Limits.of(config)
    largest = Append("n1", 3, 0, 0, 0, (Entry(1, 3, COMMAND, b"x" * 1000, 5),))

    assert MessageUnpacker(limits).unpack(MessagePacker().pack(largest)[0] + END, UNSIGNED) == [largest]

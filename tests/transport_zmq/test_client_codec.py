"""What clients and nodes say to each other, as bytes: the same for ever, and nothing else is taken."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from actors.errors import NodeStopped, NotWatchable
from actors.session_table import APPLIED, CROWDED, REGISTERED, UNSUPPORTED, Reply
from raft.changes import LEARNER, REMOVED, VOTER, Change
from raft.errors import (
    ChangeInProgress,
    ChangeRefused,
    EntryTooLarge,
    InvalidChange,
    LastVoter,
    NotCaughtUp,
    NotLeader,
    OutcomeUnknown,
    Overloaded,
    ProposalRefused,
    ReadFailed,
    TermNotCommitted,
    TooManyReads,
    TransferFailed,
    TransferInProgress,
    TransferRefused,
    WitnessMajority,
)
from transport_zmq import client_answers, client_codec
from transport_zmq.client_answers import decode_changes, encode_changes, error_in, of_error, of_reply, reply_in
from transport_zmq.client_codec import (
    ANSWERS,
    CHANGE,
    HELLO,
    MAX_NUMBER,
    MAX_PATIENCE_MS,
    PROPOSE,
    READ,
    REQUESTS,
    STATUS,
    TRANSFER,
    UNWATCH,
    WATCH,
    Answer,
    Request,
    RowPacker,
    RowReader,
    frame_of,
    split,
)
from transport_zmq.errors import AnotherCluster, NotAnswerable, NotUnderstood, PortOverloaded, Unauthorized
from transport_zmq.frame import PEER, Header
from transport_zmq.limits import FULL_ITEMS
from transport_zmq.refusal import (
    FRAME_KIND,
    MALFORMED,
    MESSAGE_KIND,
    NOT_OURS,
    REASONS,
    TOO_LARGE,
    TOO_MANY,
    TRUNCATED,
    VERSION,
    Refusal,
)

LIMIT = 100_000
CLUSTER = 0xC1C2C3C4C5C6C7C8
HEAD = "51554f5201"  # magic, version

GOLDEN = {
    Request(HELLO, 1, 3000, None): "9401 01 cd0bb8 c0",
    Request(PROPOSE, 2, 3000, b"\x00\xff"): "9402 02 cd0bb8 c40200ff",
    Request(READ, 3, 3000, b"n"): "9403 03 cd0bb8 c4016e",
    Request(client_codec.READ_LEASE, 4, 1, b"n"): "9404 04 01 c4016e",
    Request(client_codec.READ_STALE, 5, 1, b"n"): "9405 05 01 c4016e",
    Request(STATUS, 6, MAX_PATIENCE_MS, None): "9406 06 ce05265c00 c0",
    Request(CHANGE, 7, 1, b"l\x00\x00\x00\x00"): "9407 07 01 c4056c00000000",
    Request(TRANSFER, MAX_NUMBER, 1, "n2"): "9408 cf7fffffffffffffff 01 a26e32",
    Request(WATCH, 9, 60_000, b"n"): "9409 09 cdea60 c4016e",
    Request(UNWATCH, 10, 1, 9): "940a 0a 01 09",
    Answer(2, 1, b"\x00"): "9302 01 c40100",
    Answer(3, 3, 99): "9303 03 63",
    of_error(4, NotLeader("n2", "db:7201")): "9304 21 c46e"
    + (
        b"u\0\0\0\2s\0\0\0\x35this node is not the leader; propose to n2 at db:7201"
        b"m\0\0\0\2s\0\0\0\6leaders\0\0\0\2n2s\0\0\0\7addresss\0\0\0\7db:7201"
    ).hex(),
}


def requests(*items):
    packer = RowPacker()
    return frame_of(REQUESTS, CLUSTER, [packer.pack(item) for item in items])


def read(frame):
    _, body = split(frame, REQUESTS)
    return RowReader(LIMIT).requests(body)


def refused(frame):
    with pytest.raises(Refusal) as caught:
        read(frame)
    assert caught.value.reason in REASONS
    return caught.value.reason


@pytest.mark.parametrize("item", GOLDEN, ids=str)
def test_the_bytes_of_version_1_never_change(item):
    golden = bytes.fromhex(GOLDEN[item])
    kind = REQUESTS if isinstance(item, Request) else ANSWERS

    frame = frame_of(kind, CLUSTER, [RowPacker().pack(item)])

    assert frame == bytes.fromhex(f"{HEAD} 0{kind} c1c2c3c4c5c6c7c8") + golden + b"\xc0"
    cluster, body = split(frame, kind)
    reader = RowReader(LIMIT)
    assert cluster == CLUSTER
    assert (reader.requests if kind == REQUESTS else reader.answers)(body) == [item]


def test_codes_and_kinds_are_never_used_for_something_else():
    assert [client_codec.HELLO, PROPOSE, READ, client_codec.READ_LEASE, client_codec.READ_STALE] == [1, 2, 3, 4, 5]
    assert [STATUS, CHANGE, TRANSFER, REQUESTS, ANSWERS] == [6, 7, 8, 2, 3]
    assert [WATCH, UNWATCH] == [9, 10]
    assert list(client_answers.OUTCOMES.values()) == [
        *("applied", "unsupported", "registered", "expired", "answered", "ahead", "full", "crowded", "invalid")
    ]
    assert {code: kind.__name__ for code, (kind, _) in client_answers.ERRORS.items()} == {
        32: "ProposalRefused",
        33: "NotLeader",
        34: "NodeStopped",
        35: "Overloaded",
        36: "PortOverloaded",
        37: "EntryTooLarge",
        38: "TransferInProgress",
        39: "TermNotCommitted",
        40: "ChangeInProgress",
        41: "InvalidChange",
        42: "LastVoter",
        43: "WitnessMajority",
        44: "NotCaughtUp",
        45: "Unauthorized",
        46: "AnotherCluster",
        63: "NotUnderstood",
        64: "OutcomeUnknown",
        65: "TransferRefused",
        66: "TransferFailed",
        80: "ReadFailed",
        81: "TooManyReads",
        82: "NotAnswerable",
        83: "NotWatchable",
    }


ALL_ERRORS = [
    ProposalRefused("no"),
    NotLeader("n2", "db:7201"),
    NotLeader(None),
    NodeStopped("n1", "out of memory"),
    Overloaded(5, 4),
    PortOverloaded("requests", 5, 4),
    EntryTooLarge(5, 4),
    TransferInProgress("n2"),
    TermNotCommitted(7),
    ChangeInProgress(9),
    InvalidChange("n4", "why"),
    LastVoter(),
    WitnessMajority(),
    NotCaughtUp("n4", 3, 9),
    Unauthorized("alice"),
    AnotherCluster(),
    NotUnderstood("n1", 99),
    OutcomeUnknown("why"),
    TransferRefused(None, "why"),
    TransferFailed("n2", "why"),
    ReadFailed("why"),
    TooManyReads(5, 4),
    NotAnswerable("why"),
    NotWatchable("Counter"),
]


@pytest.mark.contract("C2")
@pytest.mark.parametrize("error", ALL_ERRORS, ids=repr)
def test_an_error_arrives_as_the_same_error(error):
    back = error_in(of_error(7, error))

    assert type(back) is type(error)
    assert str(back) == str(error)
    assert vars(back) == {name: vars(error)[name] for name in vars(back)}
    assert {type(known) for known in ALL_ERRORS} == {kind for kind, _ in client_answers.ERRORS.values()}


def test_an_error_without_a_code_is_told_as_what_it_is_one_of():
    class Novelty(ChangeRefused):
        pass

    assert type(error_in(of_error(1, Novelty("new")))) is ProposalRefused
    told = error_in(of_error(1, ZeroDivisionError("x" * 5000)))
    assert type(told) is NotAnswerable
    assert "ZeroDivisionError" in str(told)
    assert len(str(told)) <= 1000
    assert "a?b" in str(error_in(of_error(1, ValueError("a\ud800b"))))


@pytest.mark.contract("C2")
@pytest.mark.parametrize("answer", [Answer(1, 31, None), Answer(1, 33, b"xyz"), Answer(1, 33, None), Answer(1, -1, 0)])
def test_what_cannot_be_understood_is_in_doubt(answer):
    assert type(error_in(answer)) is OutcomeUnknown
    with pytest.raises(OutcomeUnknown):
        reply_in(answer)


@pytest.mark.parametrize("reply", [Reply(APPLIED, b"x"), Reply(REGISTERED, MAX_NUMBER), Reply(CROWDED)], ids=repr)
def test_what_an_entry_came_to_arrives(reply):
    assert reply_in(of_reply(1, reply)) == reply


def test_a_text_of_any_length_fits():
    answer = of_reply(1, Reply(UNSUPPORTED, "\N{GRINNING FACE}" * 5000))
    _, body = split(frame_of(ANSWERS, 0, [RowPacker().pack(answer)]), ANSWERS)

    assert reply_in(RowReader(LIMIT).answers(body)[0]).value == "\N{GRINNING FACE}" * 1000


def test_changes_arrive():
    changes = [Change("n4", VOTER, "db:7", 1 << 63, False, 3), Change("n1", REMOVED), Change("n2", LEARNER)]

    back = decode_changes(encode_changes(changes))

    for change, again in zip(changes, back, strict=True):
        assert [getattr(change, name) for name in Change.__slots__] == [
            getattr(again, name) for name in Change.__slots__
        ]


@pytest.mark.contract("C4")
@pytest.mark.parametrize(
    "change", [Change(4, VOTER), Change("n4", 1), Change("n4", VOTER, 7), Change("n4", VOTER, "", "x")], ids=repr
)
def test_changes_that_are_none_are_refused(change):
    with pytest.raises(ValueError, match="another type"):
        decode_changes(encode_changes([change]))
    with pytest.raises(ValueError, match="argument"):
        decode_changes(b"l\x00\x00\x00\x01" + b"u\x00\x00\x00\x00")


@pytest.mark.contract("C4")
def test_frames_that_are_none():
    whole = requests(Request(PROPOSE, 1, 1, b"xyz"))

    assert refused(b"") == NOT_OURS
    assert refused(b"GET / HTTP/1.1") == NOT_OURS
    assert refused(whole[:4] + b"\x02" + whole[5:]) == VERSION
    assert refused(frame_of(ANSWERS, 0, [])) == FRAME_KIND
    assert refused(Header(PEER, 0, 0, "n1", "n2").encode()) == FRAME_KIND
    for length in range(4, len(whole)):
        assert refused(whole[:length]) == TRUNCATED, length
    assert refused(whole + b"\xc0") in (MALFORMED, TRUNCATED)
    assert refused(requests(*[Request(STATUS, 1, 1, None)] * (FULL_ITEMS + 1))) == TOO_MANY
    assert refused(requests(Request(PROPOSE, 1, 1, bytes(LIMIT)))) == TOO_LARGE
    assert len(read(requests(*[Request(STATUS, 1, 1, None)] * FULL_ITEMS))) == FULL_ITEMS


@pytest.mark.contract("C4")
@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (Request("x", 1, 1, None), MESSAGE_KIND),
        (Request(True, 1, 1, None), MESSAGE_KIND),
        (Request(HELLO, 0, 1, None), MALFORMED),
        (Request(HELLO, MAX_NUMBER + 1, 1, None), MALFORMED),
        (Request(HELLO, None, 1, None), MALFORMED),
        (Request(HELLO, 1, 0, None), MALFORMED),
        (Request(HELLO, 1, MAX_PATIENCE_MS + 1, None), MALFORMED),
        (Request(HELLO, 1, 1.5, None), MALFORMED),
        (Request(HELLO, 1, 1, b""), MALFORMED),
        (Request(PROPOSE, 1, 1, None), MALFORMED),
        (Request(PROPOSE, 1, 1, "text"), MALFORMED),
        (Request(TRANSFER, 1, 1, b"n2"), MALFORMED),
        (Request(TRANSFER, 1, 1, "n" * 5000), MALFORMED),
        ((1, 1, 1), MALFORMED),
        ((1, 1, 1, None, None), MALFORMED),
        ((1, 1, 1, {}), MALFORMED),
        ((1, 1, 1, {1: 2}), MALFORMED),
        ("text", MALFORMED),
        (7, MALFORMED),
    ],
    ids=repr,
)
def test_requests_that_are_none(request_, reason):
    assert refused(requests(Request(STATUS, 1, 1, None), request_)) == reason


@pytest.mark.contract("C4")
@given(st.binary(max_size=300), st.booleans())
def test_whatever_the_bytes_they_are_refused_or_requests(garbage, with_head):
    frame = (requests()[:-1] if with_head else b"") + garbage
    try:
        _, body = split(frame, REQUESTS)
        reader = RowReader(LIMIT)
        found = reader.requests(body)
    except Refusal as refusal:
        assert refusal.reason in REASONS
    else:
        assert all(type(item) is Request for item in found)


@pytest.mark.contract("C4")
@given(st.binary(max_size=100))
@example(b"\x00\xc0\x93\xcc")  # behind the end of the body begins an array that would go on with the next one
def test_a_reader_that_has_refused_something_reads_the_next_frame(garbage):
    reader = RowReader(LIMIT)
    item = Request(PROPOSE, 1, 1, b"xyz")
    _, body = split(requests(item), REQUESTS)
    for _ in range(2):
        with pytest.raises(Refusal):
            reader.requests(memoryview(garbage + b"\xc1"))
        assert reader.requests(body) == [item]

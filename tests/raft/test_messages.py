import pytest
from hypothesis import given
from hypothesis import strategies as st

from raft.entries import COMMAND, CONFIGURATION, NOOP, Entry
from raft.features import HIGHEST_LEVEL
from raft.membership import Configuration
from raft.messages import (
    LIMIT,
    MESSAGES,
    Append,
    AppendAccepted,
    AppendRejected,
    Heartbeat,
    HeartbeatEcho,
    HigherTerm,
    Message,
    NoRoom,
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
from raft.role import Role
from raft.snapshot import Snapshot
from tests.raft.member import entries

ABC = Configuration(("a", "b", "c"))
SNAPSHOT = Snapshot(9, 3, 88, ABC)

WELL_FORMED = [
    PreVoteRequest("b", 4, 77, 9, 3),
    PreVoteRequest("b", 1, 0, 0, 0),
    PreVoteReply("b", 3, 77, True),
    PreVoteReply("b", 0, 0, False),
    VoteRequest("b", 4, 9, 3),
    VoteRequest("b", 1, 0, 0),
    VoteReply("b", 4, False),
    Append("b", 4, 9, 3, 8, entries(3, 4, 4, first=10)),
    Append("b", 4, 0, 0, 0, (Entry(1, 1, NOOP, b""),)),
    Append("b", LIMIT, LIMIT, LIMIT, LIMIT, ()),
    AppendAccepted("b", 4, 0),
    AppendRejected("b", 4, 9, 5, 2),
    AppendRejected("b", 4, 9, 9, 2),
    AppendRejected("b", 4, 9, 0, 0),
    Heartbeat("b", 4, 1),
    HeartbeatEcho("b", 4, 1, 0),
    SnapshotChunk("b", 4, SNAPSHOT, 5, 7, b"abc", False),
    SnapshotChunk("b", 3, Snapshot(1, 3, 0, ABC), 5, 0, b"", True),
    SnapshotReceived("b", 4, 9, 0, 0),
    HigherTerm("b", 4),
    HigherTerm("b" * 64, 4),
    VoteRequest("b", 4, 9, 3, True),
    Append("b", 4, 0, 0, 0, (Entry(1, 1, CONFIGURATION, ABC.encode()),)),
    Heartbeat("b", 4, 1, LIMIT, LIMIT),
    HeartbeatEcho("b", 4, 1, 0, LIMIT, HIGHEST_LEVEL),
    ReadRequest("b", 4, 0, 1),
    ReadReply("b", 4, 0, 1, 0),
    TimeoutNow("b", 4, 0),
    WrongIncarnation("b", 4, 1),
    WrongIncarnation("b", 4, (1 << 64) - 1),
    NoRoom("b", 4, 0),
]
# In each the fields hold distinct values, so that mixing two of them up shows.
SAMPLES = [
    PreVoteRequest("b", 4, 77, 9, 3),
    PreVoteReply("b", 4, 77, True),
    VoteRequest("b", 4, 9, 3, True),
    VoteReply("b", 4, True),
    Append("b", 4, 9, 3, 8, entries(4, first=10)),
    AppendAccepted("b", 4, 9, 7),
    AppendRejected("b", 4, 9, 5, 2, 7),
    Heartbeat("b", 4, 7, 9, 8),
    HeartbeatEcho("b", 4, 7, 9, 8, 5),
    SnapshotChunk("b", 4, SNAPSHOT, 5, 7, b"abc", True),
    SnapshotReceived("b", 4, 9, 3, 7),
    HigherTerm("b", 4),
    ReadRequest("b", 4, 77, 3),
    ReadReply("b", 4, 77, 3, 9),
    TimeoutNow("b", 4, 9),
    WrongIncarnation("b", 4, 9),
    NoRoom("b", 4, 9),
]
POSITION = "the snapshot is of no position that a log of this term can have"
NO_NUMBER = [None, -1, 1.0, True, "1", b"1", [], LIMIT + 1, 10**40]


def changed(message, field, value):
    """A copy of a message in which one field has another value."""
    fields = {name: getattr(message, name) for name in message.FIELDS}
    return type(message)(**{**fields, field: value})


def show(value):
    return type(value).__name__ if isinstance(value, Message) else repr(value)[:20]


@pytest.mark.parametrize("message", WELL_FORMED, ids=repr)
def test_a_well_formed_message_has_no_problem(message):
    assert message.problem() is None


def test_there_is_a_sample_of_every_message():
    assert tuple(type(sample) for sample in SAMPLES) == MESSAGES


@pytest.mark.parametrize("message", SAMPLES, ids=show)
def test_fields_are_listed_in_the_order_of_the_constructor(message):
    values = [getattr(message, field) for field in message.FIELDS]

    assert type(message)(*values) == message
    assert sorted(message.FIELDS) == sorted(type(message).__slots__)


@pytest.mark.parametrize("message", SAMPLES, ids=show)
def test_every_field_counts_for_equality(message):
    assert message == changed(message, "sender", "b")
    for field in message.FIELDS:
        value = getattr(message, field)
        if isinstance(value, Snapshot):
            other = Snapshot(10, 3, 88, ABC)
        else:
            other = (not value) if value is True or value is False else value * 2
        assert changed(message, field, other) != message, field


def test_messages_of_two_kinds_are_never_equal():
    assert HigherTerm("b", 4) != VoteReply("b", 4, True)
    assert VoteRequest("b", 4, 9, 3) != HigherTerm("b", 4)
    assert len(set(SAMPLES)) == len(SAMPLES)


def test_a_message_shows_all_its_fields():
    assert (
        repr(VoteRequest("b", 4, 9, 3)) == "VoteRequest(sender='b', term=4, last_index=9, last_term=3, transfer=False)"
    )
    message = HigherTerm("b", 4)
    message.incarnation, message.cluster = 255, 4096
    assert repr(message) == "HigherTerm(sender='b', term=4) of ff in 1000"


@pytest.mark.parametrize("message", SAMPLES, ids=show)
def test_every_message_has_a_handler_of_its_own(message):
    assert callable(getattr(Role, message.handler))
    assert len({kind.handler for kind in MESSAGES}) == len(MESSAGES)


def test_only_pre_votes_and_refusals_of_a_member_are_not_bound_to_a_term():
    assert [kind for kind in MESSAGES if not kind.binds_term] == [PreVoteRequest, PreVoteReply, WrongIncarnation]


@pytest.mark.contract("M5")
def test_a_member_that_is_not_known_yet_may_lead_and_campaign_but_not_answer():
    assert [kind for kind in MESSAGES if kind.from_anyone] == [
        PreVoteRequest,
        VoteRequest,
        Append,
        Heartbeat,
        SnapshotChunk,
        WrongIncarnation,
    ]


@pytest.mark.contract("M6")
@pytest.mark.parametrize("message", SAMPLES, ids=show)
@pytest.mark.parametrize("field", ["incarnation", "cluster"])
def test_every_message_says_which_incarnation_of_which_cluster_speaks(message, field):
    other = changed(message, "sender", "b")
    assert getattr(other, field) == 0
    setattr(other, field, (1 << 64) - 1)
    assert other.problem() is None
    assert other != message

    for absurd in (-1, 1 << 64, None, True, 1.0, "1"):
        setattr(other, field, absurd)
        assert other.problem() == f"{field} is no number of 64 bits"


@pytest.mark.parametrize("message", SAMPLES, ids=show)
@pytest.mark.parametrize("sender", ["", "b" * 65, None, 7, b"b", ["b"], True], ids=show)
def test_a_sender_that_is_no_id_is_a_problem(message, sender):
    assert changed(message, "sender", sender).problem() == "sender is no id"


@pytest.mark.parametrize("message", SAMPLES, ids=show)
@pytest.mark.parametrize("term", [0, *NO_NUMBER], ids=show)
def test_a_term_that_is_no_positive_number_is_a_problem(message, term):
    if isinstance(message, PreVoteReply) and term == 0:
        return  # a voter that never saw a term says so

    assert "term" in changed(message, "term", term).problem()


NUMBERS = [
    (message, field) for message in SAMPLES for field in message.FIELDS[2:] if type(getattr(message, field)) is int
]


@pytest.mark.parametrize(("message", "field"), NUMBERS, ids=show)
@pytest.mark.parametrize("value", NO_NUMBER, ids=show)
def test_a_number_that_is_none_is_a_problem(message, field, value):
    if field in ("bound", "fingerprint") and value == LIMIT + 1:
        return  # an incarnation and a fingerprint have 64 bits

    assert changed(message, field, value).problem() is not None


@pytest.mark.parametrize("message", [VoteReply("b", 4, True), PreVoteReply("b", 4, 7, True)], ids=show)
@pytest.mark.parametrize("granted", [None, 0, 1, "yes", []], ids=show)
def test_an_answer_that_is_neither_yes_nor_no_is_a_problem(message, granted):
    assert changed(message, "granted", granted).problem() == "granted is no boolean"


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (PreVoteRequest("b", 4, 7, 0, 3), "index and term of a log position must be 0 together"),
        (PreVoteRequest("b", 4, 7, 3, 0), "index and term of a log position must be 0 together"),
        (VoteRequest("b", 4, 0, 3), "index and term of a log position must be 0 together"),
        (Append("b", 4, 0, 3, 0, ()), "index and term of a log position must be 0 together"),
        (AppendRejected("b", 4, 9, 0, 1), "index and term of a log position must be 0 together"),
        (AppendRejected("b", 4, 9, 10, 1), "the hint lies behind prev_index"),
        (AppendRejected("b", 4, 0, 0, 0), "prev_index is no positive number"),
        (AppendRejected("b", 4, 9, 0, 0, -1), "round is no number"),
        (AppendAccepted("b", 4, 9, -1), "match_index or round is no number"),
        (Heartbeat("b", 4, 0), "round is no positive number"),
        (HeartbeatEcho("b", 4, 0, 0), "round or commit is no number"),
        (SnapshotReceived("b", 4, 0, 0, 0), "index, offset or size is no number"),
        (Heartbeat("b", 4, 1, -1), "commit or pause is no number"),
        (Heartbeat("b", 4, 1, 0, -1), "commit or pause is no number"),
        (HeartbeatEcho("b", 4, 1, 0, -1), "the promise is no number"),
        (HeartbeatEcho("b", 4, 1, 0, 0, 0), "the feature level is none"),
        (HeartbeatEcho("b", 4, 1, 0, 0, HIGHEST_LEVEL + 1), "the feature level is none"),
        (HeartbeatEcho("b", 4, 1, 0, 0, True), "the feature level is none"),
        (VoteRequest("b", 4, 9, 3, 1), "transfer is no boolean"),
        (VoteRequest("b", 4, 9, 3, None), "transfer is no boolean"),
        (TimeoutNow("b", 4, -1), "last_index is no number"),
        (ReadRequest("b", 4, 7, 0), "nonce or number is no number"),
        (ReadReply("b", 4, 7, 0, 9), "nonce, number or index is no number"),
        (NoRoom("b", 4, -1), "prev_index is no number"),
        (WrongIncarnation("b", 4, 0), "bound is no incarnation"),
        (WrongIncarnation("b", 4, 1 << 64), "bound is no incarnation"),
        (SnapshotChunk("b", 4, None, 5, 0, b"", True), "snapshot is no Snapshot"),
        (SnapshotChunk("b", 4, (9, 3, 88, ABC), 5, 0, b"", True), "snapshot is no Snapshot"),
        (SnapshotChunk("b", 4, Snapshot(9, 3, 88, "abc"), 5, 0, b"", True), "snapshot is no Snapshot"),
        *[
            (SnapshotChunk("b", 4, Snapshot(index, term, 88, ABC), 5, 0, b"", True), POSITION)
            for index, term in [(0, 3), (9, 0), (9, 5), (9.0, 3), (9, True), (None, 3)]
        ],
        *[
            (SnapshotChunk("b", 4, Snapshot(9, 3, stamp, ABC), 5, 0, b"", True), "the snapshot's stamp is no number")
            for stamp in (-1, None, 1.0)
        ],
        *[
            (SnapshotChunk("b", 4, SNAPSHOT, 5, *body), "offset, data or last is of the wrong type")
            for body in [(-1, b"", True), (0, "text", True), (0, None, True), (0, b"", 1), (0, b"", None)]
        ],
    ],
    ids=repr,
)
def test_fields_that_contradict_each_other_are_a_problem(message, problem):
    assert message.problem() == problem


@pytest.mark.parametrize(
    ("batch", "problem"),
    [
        (None, "entries are no tuple"),
        ([], "entries are no tuple"),
        (list(entries(4, first=10)), "entries are no tuple"),
        ((None,), "an entry is no Entry"),
        ((("10", 4, 1, b""),), "an entry is no Entry"),
        (entries(4, first=9), "entries are not consecutive"),
        (entries(4, first=11), "entries are not consecutive"),
        (entries(4, first=10) * 2, "entries are not consecutive"),
        (entries(2, first=10), "terms of entries fall, or exceed the message's term"),
        (entries(4, 3, first=10), "terms of entries fall, or exceed the message's term"),
        (entries(5, first=10), "terms of entries fall, or exceed the message's term"),
        ((Entry(10, None, COMMAND, b""),), "terms of entries fall, or exceed the message's term"),
        ((Entry(10, 4, 9, b""),), "an entry is of no known kind or its data are no bytes"),
        ((Entry(10, 4, COMMAND, "text"),), "an entry is of no known kind or its data are no bytes"),
        ((Entry(10, 4, COMMAND, b"", -1),), "a stamp is no number"),
        ((Entry(10, 4, COMMAND, b"", 1.0),), "a stamp is no number"),
        ((Entry(10, 4, COMMAND, None),), "an entry is of no known kind or its data are no bytes"),
        ((Entry(10, 4, CONFIGURATION, b""),), "an entry holds no configuration"),
        ((Entry(10, 4, CONFIGURATION, b"a b c"),), "an entry holds no configuration"),
        ((Entry(10, 4, CONFIGURATION, ABC.encode()[:-1]),), "an entry holds no configuration"),
    ],
    ids=repr,
)
def test_a_malformed_batch_of_entries_is_a_problem(batch, problem):
    assert Append("b", 4, 9, 3, 8, batch).problem() == problem


def test_a_first_entry_of_term_0_is_a_problem():
    assert Append("b", 4, 0, 0, 0, (Entry(1, 0, COMMAND, b""),)).problem() == "terms of entries start at 1"


@pytest.mark.parametrize(
    "entry",
    [
        Entry(10.0, 4, COMMAND, b""),
        Entry(10, 4.0, COMMAND, b""),
        Entry(10, True, COMMAND, b""),
        Entry(10, 4, 1.0, b""),
        Entry(10, 4, True, b""),
    ],
    ids=repr,
)
def test_an_entry_of_numbers_that_only_look_like_integers_is_a_problem(entry):
    assert Append("b", 4, 9, 3, 8, (entry,)).problem() is not None


GARBAGE = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=70)
    | st.binary(max_size=3)
    | st.lists(st.integers(), max_size=2)
    | st.tuples(st.integers())
    | st.dictionaries(st.integers(), st.none(), max_size=1)
)
GARBAGE_ENTRIES = st.lists(st.builds(Entry, GARBAGE, GARBAGE, GARBAGE, GARBAGE, GARBAGE) | GARBAGE, max_size=3).map(
    tuple
)
GARBAGE_SNAPSHOTS = st.builds(Snapshot, GARBAGE, GARBAGE, GARBAGE, GARBAGE | st.just(ABC)) | GARBAGE
GARBAGE_BY_FIELD = {"entries": GARBAGE_ENTRIES, "snapshot": GARBAGE_SNAPSHOTS}


@st.composite
def messages_full_of_garbage(draw):
    """A well-formed message in which some fields hold anything."""
    message = draw(st.sampled_from(SAMPLES))
    for field in message.FIELDS:
        if draw(st.booleans()):
            message = changed(message, field, draw(GARBAGE_BY_FIELD.get(field, GARBAGE)))
    for field in ("incarnation", "cluster"):
        if draw(st.integers(0, 5)) == 0:
            setattr(message, field, draw(GARBAGE))
    return message


@given(messages_full_of_garbage())
def test_no_garbage_makes_the_check_raise(message):
    problem = message.problem()

    assert problem is None or type(problem) is str


@pytest.mark.parametrize("field", ["incarnation", "cluster"])
@pytest.mark.parametrize("garbage", [None, 1.5, "1", b"1", [1], -1, True], ids=show)
def test_a_message_of_a_speaker_that_is_none_can_be_shown(field, garbage):
    message = HigherTerm("b", 4)
    message.incarnation = 1
    setattr(message, field, garbage)

    assert repr(message).startswith("HigherTerm(sender='b', term=4)")


@given(messages_full_of_garbage())
def test_what_passes_the_check_has_the_types_that_a_codec_needs(message):
    if message.problem() is not None:
        return

    assert type(message.sender) is str
    for field in message.FIELDS[1:]:
        value = getattr(message, field)
        if field == "entries":
            for entry in value:
                assert (type(entry.index), type(entry.term), type(entry.kind)) == (int, int, int)
                assert type(entry.data) is bytes
                assert type(entry.stamp_ms) is int
        elif field == "snapshot":
            assert [type(part) for part in (value.index, value.term, value.stamp_ms)] == [int] * 3
            assert type(value.configuration) is Configuration
        elif field == "data":
            assert type(value) is bytes
        else:
            assert type(value) in (int, bool)
            assert (type(value) is bool) == (field in ("granted", "last", "transfer"))
            assert 0 <= value <= ((1 << 64) - 1 if field == "bound" else LIMIT)

"""Configurations as bytes: what is in the log of every member, and in every snapshot."""

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raft.entries import CONFIGURATION, Entry
from raft.errors import FatalError, MalformedConfiguration, ProgramTooOld
from raft.features import BASE_LEVEL, FEATURE_LEVEL, HIGHEST_LEVEL
from raft.membership import MAX_MEMBERS, Configuration
from raft.messages import Append

SAMPLE = Configuration(
    voters=("a", "b", "w"),
    outgoing=("a", "c"),
    learners=("c", "l"),
    witnesses=("w",),
    addresses={"a": "10.0.0.1:7000", "l": "tcp://[::1]:1"},
    incarnations={"a": 1, "b": (1 << 64) - 1},
    priorities={"a": 1000},
    cluster=77,
)


@st.composite
def configurations(draw):
    """Any configuration that can be."""
    ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64)
    members = draw(st.lists(ids, min_size=1, max_size=7, unique=True))
    voters = draw(st.lists(st.sampled_from(members), min_size=1, unique=True))
    outgoing = draw(st.just([]) | st.lists(st.sampled_from(members), unique=True))
    learners = [member for member in members if member not in voters]
    taking_part = sorted({*voters, *outgoing, *learners})
    witnesses = []
    for member in taking_part:
        fits = all(
            2 * sum(voter in (*witnesses, member) for voter in half) <= len(half) for half in (voters, outgoing) if half
        )
        if fits and draw(st.booleans()):
            witnesses.append(member)

    def of_members(values):
        return draw(st.dictionaries(st.sampled_from(taking_part), values))

    return Configuration(
        tuple(voters),
        tuple(outgoing),
        tuple(learners),
        tuple(witnesses),
        of_members(st.text(st.characters(exclude_categories=["Cs"]), max_size=255)),
        of_members(st.integers(1, (1 << 64) - 1)),
        of_members(st.integers(0, 1000)),
        draw(st.integers(0, (1 << 64) - 1)),
        draw(st.just(BASE_LEVEL) | st.integers(BASE_LEVEL, HIGHEST_LEVEL)),
    )


def said(configuration):
    """All that a configuration says, without what is as if it were not said: no address, and priority 0."""
    addresses = {member: address for member, address in configuration.addresses.items() if address}
    priorities = {member: priority for member, priority in configuration.priorities.items() if priority}
    parts = [configuration.voters, configuration.outgoing, configuration.learners, configuration.witnesses]
    return [
        *parts,
        addresses,
        configuration.incarnations,
        priorities,
        configuration.cluster,
        configuration.feature_level,
    ]


@pytest.mark.contract("N4")
@given(configurations())
def test_a_configuration_comes_back_from_its_bytes(configuration):
    data = configuration.encode()

    back = Configuration.decode(data)

    assert type(data) is bytes
    assert said(back) == said(configuration)
    assert back.encode() == data


def test_the_sample_comes_back_from_its_bytes_as_an_equal_one():
    assert Configuration.decode(SAMPLE.encode()) == SAMPLE


@pytest.mark.contract("M10")
def test_at_the_base_level_the_bytes_are_those_that_programs_without_levels_write_and_read():
    plain = Configuration(("a", "b"), addresses={"a": "x"}, incarnations={"b": 7}, cluster=77)

    assert plain.encode() == b"2:771:a1:v1:01:01:x1:b1:v1:71:00:"
    assert plain.replaced(feature_level=12).encode() == b"8:level 12" + plain.encode()


@pytest.mark.contract("M10")
@pytest.mark.parametrize("rest", [b"", b"1:0", b"?", b"\xff", SAMPLE.encode() + b"5:extra"], ids=repr)
def test_what_a_later_program_writes_in_another_way_is_too_new_and_not_malformed(rest):
    with pytest.raises(ProgramTooOld) as refusal:
        Configuration.decode(b"8:level 77" + rest)

    assert (refusal.value.level, refusal.value.supported) == (77, FEATURE_LEVEL)
    append = Append("b", 1, 0, 0, 0, (Entry(1, 1, CONFIGURATION, b"8:level 77" + rest),))
    assert append.problem() is None, "it is the node that stops"


@pytest.mark.parametrize(
    "text", ["level 1", "level 0", "level -2", "level 02", "level +2", "level  2", "level ", "level x"]
)
def test_a_level_is_written_in_one_way_only(text):
    with pytest.raises(MalformedConfiguration):
        Configuration.decode(b"%d:" % len(text) + text.encode() + SAMPLE.encode())


def test_equal_configurations_have_equal_bytes_however_they_were_made():
    one = Configuration(("b", "a"), addresses={"b": "y", "a": "x"}, incarnations={"b": 2, "a": 1})
    other = Configuration(("a", "b"), addresses={"a": "x", "b": "y"}, incarnations={"a": 1, "b": 2})

    assert one.encode() == other.encode()


def test_the_largest_configuration_comes_back():
    members = tuple(f"{number:064}" for number in range(MAX_MEMBERS))
    largest = Configuration(
        members,
        addresses=dict.fromkeys(members, "x" * 255),
        incarnations=dict.fromkeys(members, (1 << 64) - 1),
        priorities=dict.fromkeys(members, 1000),
        cluster=(1 << 64) - 1,
    )

    assert Configuration.decode(largest.encode()) == largest


def rewritten(*replacements):
    """The bytes of the sample, some of them replaced by others."""
    data = SAMPLE.encode()
    for old, new in replacements:
        assert data.count(old) >= 1
        data = data.replace(old, new, 1)
    return data


MALFORMED = [
    b"",
    b"1:0",
    b"77",
    b":",
    b"1:0x",
    b"abc",
    b"\xff\xfe",
    b"1:01:a1:v1:01:0",  # a member without its address
    b"1:01:a0:1:01:00:",  # a member that takes no part
    b"1:01:a1:x1:01:00:",  # one that takes part as nobody knows what
    b"1:01:a2:vl1:01:00:",  # a voter and learner
    b"1:01:a2:vv1:01:00:",  # a voter twice
    b"1:01:a1:l1:01:00:",  # no voter at all
    b"1:01:a2:vw1:01:00:",  # witnesses alone
    b"1:01:b1:v1:01:00:1:a1:v1:01:00:",  # out of order
    b"1:01:a1:v1:01:00:1:a1:v1:01:00:",  # a member twice
    b"1:01:a2:wv1:01:00:1:b1:v1:01:00:",  # letters out of order
    b"2:-11:a1:v1:01:00:",  # a cluster below 0
    b"2:001:a1:v1:01:00:",  # zeroes in front
    b"2: 01:a1:v1:01:00:",
    b"2:+01:a1:v1:01:00:",
    b"01:01:a1:v1:01:00:",
    b" 1:01:a1:v1:01:00:",
    b"1:01:a1:v1:04:10010:",  # a priority of 1001
    b"1:01:a1:v2:-11:00:",
    b"1:01:a1:v20:184467440737095516161:00:",  # an incarnation of 65 bits
    b"1:01:a1:v1:01:0256:" + b"x" * 256,
    b"1:065:" + b"a" * 65 + b"1:v1:01:00:",
    b"1:01:\xff1:v1:01:00:",
    b"9999999999999999999999:0",
    b"9" * 10_000 + b":0",
    SAMPLE.encode()[:-1],
    SAMPLE.encode() + b"0:",
    SAMPLE.encode() + b"x",
    rewritten((b"1:a", b"2:a")),
    rewritten((b"2:77", b"1:77")),
]


@pytest.mark.parametrize("data", MALFORMED, ids=lambda data: repr(data)[:40])
def test_bytes_that_are_no_configuration_are_refused(data):
    with pytest.raises(MalformedConfiguration) as refusal:
        Configuration.decode(data)

    assert isinstance(refusal.value, FatalError)
    assert "does not hold a configuration" in str(refusal.value)


class _TookTooLong(BaseException):
    pass


def within_a_second(run, *arguments):
    """Run something that might never end, and eat all memory."""

    def give_up(signum, frame):
        raise _TookTooLong

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, 1)
    try:
        return run(*arguments)
    except _TookTooLong:
        pytest.fail("it does not end")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("data", [b"-3:", b"1:0-3:", b"-2:", b"1:0-1:x", b"-1:-1:"], ids=repr)
def test_bytes_with_a_length_below_0_are_refused(data):
    def decode():
        with pytest.raises(MalformedConfiguration):
            Configuration.decode(data)

    within_a_second(decode)


@given(st.binary(max_size=40) | st.text("0123456789:vlowab", max_size=40).map(str.encode))
def test_whatever_the_bytes_are_they_are_decoded_or_refused(data):
    try:
        configuration = Configuration.decode(data)
    except MalformedConfiguration:
        return

    assert configuration.encode() == data


@given(st.data())
def test_bytes_of_which_one_is_wrong_are_refused_or_say_something_else(data):
    encoded = bytearray(SAMPLE.encode())
    position = data.draw(st.integers(0, len(encoded) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte not in (encoded[position], ord("-"))))
    encoded[position] = byte

    try:
        configuration = Configuration.decode(bytes(encoded))
    except MalformedConfiguration:
        return

    assert configuration != SAMPLE

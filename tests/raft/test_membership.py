import pytest

from raft.errors import InvalidConfig
from raft.membership import MAX_ID_LENGTH, MAX_MEMBERS, Configuration


def test_a_single_configuration_has_one_half():
    configuration = Configuration(("c", "a", "b"), learners=("l",))

    assert configuration.members == ("a", "b", "c", "l")
    assert configuration.halves == (("a", "b", "c"),)
    assert not configuration.joint
    assert [member for member in configuration.members if configuration.votes(member)] == ["a", "b", "c"]


def test_a_joint_configuration_has_two_halves():
    configuration = Configuration(("a", "b"), outgoing=("b", "c"))

    assert configuration.members == ("a", "b", "c")
    assert configuration.halves == (("a", "b"), ("b", "c"))
    assert configuration.joint
    assert configuration.votes("c")


def test_a_learner_may_be_an_outgoing_voter_that_counts_until_the_joint_configuration_is_left():
    configuration = Configuration(("a",), outgoing=("a", "b"), learners=("b",))

    assert configuration.members == ("a", "b")
    assert configuration.votes("b")
    assert configuration.left() == Configuration(("a",), learners=("b",))
    assert not configuration.left().votes("b")


@pytest.mark.contract("M8")
def test_a_witness_votes_and_never_leads():
    configuration = Configuration(("a", "b", "w"), witnesses=("w",))

    assert configuration.votes("w")
    assert [member for member in configuration.members if configuration.may_lead(member)] == ["a", "b"]
    assert configuration.full_voters(configuration.voters) == ["a", "b"]


def test_what_is_said_of_who_leaves_is_forgotten():
    configuration = Configuration(
        ("a", "b", "w"),
        witnesses=("w",),
        addresses={"a": "here", "b": "there"},
        incarnations={"a": 1, "b": 2},
        priorities={"b": 5},
        cluster=9,
    )

    left = configuration.replaced(voters=("a",))

    assert left == Configuration(("a",), addresses={"a": "here"}, incarnations={"a": 1}, cluster=9)
    assert configuration.replaced() == configuration


def test_who_has_heard_of_nobody_has_a_configuration_without_members():
    nobody = Configuration.unknown()

    assert (nobody.members, nobody.voters, nobody.joint, nobody.votes("a")) == ((), (), False, False)


def test_who_is_no_member_does_not_vote():
    assert not Configuration(("a",)).votes("b")


def test_the_order_in_which_members_are_listed_means_nothing():
    assert Configuration(("a", "b"), ("c", "d"), ("e", "f")) == Configuration(["b", "a"], ["d", "c"], ["f", "e"])
    assert hash(Configuration(("a", "b"))) == hash(Configuration(("b", "a")))


@pytest.mark.parametrize(
    "other",
    [
        Configuration(("a",)),
        Configuration(("a", "b"), ("a",)),
        Configuration(("a", "b"), (), ("l",)),
        Configuration(("a", "b"), witnesses=("b",)),
        Configuration(("a", "b"), addresses={"a": "here"}),
        Configuration(("a", "b"), incarnations={"a": 1}),
        Configuration(("a", "b"), priorities={"a": 1}),
        Configuration(("a", "b"), cluster=1),
        "a b",
        None,
    ],
)
def test_different_parts_make_different_configurations(other):
    assert Configuration(("a", "b")) != other


def test_a_configuration_shows_its_parts():
    assert repr(Configuration(("a",), ("b",), ("c",))) == (
        "Configuration(voters=('a',), outgoing=('b',), learners=('c',))"
    )
    full = Configuration(("a", "b"), (), (), ("b",), {"a": "here"}, {"a": 7}, {"b": 1}, 3)
    assert repr(full) == (
        "Configuration(voters=('a', 'b'), outgoing=(), learners=(), witnesses=('b',), addresses={'a': 'here'}, "
        "incarnations={'a': 7}, priorities={'b': 1}, cluster=3)"
    )


@pytest.mark.parametrize(
    ("parts", "field", "bound"),
    [
        ({"voters": ()}, "voters", "at least one id"),
        ({"voters": "abc"}, "voters", "a tuple of ids"),
        ({"voters": None}, "voters", "a tuple of ids"),
        ({"voters": ("a", "")}, "voters", "a string of 1 to 64 characters"),
        ({"voters": ("a" * (MAX_ID_LENGTH + 1),)}, "voters", "a string of 1 to 64 characters"),
        ({"voters": ("a", 1)}, "voters", "a string of 1 to 64 characters"),
        ({"voters": (b"a",)}, "voters", "a string of 1 to 64 characters"),
        ({"voters": ("a", "b", "a")}, "voters", "listed once"),
        ({"voters": ("a",), "outgoing": ("b", "b")}, "outgoing", "listed once"),
        ({"voters": ("a",), "outgoing": ({},)}, "outgoing", "a string of 1 to 64 characters"),
        ({"voters": ("a",), "learners": ("b", "b")}, "learners", "listed once"),
        ({"voters": ("a",), "learners": ("a",)}, "learners", "no voter at the same time"),
        ({"voters": tuple(f"v{i}" for i in range(MAX_MEMBERS + 1))}, "members", "at most 64"),
        (
            {"voters": ("a",), "learners": tuple(f"l{i}" for i in range(MAX_MEMBERS))},
            "members",
            "at most 64",
        ),
        ({"voters": ("a",), "witnesses": ("b",)}, "witnesses", "a member"),
        ({"voters": ("a",), "witnesses": ("a",)}, "witnesses", "no majority of the voters by themselves"),
        ({"voters": ("a", "b", "c"), "witnesses": ("b", "c")}, "witnesses", "no majority of the voters by themselves"),
        (
            {"voters": ("a", "b", "c"), "outgoing": ("c",), "witnesses": ("c",)},
            "witnesses",
            "no majority of the voters by themselves",
        ),
        ({"voters": ("a",), "addresses": {"b": "there"}}, "addresses", "of members only"),
        ({"voters": ("a",), "addresses": {"a": "x" * 256}}, "addresses", "a string of up to 255 letters"),
        ({"voters": ("a",), "addresses": {"a": b"there"}}, "addresses", "a string of up to 255 letters"),
        ({"voters": ("a",), "addresses": [("a", "there")]}, "addresses", "a dict from id"),
        ({"voters": ("a",), "incarnations": {"b": 1}}, "incarnations", "of members only"),
        ({"voters": ("a",), "incarnations": {"a": 0}}, "incarnations", "an integer from 1 to 2**64 - 1"),
        ({"voters": ("a",), "incarnations": {"a": 1 << 64}}, "incarnations", "an integer from 1 to 2**64 - 1"),
        ({"voters": ("a",), "incarnations": {"a": True}}, "incarnations", "an integer from 1 to 2**64 - 1"),
        ({"voters": ("a",), "priorities": {"b": 1}}, "priorities", "of members only"),
        ({"voters": ("a",), "priorities": {"a": 1001}}, "priorities", "an integer from 0 to 1000"),
        ({"voters": ("a",), "priorities": {"a": -1}}, "priorities", "an integer from 0 to 1000"),
        ({"voters": ("a",), "priorities": {"a": 1.0}}, "priorities", "an integer from 0 to 1000"),
        ({"voters": ("a",), "cluster": -1}, "cluster", "an integer from 0 to 2**64 - 1"),
        ({"voters": ("a",), "cluster": 1 << 64}, "cluster", "an integer from 0 to 2**64 - 1"),
        ({"voters": ("a",), "cluster": None}, "cluster", "an integer from 0 to 2**64 - 1"),
    ],
)
def test_a_bad_configuration_is_refused_by_name_and_bound(parts, field, bound):
    with pytest.raises(InvalidConfig) as refusal:
        Configuration(**parts)

    assert (refusal.value.field, refusal.value.bound) == (field, bound)
    assert field in str(refusal.value)
    assert bound in str(refusal.value)


def test_the_limits_themselves_are_allowed():
    configuration = Configuration(tuple(f"v{i}".ljust(MAX_ID_LENGTH, "x") for i in range(MAX_MEMBERS)))

    assert len(configuration.members) == MAX_MEMBERS

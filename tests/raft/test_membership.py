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


def test_who_is_no_member_does_not_vote():
    assert not Configuration(("a",)).votes("b")


def test_the_order_in_which_members_are_listed_means_nothing():
    assert Configuration(("a", "b"), ("c", "d"), ("e", "f")) == Configuration(["b", "a"], ["d", "c"], ["f", "e"])
    assert hash(Configuration(("a", "b"))) == hash(Configuration(("b", "a")))


@pytest.mark.parametrize(
    "other",
    [Configuration(("a",)), Configuration(("a", "b"), ("a",)), Configuration(("a", "b"), (), ("l",)), "a b", None],
)
def test_different_parts_make_different_configurations(other):
    assert Configuration(("a", "b")) != other


def test_a_configuration_shows_its_parts():
    assert repr(Configuration(("a",), ("b",), ("c",))) == (
        "Configuration(voters=('a',), outgoing=('b',), learners=('c',))"
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
        ({"voters": ("a",), "outgoing": ("b",), "learners": ("b",)}, "learners", "no voter at the same time"),
        ({"voters": tuple(f"v{i}" for i in range(MAX_MEMBERS + 1))}, "members", "at most 64"),
        (
            {"voters": ("a",), "learners": tuple(f"l{i}" for i in range(MAX_MEMBERS))},
            "members",
            "at most 64",
        ),
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

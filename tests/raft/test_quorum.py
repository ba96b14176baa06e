from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raft.quorum import LOST, PENDING, WON, majority, reached, tally


@pytest.mark.parametrize(("size", "needed"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (6, 4), (7, 4)])
def test_majority_is_more_than_half(size, needed):
    assert majority(size) == needed


# voters, outgoing voters, what each has reached -> what a majority of each half has reached
REACHED = [
    ("a", "", {"a": 7}, 7),
    ("ab", "", {"a": 7, "b": 3}, 3),
    ("abc", "", {"a": 7, "b": 3, "c": 0}, 3),
    ("abc", "", {"a": 7, "b": 7, "c": 0}, 7),
    ("abcd", "", {"a": 9, "b": 7, "c": 5, "d": 3}, 5),
    ("abcde", "", {"a": 9, "b": 8, "c": 7, "d": 1, "e": 1}, 7),
    ("abc", "", {"a": 5, "b": 5, "c": 5, "learner": 9}, 5),
    ("abc", "cde", {"a": 9, "b": 9, "c": 0, "d": 4, "e": 3}, 3),
    ("abc", "cde", {"a": 1, "b": 2, "c": 0, "d": 9, "e": 9}, 1),
    ("a", "bcd", {"a": 9, "b": 4, "c": 4, "d": 0}, 4),
    ("a", "bcd", {"a": 2, "b": 4, "c": 4, "d": 0}, 2),
]


@pytest.mark.parametrize(("voters", "outgoing", "values", "expected"), REACHED)
def test_what_a_majority_of_each_half_has_reached(voters, outgoing, values, expected):
    assert reached(values, halves(voters, outgoing)) == expected


# voters, outgoing voters, who granted, who refused -> outcome
TALLY = [
    ("a", "", "", "", PENDING),
    ("a", "", "a", "", WON),
    ("a", "", "", "a", LOST),
    ("abc", "", "a", "", PENDING),
    ("abc", "", "ab", "", WON),
    ("abc", "", "ab", "c", WON),
    ("abc", "", "a", "b", PENDING),
    ("abc", "", "a", "bc", LOST),
    ("abcd", "", "ab", "", PENDING),
    ("abcd", "", "ab", "cd", LOST),
    ("abcd", "", "", "cd", LOST),
    ("abcd", "", "abc", "", WON),
    ("abc", "", "axyz", "", PENDING),
    ("abc", "", "ab", "xyz", WON),
    ("abc", "cde", "ab", "", PENDING),
    ("abc", "cde", "abd", "", PENDING),
    ("abc", "cde", "abde", "", WON),
    ("abc", "cde", "ac", "", PENDING),
    ("abc", "cde", "acd", "", WON),
    ("abc", "cde", "ab", "de", LOST),
    ("abc", "cde", "de", "ab", LOST),
]


@pytest.mark.parametrize(("voters", "outgoing", "granted", "refused", "expected"), TALLY)
def test_the_outcome_of_an_election(voters, outgoing, granted, refused, expected):
    votes = {**dict.fromkeys(granted, True), **dict.fromkeys(refused, False)}

    assert tally(votes, halves(voters, outgoing)) == expected


def halves(voters, outgoing):
    return (tuple(voters), tuple(outgoing)) if outgoing else (tuple(voters),)


VOTERS = st.lists(st.sampled_from("abcdefg"), min_size=1, unique=True).map(tuple)
HALVES = st.tuples(VOTERS) | st.tuples(VOTERS, VOTERS)
VALUES = st.fixed_dictionaries({voter: st.integers(0, 6) for voter in "abcdefg"})
VOTES = st.dictionaries(st.sampled_from("abcdefg"), st.booleans())


def majorities(half):
    """Every set of voters that is more than half of them."""
    return [
        group for size in range(1, len(half) + 1) for group in combinations(half, size) if len(group) * 2 > len(half)
    ]


@given(VALUES, HALVES)
def test_reached_agrees_with_trying_every_majority(values, halves):
    best = min(max(min(values[voter] for voter in group) for group in majorities(half)) for half in halves)

    assert reached(values, halves) == best


@given(VOTES, HALVES)
def test_tally_agrees_with_trying_every_way_to_go_on(votes, halves):
    def wins(votes):
        return all(any(all(votes.get(voter) for voter in group) for group in majorities(half)) for half in halves)

    everybody_else_grants = {**dict.fromkeys("abcdefg", True), **votes}
    expected = WON if wins(votes) else PENDING if wins(everybody_else_grants) else LOST

    assert tally(votes, halves) == expected


@given(VALUES, VOTES, VOTERS)
def test_joint_with_itself_is_the_same_as_single(values, votes, half):
    assert reached(values, (half, half)) == reached(values, (half,))
    assert tally(votes, (half, half)) == tally(votes, (half,))


@given(VALUES, VOTES, VOTERS, VOTERS)
def test_swapping_the_halves_changes_nothing(values, votes, one, other):
    assert reached(values, (one, other)) == reached(values, (other, one))
    assert tally(votes, (one, other)) == tally(votes, (other, one))


@given(VALUES, VOTES, VOTERS, VOTERS)
def test_a_joint_decision_needs_each_half(values, votes, one, other):
    assert reached(values, (one, other)) == min(reached(values, (one,)), reached(values, (other,)))
    assert tally(votes, (one, other)) == min(tally(votes, (one,)), tally(votes, (other,)))


@given(VALUES, HALVES, st.sampled_from("abcdefg"))
def test_a_voter_that_gets_further_never_sets_the_others_back(values, halves, voter):
    further = {**values, voter: values[voter] + 1}

    assert reached(further, halves) >= reached(values, halves)

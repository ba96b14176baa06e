import pytest
from hypothesis import given
from hypothesis import strategies as st

from raft.prng import BITS, MASK, Prng

PERIOD = 2**30 - 1
PRIME_FACTORS = (3, 7, 11, 31, 151, 331)  # 9 * 7 * 11 * 31 * 151 * 331 == PERIOD


def step(state):
    """One step of the generator, as a function of its state."""
    prng = Prng(0)
    prng._state = state
    return prng.draw()


# A step is linear over GF(2): a matrix, here a list of columns, each the image of one bit.


def apply(matrix, vector):
    image = 0
    for bit in range(BITS):
        if vector >> bit & 1:
            image ^= matrix[bit]
    return image


def power(matrix, exponent):
    result = [1 << bit for bit in range(BITS)]
    while exponent:
        if exponent & 1:
            result = [apply(matrix, column) for column in result]
        matrix = [apply(matrix, column) for column in matrix]
        exponent >>= 1
    return result


STEP = [step(1 << bit) for bit in range(BITS)]
IDENTITY = [1 << bit for bit in range(BITS)]


@given(st.integers(1, MASK))
def test_a_step_is_the_matrix_that_the_proof_is_about(state):
    assert step(state) == apply(STEP, state)


def test_every_state_but_zero_is_visited_before_any_returns():
    assert PERIOD == 9 * 7 * 11 * 31 * 151 * 331

    assert power(STEP, PERIOD) == IDENTITY
    for prime in PRIME_FACTORS:
        assert power(STEP, PERIOD // prime) != IDENTITY, f"the period divides {PERIOD // prime}"


@given(st.integers(-(2**70), 2**70))
def test_equal_seeds_give_equal_streams(seed):
    one, other = Prng(seed), Prng(seed)

    assert [one.draw() for _ in range(10)] == [other.draw() for _ in range(10)]


def test_neighbouring_seeds_give_unrelated_streams():
    # Arrange
    streams = [[prng.below(1000) for _ in range(8)] for prng in map(Prng, range(1000))]

    # Act
    firsts = [stream[0] for stream in streams]
    differences = {after - before for before, after in zip(firsts, firsts[1:], strict=False)}

    # Assert
    assert len({tuple(stream) for stream in streams}) == 1000
    assert len(differences) > 300, "neighbours differ by few amounts only"
    assert all(60 <= sum(first // 100 == tenth for first in firsts) <= 140 for tenth in range(10))


@given(st.integers(), st.integers(1, 2**20))
def test_numbers_stay_below_their_bound(seed, bound):
    prng = Prng(seed)

    assert all(0 <= prng.below(bound) < bound for _ in range(20))


@given(st.integers())
def test_numbers_and_state_fit_small_integers(seed):
    prng = Prng(seed)

    for _ in range(20):
        assert 1 <= prng.draw() <= MASK
        assert 1 <= prng._state <= MASK


def test_every_number_below_the_bound_is_drawn():
    prng = Prng(7)

    counts = [0] * 10
    for _ in range(10_000):
        counts[prng.below(10)] += 1

    assert all(850 <= count <= 1150 for count in counts), counts


@pytest.mark.parametrize("bound", [1, 2, 2**20])
def test_one_seed_serves_any_bound(bound):
    assert [Prng(3).below(bound) for _ in range(3)] == [Prng(3).draw() % bound] * 3

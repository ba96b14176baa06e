"""The decisions of a run: independent of each other, each with a key, and each may be kept from being carried out."""

import pytest

from transport_sim import Simulation
from transport_sim.chance import Chance
from transport_sim.ledger import Ledger


def run(seed, only=None, seconds=3, **settings):
    """A run, its result and the lines of its trace."""
    lines = []
    simulation = Simulation(seed, seconds=seconds, only=only, trace=lines.append, **settings)
    return simulation, simulation.run(), lines


def first_of(chance, count=50):
    return [chance.unit() for _ in range(count)]


def test_forks_do_not_depend_on_the_order_in_which_they_are_made():
    names = ["injector", "n1", "n2", "n1>n2"]
    forward, backward = Chance(7), Chance(7)
    first = {name: first_of(forward.fork(name)) for name in names}
    second = {name: first_of(backward.fork(name)) for name in reversed(names)}
    assert first == second
    assert len({tuple(numbers) for numbers in first.values()}) == len(names)


def test_forks_do_not_depend_on_what_others_draw():
    calm, busy = Chance(7), Chance(7)
    other = busy.fork("other")
    assert busy.strikes("drop") and other.acts("command")
    fork = calm.fork("n1")
    expected = first_of(fork)

    interleaved = busy.fork("n1")
    found = []
    for _ in range(50):
        first_of(busy, 3)
        first_of(other, 2)
        found.append(interleaved.unit())
    assert found == expected


def test_seeds_and_names_give_streams_of_their_own():
    streams = {
        tuple(first_of(Chance(seed).fork(name), 4)) for seed in range(30) for name in ("", "n1", "n2", "disk n1")
    }
    assert len(streams) == 120


def test_a_key_tells_kind_owner_and_number():
    ledger = Ledger()
    chance = Chance(1, ledger)
    link, other = chance.fork("n1>n2"), chance.fork("n2>n1")
    assert [link.strikes("drop"), other.strikes("drop"), link.acts("command"), link.strikes("drop", 0.0)] == [
        True, True, True, False,
    ]  # fmt: skip
    assert ledger.keys == ["drop n1>n2 1", "drop n2>n1 1", "command n1>n2 2"]
    assert ledger.faults == {"drop": 2}


def test_only_what_is_named_is_carried_out_and_numbers_count_on():
    ledger = Ledger(only=["drop a 2"])
    chance = Chance(1, ledger, "a")
    assert [chance.strikes("drop") for _ in range(3)] == [False, True, False]
    assert ledger.keys == ["drop a 2"]
    assert ledger.faults == {"drop": 1}

    ledger.allow_all()
    assert chance.strikes("drop")
    assert ledger.keys == ["drop a 2"], "what is decided once all may be is no decision of the run"


@pytest.mark.parametrize("seed", range(4))
def test_keys_are_unique_within_a_run(seed):
    simulation, _, _ = run(seed)
    assert len(simulation.decisions) > 50
    assert len(set(simulation.decisions)) == len(simulation.decisions)


@pytest.mark.parametrize("seed", range(3))
def test_all_keys_give_the_same_run(seed):
    simulation, result, lines = run(seed)
    again, same, same_lines = run(seed, only=simulation.decisions)
    assert same == result
    assert same_lines[1:] == lines[1:]
    assert again.decisions == simulation.decisions


@pytest.mark.parametrize("seed", range(3))
def test_no_keys_give_a_run_without_faults_and_commands_until_it_heals(seed):
    simulation, result, lines = run(seed, only=[])
    heal = next(number for number, line in enumerate(lines) if line.get("event") == "heal")
    seen = {line.get("event") for line in lines[:heal]}
    assert seen.isdisjoint({"decision", "fault", "crash", "pause", "drop", "duplicate", "cut", "read", "change"})
    assert "send" in seen, "elections need no decision"
    assert simulation.decisions == []
    assert result.violation is None


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_leaving_one_decision_out_changes_nothing_before_it(place):
    simulation, _, lines = run(2)
    keys = simulation.decisions
    key = keys[int(len(keys) * place)]

    shorter, _, other_lines = run(2, only=[other for other in keys if other != key])

    where = next(number for number, line in enumerate(lines) if line.get("key") == key)
    assert where > 1
    assert other_lines[1:where] == lines[1:where]
    assert other_lines[where] != lines[where]
    assert key not in shorter.decisions

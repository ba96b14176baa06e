"""What a seed brings, without bringing it."""

from itertools import islice

from tests.faults.kinds import KINDS
from tests.faults.schedule import schedule


def test_a_seed_has_one_schedule_and_another_seed_another():
    assert [*islice(schedule(1), 50)] == [*islice(schedule(1), 50)]
    assert [*islice(schedule(1), 50)] != [*islice(schedule(2), 50)]


def test_every_kind_comes_before_any_comes_again():
    for seed in range(50):
        kinds = [step.kind for act in islice(schedule(seed), len(KINDS)) for step in act.steps]
        assert set(kinds[: len(KINDS)]) == set(KINDS)

"""The walk visits each world once, over however many processes, and goes on where it was."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.transport_sim.explore.worlds import ONE_COMMAND, PARTED_LOGS, THREE_NODES, TWO_NODES, TWO_TERMS
from transport_sim.explore import checkpoint
from transport_sim.explore.bounds import Bounds
from transport_sim.explore.walk import Limits, Walk

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.mark.contract("S1", "S6", "E1")
def test_no_promise_is_broken_in_the_first_300_000_worlds():
    progress = Walk(Bounds(), jobs=2).run(Limits(states=300_000))

    assert progress.violations == []
    assert progress.states == 300_000
    assert progress.elections == 1
    assert progress.seconds < 300


@pytest.mark.contract("S1", "S2", "S3", "S4", "S5", "S6", "S8", "E1", "R1", "R3")
def test_no_promise_is_broken_whatever_an_earlier_term_has_left():
    progress = Walk(PARTED_LOGS, jobs=2).run()

    assert progress.violations == []
    assert progress.complete
    assert (progress.states, progress.elections, progress.committed) == (854_702, 2, 2)


@pytest.mark.contract("S2", "S3", "S4", "S5", "S7", "S8", "R2")
def test_no_promise_is_broken_on_the_way_of_a_command():
    progress = Walk(ONE_COMMAND, jobs=2).run(Limits(states=500_000))

    assert progress.violations == []
    assert progress.committed == 2


@pytest.mark.contract("S1", "S4", "S5", "S7", "S8", "E1", "R3")
def test_no_promise_is_broken_by_two_leaders_a_command_and_a_crash():
    progress = Walk(TWO_TERMS, jobs=2).run()

    assert progress.violations == []
    assert progress.complete
    assert (progress.elections, progress.committed) == (2, 3)


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_a_small_space_is_seen_whole_whatever_the_number_of_processes(jobs):
    progress = Walk(THREE_NODES, jobs).run()

    assert progress.complete
    assert (progress.states, progress.transitions, progress.depth) == (60_022, 289_808, 25)
    assert progress.frontier == 0
    assert progress.violations == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_walk_visits_exactly_as_many_worlds_as_it_may(jobs):
    progress = Walk(THREE_NODES, jobs).run(Limits(states=10_001))

    assert progress.states == 10_001
    assert not progress.complete


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupted_walk_goes_on_where_it_was(jobs, tmp_path):
    file = tmp_path / "walk"
    for states in (5_000, 23_457):
        progress = Walk(THREE_NODES, jobs, file=file).run(Limits(states=states))
        assert (progress.states, progress.complete) == (states, False)

    progress = Walk(THREE_NODES, jobs, file=file).run()

    assert (progress.states, progress.depth, progress.complete) == (60_022, 25, True)


def test_a_walk_that_is_done_stays_done(tmp_path):
    file = tmp_path / "walk"
    first = Walk(TWO_NODES, file=file).run()

    again = Walk(TWO_NODES, file=file).run()

    assert first.complete and again.complete
    assert (again.states, again.transitions) == (first.states, first.transitions)


def test_a_walk_ends_when_time_is_up_or_somebody_wants_it_to():
    assert not Walk(Bounds()).run(Limits(seconds=0.2)).complete
    assert Walk(Bounds()).run(Limits(stopped=lambda: True)).states == 1


def test_a_kill_at_any_moment_leaves_a_walk_to_go_on_with(tmp_path):
    file = tmp_path / "walk"
    Walk(THREE_NODES, file=file).run(Limits(states=2_000))
    run = (
        "import sys; from pathlib import Path; from transport_sim.explore import walk\n"
        "from tests.transport_sim.explore.worlds import THREE_NODES\n"
        "walk.SAVE_EVERY_S = 0.0; walk.ROUND = 50\n"
        "walk.Walk(THREE_NODES, file=Path(sys.argv[1])).run(show=lambda progress: print(flush=True))"
    )
    for lines in (1, 4, 9):
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
        process = subprocess.Popen(
            [sys.executable, "-c", run, file], env=environment, cwd=CHECKOUT, stdout=subprocess.PIPE
        )
        for _ in range(lines):
            process.stdout.readline()
        time.sleep(0.003 * lines)
        process.kill()
        process.wait()
        process.stdout.close()
        assert process.returncode == -signal.SIGKILL

    progress = Walk(THREE_NODES, file=file).run()

    assert (progress.states, progress.complete) == (60_022, True)


def test_a_checkpoint_of_another_walk_is_refused(tmp_path):
    file = tmp_path / "walk"
    Walk(TWO_NODES, file=file).run(Limits(states=100))

    with pytest.raises(checkpoint.Unusable, match=r"made with --nodes 2, not 3"):
        Walk(THREE_NODES, file=file).run()
    with pytest.raises(checkpoint.Unusable, match=r"made with --jobs 1, not 2"):
        Walk(TWO_NODES, jobs=2, file=file).run()
    with pytest.raises(checkpoint.Unusable, match=r"symmetry"):
        Walk(TWO_NODES, symmetric=False, file=file).run()


def test_a_damaged_checkpoint_is_refused(tmp_path):
    file = tmp_path / "walk"
    Walk(TWO_NODES, file=file).run(Limits(states=100))
    whole = file.read_bytes()

    for damaged in (whole[:-1], whole[:50], whole[:100] + b"x" + whole[101:]):
        file.write_bytes(damaged)
        with pytest.raises(checkpoint.Unusable, match="it is damaged"):
            Walk(TWO_NODES, file=file).run()
    file.write_bytes(b"something else")
    with pytest.raises(checkpoint.Unusable, match="it is no checkpoint"):
        Walk(TWO_NODES, file=file).run()

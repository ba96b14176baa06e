"""Processes that work through tasks: in order, whatever becomes of one of them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from transport_sim.workers import MOST_AHEAD, NoAnswer, TimeIsUpError, Workers

pytestmark = pytest.mark.alone  # it waits for real time


ROOT = Path(__file__).resolve().parents[2]


def work(task):
    """What the processes of these tests are told to do."""
    what, value = task
    if what == "sleep":
        time.sleep(value)
    elif what == "spin":
        while True:
            pass
    elif what == "die":
        os.kill(os.getpid(), value)
    elif what == "raise":
        raise ValueError(value)
    return {"pid": os.getpid(), "time": time.monotonic()}.get(what, value)


def warm_up(workers):
    """Wait until all of them have started."""
    while len({*workers.answers([("pid", None)] * 4)}) < workers._jobs:
        pass


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_answers_come_in_the_order_of_the_tasks(jobs):
    tasks = [("sleep", seconds) for seconds in (0.3, 0.0, 0.1, 0.0, 0.2, 0.0)]
    with Workers(work, jobs) as workers:
        assert list(workers.answers(tasks)) == [0.3, 0.0, 0.1, 0.0, 0.2, 0.0]


def test_tasks_without_an_end_are_taken_as_they_are_needed():
    taken = []

    def tasks():
        for number in range(10**9):
            taken.append(number)
            yield ("say", number)

    with Workers(work, 2) as workers:
        answers = workers.answers(tasks())
        assert [next(answers) for _ in range(5)] == [0, 1, 2, 3, 4]
    assert len(taken) <= 5 + MOST_AHEAD


def test_one_that_hangs_is_given_up_and_the_others_go_on_meanwhile():
    with Workers(work, 2, longest_s=1.5) as workers:
        warm_up(workers)
        answers = workers.answers([("spin", 0)] + [("time", 0)] * 50)
        assert next(answers) == NoAnswer("no answer within 1.5 s", hangs=True)
        given_up = time.monotonic()
        assert max(answers) < given_up, "the others waited for the one that hangs"


@pytest.mark.parametrize("jobs", [1, 2])
def test_one_that_dies_is_replaced_and_only_its_task_is_lost(jobs):
    with Workers(work, jobs) as workers:
        answers = list(workers.answers([("say", 1), ("die", signal.SIGKILL), ("say", 2), ("say", 3)]))
    assert answers == [1, NoAnswer("its process ended with exit code -9", hangs=False), 2, 3]


def test_one_that_dies_while_it_has_nothing_to_do_is_replaced():
    with Workers(work, 1) as workers:
        (pid,) = workers.answers([("pid", None)])
        os.kill(pid, signal.SIGKILL)
        first, second = workers.answers([("say", 1), ("say", 2)])
    assert isinstance(first, NoAnswer)
    assert second == 2


def test_an_error_is_told_by_the_process_and_counts_as_its_end(capfd):
    with Workers(work, 1) as workers:
        assert list(workers.answers([("raise", "oh no"), ("say", 2)])) == [
            NoAnswer("its process ended with exit code 1", hangs=False),
            2,
        ]
    assert "oh no" in capfd.readouterr().err


def test_who_stops_listening_goes_on_with_other_tasks():
    with Workers(work, 2) as workers:
        for answer in workers.answers([("say", 1), ("sleep", 0.3), ("sleep", 0.3), ("say", 2)]):
            assert answer == 1
            break
        assert list(workers.answers([("say", "a"), ("say", "b")])) == ["a", "b"]


def test_one_that_still_hangs_from_before_is_given_up_too():
    with Workers(work, 1, longest_s=0.5) as workers:
        warm_up(workers)
        with pytest.raises(TimeIsUpError):
            list(workers.answers([("spin", 0)], until=time.monotonic() + 0.1))
        assert list(workers.answers([("say", 1)])) == [1]


def test_time_ends_in_the_midst_of_a_task():
    with Workers(work, 2) as workers:
        warm_up(workers)
        until = time.monotonic() + 1
        answers = workers.answers([("say", 1), ("spin", 0), ("say", 2)], until)
        assert next(answers) == 1
        with pytest.raises(TimeIsUpError):
            list(answers)
        assert time.monotonic() >= until


def test_none_of_them_outlives_this_process():
    """Not even one that works: its parent is killed and can end nobody."""
    program = (
        "import sys; from tests.transport_sim.test_workers import work; from transport_sim.workers import Workers\n"
        "with Workers(work, 2) as workers:\n"
        "    answers = workers.answers([('pid', 0), ('sleep', 1), ('pid', 0), ('spin', 0), ('spin', 0)])\n"
        "    print(next(answers), [next(answers), next(answers)][1], flush=True)\n"
        "    next(answers)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE
    )
    pids = [int(pid) for pid in process.stdout.readline().split()]
    process.kill()
    process.wait()
    process.stdout.close()

    deadline = time.monotonic() + 30
    while any(is_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(is_alive(pid) for pid in pids)


def is_alive(pid):
    """Whether there is such a process, and it is no zombie that nobody has reaped yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False

"""Every interpreter takes the same steps: a scenario has one digest of every effect, wherever it is replayed."""

import os
import shutil
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from raft.messages import HigherTerm
from tests.micropython.replay import Digest
from tests.micropython.scenarios.reached import MARKS, watch

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).parent / "scenarios"
SCENARIOS = tuple(sorted(path.name for path in FOLDER.glob("*.txt")))
PYTHON = (sys.executable,)
HEAP = ("-X", "heapsize=512k")  # a scenario keeps up to five nodes and their network in it
RECORD_ANEW = "python3 -m tests.micropython.record"


def run(interpreter, module, *arguments, checkout=CHECKOUT, hash_seed="0"):
    """Runs a module of a checkout, which is how `raft` is found on every interpreter."""
    return subprocess.run(
        [*interpreter, "-m", module, *map(str, arguments)],
        cwd=checkout,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )


def replay(interpreter, scenario, **options):
    """The digest and the number of effects, as printed."""
    done = run(interpreter, "tests.micropython.replay", FOLDER / scenario, **options)
    assert done.returncode == 0, done.stderr or done.stdout
    return done.stdout


def digest(value):
    """The digest of one value."""
    taken = Digest()
    taken.take(value)
    return str(taken)


@cache
def on_cpython(scenario):
    return replay(PYTHON, scenario)


@pytest.fixture
def copy(tmp_path):
    """A checkout of its own, to be changed."""
    shutil.copytree(CHECKOUT / "raft", tmp_path / "raft")
    (tmp_path / "tests/micropython").mkdir(parents=True)
    shutil.copy(CHECKOUT / "tests/micropython/replay.py", tmp_path / "tests/micropython")
    return tmp_path


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_hash_seed_changes_nothing(scenario):
    assert {replay(PYTHON, scenario, hash_seed=seed) for seed in ("1", "random")} == {on_cpython(scenario)}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_micropython_takes_the_same_steps(scenario, micropython):
    assert replay((*micropython.argv, *HEAP), scenario) == on_cpython(scenario)


def test_actors_take_the_same_steps(micropython):
    module = "tests.micropython.scenarios.actor"
    here = run(PYTHON, module)
    there = run((*micropython.argv, *HEAP), module)

    assert here.returncode == there.returncode == 0, here.stderr + there.stderr + there.stdout
    assert there.stdout == here.stdout
    outcomes = "NotLeader", "b: did one", "d: (0, None)", "d: 1", "b: 6", "b: d", "d: a", "a: 9", "ReadFailed"
    for outcome in (*outcomes, "StorageFailed", "OutcomeUnknown", "c: did two"):
        assert outcome in here.stdout.replace("\n", ", ")


def test_scenarios_reach_what_can_go_wrong():
    reached = sum((watch(FOLDER / scenario) for scenario in SCENARIOS), Counter())

    missing = [mark for mark in MARKS if not reached[mark]]
    assert not missing, f"the scenarios no longer reach {missing}: record them anew with `{RECORD_ANEW}`"


# One for each kind of effect: none of them changes what happens next, so that only the digest can tell.
@pytest.mark.parametrize(
    ("file", "line", "changed"),
    [
        ("entries.py", "NOOP = 0 ", "NOOP = 3 "),
        ("node.py", "        return deadline\n", "        return deadline and deadline + 1\n"),
        ("errors.py", "self.sent_term = sent_term\n", "self.sent_term = sent_term + 1\n"),
        ("errors.py", "the outcome is unknown: ", "the outcome is not known: "),
        ("transfer.py", "node.answer(self.ticket, error, leader)", "node.answer(self.ticket, error, self.target)"),
        ("observer.py", "self.stuck = stuck\n", "self.stuck = not stuck\n"),
    ],
)
def test_digest_tells_a_changed_effect(file, line, changed, copy):
    text = (copy / "raft" / file).read_text(encoding="utf-8")
    assert text.count(line) == 1
    (copy / "raft" / file).write_text(text.replace(line, changed), encoding="utf-8")

    before = [on_cpython(scenario).split() for scenario in SCENARIOS]
    after = [replay(PYTHON, scenario, checkout=copy).split() for scenario in SCENARIOS]

    assert [effects for _, effects in after] == [effects for _, effects in before]
    assert [digest for digest, _ in after] != [digest for digest, _ in before]


def test_digest_takes_in_who_signed_a_message():
    messages = [HigherTerm("a", 1) for _ in range(3)]
    messages[1].incarnation = 1 << 63
    messages[2].cluster = 1

    assert len({digest(message) for message in messages}) == 3


def test_digest_takes_in_a_dict_in_order_of_its_keys():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert len({digest(value) for value in ({}, {"a": 1}, {"b": 1}, {"a": 2}, {"a": 1, "b": 1})}) == 5


def test_digest_tells_an_order_that_only_one_interpreter_keeps(copy, micropython):
    """A dict keeps its order on CPython alone, so a core that runs over one must not pass here."""
    leader = copy / "raft/leader.py"
    text = leader.read_text(encoding="utf-8")
    loop = "for follower in self._followers:"
    assert loop in text
    leader.write_text(text.replace(loop, "for follower in self.progress or self._followers:"), encoding="utf-8")

    here = replay(PYTHON, "three.txt", checkout=copy)

    assert here == on_cpython("three.txt")
    assert here != replay((*micropython.argv, *HEAP), "three.txt", checkout=copy)


def test_scenario_that_does_not_fit_the_core_says_what_to_do(tmp_path):
    outdated = tmp_path / "outdated.txt"
    outdated.write_text("voters a b\nstart a 0 1\nstart b 0 2\ndeliver a 5 b 1\n", encoding="ascii")

    done = run(PYTHON, "tests.micropython.replay", outdated)

    assert done.returncode == 1
    assert "line 4: no message 1 is on its way from b to a" in done.stderr
    assert RECORD_ANEW in done.stderr

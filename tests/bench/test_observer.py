"""The measurement of what watching costs: it compares what it says it compares, and its verdict can fail."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.copies import CORE, SITES, copies, is_site
from bench.observer import LEVELS, SILENT, Figures, Plan, Report, measure
from bench.replication import Replication
from raft.observer import TRACE

ROOT = Path(__file__).resolve().parents[2]
PLAN = Plan(nodes=3, commands=5, in_flight=2, repetitions=2)


def sites(folder):
    """How many event sites the modules of a core have, without those that make the events."""
    files = [file for file in Path(folder).glob("*.py") if file.name not in SITES]
    return sum(is_site(node) for file in files for node in ast.walk(ast.parse(file.read_text())))


def test_a_copy_without_sites_lacks_them_all_and_does_the_same():
    with copies({"core_with": True, "core_without": False}) as made:
        folders = {name: Path(copy.module("node").__file__).parent for name, copy in made.items()}
        assert sites(folders["core_with"]) == sites(CORE) == made["core_without"].removed > 30
        assert sites(folders["core_without"]) == made["core_with"].removed == 0

        clusters = {name: Replication(copy, 3, TRACE) for name, copy in made.items()}
        for cluster in clusters.values():
            cluster.run(commands=20, in_flight=3)

        assert clusters["core_with"].work == clusters["core_without"].work
        assert clusters["core_with"].work[2] >= 20 + 2 * 18
        assert clusters["core_with"].events > 0
        assert clusters["core_without"].events == 0
    assert not {"core_with", "core_without"} & {name.split(".")[0] for name in sys.modules}


def test_more_events_come_with_each_level_and_none_without():
    report = measure(PLAN)

    assert [figures.name for figures in report.figures] == list(LEVELS)
    bare, silent, *levels = [figures.events_per_command for figures in report.figures]
    assert bare == silent == 0
    assert levels == sorted(levels)
    assert levels[-1] > levels[-2] > levels[0] > 0


@pytest.mark.parametrize(("ratio", "within"), [(0.99, True), (1.029, True), (1.031, False)])
def test_the_verdict_is_on_the_sites_while_nobody_listens(ratio, within):
    figures = [Figures(name, 1.0, 1.0, ratio if name == SILENT else 2.0, (1.0, 1.0), 0.0) for name in LEVELS]

    assert Report(PLAN, 1, figures).is_within_bound is within


@pytest.mark.parametrize("json_wanted", [True, False])
def test_as_people_and_programs_call_it(json_wanted):
    arguments = ["--commands", "5", "--repetitions", "2", *["--json"] * json_wanted]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120"}
    command = [sys.executable, "-m", "bench.observer", *arguments]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    # So short a run measures nothing, so either verdict will do.
    assert ran.returncode in (0, 1), ran.stdout + ran.stderr
    assert ran.stderr == ""
    if json_wanted:
        report = json.loads(ran.stdout)
        assert (report["commands"], report["repetitions"], list(report["levels"])) == (5, 2, list(LEVELS))
        assert (report["cost_percent"] < report["bound_percent"]) is (ran.returncode == 0)
    else:
        assert ("WITHIN BOUND" if ran.returncode == 0 else "TOO MUCH") in ran.stdout
        assert all(level in ran.stdout for level in LEVELS)

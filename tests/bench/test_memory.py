"""The measurement of memory as people and programs call it, and the rule of its verdict: that it can fail above all."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.chart import ROWS, columns
from bench.curve import RSS_ALLOWANCE_BYTES, Plan, Point, judge
from tests.mutations.mutations import Mutation
from tests.mutations.run import apply

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("--commands", "4000", "--snapshot-entries", "100", "--in-flight", "20")
LOG_BOUND = 100 + 10 + 4 * 20  # threshold, tail, and what is pending

STORAGE_IS_NEVER_CUT = Mutation(
    "the storage keeps the log from before its snapshots",
    (("actors/storage/memory.py", "if write.base[0] > self._base[0]:", "if False:"),),
)


def memory(*arguments, folder=ROOT):
    """Run the measurement with the sources in a folder."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]), "COLUMNS": "120"}
    command = [sys.executable, "-P", "-m", "bench.memory", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.contract("N1")
def test_logs_stay_short_and_memory_flat():
    ran = memory(*SMALL, "--json")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stderr == ""
    (line,) = ran.stdout.splitlines()
    report = json.loads(line)
    assert (report["nodes"], report["commands"], report["snapshot_entries"]) == (5, 4000, 100)
    assert report["commands_per_second"] > 0
    points = report["points"]
    assert [point["commands"] for point in points] == list(range(100, 4001, 100))
    for point in points:
        assert list(point) == [
            "commands",
            "seconds",
            "log_entries",
            "log_bytes",
            "stored_entries",
            "rss_bytes",
            "snapshots",
        ]
        for kind in ("log_entries", "stored_entries"):
            assert 0 < point[kind]["max"] <= LOG_BOUND
            assert point[kind]["max"] <= point[kind]["sum"] <= 5 * point[kind]["max"]
        assert point["log_bytes"] > 32 * point["log_entries"]["sum"]
        assert point["rss_bytes"] > 2**20
    assert 5 * 4000 // (100 + 20) <= points[-1]["snapshots"] <= 5 * 4000 // 100
    verdict = report["verdict"]
    assert (verdict["flat"], verdict["objections"]) == (True, [])
    assert verdict["warm_up_commands"] == 400
    assert verdict["log_bound_entries"] == LOG_BOUND
    assert verdict["rss_growth_bytes"] <= verdict["rss_allowance_bytes"]


def test_people_get_a_table_a_chart_and_the_rule():
    ran = memory(*SMALL, "--nodes", "3")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "4,000 commands, 3 nodes" in ran.stdout
    assert "physical memory, 0 to" in ran.stdout
    assert ran.stdout.count("█" * 40) >= ROWS // 2
    assert "flat: no log holds more than 190 entries" in ran.stdout
    assert ran.stdout.splitlines()[-1] == "FLAT"


def test_a_storage_that_grows_is_not_flat(tmp_path):
    apply(STORAGE_IS_NEVER_CUT, tmp_path)

    ran = memory(*SMALL, "--json", folder=tmp_path)

    assert ran.returncode == 1, ran.stdout + ran.stderr
    report = json.loads(ran.stdout)
    assert not report["verdict"]["flat"]
    assert report["points"][-1]["stored_entries"]["max"] >= 3900
    assert any("a log held" in objection for objection in report["verdict"]["objections"])


def test_logs_that_are_never_cut_are_not_flat():
    ran = memory("--commands", "1000", "--snapshot-entries", "1000000")

    assert ran.returncode == 1, ran.stderr
    assert "NOT FLAT: 5 of 5 nodes made no snapshot" in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--nodes", "0"], "0 is not in the range"),
        (["--commands", "10"], "10 is not in the range"),
        (["--snapshot-entries", "many"], "'many' is not a valid integer"),
        (["--in-flight", "0"], "0 is not in the range"),
        (["--speed"], "No such option"),
        (["surplus"], "unexpected extra argument"),
    ],
)
def test_wrong_usage_is_exit_code_2_with_a_message(arguments, complaint):
    ran = memory(*arguments)

    assert ran.returncode == 2
    assert complaint in ran.stderr
    assert "Traceback" not in ran.stderr
    assert ran.stdout == ""


def test_help_teaches():
    ran = memory("--help")

    assert ran.returncode == 0
    assert "See it fail:" in ran.stdout
    assert "Exit code" in ran.stdout


# The rule


@pytest.mark.parametrize(
    ("commands", "snapshot_entries", "warm_up"),
    [
        (5_000_000, 10_000, 100_000),
        (1_000_000, 10_000, 100_000),
        (500_000, 10_000, 50_000),
        (100_000, 10_000, 2 * (10_000 + 1000 + 400)),
        (1_000_000, 200_000, 2 * (200_000 + 20_000 + 400)),
        (1000, 10_000, 500),
    ],
)
def test_the_warm_up_ends_when_logs_can_have_been_full_twice(commands, snapshot_entries, warm_up):
    assert Plan(commands, snapshot_entries, snapshot_entries // 10, in_flight=100).warm_up_commands == warm_up


PLAN = Plan(commands=1_000_000, snapshot_entries=10_000, snapshot_tail_entries=1000, in_flight=1000)


def curve(rss_growth=lambda commands: 0, log=lambda commands: 11_000, stored=lambda commands: 11_000):
    return [
        Point(
            commands,
            commands / 30_000,
            5 * log(commands),
            log(commands),
            5 * 80 * log(commands),
            5 * stored(commands),
            stored(commands),
            50_000_000 + rss_growth(commands),
            commands // 2000,
        )
        for commands in range(25_000, 1_000_001, 25_000)
    ]


def objections(*, snapshots=(100,) * 5, **shape):
    return judge(curve(**shape), list(snapshots), PLAN).objections


def test_what_grows_in_the_warm_up_alone_is_flat():
    verdict = judge(curve(rss_growth=lambda commands: min(commands, 100_000) * 1000), [100] * 5, PLAN)

    assert verdict.flat
    assert (verdict.rss_growth_bytes, verdict.log_growth_entries, verdict.log_growth_bytes) == (0, 0, 0)


def test_a_pointer_for_each_command_is_not_flat():
    assert objections(rss_growth=lambda commands: 8 * commands) == (
        f"physical memory grew by 7,200,000 bytes, more than {RSS_ALLOWANCE_BYTES:,}",
    )


def test_a_step_at_the_very_end_is_not_flat():
    assert len(objections(rss_growth=lambda commands: 5_000_000 * (commands == 1_000_000))) == 1


@pytest.mark.parametrize("which", ["log", "stored"])
def test_one_log_that_was_once_too_long_is_not_flat(which):
    def once(commands):
        return 15_001 if commands == 500_000 else 11_000

    assert objections(**{which: once}) == ("a log held 15,001 entries, more than 15,000",)
    assert objections(**{which: lambda commands: 15_000}) == ()


def test_one_node_that_never_makes_a_snapshot_is_not_flat():
    assert objections(snapshots=(100, 100, 0, 100, 100)) == (
        "1 of 5 nodes made no snapshot: their logs were never cut",
    )


# The chart


def test_columns_are_as_high_as_their_values():
    rows = columns([0, 4, 8], "#")

    assert len(rows) == ROWS == 8
    assert rows == ["  #"] * 4 + [" ##"] * 4

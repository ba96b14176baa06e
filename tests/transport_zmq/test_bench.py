import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transport_zmq.bench.histogram import PRECISION, SHORTEST_S, Histogram

durations = st.lists(st.floats(SHORTEST_S * 2, 100.0), min_size=1, max_size=200)


@given(durations, st.floats(0.0, 100.0))
def test_a_percentile_is_nearly_the_duration_that_it_stands_for(recorded, percent):
    histogram = Histogram()
    for duration in recorded:
        histogram.add(duration)
    rank = max(1, -(-len(recorded) * percent // 100))
    exact = sorted(recorded)[int(rank) - 1]

    told = histogram.percentile_s(percent)

    near = sorted(recorded)[max(0, int(rank) - 2) : int(rank) + 1]  # a float may round to the next rank
    assert any(abs(told - each) <= 1.01 * PRECISION * each for each in (exact, *near))


@given(durations, durations)
def test_two_histograms_can_be_put_together(some, others):
    together, apart = Histogram(), Histogram()
    for duration in [*some, *others]:
        together.add(duration)
    for part in (some, others):
        one = Histogram()
        for duration in part:
            one.add(duration)
        apart.add_buckets(json.loads(json.dumps(one.buckets)))
    assert (apart.buckets, apart.total) == (together.buckets, together.total)


def test_nothing_has_no_percentile():
    assert Histogram().percentile_s(50) is None


def bench(*arguments):
    command = [sys.executable, "-m", "quorate", "bench", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("reads", [(), ("--reads",)], ids=["writes", "reads"])
def test_it_measures_every_depth(reads, tmp_path):
    ran = bench("--outstanding", "1,40", "--seconds", "0.5", "--clients", "2", "--json", "--dir", str(tmp_path), *reads)

    assert (ran.returncode, ran.stderr) == (0, "")
    told = json.loads(ran.stdout)
    assert (told["ok"], told["reads"], told["value_bytes"]) == (True, bool(reads), 128)
    assert list(told["outstanding"]) == ["1", "40"]
    for measured in told["outstanding"].values():
        assert measured["operations_per_second"] > 0
        assert 0 < measured["p50_ms"] <= measured["p99_ms"]
        assert measured["failures"] == {}
    assert list(tmp_path.iterdir()) == []


def test_what_it_was_told_wrong_is_said():
    ran = bench("--outstanding", "1,none")
    assert ran.returncode == 2
    assert "1,64,512" in ran.stderr


def test_a_cluster_that_does_not_answer_is_no_traceback():
    ran = bench("--endpoints", "127.0.0.1:1", "--outstanding", "1", "--seconds", "0.1", "--json")
    assert (ran.returncode, ran.stderr) == (1, "")
    assert json.loads(ran.stdout)["error"] == "BenchmarkFailed"


def test_what_is_no_endpoint_is_said():
    ran = bench("--endpoints", "foo")
    assert (ran.returncode, "Traceback" in ran.stderr) == (2, False)
    assert "'foo' is no address" in ran.stderr

"""Exploration finds deliberate bugs in the core within small bounds, and tells the way there."""

import json
import os
import subprocess
import sys

import pytest

from tests.mutations.mutations import MUTATIONS
from tests.mutations.run import apply
from tests.transport_sim.explore.worlds import bounds
from transport_sim.explore import trace
from transport_sim.explore.path import Astray

ONE_ELECTION = bounds(nodes=3)
TWO_CAMPAIGNS = bounds(nodes=3, max_timeouts=2)
CRASH = bounds(nodes=3, max_crashes=1)
PARTED_LOGS = bounds(nodes=3, past_terms=1)
STEP_BY_STEP = bounds(nodes=3, past_terms=1, append_entries=1)
LATE_APPEND = bounds(nodes=2, max_commands=1, max_duplicates=1, append_entries=1)

# What the bug is, where it shows, and which promises may be seen broken first.
BUGS = {
    "vote not persisted": (ONE_ELECTION, {"E1", "S6"}),
    "vote taken back on stepping down": (TWO_CAMPAIGNS, {"S6"}),
    "vote request before it is durable": (ONE_ELECTION, {"E1"}),
    "vote reply before it is durable": (CRASH, {"E1"}),
    "acknowledgement before it is durable": (ONE_ELECTION, {"E1", "R2"}),
    "votes twice in a term": (TWO_CAMPAIGNS, {"E1", "S6", "S1"}),
    "candidate's log not compared": (PARTED_LOGS, {"S4"}),
    "half of the voters are a majority": (ONE_ELECTION, {"S1", "S8"}),
    "commit by counting old terms": (STEP_BY_STEP, {"R3"}),
    "leader counts its own unsynced entries": (ONE_ELECTION, {"S8"}),
    "no no-op at the start of a term": (ONE_ELECTION, {"R3"}),
    "match index from heartbeat": (ONE_ELECTION, {"S7"}),
    "truncation without conflict": (LATE_APPEND, {"R1"}),
    "no truncation on conflict": (PARTED_LOGS, {"S8", "S5"}),
    "applies before its own disk has it": (ONE_ELECTION, {"S7"}),
    "truncated entries still count as durable": (PARTED_LOGS, {"S7"}),
}

HUNT = """
import json, sys
from pathlib import Path
from transport_sim.explore import trace
from transport_sim.explore.bounds import Bounds
from transport_sim.explore.walk import Limits, Walk
walk = Walk(Bounds.of_object(json.loads(sys.argv[1])))
found = walk.run(Limits(states=400_000)).violations
if found:
    trace.write(Path("trace"), walk.bounds, found[0])
    again = trace.replay(json.loads(Path("trace").read_text().splitlines()[0]))
    print(json.dumps([found[0].promise, found[0].message, len(found[0].path) - 1]))
    print(json.dumps([again.promise, again.message, again.steps]))
"""


@pytest.mark.parametrize("name", BUGS)
def test_a_deliberate_bug_is_found_and_its_trace_replays(name, tmp_path):
    within, promises = BUGS[name]
    (mutation,) = [mutation for mutation in MUTATIONS if mutation.name == name]
    apply(mutation, tmp_path)
    ran = subprocess.run(
        [sys.executable, "-P", "-c", HUNT, json.dumps(within.as_object())],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )

    found, again = [json.loads(line) for line in ran.stdout.splitlines()]

    assert found[0] in promises
    assert again == found
    lines = [json.loads(line) for line in (tmp_path / "trace").read_text().splitlines()]
    assert [line["promise"] for line in lines if line.get("event") == "violation"] == [found[0]]
    assert lines[-1]["event"] == "end"
    assert lines[-1]["events"] == len(lines) - 2
    # The core without the bug goes another way, or comes to no harm on this one.
    try:
        assert trace.replay(lines[0]).promise is None
    except Astray as astray:
        assert astray.step > 1

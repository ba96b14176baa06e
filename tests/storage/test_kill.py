"""Processes that are killed at any moment, and go on where they were: the real disk, the real thread, the real loop."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("QUORATE_KILLS", "8"))

# Counts in the store; says each number once the store has acknowledged it.
COUNTER = """
import os
import sys
from actors import LocalCluster

with LocalCluster(int(sys.argv[2]), directory=sys.argv[1], sync=sys.argv[3]) as cluster:
    value = int(cluster.get("count") or 0)
    print("found", value, flush=True)
    while True:
        value += 1
        cluster.put("count", str(value))
        os.write(1, b"acknowledged %d\\n" % value)
"""


@pytest.mark.contract("D1", "D3")
@pytest.mark.parametrize(("nodes", "sync"), [(1, "always"), (3, "always"), (1, "interval(50)")])
def test_killed_again_and_again_it_loses_nothing_that_was_acknowledged(nodes, sync, tmp_path):
    chance = random.Random(1)
    acknowledged = 0
    for _ in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-c", COUNTER, str(tmp_path), str(nodes), sync], cwd=ROOT,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        word, number = process.stdout.readline().split() or ("nothing", "-1")
        assert word == "found", process.communicate()[1]
        # What was under way when it was killed may have taken effect, but only that.
        assert acknowledged <= int(number) <= acknowledged + 1
        time.sleep(chance.random() * 0.3)
        process.send_signal(signal.SIGKILL)
        said = process.communicate()[0].splitlines()
        acknowledged = int(said[-1].split()[1]) if said else int(number)

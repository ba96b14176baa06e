"""Real daemons under everything that goes wrong between machines: nothing acknowledged is lost, or done twice."""

import json
import os
import subprocess
import sys

import pytest

from tests.faults.kinds import KINDS
from tests.transport_zmq.daemon.daemons import CHECKOUT

SECONDS = os.environ.get("QUORATE_FAULT_SECONDS", "90")
SEED = os.environ.get("QUORATE_FAULT_SEED", "1")
AROUND_S = 300  # the start, the end, and the verdict


@pytest.mark.contract("C1", "C2", "C3", "E4", "S1", "S6", "L1", "L2", "M6", "D2")
def test_everything_that_goes_wrong_between_real_daemons_loses_nothing(in_namespaces, tmp_path, capsys):
    command = [*in_namespaces, sys.executable, "-m", "tests.faults.run", SECONDS, SEED, str(tmp_path)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=float(SECONDS) + AROUND_S)

    again = f"python -m tests.faults {SECONDS} {SEED}; schedule, logs and histories: {tmp_path}"
    assert done.stdout, f"{again}\n{done.stderr}"
    found = json.loads(done.stdout)
    assert (done.returncode, found["problems"]) == (0, []), f"{again}\n{done.stderr}"
    assert set(found["done"]) == set(KINDS), f"every kind of fault has come: {again}"
    for model, least in (("kv", 1000), ("counter", 200)):
        assert found["histories"][model]["operations"] > least
        assert found["histories"][model]["unknown"] > 0
    with capsys.disabled():
        print(f" [seed {SEED}: {found['histories']['kv']['operations']} operations, {found['terms']} terms] ", end="")

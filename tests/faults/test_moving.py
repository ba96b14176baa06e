"""Members whose names lead elsewhere after a restart, as those of pods do."""

import json
import subprocess
import sys

from tests.transport_zmq.daemon.daemons import CHECKOUT


def test_members_and_clients_find_a_member_whose_name_has_moved(in_namespaces, tmp_path):
    command = [*in_namespaces, sys.executable, "-m", "tests.faults.moving", str(tmp_path)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=180)

    logs = "".join(log.read_text(encoding="utf-8")[-3000:] for log in tmp_path.glob("*.log"))
    assert done.returncode == 0, done.stderr + logs
    found = json.loads(done.stdout)
    assert found["missing"] == []
    assert found["led_by_it"] is True
    assert "Traceback" not in logs

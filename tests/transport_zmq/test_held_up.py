"""A process that is busy while the other end of a connection goes away must not be taken down by ZeroMQ."""

import subprocess
import sys

import pytest

from tests.transport_zmq.daemon.daemons import CHECKOUT


@pytest.mark.parametrize("who", ["node", "client"])
def test_who_is_held_up_lives_on_when_whoever_sends_goes_away_meanwhile(who):
    """libzmq 4.3.5 ends the process when a heartbeat is due on a broken connection that is not read from."""
    command = [sys.executable, "-m", "tests.transport_zmq.held_up", who]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr

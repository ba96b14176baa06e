"""The examples for real clusters, run as scripts against a real daemon."""

import subprocess
import sys

from examples.fifo_queue import FifoQueue
from tests.transport_zmq.daemon.daemons import CALM, CHECKOUT, Daemon, free_ports, until

FAST = ("--election-timeout-ms", "150", "--heartbeat-interval-ms", "20")


def founder(folder, *options):
    ports = free_ports(3)
    return Daemon("n1", folder, ports, f"n1=127.0.0.1:{ports[0]}", (*FAST, *options))


def told_by(example, daemon):
    command = [sys.executable, str(CHECKOUT / "examples" / example), daemon.client_address]
    ran = subprocess.run(
        command, env={**CALM, "PYTHONPATH": str(CHECKOUT)}, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout.splitlines()


def test_a_queue_of_ones_own_on_a_daemon_that_is_restarted(tmp_path, closing):
    daemon = closing(founder(tmp_path, "--machine", "examples.fifo_queue:FifoQueue")).start()

    pushed = [f"pushed {job}, {count} waiting" for count, job in enumerate(("wash", "dry", "fold"), 1)]
    shown = [*pushed, "popped dry, fold, wash", "0 waiting"]
    assert told_by("fifo_queue.py", daemon) == shown
    daemon.kill()
    daemon.start()
    assert told_by("fifo_queue.py", daemon) == shown


def test_a_queue_comes_back_from_its_snapshot():
    queue, copy = FifoQueue(), FifoQueue()
    for item in (b"", b"one", b"two"):
        queue.apply(b"push " + item)
    saved = b"".join(queue.snapshot())
    copy.restore([saved[:5], saved[5:]])
    assert [copy.apply(b"pop") for _ in range(4)] == [b"", b"one", b"two", None]


def test_a_lock_and_an_election_on_a_daemon(tmp_path, closing):
    daemon = closing(founder(tmp_path)).start()
    until(lambda: daemon.is_ready)
    assert told_by("lock_and_election.py", daemon)[-3:] == [
        "each had a greater token than the one before: True",
        "ann leads",
        "bob leads",
    ]

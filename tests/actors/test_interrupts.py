"""Ctrl-C, as a program with a cluster meets it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import gevent
import pytest

from actors import LocalCluster
from tests.actors.clusters import T

CHECKOUT = Path(__file__).resolve().parents[2]

WRITE = """
from actors import LocalCluster

def write(cluster):
    cluster.put("key", "value", 60)
    print("ready", flush=True)
    while True:
        cluster.put("key", "value", 60)
"""

CATCH = (
    WRITE
    + """
with LocalCluster(3) as cluster:
    cluster.wait_for_leader(60)
    for number in range(10):
        try:
            write(cluster)
        except KeyboardInterrupt:
            pass
    cluster.wait_for_leader(60)
    print([member.state for member in cluster.status()].count("leader"), cluster.get("key", 60), flush=True)
    assert all(member.running for member in cluster.status())
"""
)

DO_NOT_CATCH = """
import signal
from actors import LocalCluster

class Machine:
    def apply(self, command):
        signal.raise_signal(signal.SIGINT)

with LocalCluster(1, machine=Machine) as cluster:
    cluster.propose(b"", 60)
"""

LOOP_IN_A_NODE = """
from actors import LocalCluster

class Endless:
    def apply(self, command):
        print("ready", flush=True)
        try:
            while True:
                pass
        finally:
            print("left", flush=True)

with LocalCluster(1, machine=Endless) as cluster:
    try:
        cluster.propose(b"", 60)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""

SHOW = """
from rich.console import Console
from actors.demo import run

try:
    run(Console(width=200), pace_s=0.5)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


class Program:
    """A script that runs until it ends; `interrupt` sends it what Ctrl-C sends."""

    def __init__(self, source):
        self.process = subprocess.Popen(
            [sys.executable, "-c", source],
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def lines(self):
        for line in self.process.stdout:
            yield line.strip()

    def end(self):
        """Returns what it has said since, its errors and its exit code."""
        try:
            said, errors = self.process.communicate(timeout=60)
        finally:
            self.process.kill()
        return said.split(), errors, self.process.returncode


def test_an_interrupt_reaches_the_program_and_no_node():
    program = Program(CATCH)
    lines = program.lines()
    for _ in range(10):
        assert next(lines) == "ready"
        program.interrupt()

    assert next(lines) == "1 b'value'"
    assert program.end() == ([], "", 0)


def test_an_interrupt_that_nobody_catches_is_one_ordinary_traceback():
    said, errors, code = Program(DO_NOT_CATCH).end()

    assert (said, code) == ([], -signal.SIGINT)
    assert errors.startswith("Traceback (most recent call last):\n")
    assert errors.endswith("KeyboardInterrupt\n")
    assert errors.count("Traceback") == 1


def test_a_turn_that_does_not_end_is_ended_by_a_second_interrupt():
    program = Program(LOOP_IN_A_NODE)
    lines = program.lines()
    assert next(lines) == "ready"
    deadline = time.monotonic() + T
    while program.process.poll() is None and time.monotonic() < deadline:
        program.interrupt()  # as often as it takes: two that come at once count as one
        time.sleep(0.05)

    said, _, _ = program.end()
    assert said[0] == "left"


def test_the_demonstration_ends_quietly():
    program = Program(SHOW)
    for line in program.lines():
        if line.startswith("4."):  # writes are under way
            break
    program.interrupt()

    said, errors, code = program.end()

    assert (said[-1], errors, code) == ("interrupted", "", 0)
    assert "✗" not in said


# Who treats Ctrl-C when


@pytest.fixture(autouse=True)
def python_treats_interrupts():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_python_treats_interrupts_again_after_the_last_cluster_has_closed():
    with LocalCluster(1):
        ours = signal.getsignal(signal.SIGINT)
        with LocalCluster(1) as inner:
            inner.close()
            assert signal.getsignal(signal.SIGINT) is ours
        assert signal.getsignal(signal.SIGINT) is ours

    assert ours is not signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_the_programs_own_stays():
    def own(*_):
        pass

    signal.signal(signal.SIGINT, own)
    with LocalCluster(1):
        assert signal.getsignal(signal.SIGINT) is own
    assert signal.getsignal(signal.SIGINT) is own

    signal.signal(signal.SIGINT, signal.default_int_handler)
    with LocalCluster(1):
        signal.signal(signal.SIGINT, own)
    assert signal.getsignal(signal.SIGINT) is own


def test_a_cluster_that_cannot_be_made_leaves_interrupts_alone():
    with pytest.raises(ZeroDivisionError):
        LocalCluster(1, machine=lambda: 1 / 0)

    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_main_greenlet_is_interrupted_at_once_and_from_any_other():
    with LocalCluster(1) as cluster:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        gevent.spawn(signal.raise_signal, signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            cluster.sleep(60)

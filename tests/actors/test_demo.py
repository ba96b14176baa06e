import io
import re

import pytest
from rich.console import Console

from actors import KeyValue, LocalCluster, demo
from actors.kv import DONE, Result
from actors.kv_commands import PUT, decode


def show(**settings):
    """Returns what the demonstration says, and whether it says that all went well."""
    console = Console(file=io.StringIO(), width=100)
    passed = demo.run(console, pace_s=0, **settings)
    return passed, console.file.getvalue()


def test_it_shows_a_leader_lost_and_nothing_else():
    passed, shown = show()

    assert passed is True
    assert "✗" not in shown
    assert shown.count("✓") == 7
    assert re.search(r"✓ all \d+ acknowledged writes are read back", shown)
    assert "Everything held: no acknowledged write was lost." in shown
    for step in range(1, 9):
        assert f"\n{step}. " in shown


def test_an_interrupt_fails_no_write_that_was_under_way(monkeypatch):
    console = Console(file=io.StringIO(), width=100)
    wait_for_leader = LocalCluster.wait_for_leader
    waited = []

    def interrupted(cluster, timeout):
        waited.append(cluster)
        if len(waited) == 2:  # after the crash, while writes wait for the next leader
            raise KeyboardInterrupt
        return wait_for_leader(cluster, timeout)

    monkeypatch.setattr(LocalCluster, "wait_for_leader", interrupted)
    with pytest.raises(KeyboardInterrupt):
        demo.run(console, pace_s=0)

    assert "✗" not in console.file.getvalue()


class Forgetful(KeyValue):
    """Acknowledges one write and does not do it."""

    def apply(self, command):
        decoded = decode(command)
        if decoded.operation == PUT and decoded.key == b"key 007":
            return Result(DONE)
        return super().apply(command)


def test_a_lost_write_is_noticed():
    passed, shown = show(machine=Forgetful)

    assert passed is False
    assert "✗ lost: key 007" in shown
    assert "Something did not hold" in shown


class Fickle(KeyValue):
    """Depends on more than its commands, so that no two nodes hold the same."""

    made = 0

    def __init__(self):
        super().__init__()
        Fickle.made += 1
        self._values[b"own"] = b"%d" % Fickle.made


def test_nodes_that_differ_are_noticed():
    passed, shown = show(machine=Fickle)

    assert passed is False
    assert "✗ all 3 nodes hold the same" in shown


class Raising(KeyValue):
    def apply(self, command):
        raise RuntimeError("broken")


def test_what_goes_wrong_is_shown_and_not_raised(monkeypatch, logged):
    monkeypatch.setattr(demo, "PATIENCE_S", 2.0)

    passed, shown = show(machine=Raising)

    assert passed is False
    assert "✗ it went wrong: the outcome is unknown: node n" in " ".join(shown.split())
    assert "Traceback" not in shown + "".join(logged)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_it_fits_narrow_terminals(width):
    console = Console(file=io.StringIO(), width=width)

    assert demo.run(console, pace_s=0) is True
    assert max(len(line) for line in console.file.getvalue().splitlines()) <= width


def test_it_can_be_shown_in_ascii():
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")

    assert demo.run(Console(file=file, width=100), pace_s=0) is True
    file.seek(0)
    assert file.read().count("ok: ") == 7

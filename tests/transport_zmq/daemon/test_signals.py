"""The second signal ends a process at once, also where its loop is held up."""

import signal
import subprocess
import sys

import pytest

from tests.transport_zmq.daemon.daemons import CHECKOUT

HELD_UP = """
import gevent
from transport_zmq.daemon import signals

signals.listen(lambda name: print(name, flush=True), lambda: print("reload", flush=True))
gevent.spawn_later(0.01, print, "ready", flush=True)
gevent.get_hub().loop.timer(60).start(lambda: None)
gevent.sleep(%s)
while True:
    pass
"""


def process(seconds):
    """A process that waits by the loop for so long, and then holds it up."""
    return subprocess.Popen([sys.executable, "-c", HELD_UP % seconds], cwd=CHECKOUT, stdout=-1, stderr=-1, text=True)


@pytest.mark.parametrize(
    ("seconds", "first", "second", "code"),
    [
        (60, signal.SIGTERM, signal.SIGINT, 130),
        (0.1, signal.SIGTERM, signal.SIGTERM, 143),
        (0.1, signal.SIGINT, signal.SIGINT, 130),
    ],
)
def test_the_second_of_two_signals_is_the_end(seconds, first, second, code):
    with process(seconds) as started:
        assert started.stdout.readline() == "ready\n"
        if seconds > 1:
            started.send_signal(signal.SIGHUP)
            assert started.stdout.readline() == "reload\n"
        started.send_signal(first)
        if seconds > 1:
            assert started.stdout.readline() == f"{first.name}\n"
        else:
            with pytest.raises(subprocess.TimeoutExpired):
                started.wait(0.3)
        started.send_signal(second)
        errors = started.communicate(timeout=20)[1]

    assert started.returncode == code
    assert errors == "quorate: ended at once, on a second signal; nothing that was acknowledged is lost\n"

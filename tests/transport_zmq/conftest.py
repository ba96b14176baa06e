from traceback import format_exception

import gevent
import pykka
import pytest
from loguru import logger

from tests.transport_zmq.nodes import wait_until
from tests.transport_zmq.ports import Port, configuration


@pytest.fixture
def logged():
    """Collects what is logged while the test runs, one text per record, as a user would see it."""
    lines = []
    sink = logger.add(lambda message: lines.append(str(message)), format="{level} {message}")
    yield lines
    logger.remove(sink)


@pytest.fixture
def closing(nothing_left_behind):
    """Closes what tests leave with it, the last one first."""
    left = []

    def leave(*things):
        left.extend(things)
        return things[0]

    yield leave
    for thing in reversed(left):
        thing.close()


@pytest.fixture(autouse=True)
def nothing_left_behind(monkeypatch):
    """Nothing fails where only the loop sees it; in the end no actor, timer, watcher or greenlet is left."""
    hub = gevent.get_hub()
    failed = []

    def handle_error(context, kind, value, traceback):
        if not isinstance(value, gevent.GreenletExit):
            failed.append("".join(format_exception(kind, value, traceback)))

    monkeypatch.setattr(hub, "handle_error", handle_error)
    yield
    assert pykka.ActorRegistry.get_all() == []
    hub.loop.update_now()  # a test that did not wait leaves the loop in the past, and its timeout already over
    assert hub.join(timeout=10)
    assert failed == []


@pytest.fixture
def pair(closing):
    """Two ports that are connected to each other."""
    n1, n2 = closing(Port("n1")), closing(Port("n2"))
    both = configuration(n1=n1.address, n2=n2.address)
    for port in (n1, n2):
        port.transport.follow(both)
    wait_until(lambda: n1.is_connected_to("n2") and n2.is_connected_to("n1"))
    return n1, n2

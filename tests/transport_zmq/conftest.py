from traceback import format_exception

import gevent
import pykka
import pytest
from loguru import logger


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

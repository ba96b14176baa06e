import gevent
import pykka
import pytest
from loguru import logger

from actors import LocalCluster


@pytest.fixture
def cluster():
    with LocalCluster(3) as cluster:
        yield cluster


@pytest.fixture
def logged():
    """Collects what is logged while the test runs, one text per record, as a user would see it."""
    lines = []
    sink = logger.add(lambda message: lines.append(str(message)), format="{level} {message}", backtrace=True)
    yield lines
    logger.remove(sink)


@pytest.fixture(autouse=True)
def nothing_left_behind(monkeypatch):
    """Nothing fails where only the loop sees it; in the end no actor is registered, and no timer or greenlet left."""
    hub = gevent.get_hub()
    failed = []

    def handle_error(context, kind, value, traceback):
        if not isinstance(context, gevent.Greenlet):  # those of greenlets the tests collect themselves
            failed.append((context, value))

    monkeypatch.setattr(hub, "handle_error", handle_error)
    yield
    assert pykka.ActorRegistry.get_all() == []
    hub.loop.update_now()  # a test that did not wait leaves the loop in the past, and its timeout already over
    assert hub.join(timeout=10)
    assert failed == []

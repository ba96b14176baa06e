"""A watch of three processes whose leader is killed again and again: every change, once, in order."""

import gevent
import pytest

from raft.errors import OutcomeUnknown
from tests.transport_zmq.nodes import wait_until
from tests.transport_zmq.test_client_processes import connect, leader_of, members  # noqa: F401
from tests.transport_zmq.test_watch import Collector

PATIENT_S = 20


class Writer:
    """Changes a few keys, one after the other, and notes the values that were acknowledged, and those in doubt."""

    def __init__(self, client):
        self.acknowledged = []
        self.in_doubt = []
        self._client = client
        self._greenlet = gevent.spawn(self._run)

    def _run(self):
        for number in range(10_000):
            value = b"%d" % number
            try:
                self._client.put(f"k{number % 3}", value, PATIENT_S)
                self.acknowledged.append(value)
            except OutcomeUnknown:
                self.in_doubt.append(value)
            gevent.sleep(0.002)

    def close(self):
        self._greenlet.kill()


@pytest.mark.contract("C1")
def test_a_watch_survives_the_kill_of_leaders_and_of_its_own_node(members, connect, closing):  # noqa: F811
    client = connect()
    client.put("k0", "before", PATIENT_S)
    collector = closing(Collector(client.watch(prefix="k", timeout=PATIENT_S)))
    begin = client.txn().get("k0").commit(PATIENT_S).revision + 1
    writer = closing(Writer(connect()))
    for _ in range(2):
        gevent.sleep(0.3)
        killed = leader_of(client, members)
        killed.kill()
        reached = len(writer.acknowledged) + 20
        wait_until(lambda reached=reached: len(writer.acknowledged) > reached, PATIENT_S)  # another one leads
        killed.run()
    writer.close()
    lease = client.grant(0.5, PATIENT_S)
    client.put("k9", "last", PATIENT_S, lease=lease)  # it vanishes by itself

    wait_until(lambda: collector.events and collector.events[-1].key == b"k9", PATIENT_S)
    wait_until(lambda: collector.events[-1].value is None, PATIENT_S)
    revisions = [event.revision for event in collector.events]
    values = [event.value for event in collector.events[:-2]]
    assert revisions == list(range(begin, begin + len(revisions))), "none is lost, none told twice"
    assert [value for value in values if value in set(writer.acknowledged)] == writer.acknowledged
    assert len(set(values)) == len(values)
    # The one that the writer was killed in is neither acknowledged nor in doubt.
    assert len(set(values) - set(writer.acknowledged) - set(writer.in_doubt)) <= 1
    again = closing(Collector(connect().watch(prefix="k", from_revision=begin, timeout=PATIENT_S)))
    wait_until(lambda: len(again.events) >= len(collector.events), PATIENT_S)
    assert again.events == collector.events, "whoever comes later is told the same"

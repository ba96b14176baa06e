"""Real nodes in Maelstrom's hands: what they answer, and that histories under faults are linearizable."""

import random

import gevent
import pytest

from tests.transport_zmq.daemon.daemons import quorate
from tests.transport_zmq.maelstrom.network import Maelstrom, T
from transport_sim.histories import CAS, GET, PUT, REGISTER, Recorder, check
from transport_zmq.maelstrom.envelope import (
    CRASH,
    KEY_DOES_NOT_EXIST,
    MALFORMED_REQUEST,
    NOT_SUPPORTED,
    PRECONDITION_FAILED,
    TEMPORARILY_UNAVAILABLE,
    TIMEOUT,
)

INDEFINITE = (TIMEOUT, CRASH)


def write(key, value):
    return {"type": "write", "key": key, "value": value}


def read(key):
    return {"type": "read", "key": key}


def cas(key, expected, value):
    return {"type": "cas", "key": key, "from": expected, "to": value}


@pytest.fixture
def alone(tmp_path, closing):
    """One node that is told nothing yet."""
    maelstrom = closing(Maelstrom(tmp_path, 1))
    maelstrom.nodes["n1"].start()
    return maelstrom


@pytest.fixture
def trio(tmp_path, closing):
    """Three nodes that keep what they store, one of which leads."""
    maelstrom = closing(Maelstrom(tmp_path, 3, lambda id: ("--data-dir", str(tmp_path / "data"))))
    maelstrom.start()
    maelstrom.leader_other_than()
    return maelstrom


def told(answer):
    """An answer without what every answer has."""
    return {name: value for name, value in answer.items() if name not in ("in_reply_to", "text")}


@pytest.mark.contract("C4")
def test_a_node_speaks_the_protocol(alone):
    def ask(body):
        return told(alone.ask("c1", "n1", body, T))

    assert ask(read("x")) == {"type": "error", "code": TEMPORARILY_UNAVAILABLE}, "there was no init"
    assert ask({"type": "init", "node_id": "n1"}) == {"type": "error", "code": MALFORMED_REQUEST}
    assert ask({"type": "init", "node_id": "n1", "node_ids": ["n1"]}) == {"type": "init_ok"}
    assert ask({"type": "topology", "topology": {"n1": []}}) == {"type": "topology_ok"}
    assert ask(read("x")) == {"type": "error", "code": KEY_DOES_NOT_EXIST}
    assert ask(cas("x", 1, 2)) == {"type": "error", "code": KEY_DOES_NOT_EXIST}
    assert ask(write("x", 1)) == {"type": "write_ok"}
    assert ask(cas("x", 2, 3)) == {"type": "error", "code": PRECONDITION_FAILED}
    assert ask(cas("x", 1, {"b": [1, None], "a": "é"})) == {"type": "cas_ok"}
    assert ask(read("x")) == {"type": "read_ok", "value": {"a": "é", "b": [1, None]}}
    assert ask(cas("x", {"a": "é", "b": [1, None]}, 4)) == {"type": "cas_ok"}, "objects have no order"
    assert ask(read(7)) == {"type": "error", "code": KEY_DOES_NOT_EXIST}
    assert ask(write(7, 0)) == {"type": "write_ok"}
    assert ask(read("7")) == {"type": "error", "code": KEY_DOES_NOT_EXIST}, "another key than the number"
    assert ask({"type": "write", "key": "x"}) == {"type": "error", "code": MALFORMED_REQUEST}
    assert ask(write("k" * 2000, 1)) == {"type": "error", "code": MALFORMED_REQUEST}
    assert ask({"type": "broadcast", "message": 1}) == {"type": "error", "code": NOT_SUPPORTED}
    assert ask({"type": "init", "node_id": "n1", "node_ids": ["n1"]}) == {"type": "error", "code": MALFORMED_REQUEST}

    node = alone.nodes["n1"]
    for line in (b"no JSON", b"[]", b'{"src": 1}', b'{"src":"c1","dest":"n1","body":{}}', b"[" * 100_000, b"\xff\x00"):
        node.write(line + b"\n")
    node.write(b'{"src":"n9","dest":"n1","body":{"type":"raft","frame":"UVVPUg=="}}\n')
    node.write(b'{"src":"c9","dest":"n1","body":{"type":"forward","command":7,"msg_id":1}}\n')
    node.write(b'{"src":"n9","dest":"n1","body":{"type":"forward_ok","in_reply_to":[]}}\n')
    node.write(b'{"src":"c9","dest":"n1","body":{"type":"write","key":0,"value":' + b"[" * 900 + b"]" * 900 + b"}}\n")
    assert ask(read("x")) == {"type": "read_ok", "value": 4}, "it goes on after lines that are none"

    assert node.end() == 0
    assert alone.strays == []
    assert "Traceback" not in node.told
    assert node.told.count("a line of stdin is dropped") == 6


def test_options_that_mean_nothing_to_maelstrom_are_refused(tmp_path):
    process = quorate("serve", "--maelstrom", "--listen", "127.0.0.1:0", "--data-dir", tmp_path, stderr=-1)

    _, said = process.communicate(timeout=T)

    assert process.returncode == 2
    assert said.startswith("quorate: listen is set (flag --listen), and with --maelstrom it means nothing")
    assert len(said.splitlines()) == 1


def test_a_data_directory_that_cannot_be_used_is_told_in_one_line(tmp_path):
    (tmp_path / "n1").write_text("no directory")
    init = '{"src":"c0","dest":"n1","body":{"type":"init","msg_id":1,"node_id":"n1","node_ids":["n1"]}}\n'
    process = quorate("serve", "--maelstrom", "--data-dir", tmp_path, stdin=-1, stdout=-1, stderr=-1)

    answers, said = process.communicate(init, timeout=T)

    assert process.returncode == 3
    assert answers == ""
    assert said.startswith(f"quorate: {tmp_path}/n1: ")
    assert len(said.splitlines()) == 1


@pytest.mark.contract("C2")
def test_an_error_is_definite_only_if_the_command_entered_no_log(trio):
    leader = trio.leader()
    follower, other = [id for id in trio.ids if id != leader]
    assert trio.ask("c1", follower, write("x", 0), T)["type"] == "write_ok", "a follower forwards"

    trio.isolate(*trio.ids)
    answers = {}

    def ask(id, body, after_s):
        gevent.sleep(after_s)
        answers[id, body["type"]] = trio.ask("c1", id, body, T)

    asked = [(leader, write("x", leader), 0), (follower, write("x", follower), 0)]
    asked += [(other, write("x", other), 1.5), (other, read("x"), 0)]  # nobody has led for a while by then
    gevent.joinall([gevent.spawn(ask, *each) for each in asked], raise_error=True)

    assert answers[leader, "write"]["code"] in INDEFINITE, "it stands in the leader's log"
    assert answers[follower, "write"]["code"] in INDEFINITE, "it was sent to the leader, for all that it knows"
    assert answers[other, "write"]["code"] == TEMPORARILY_UNAVAILABLE, "it was put before nobody"
    assert answers[other, "read"]["code"] == TEMPORARILY_UNAVAILABLE

    trio.heal()
    trio.leader_other_than()
    found = [trio.ask("c3", id, read("x"), T) for id in trio.ids]
    assert {answer.get("value") for answer in found if answer["type"] == "read_ok"} <= {0, leader, follower}


class Workers:
    """Clients of `lin-kv`, each at one node, and the record of what they were told."""

    def __init__(self, maelstrom, keys=3):
        self.answered = 0
        self.unknown = 0
        self._maelstrom = maelstrom
        self._keys = keys
        self._recorder = Recorder(lambda: gevent.get_hub().loop.now(), REGISTER)
        self._over = False
        self._greenlets = [gevent.spawn(self._work, number, id) for number, id in enumerate(2 * maelstrom.ids, 1)]

    def _work(self, process, node):
        chance = random.Random(process)
        count = 0
        while not self._over:
            count += 1
            key = str(chance.randrange(self._keys))
            value = 1000 * process + count
            match chance.randrange(3):
                case 0:
                    self._do(process, node, read(key), (GET, key))
                case 1:
                    self._do(process, node, write(key, value), (PUT, key, value))
                case _:
                    expected = self._do(process, node, read(key), (GET, key))
                    if expected is not None:
                        self._do(process, node, cas(key, expected, value), (CAS, key, value, expected))
            gevent.sleep(0.02)

    def _do(self, process, node, body, operation):
        gevent.get_hub().loop.update_now()
        pending = self._recorder.begin(process, *operation)
        answer = self._maelstrom.ask(f"c{process}", node, body)
        gevent.get_hub().loop.update_now()
        code = None if answer is None else answer.get("code")
        if answer is not None and answer["type"] != "error":
            self.answered += 1
            pending.end({"read": answer.get("value"), "write": None, "cas": True}[body["type"]])
            return answer.get("value")
        if code in (KEY_DOES_NOT_EXIST, PRECONDITION_FAILED):
            self.answered += 1
            pending.end(None if body["type"] == "read" else False)
        elif code in INDEFINITE or answer is None:
            self.unknown += 1
        else:
            pending.discard()
        return None

    def have_done(self, more):
        """Waits until so many more have been answered."""
        wanted = self.answered + more
        with gevent.Timeout(T):
            while self.answered < wanted:
                gevent.sleep(0.02)

    def end(self):
        """Lets all come to an end; fails the test unless an order explains what they were told."""
        self._over = True
        gevent.joinall(self._greenlets, timeout=T, raise_error=True)
        for node in self._maelstrom.ids:
            for key in range(self._keys):
                self._do(99, node, read(str(key)), (GET, str(key)))
        verdict = check(self._recorder.operations, REGISTER)
        assert verdict.linearizable, verdict.explanation or verdict.undecided


@pytest.mark.contract("C3", "L1")
def test_a_history_is_linearizable_though_messages_are_lost_and_late_and_nodes_cut_off(trio):
    workers = Workers(trio)
    workers.have_done(20)
    trio.loss, trio.latest_s = 0.03, 0.05

    first = trio.leader()
    trio.isolate(first)
    second = trio.leader_other_than(first)
    workers.have_done(20)
    trio.heal()
    third = next(id for id in trio.ids if id not in (first, second))
    trio.cut = {(second, third), (third, first)}  # each is heard by one other
    workers.have_done(20)
    trio.heal()
    workers.have_done(20)
    trio.loss = trio.latest_s = 0.0

    workers.end()
    assert trio.strays == []
    assert not any("Traceback" in node.told for node in trio.nodes.values())


@pytest.mark.contract("C3", "S4")
def test_a_history_is_linearizable_though_nodes_are_killed_and_come_back_with_their_disks(trio):
    workers = Workers(trio)
    workers.have_done(20)

    killed = trio.leader()
    trio.nodes[killed].kill()
    trio.leader_other_than(killed)
    workers.have_done(20)
    trio.start(killed)
    workers.have_done(20)
    for node in trio.nodes.values():
        node.kill()
    trio.start()
    workers.have_done(20)

    workers.end()
    assert [node.end() for node in trio.nodes.values()] == [0, 0, 0]
    assert trio.strays == []

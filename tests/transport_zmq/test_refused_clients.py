"""A client that a node does not let in is told why, and what to do about it, soon (contract C4)."""

import socket
import sys
import time

import pytest
from gevent import subprocess

from actors.errors import Unavailable
from raft.errors import InvalidConfig, OutcomeUnknown
from tests.transport_zmq.daemon.daemons import CALM, CHECKOUT, T, free_ports
from tests.transport_zmq.keyring import Keyring
from tests.transport_zmq.nodes import wait_until
from tests.transport_zmq.served import cluster, endpoints_of
from transport_zmq import Client, Unauthorized, connection
from transport_zmq.errors import NotAdmitted
from transport_zmq.keys import KeyPair

pytestmark = pytest.mark.contract("C4")

OTHERS = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
LONG = 60.0  # nobody waits for so long


@pytest.fixture
def ring(tmp_path):
    ring = Keyring(tmp_path, ["n1", "n2"])
    ring.add("ann", "ann", "client")
    ring.add("nobody", None)
    ring.write()
    return ring


@pytest.fixture
def node(ring, tmp_path, closing):
    return cluster(closing, tmp_path, ids=("n1",), ring=ring)[0]


@pytest.fixture
def plain_node(tmp_path, closing):
    return cluster(closing, tmp_path, ids=("n1",))[0]


def refusal_of(client, closing):
    """What every sort of call is told, and soon."""
    closing(client)
    started = time.monotonic()
    for call in (lambda: client.get("k", LONG), lambda: client.put("k", "v", LONG), lambda: client.remove("n1", LONG)):
        with pytest.raises(Unauthorized) as caught:
            call()
    assert time.monotonic() - started < 10
    assert type(caught.value) is NotAdmitted
    return str(caught.value)


def test_a_key_that_is_not_allowed(node, ring, closing):
    key = ring.keys["nobody"]

    told = refusal_of(Client(node.port.address, keys=key, server_keys=ring.keys["n1"].public), closing)

    assert told.startswith(f"{node.port.address} does not let this client in: its allow-list does not have the key")
    assert key.public in told
    assert "quorate keys allow" in told


def test_no_keys_where_keys_are_wanted(node, closing):
    told = refusal_of(Client(node.port.address), closing)

    assert "it takes clients with keys only; give --key-file and --server-key" in told


def test_keys_where_there_are_none(plain_node, ring, closing):
    told = refusal_of(
        Client(plain_node.port.address, keys=ring.keys["ann"], server_keys=ring.keys["n1"].public), closing
    )

    assert "no keys" in told  # on a busy machine it may hang up before it could be heard why


def test_a_node_with_another_key_than_was_expected(node, ring, closing):
    told = refusal_of(Client(node.port.address, keys=ring.keys["ann"], server_keys=ring.keys["n2"].public), closing)

    assert "compare --server-key" in told


def test_a_key_that_is_taken_away_while_a_client_uses_it_and_allowed_again(node, ring, closing):
    client = closing(Client(node.port.address, keys=ring.keys["ann"], server_keys=ring.keys["n1"].public))
    client.put("k", "v", T)

    line = ring.lines.pop("ann")
    ring.write()
    node.network.security.allow_list.reload()
    node.port.keys_changed()
    with pytest.raises((Unauthorized, OutcomeUnknown)):
        client.put("k", "w", LONG)  # it may have gone before the client learned that it was cut off
    with pytest.raises(Unauthorized):
        client.put("k", "w", LONG)

    ring.lines["ann"] = line
    ring.write()
    node.network.security.allow_list.reload()

    def is_good_again():
        try:
            return client.get("k", T) == b"v"
        except Unauthorized:
            return False

    wait_until(is_good_again)


def test_one_node_that_does_not_let_a_client_in_is_told_of_when_no_other_is_reached(node, ring, closing):
    endpoints = [node.port.address, f"127.0.0.1:{free_ports(1)[0]}"]
    client = closing(Client(endpoints, keys=ring.keys["nobody"], server_keys=ring.keys["n1"].public))

    with pytest.raises(Unauthorized):
        client.put("k", "v", 1.0)


def test_one_that_does_not_is_passed_over_while_others_do(tmp_path, ring, closing):
    nodes = cluster(closing, tmp_path, ids=("n1", "n2"), ring=ring)
    del ring.lines["ann"]
    ring.write()
    nodes[0].network.security.allow_list.reload()  # it has heard of it, and n2 has not yet
    keys = [ring.keys[node.id].public for node in nodes]
    client = closing(Client(endpoints_of(nodes), keys=ring.keys["ann"], server_keys=keys))

    assert client.get_stale("k", T, node="n2").value is None
    told = {status.endpoint: status.problem for status in client.status(T)}
    assert told[nodes[1].port.address] is None
    assert "its allow-list does not have the key" in told[nodes[0].port.address]
    with pytest.raises(Unavailable):
        client.get_stale("k", 0.5, node=nodes[0].port.address)


def test_a_node_that_says_nothing_is_not_taken_for_one_that_refuses(ring, closing, monkeypatch):
    monkeypatch.setattr(connection, "SILENCE_MS", 100)  # for a handshake, here
    mute = closing(socket.create_server(("127.0.0.1", 0)))  # as a frozen process: the kernel connects
    client = closing(Client(f"127.0.0.1:{mute.getsockname()[1]}", keys=ring.keys["ann"], server_keys=OTHERS))

    with pytest.raises(Unavailable):
        client.put("k", "v", 1.5)


@pytest.mark.parametrize("label", ["nobody", None])
def test_commands_tell_it_in_one_line(node, ring, tmp_path, label):
    keys = []
    if label:
        ring.keys[label].save(tmp_path / label)
        keys = ["--key-file", tmp_path / label, "--server-key", ring.keys["n1"].public]

    # By gevent, as other tests of this folder: it reaps children, and would take the exit codes from anybody else.
    command = [sys.executable, "-P", "-m", "quorate", "put", "k", "v", "--endpoints", node.port.address]
    done = subprocess.run(
        [*command, "--timeout", str(LONG), *map(str, keys)], cwd=CHECKOUT, env=CALM, capture_output=True, text=True
    )

    assert done.returncode == 5
    assert done.stdout == ""
    assert done.stderr.startswith(f"quorate: {node.port.address} does not let this client in: ")
    assert done.stderr.count("\n") == 1


def test_what_is_no_key_of_a_node_is_said_at_once():
    with pytest.raises(InvalidConfig, match="server_keys"):
        Client("127.0.0.1:1", keys=KeyPair.generate(), server_keys="abc")

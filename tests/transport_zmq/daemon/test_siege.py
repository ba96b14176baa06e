"""Real daemons under attack at both ports, plain and with keys: they serve, and their memory is bounded (C4)."""

import os
import random
import resource
import socket
import struct
import time
from contextlib import suppress

import gevent
import pytest
import zmq

from actors import kv_commands, results
from actors.session_commands import plain as without_session
from raft.config import Config
from raft.messages import Heartbeat
from tests.transport_zmq import wire
from tests.transport_zmq.daemon.daemons import Daemon, free_ports, leader_of, trio, until
from tests.transport_zmq.ports import Stranger
from transport_zmq.allow_list_file import allow
from transport_zmq.client import Client
from transport_zmq.client_codec import HELLO, PROPOSE, READ, REQUESTS, Request, RowPacker, frame_of
from transport_zmq.errors import Unauthorized
from transport_zmq.frame import PEER, Header
from transport_zmq.keys import KeyPair
from transport_zmq.limits import ClientLimits, Limits
from transport_zmq.refusal import (
    CLUSTER,
    HANDSHAKE,
    NOT_ADMIN,
    NOT_OURS,
    PARTS,
    RECEIVER,
    ROLE,
    SENDER,
    TOO_LARGE,
    TOO_MANY_CONNECTIONS,
    TOO_MANY_REQUESTS,
    TRUNCATED,
    UNKNOWN_KEY,
    VERSION,
)

pytestmark = pytest.mark.contract("C4")

MEBIBYTE = 1 << 20
T = 30.0
IDS = ("n1", "n2", "n3")
HALF_OPEN = 1000
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(16) + bytes(32)  # as ZeroMQ begins
CURVE_GREETING = GREETING[:12] + b"CURVE" + bytes(15) + bytes(32)
PEER_BYTES, CLIENT_BYTES = Limits.of(Config()).frame_bytes, ClientLimits.of(Config()).frame_bytes
NAMES = ("n1", "n2", "n3", "ann", "root", "nobody")


def resident_bytes(daemon):
    with open(f"/proc/{daemon.process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def cpu_seconds(daemon):
    with open(f"/proc/{daemon.process.pid}/stat", encoding="ascii") as file:
        user, system = file.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def refused(daemon):
    return daemon.status.get("transport", {}).get("refused", {})


class Writer:
    """Puts one value after the other, and remembers the longest time that one took."""

    def __init__(self, client):
        self.writes = 0
        self.longest_s = 0.0
        self._client = client
        self._greenlet = gevent.spawn(self._run)

    def _run(self):
        while True:
            started = time.monotonic()
            self._client.put("counter", str(self.writes + 1), timeout=T)
            self.writes += 1
            self.longest_s = max(self.longest_s, time.monotonic() - started)

    def goes_on(self, writes=10):
        wanted = self.writes + writes
        until(lambda: self.writes >= wanted or self._greenlet.dead, "does it serve")
        assert not self._greenlet.dead

    def close(self):
        self._greenlet.kill()


class Besieged:
    """Three daemons that are ready, with a client that writes; with `keys` by name, or without any."""

    def __init__(self, folder, closing, keys):
        self.keys = keys
        self.closing = closing
        secured = ()
        if keys:
            allowed = folder / "allowed"
            for name, pair in keys.items():
                pair.save(folder / name)
                role = "admin" if name == "root" else "client" if name == "ann" else "peer"
                if name != "nobody":
                    allow(allowed, name, [role], pair.public)
            secured = ("--allow-list", allowed)
        self.daemons = [closing(daemon) for daemon in trio(folder)]
        for daemon in self.daemons:
            daemon.arguments += [*secured, "--key-file", folder / daemon.id] if keys else []
            daemon.start()
        for daemon in self.daemons:
            until(lambda daemon=daemon: daemon.is_ready, f"is {daemon.id} ready: {daemon.told}")
        self.cluster = int(self.daemons[0].status["cluster"], 16)
        self.writer = closing(Writer(self.client("ann")))
        self.writer.goes_on()
        self.before = {daemon: resident_bytes(daemon) for daemon in self.daemons}

    def client(self, name):
        endpoints = [daemon.client_address for daemon in self.daemons]
        if not self.keys:
            return self.closing(Client(endpoints))
        server_keys = [self.keys[daemon.id].public for daemon in self.daemons]
        return self.closing(Client(endpoints, keys=self.keys[name], server_keys=server_keys))

    def stranger(self, daemon, address, name=None, kind=zmq.PUSH):
        keys = self.keys.get(name)
        stranger = self.closing(Stranger(address, keys, self.keys[daemon.id].public if keys else "", kind))
        stranger.socket.set(zmq.SNDHWM, 0)
        return stranger

    def holds(self, mebibytes):
        """It serves, and no daemon has grown by more than so much."""
        self.writer.goes_on()
        assert self.writer.longest_s < 5
        for daemon in self.daemons:
            assert daemon.runs, daemon.told
            assert resident_bytes(daemon) - self.before[daemon] < mebibytes * MEBIBYTE, daemon.id


@pytest.fixture(params=["plain", "curve"])
def besieged(request, tmp_path, closing):
    keys = {name: KeyPair.generate() for name in NAMES} if request.param == "curve" else {}
    return Besieged(tmp_path, closing, keys)


def half_open(address, said=b""):
    """A TCP connection that says this and nothing more."""
    host, _, port = address.rpartition(":")
    connection = socket.create_connection((host, int(port)))
    connection.setblocking(False)
    if said:
        connection.send(said)
    return connection


def greeted(address, kind):
    """A TCP connection over which ZeroMQ's handshake is done; without keys that needs no more than this."""
    connection = half_open(address)
    connection.setblocking(True)
    ready = b"\x05READY\x0bSocket-Type" + struct.pack(">I", len(kind)) + kind
    connection.sendall(GREETING + bytes([4, len(ready)]) + ready)
    assert connection.recv(1000)
    return connection


def put(key, value=b"v"):
    return without_session(kv_commands.put(key, value))


def test_frames_connections_and_requests_of_all_kinds_and_in_any_number(besieged):
    chance = random.Random(1)
    daemons, writer = besieged.daemons, besieged.writer

    # A thousand connections that say nothing, or stop in the middle of the handshake.
    for number in range(HALF_OPEN):
        daemon = daemons[number % 3]
        address = (daemon.address, daemon.client_address)[number // 3 % 2]
        said = (b"", GREETING, CURVE_GREETING, CURVE_GREETING[:40], GREETING + b"\x04\x7f", chance.randbytes(200))
        besieged.closing(half_open(address, said[number % 6]))
        gevent.sleep(0)
    besieged.holds(40)

    # Frames that are none, cut off, too large, of another version or cluster, for somebody else, sent again.
    for daemon in daemons:
        sender = next(id for id in IDS if id != daemon.id)
        header = Header(PEER, besieged.cluster, 0, sender, daemon.id)
        beat = wire.frame_of(header, [Heartbeat(sender, 1 << 40, 1)])
        peer = besieged.stranger(daemon, daemon.address, sender)
        request = frame_of(REQUESTS, besieged.cluster, [RowPacker().pack(Request(HELLO, 1, 1000, None))])
        client = besieged.stranger(daemon, daemon.client_address, "ann", zmq.DEALER)
        other = frame_of(REQUESTS, besieged.cluster ^ 1, [])
        for _ in range(20):
            peer.send(
                chance.randbytes(chance.randint(0, 500)),
                beat[: chance.randrange(4, len(beat))],
                beat[:4] + b"\x63" + beat[5:],
                wire.frame_of(header._replace(cluster=besieged.cluster ^ 1), [Heartbeat(sender, 1 << 40, 1)]),
                wire.frame_of(header._replace(receiver="n9"), [Heartbeat(sender, 1 << 40, 1)]),
            )
            client.send(chance.randbytes(200), request[:12], request[:4] + b"\x63" + request[5:], other, *[request] * 5)
            gevent.sleep(0)
        for attacker, largest in ((peer, PEER_BYTES), (client, CLIENT_BYTES)):
            attacker.send(bytes(largest + 1), bytes(10 * largest))
    for daemon in daemons:
        for reason in (HANDSHAKE, NOT_OURS, TRUNCATED, VERSION, CLUSTER, RECEIVER, TOO_LARGE):
            until(lambda daemon=daemon, reason=reason: refused(daemon).get(reason), reason)
            assert daemon.told.count(f"sent: {reason}") <= T / 10, "a flood of refusals is no flood of lines"
    besieged.holds(80)
    assert max(daemon.status["term"] for daemon in daemons) < 1 << 40

    # Clients that ask without end, and read none of the answers.
    packer = RowPacker()
    leader = leader_of(daemons)
    besieged.client("ann").put("large", bytes(500_000), timeout=T)
    large = results.encode(kv_commands.get(b"large"))
    for number in range(5):
        deaf = besieged.stranger(leader, leader.client_address, "ann", zmq.DEALER)
        deaf.socket.set(zmq.RCVHWM, 1)
        asked = [
            Request(READ if number % 2 else PROPOSE, n + 1, 60_000, large if number % 2 else put(b"x"))
            for n in range(9000)
        ]
        for begin in range(0, 9000, 3000):
            deaf.send(frame_of(REQUESTS, besieged.cluster, [packer.pack(each) for each in asked[begin : begin + 3000]]))
    until(lambda: refused(leader).get(TOO_MANY_REQUESTS), "are there bounds")
    besieged.holds(150)

    # Messages of a hundred parts of a megabyte each: ZeroMQ would hold all of it until the last part has come.
    for address, name, kind in (
        (leader.address, next(id for id in IDS if id != leader.id), zmq.PUSH),
        (leader.client_address, "ann", zmq.DEALER),
    ):
        count = refused(leader).get(PARTS, 0)
        besieged.stranger(leader, address, name, kind).socket.send_multipart([bytes(MEBIBYTE)] * 100)
        until(lambda count=count: refused(leader).get(PARTS, 0) > count, "is it taken")
    besieged.holds(150)
    writer.close()


def test_a_message_of_endless_parts_that_are_empty(tmp_path, closing):
    """Two bytes on the wire, and more than thirty times as much to hold."""
    besieged = Besieged(tmp_path, closing, {})
    daemon = leader_of(besieged.daemons)

    for address, kind in ((daemon.address, b"PUSH"), (daemon.client_address, b"DEALER")):
        count = refused(daemon).get(PARTS, 0)
        connection = closing(greeted(address, kind))
        connection.settimeout(0.05)
        sent = 0
        while refused(daemon).get(PARTS, 0) == count:
            assert sent < 100 * MEBIBYTE, "it is taken for ever"
            with suppress(TimeoutError):
                sent += connection.send(b"\x01\x00" * 50_000)
            gevent.sleep(0)
    besieged.holds(700)


def test_whoever_has_no_right_key_gets_nowhere(tmp_path, closing):
    besieged = Besieged(tmp_path, closing, {name: KeyPair.generate() for name in NAMES})
    daemons = besieged.daemons
    term = max(daemon.status["term"] for daemon in daemons)
    leader = leader_of(daemons)
    mine = RowPacker().pack(Request(PROPOSE, 1, 1000, put(b"mine", b"mine")))
    ask = frame_of(REQUESTS, 0, [mine])

    for daemon in daemons:
        sender = next(id for id in IDS if id != daemon.id)
        third = next(id for id in IDS if id not in (daemon.id, sender))
        beat = wire.frame_of(Header(PEER, besieged.cluster, 0, sender, daemon.id), [Heartbeat(sender, 1 << 40, 1)])
        for name in (None, "nobody", "ann", "root", third):
            besieged.stranger(daemon, daemon.address, name).send(beat)
        for name in (None, "nobody", "n1"):
            besieged.stranger(daemon, daemon.client_address, name, zmq.DEALER).send(ask)
    for daemon in daemons:
        for reason in (HANDSHAKE, UNKNOWN_KEY, ROLE, SENDER):
            until(lambda daemon=daemon, reason=reason: refused(daemon).get(reason), reason)
            assert f"sent: {reason}" in daemon.told

    ann = besieged.client("ann")
    with pytest.raises(Unauthorized):
        ann.remove(leader.id, timeout=T)
    with pytest.raises(Unauthorized):
        ann.transfer(timeout=T)
    assert sum(refused(daemon).get(NOT_ADMIN, 0) for daemon in daemons) == 2
    besieged.client("root").transfer(timeout=T)

    besieged.holds(60)
    assert ann.get("mine", timeout=T) is None
    assert term < max(daemon.status["term"] for daemon in daemons) < 1 << 40, "nobody but the admin changes anything"
    assert leader.status["configuration"]["voters"] == list(IDS)


def test_more_connections_than_a_process_may_have_files(tmp_path, closing):
    ports = free_ports(3)
    daemon = closing(Daemon("n1", tmp_path, ports, f"n1=127.0.0.1:{ports[0]}", ("--snapshot-entries", "50")))
    daemon.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (400, 400)))
    until(lambda: daemon.is_ready, daemon.told)
    writer = closing(Writer(closing(Client(daemon.client_address))))
    writer.goes_on()

    for number in range(1200):
        closing(half_open((daemon.address, daemon.client_address)[number % 2]))
        gevent.sleep(0)
    until(lambda: refused(daemon).get(TOO_MANY_CONNECTIONS, 0) > 500, "are there bounds")
    writer.goes_on(200)  # with new files of the log, and snapshots
    late = closing(Client(daemon.client_address))
    late.put("late", "is not too late", timeout=T)
    writer.close()
    gevent.sleep(1)

    assert daemon.runs, daemon.told
    idle_s, cpu_s = time.monotonic(), cpu_seconds(daemon)
    gevent.sleep(1)
    assert cpu_seconds(daemon) - cpu_s < 0.5 * (time.monotonic() - idle_s), "it tries to accept all the time"
    assert "too many connections" in daemon.told

"""What the machine and its libraries charge for a replicated, synced write, without any consensus in it.

Three processes and a client exchange the frames of a replicated log over ZeroMQ, pack and unpack them, write and sync
them. There are no terms, no checks, no sessions, nobody may fail. Whatever a real member does more is seen beside it.

    python -m bench.floor leader FOLDER CLIENT_PORT PEER_PORT      one of the three, until it is killed
    python -m bench.floor follower FOLDER CLIENT_PORT PEER_PORT
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import msgpack
import zmq

from transport_zmq.bench.histogram import Histogram

FOLLOWERS = 2
FILE_BYTES = 1 << 26
NOBLOCK = int(zmq.NOBLOCK)

Parts = list[bytes]


class File:
    """A file with all its space reserved, written round and round."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        os.posix_fallocate(self._file, 0, FILE_BYTES)
        self._offset = 0

    def write(self, data: bytes) -> None:
        if self._offset + len(data) > FILE_BYTES:
            self._offset = 0
        self._offset += os.pwrite(self._file, data, self._offset)

    def sync(self) -> None:
        os.fdatasync(self._file)


def waiting(socket: zmq.Socket[bytes]) -> Iterator[Parts]:
    """Yield the messages that are there."""
    while True:
        try:
            yield socket.recv_multipart(NOBLOCK)
        except zmq.Again:
            return


def follow(folder: Path, peer_port: int) -> None:
    """Write and sync what the leader sends, as much as there is at a time, and say how far that goes."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
    socket = context.socket(zmq.DEALER)
    socket.connect(f"tcp://127.0.0.1:{peer_port}")
    socket.send(msgpack.packb(0))
    file = File(folder / f"follower-{os.getpid()}")
    table: dict[bytes, bytes] = {}
    while True:
        socket.poll()
        index = 0
        for (frame,) in waiting(socket):
            index, puts = msgpack.unpackb(frame)
            file.write(frame)
            table.update(puts)
        file.sync()
        socket.send(msgpack.packb(index))


def lead(folder: Path, client_port: int, peer_port: int) -> None:
    """Replicate what the client asks for, and answer what two of three have synced."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
    clients, peers, synced = context.socket(zmq.ROUTER), context.socket(zmq.ROUTER), context.socket(zmq.PAIR)
    clients.bind(f"tcp://127.0.0.1:{client_port}")
    peers.bind(f"tcp://127.0.0.1:{peer_port}")
    synced.bind("inproc://synced")
    file = File(folder / "leader")
    wanted: SimpleQueue[int] = SimpleQueue()
    threading.Thread(target=_sync, args=(context, file, wanted), daemon=True).start()
    poller = zmq.Poller()
    for socket in (clients, peers, synced):
        poller.register(socket, zmq.POLLIN)
    reached: dict[bytes, int] = {}
    while len(reached) < FOLLOWERS:
        peer, _ = peers.recv_multipart()
        reached[peer] = 0
    unanswered: deque[tuple[bytes, int]] = deque()
    table: dict[bytes, bytes] = {}
    index = durable = asked = answered = 0
    while True:
        poller.poll()
        puts = []
        for client, frame in waiting(clients):
            number, key, value = msgpack.unpackb(frame)
            puts.append((key, value))
            unanswered.append((client, number))
            table[key] = value
        if puts:
            index += len(puts)
            frame = msgpack.packb((index, puts))
            for peer in reached:
                peers.send_multipart((peer, frame))
            file.write(frame)
        for peer, frame in waiting(peers):
            reached[peer] = max(reached[peer], msgpack.unpackb(frame))
        for (number,) in waiting(synced):
            durable = int(number)
        if asked == durable < index:
            asked = index
            wanted.put(index)
        agreed = sorted([durable, *reached.values()])[-2]
        answers: dict[bytes, list[int]] = {}
        while answered < agreed:
            client, number = unanswered.popleft()
            answers.setdefault(client, []).append(number)
            answered += 1
        for client, numbers in answers.items():
            clients.send_multipart((client, msgpack.packb(numbers)))


def _sync(context: zmq.Context[Any], file: File, wanted: SimpleQueue[int]) -> None:
    done = context.socket(zmq.PAIR)
    done.connect("inproc://synced")
    while True:
        index = wanted.get()
        file.sync()
        done.send(b"%d" % index)


def ask(client_port: int, outstanding: int, seconds: float, value_bytes: int) -> tuple[float, Histogram]:
    """Keep so many puts under way; return how many were answered per second, and how long each took."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
    socket = context.socket(zmq.DEALER)
    socket.linger = 0
    socket.connect(f"tcp://127.0.0.1:{client_port}")
    value = bytes(value_bytes)
    begun_s: dict[int, float] = {}
    histogram = Histogram()
    last = 0
    begin_s = time.perf_counter()
    try:
        while time.perf_counter() - begin_s < seconds:
            while len(begun_s) < outstanding:
                last += 1
                begun_s[last] = time.perf_counter()
                socket.send(msgpack.packb((last, b"key-%d" % last, value)))
            for number in msgpack.unpackb(socket.recv()):
                histogram.add(time.perf_counter() - begun_s.pop(number))
    finally:
        socket.close()
    return histogram.total / (time.perf_counter() - begin_s), histogram


@contextmanager
def processes(folder: Path, client_port: int, peer_port: int) -> Iterator[None]:
    """Run leader and followers until the context is left."""
    command = [sys.executable, "-m", "bench.floor"]
    where = [str(folder), str(client_port), str(peer_port)]
    running = [subprocess.Popen([*command, role, *where]) for role in ("leader", *["follower"] * FOLLOWERS)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


if __name__ == "__main__":
    gc.freeze()
    role, home, *ports = sys.argv[1:]
    if role == "leader":
        lead(Path(home), int(ports[0]), int(ports[1]))
    else:
        follow(Path(home), int(ports[1]))

"""What messages cost on the wire: packing and unpacking them, and sending them from one port to another over loopback.

    python -m bench.wire --json

Times of the codec are of the processor, since they are short; those of the loopback are by the clock. It is two ports
in one process, so both ends share a core. A heartbeat in a frame of its own is the worst case, 64 messages in one frame
are what a busy leader sends.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter, thread_time
from typing import Any

import click
import gevent
from gevent.event import Event
from rich.console import Console
from rich.table import Table

from raft.config import Config
from raft.entries import COMMAND, Entry
from raft.membership import Configuration
from raft.messages import Append, Heartbeat, Message
from transport_zmq.allow_list import AllowList
from transport_zmq.codec import MessageUnpacker
from transport_zmq.frame import split
from transport_zmq.framing import Framer
from transport_zmq.keys import KeyPair
from transport_zmq.limits import Limits
from transport_zmq.network import Network
from transport_zmq.peers import PeerTransport
from transport_zmq.security import Security

ENTRIES = 64
ENTRY_BYTES = 128
BATCH = 64  # messages in one frame
LIMITS = Limits.of(Config())


class Mailbox:
    """Counts the messages that arrive."""

    def __init__(self) -> None:
        self.count = 0
        self._arrived = Event()

    def tell(self, message: object) -> None:
        """Take note of a message."""
        self.count += 1
        self._arrived.set()

    def wait_for(self, count: int) -> None:
        """Wait until so many have arrived."""
        while self.count < count:
            self._arrived.clear()
            self._arrived.wait()


def append() -> Message:
    """Return an append of `ENTRIES` entries."""
    entries = tuple([Entry(index, 7, COMMAND, bytes(ENTRY_BYTES), index) for index in range(1001, 1001 + ENTRIES)])
    return signed(Append("n1", 7, 1000, 7, 999, entries))


def signed(message: Message) -> Message:
    """Return a message with what a node writes into each."""
    message.incarnation = message.cluster = 1 << 60
    return message


def ns(work: Callable[[], object], repeats: int) -> float:
    """Return how many nanoseconds one call takes."""
    begin = thread_time()
    for _ in range(repeats):
        work()
    return (thread_time() - begin) / repeats * 1e9


def codec(repeats: int) -> dict[str, float]:
    """Return nanoseconds for what a frame costs at both ends."""
    framer = Framer("n1", "")
    unpacker = MessageUnpacker(LIMITS)
    beat = [signed(Heartbeat("n1", 7, 1))]
    batch = [append()]

    def pack(messages: list[Message], *receivers: str) -> list[bytes]:
        frames = [frame for receiver in receivers for frame in framer.frames(receiver, messages)]
        framer.forget()
        return frames

    def unpack(frame: bytes) -> list[Message]:
        header, body = split(frame)
        return unpacker.unpack(body, header)

    (beat_frame,) = pack(beat, "n2")
    (batch_frame,) = pack(batch, "n2")
    few = repeats // 10
    return {
        "heartbeat_pack_ns": ns(lambda: pack(beat, "n2"), repeats),
        "heartbeat_unpack_ns": ns(lambda: unpack(beat_frame), repeats),
        "entry_pack_ns": ns(lambda: pack(batch, "n2"), few) / ENTRIES,
        "entry_pack_for_two_ns": ns(lambda: pack(batch, "n2", "n3"), few) / ENTRIES,
        "entry_unpack_ns": ns(lambda: unpack(batch_frame), few) / ENTRIES,
    }


def loopback(folder: Path | None, frames: int) -> dict[str, float]:
    """Return how much a second goes from one port to another; with CURVE if there is a folder for keys."""
    securities: list[Security | None] = [None, None]
    if folder is not None:
        pairs = [KeyPair.generate(), KeyPair.generate()]
        allowed = folder / "allowed"
        lines = [f"n{number} peer {pair.public}\n" for number, pair in enumerate(pairs, 1)]
        allowed.write_text("".join(lines), encoding="utf-8")
        securities = [Security(pair, AllowList(allowed)) for pair in pairs]
    networks = [Network(security) for security in securities]
    sender, receiver = [PeerTransport(network, f"n{n}", "127.0.0.1:0", LIMITS) for n, network in enumerate(networks, 1)]
    mailbox: Any = Mailbox()
    receiver.open(mailbox)
    sender.listen()
    sender.follow(Configuration(("n1", "n2"), addresses={"n2": receiver.address}))
    while not sender.connected["n2"]:
        gevent.sleep(0.001)

    def rate(messages: list[Message], count: int) -> float:
        to_send = [("n2", message) for message in messages]
        before = mailbox.count
        begin = perf_counter()
        for number in range(count):
            sender.send(to_send)
            if number % 32 == 31:  # as far as a leader runs ahead of its followers
                mailbox.wait_for(before + (number - 31) * len(messages))
        mailbox.wait_for(before + count * len(messages))
        return count * len(messages) / (perf_counter() - begin)

    beat = signed(Heartbeat("n1", 7, 1))
    batch = append()
    name = "" if folder is None else "curve_"
    answer = {
        f"{name}frames_per_second": rate([beat], frames),
        f"{name}messages_per_second": rate([beat] * BATCH, frames // 10),
        f"{name}entries_per_second": rate([batch], frames // 10) * ENTRIES,
    }
    assert not networks[0].statistics.dropped, networks[0].statistics.dropped
    for transport, network in zip((sender, receiver), networks, strict=True):
        transport.release()
        network.close()
    return answer


@click.command()
@click.option("--repeats", type=click.IntRange(100, 1_000_000), default=20_000, help="Of each round.")
@click.option("--rounds", type=click.IntRange(1, 100), default=5, show_default=True, help="In turns; medians count.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
def main(repeats: int, rounds: int, as_json: bool) -> None:
    """Measure the codec and the transport."""
    found: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            found.append(codec(repeats) | loopback(None, repeats) | loopback(Path(folder), repeats))
    answer = {name: round(median(one[name] for one in found)) for name in found[0]}
    table = Table("", "median", title=f"{rounds} rounds", min_width=46)
    for name, value in answer.items():
        table.add_row(name.replace("_", " "), f"{value:,}")
    Console(stderr=True, highlight=False).print(table)
    if as_json:
        click.echo(json.dumps(answer))


if __name__ == "__main__":
    main()

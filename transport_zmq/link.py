"""The way from a client to one node."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from actors import results
from actors.loop import Stop
from actors.session_commands import plain
from raft.actor import LEASE, LINEARIZABLE, STALE, ChangeMembership, Propose, Read, TransferLeadership
from raft.errors import EntryTooLarge, OutcomeUnknown, RaftError, ReadFailed
from raft.waiting import StopWaiting, WaitFor

from .address import Address
from .alarm import Alarm
from .client_answers import encode_changes, error_in, reply_in, value_in
from .client_codec import (
    ANSWERS,
    CHANGE,
    HELLO,
    PROPOSE,
    READ,
    READ_LEASE,
    READ_STALE,
    REQUESTS,
    STATUS,
    TRANSFER,
    UNWATCH,
    WATCH,
    Answer,
    RowPacker,
    RowReader,
    frame_of,
    split,
)
from .client_connection import ANSWER_BYTES, ClientConnection
from .connection import Connection, Route
from .errors import NotAdmitted, NotConnected
from .lane import Lane
from .limits import BATCH_ITEMS, FULL_BYTES, OVERHEAD_BYTES
from .network import Network
from .refusal import Refusal

ANSWER_S = 3.0  # a node that has not answered for so long what it could answer at once is passed over
LONG_S = 3600.0  # what a node may take its time for
WAIT_S = 60.0  # for so long a node may have nothing to tell; then it says so, and is asked again, or a better one
SLACK_S = 10.0  # how much later it may say so
PASSED_OVER_S = 1.0  # for so long, unless it says something
LOOK_S = 0.25  # how often it is looked for requests that were not answered

Reply = Callable[[Exception | None, Any], None]

_KINDS = {LINEARIZABLE: READ, LEASE: READ_LEASE, STALE: READ_STALE}
_READS = (READ, READ_LEASE, READ_STALE, WATCH)
_PLAIN = plain(b"")  # how a command without a session begins; asked once, so waited for


@dataclass(frozen=True)
class About:
    """What a node says of itself when a client connects.

    Attributes:
        member: its id.
        machine: the name of its state machine's class; None when it has none, or is down.
        window, timeout_ms: of `SessionLimits`.
        frame_bytes: the largest frame that it takes.
        leader: who leads as far as it knows, or None.
        addresses: by member, where its clients reach it, as far as known.
        keys: by member, the public keys that it may have; empty without CURVE.
    """

    member: str
    machine: str | None
    window: int
    timeout_ms: int
    frame_bytes: int
    leader: str | None
    addresses: dict[str, str]
    keys: dict[str, list[str]]


_Asked = tuple[int, Reply, float]
"""A request that was not answered yet: its kind, whom to tell, and until when it should be answered."""


class Link:
    """Keeps a connection to one node, puts requests before it, and brings the answers.

    What is asked within one turn of the loop travels in one frame, unless it is much; what answers lead to leaves when
    the frame that brought them was read.

    Args:
        network: of the client.
        address: of the node's client port.
        server_keys: the public keys that the node may have; empty without CURVE.
        cluster: takes the cluster that a node names, 0 for none, and returns the one that the client speaks to; raises
            `AnotherCluster` where they differ.
        on_change: called when the node can be asked, or cannot any more.

    Attributes:
        address: see above.
        about: what the node says of itself; None while it cannot be asked.
        member: its id as far as known, None while it is not.
        refusal: why the node does not let this client in; None while it is not known that it does not.
    """

    def __init__(
        self,
        network: Network,
        address: Address,
        server_keys: list[str],
        cluster: Callable[[int], int],
        on_change: Callable[[], None],
    ) -> None:
        self.address = address
        self.about: About | None = None
        self.member: str | None = None
        self.refusal: NotAdmitted | None = None
        self._network = network
        self._cluster = cluster
        self._on_change = on_change
        self._packer = RowPacker()
        self._reader = RowReader(ANSWER_BYTES)
        self._asked: dict[int, _Asked] = {}
        self._last = 0  # the number of the last request
        self._pieces: list[bytes] = []  # what the present turn asks
        self._pieces_bytes = 0
        self._is_receiving = False
        self._flush_soon: Stop | None = None
        self._greeted = False  # whether a hello is under way
        self._problem = "no connection"
        self._passed_over_until_s = 0.0
        self._alarm = Alarm(LOOK_S, self._look, network.loop)
        self._late_alarm = Alarm(WAIT_S, self._look, network.loop)
        self._keys: list[str | None] = [*server_keys] if server_keys else [None]
        self._lane = Lane(network.resolve, lambda: self._keys, self._connect, network.loop)
        self._lane.lead_to([address])

    @property
    def name(self) -> str:
        """The id of the node, or its address while that is not known."""
        return str(self.address) if self.member is None else self.member

    @property
    def problem(self) -> str | None:
        """Why it cannot be asked now, None if it can."""
        if self.about is None:
            return self._problem
        until_s = self._passed_over_until_s
        return "it does not answer" if until_s and time.monotonic() < until_s else None

    def ask(self, message: Any) -> None:
        """Put one of the messages of `raft.actor` before the node, whose `reply` is called once with what it came to.

        The result of a read comes as bytes.
        """
        if isinstance(message, StopWaiting):
            self._stop_waiting(message)
        elif not self.start(message):
            message.reply(NotConnected(self.name, self.problem or "it was just lost"), None)

    def start(self, message: Any) -> bool:
        """Do the same as `ask` if the node can be asked now, else nothing; return whether it can."""
        if self.about is None or (self._passed_over_until_s and self.problem is not None):
            return False
        kind, argument, patience_s = _request(message)
        largest = self.about.frame_bytes - OVERHEAD_BYTES
        if argument is not None and len(argument) > largest:
            message.reply(EntryTooLarge(len(argument), largest), None)
        else:
            self._ask(kind, argument, patience_s, message.reply)
        return True

    def ask_status(self, reply: Reply) -> None:
        """Ask the node for its status, a dict."""
        problem = self.problem
        if problem is not None:
            reply(NotConnected(self.name, problem), None)
        else:
            self._ask(STATUS, None, ANSWER_S, reply)

    def greet(self) -> None:
        """Ask the node anew what it says of itself; `about` has it some time later, and `on_change` is called."""
        if self._lane.connected and not self._greeted:
            self._greeted = True
            self._ask(HELLO, None, ANSWER_S, self._on_hello)

    def take_keys(self, keys: list[str]) -> None:
        """Take note of the keys that the node may have now, as another node tells them."""
        if keys and keys != self._keys and self._keys != [None]:
            self._keys = [*keys]
            self._lane.reconsider()

    def close(self) -> None:
        """Close the connection; what was not answered is in doubt."""
        self._alarm.cancel()
        self._late_alarm.cancel()
        self._lane.close()
        if self._flush_soon is not None:
            self._flush_soon()
            self._flush_soon = None
        self._lose("the client was closed")

    # What goes out

    def _ask(self, kind: int, argument: bytes | str | None, patience_s: float, reply: Reply) -> None:
        number = self._last = self._last + 1
        until_s = time.monotonic() + patience_s
        if kind == WATCH:
            until_s += SLACK_S  # the node says when the patience is over
            self._late_alarm.set()
        else:
            self._alarm.set()
        self._asked[number] = (kind, reply, until_s)
        self._send(kind, number, patience_s, argument)

    def _stop_waiting(self, stop: StopWaiting) -> None:
        """Tell the node, if it was asked, that nobody waits for an answer any more."""
        for number, (_, reply, _) in list(self._asked.items()):
            if reply == stop.wait.reply:
                del self._asked[number]
                self._last += 1
                self._send(UNWATCH, self._last, ANSWER_S, number)
        stop.reply(None, None)

    def _send(self, kind: int, number: int, patience_s: float, argument: bytes | str | int | None) -> None:
        piece = self._packer.pack((kind, number, int(patience_s * 1000), argument))
        if self._pieces_bytes + len(piece) > FULL_BYTES:
            self._send_pieces()
        self._pieces.append(piece)
        self._pieces_bytes += len(piece)
        if len(self._pieces) >= BATCH_ITEMS:
            self._send_pieces()
        elif self._flush_soon is None and not self._is_receiving:
            self._flush_soon = self._network.loop.soon(self._flush)

    def _flush(self) -> None:
        self._flush_soon = None
        self._send_pieces()

    def _send_pieces(self) -> None:
        pieces = self._pieces
        if pieces:
            self._drop_pieces()
            self._lane.send(frame_of(REQUESTS, self._cluster(0), pieces))

    def _drop_pieces(self) -> None:
        self._pieces = []
        self._pieces_bytes = 0

    # What comes in

    def _connect(self, route: Route, on_change: Callable[[], None]) -> Connection:
        def changed() -> None:
            on_change()
            self._on_connection()

        return ClientConnection(self._network, route, changed, self._receive, self._on_close, self._refuse)

    def _refuse(self, refusal: NotAdmitted) -> None:
        self.refusal = refusal
        self._problem = str(refusal).partition(": ")[2]
        self._on_change()

    def _on_connection(self) -> None:
        if self._lane.connected:
            self.refusal = None
        self._lose("it has not said who it is" if self._lane.connected else "the connection was lost")
        self.greet()

    def _on_close(self) -> None:
        self._lose("no connection")

    def _receive(self, frame: bytes) -> None:
        try:
            cluster, body = split(frame, ANSWERS)
            self._cluster(cluster)
            answers = self._reader.answers(body)
        except Refusal as refusal:
            self._network.statistics.refuse(refusal.reason, refusal.detail, str(self.address))
            return
        except RaftError as error:
            self._lose(str(error))
            return
        self._passed_over_until_s = 0.0
        self._is_receiving = True
        try:
            for answer in answers:
                if answer.number == 0:
                    self._lose(str(error_in(answer)))
                    break
                asked = self._asked.pop(answer.number, None)
                if asked is not None:
                    self._answer(asked[0], asked[1], answer)
        finally:
            self._is_receiving = False
            self._send_pieces()  # what the answers have led to

    def _answer(self, kind: int, reply: Reply, answer: Answer) -> None:
        result: Any = None
        try:
            if kind == PROPOSE:
                result = reply_in(answer)
            else:
                result = value_in(answer)
                if kind not in _READS:
                    result = results.decode(result)
        except RaftError as error:
            reply(error, None)
        except (ValueError, TypeError):
            reply(_doubt(kind, f"{self.name} has answered what cannot be read"), None)
        else:
            reply(None, result)

    def _on_hello(self, error: Exception | None, told: Any) -> None:
        self._greeted = False
        if error is None:
            try:
                self.about = About(**{name: told[name] for name in About.__dataclass_fields__})
                self.member = self.about.member
            except (KeyError, TypeError):
                self._problem = "it speaks another version"
            self._on_change()

    # What time brings

    def _look(self) -> None:
        """Give up what was not answered in time, and pass the node over for a while."""
        now_s = time.monotonic()
        for number, (kind, reply, until_s) in list(self._asked.items()):
            if until_s < now_s:
                del self._asked[number]
                self._passed_over_until_s = now_s + PASSED_OVER_S
                reply(_doubt(kind, f"{self.name} has not answered in time"), None)
        if self.about is None:
            self.greet()
        if any(kind != WATCH for kind, _, _ in self._asked.values()):
            self._alarm.set()
        elif self._asked:
            self._late_alarm.set()  # a request that waits for long is no reason to look often

    def _lose(self, why: str) -> None:
        """Nothing that was asked will be answered."""
        self._problem = why
        self._drop_pieces()
        asked, self._asked = self._asked, {}
        self._greeted = False
        if self.about is not None:
            self.about = None
            self._on_change()
        for kind, reply, _ in asked.values():
            if kind != HELLO:
                reply(_doubt(kind, f"{self.name}: {why}"), None)


def _doubt(kind: int, reason: str) -> RaftError:
    return OutcomeUnknown(reason) if kind in (PROPOSE, CHANGE, TRANSFER) else ReadFailed(reason)


def _request(message: Any) -> tuple[int, bytes | str | None, float]:
    """Return the kind and the argument of a request, and for how many seconds an answer may take."""
    if isinstance(message, Propose):
        return PROPOSE, message.data, LONG_S if message.data[:1] == _PLAIN else ANSWER_S
    if isinstance(message, Read):
        return _KINDS[message.consistency], results.encode(message.query), ANSWER_S
    if isinstance(message, WaitFor):
        return WATCH, results.encode(message.query), WAIT_S
    if isinstance(message, ChangeMembership):
        return CHANGE, encode_changes(message.changes), LONG_S
    assert isinstance(message, TransferLeadership)
    return TRANSFER, message.target, LONG_S

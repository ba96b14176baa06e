"""The port at which clients ask one node.

A daemon makes it beside the transport between peers, on the same network and loop:

    port = ClientPort(network, "n1", "127.0.0.1:7201", ClientLimits.of(config), session_limits, addresses)
    port.listen()
    port.open(actor, machine)  # whenever a node has been started; until then everybody is told that it is down
    port.drain(5.0)  # before the node is stopped in good order
    port.close()  # the node has gone down; the port stays
    port.release()

All requests that have come in are put into the node's mailbox at once, and so become one turn of the node; all answers
that the turn brings leave together, in one frame for each client.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import gevent
import zmq
from gevent import get_hub
from pykka import ActorDeadError

from actors import results
from actors.errors import NodeStopped
from actors.node import NodeActor
from actors.ports import StateMachine
from actors.session_table import SessionLimits
from raft.errors import NotLeader, OutcomeUnknown, RaftError, ReadFailed

from .address import Address
from .alarm import Alarm
from .allow_list import ADMIN, CLIENT, Grant
from .caller import Caller, Pending
from .client_answers import DONE, of_error
from .client_codec import (
    CHANGE,
    HELLO,
    PROPOSE,
    REQUESTS,
    STATUS,
    TRANSFER,
    UNWATCH,
    WATCH,
    Answer,
    Request,
    RowPacker,
    RowReader,
    split,
)
from .client_listener import ClientListener
from .client_room import ClientRoom
from .errors import AnotherCluster, NotAnswerable, NotUnderstood, Unauthorized
from .limits import ClientLimits
from .network import Network
from .refusal import (
    CLUSTER,
    MALFORMED,
    MESSAGE_KIND,
    NOT_ADMIN,
    TOO_LARGE,
    TOO_MANY_CLIENTS,
    Refusal,
)
from .report import greeting, report, ways
from .security import source_of
from .statistics import SLOW_CLIENT, TOO_LATE
from .translation import CONSISTENCIES, Translator, message_of
from .watches import Watches

RETRY_S = 0.01  # when a client could not be sent an answer
LONGEST_WATCH_MS = 90_000  # whoever hung up leaves it behind; the client library asks again after a minute
SWEEP_S = 1.0  # how often it is looked for requests that nobody waits for any more
LATE_SWEEP_S = 5.0  # the same while all of them wait until there is something to tell
UNREAD = "earlier answers were not read yet"

_AT_ONCE = (HELLO, STATUS, UNWATCH)
_ADMIN_KINDS = (CHANGE, TRANSFER)


class ClientPort:
    """Takes requests of clients, puts them before the node, and answers.

    Args:
        network: of this node.
        member: its id.
        listen: where clients reach it, as `host:port`; port 0 for any that is free.
        limits: how large requests may be and how many may be under way.
        session_limits: those of the cluster; clients are told.
        addresses: by member, where its clients reach it, as far as known; it may change at any time. Clients are told
            where the leader is.

    Raises:
        InvalidAddress: `listen` is none.

    Attributes:
        facts: what else `status` tells of this node, by name; values that JSON has. Called for each status; may be set.
    """

    def __init__(
        self,
        network: Network,
        member: str,
        listen: str,
        limits: ClientLimits,
        session_limits: SessionLimits,
        addresses: Mapping[str, str] | None = None,
    ) -> None:
        self.facts: Callable[[], dict[str, Any]] = dict
        self._network = network
        self._member = member
        self._listen = Address.parse(listen)
        self._limits = limits
        self._session_limits = session_limits
        self._addresses: Mapping[str, str] = {} if addresses is None else addresses
        self._reader = RowReader(limits.frame_bytes)
        self._packer = RowPacker()
        self._listener: ClientListener | None = None
        self._actor: NodeActor | None = None
        self._machine: StateMachine | None = None
        self._translator = Translator(results.encode)
        self._draining = False
        self._callers: dict[bytes, Caller] = {}
        self._room = ClientRoom(limits, network.statistics)
        self._told: dict[int, bytes] = {}  # what this node tells of itself in this turn, by the kind of request
        self._answered: dict[Caller, None] = {}  # those who get an answer at the end of this turn, in order
        self._flush_soon: Any = None
        self._stuck: dict[Caller, None] = {}  # those who do not read what waits for them
        self._retry_alarm = Alarm(RETRY_S, self._retry)
        self._sweep_alarm = Alarm(SWEEP_S, self._sweep)
        self._watches = Watches(limits, network.statistics)
        self._late_alarm = Alarm(LATE_SWEEP_S, self._sweep)

    @property
    def address(self) -> str:
        """Where it listens, with the port that was chosen; `listen` must have been called."""
        assert self._listener is not None, "it does not listen"
        return str(self._listener.address)

    def listen(self) -> None:
        """Open the port. Does nothing when it is open.

        Raises:
            InsecureBind: without keys others than this machine could reach it.
            CannotListen: something else listens there.
        """
        if self._listener is None:
            self._network.check_bind(self._listen)
            limits = self._limits
            self._listener = ClientListener(
                self._network, self._listen, limits.frame_bytes, limits.connections, self._receive
            )

    def open(self, actor: NodeActor, machine: StateMachine | None) -> None:
        """Put requests before a node from now on; opens the port as `listen` does.

        Args:
            actor: the node.
            machine: its state machine, whose `encode_result` makes bytes of results; None for a witness.
        """
        self.listen()
        self._actor = actor
        self._machine = machine
        self._translator = Translator(getattr(machine, "encode_result", results.encode))
        self._draining = False

    def drain(self, timeout: float) -> bool:
        """Take nothing new, and wait until what is under way has been answered and sent, `timeout` seconds at most.

        Whoever asks meanwhile is told to ask another node.

        Returns:
            Whether everything was answered.
        """
        self._draining = True
        for pending in self._watches.all():
            self._stop(pending, NodeStopped(self._member))
        until_s = time.monotonic() + timeout
        while self._callers and time.monotonic() < until_s:
            gevent.sleep(RETRY_S)
        return not self._callers

    def status(self) -> dict[str, Any]:
        """Return what this node says of itself, as `report.report` has it, and the `facts`; JSON has all of it."""
        told: dict[str, Any] = {"id": self._member, "role": "down"}
        actor = self._actor
        if actor is not None:
            told = report(actor.status())
            told["cluster"] = f"{actor.cluster:x}" if actor.cluster else None
            told["incarnation"] = f"{actor.incarnation:x}" if actor.incarnation else None
        told["client_address"] = self._addresses.get(self._member)
        return {**told, **self.facts()}

    def keys_changed(self) -> None:
        """Cut off clients whose keys are not on the allow-list any more; called after its `reload`."""
        if self._listener is not None:
            self._listener.keys_changed()

    def close(self) -> None:
        """Put nothing more before the node; the port stays open for the next `open`. May be called when not open."""
        self._actor = None

    def release(self) -> None:
        """Close the port and forget all clients."""
        self.close()
        if self._flush_soon is not None:
            self._flush_soon.stop()
            self._flush_soon = None
        self._retry_alarm.cancel()
        self._sweep_alarm.cancel()
        self._late_alarm.cancel()
        self._watches.clear()
        self._callers.clear()
        self._answered.clear()
        self._stuck.clear()
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    # What comes in

    def _receive(self, connection: bytes, frame: zmq.Frame) -> None:
        statistics = self._network.statistics
        try:
            grant, cluster, requests = self._opened(frame)
            caller = self._caller(connection)
        except Refusal as refusal:
            statistics.refuse(refusal.reason, refusal.detail, source_of(frame))
            return
        statistics.count_received(len(frame), len(requests))
        own = self._cluster
        if cluster and own and cluster != own:
            statistics.refuse(CLUSTER, f"{cluster:x}, this is {own:x}", source_of(frame))
            self._answer(caller, of_error(0, AnotherCluster()))
            return
        now_s = time.monotonic()
        has_room = self._room.has(caller, len(requests), len(frame))
        messages: list[Any] = []
        try:
            for request in requests:
                try:
                    if request.kind in _AT_ONCE:
                        self._put(messages)  # what this is about may be among them
                        self._answer_at_once(caller, request)
                    else:
                        messages.append(self._message(caller, request, grant, now_s, has_room))
                except Refusal as refusal:
                    statistics.refuse(refusal.reason, refusal.detail, source_of(frame))
                except RaftError as error:
                    self._answer(caller, of_error(request.number, error))
        finally:
            self._put(messages)  # they are counted
            self._sweep_alarm.set()

    def _opened(self, frame: zmq.Frame) -> tuple[Grant | None, int, list[Request]]:
        """Return what the client may do, the cluster it means, and what it asks for."""
        if len(frame) > self._limits.frame_bytes:
            raise Refusal(TOO_LARGE, f"{len(frame)} bytes, at most {self._limits.frame_bytes}")
        security = self._network.security
        grant = None if security is None else security.granted(frame, CLIENT)
        cluster, body = split(frame.bytes, REQUESTS)
        return grant, cluster, self._reader.requests(body)

    def _caller(self, connection: bytes) -> Caller:
        caller = self._callers.get(connection)
        if caller is None:
            if len(self._callers) >= self._limits.clients:
                raise Refusal(TOO_MANY_CLIENTS, f"{self._limits.clients} have something under way")
            assert self._listener is not None
            statistics, answer_bytes = self._network.statistics, self._limits.answer_bytes
            caller = Caller(connection, self._listener.send, self._packer, statistics, answer_bytes)
            self._callers[connection] = caller
        return caller

    def _answer_at_once(self, caller: Caller, request: Request) -> None:
        """Do what is asked of the port and not of the node."""
        kind, number, _, argument = request
        if kind == HELLO:
            self._answer(caller, Answer(number, DONE, self._once(HELLO, self._hello)))
        elif kind == STATUS:
            self._answer(caller, Answer(number, DONE, self._once(STATUS, self.status)))
        else:
            assert kind == UNWATCH and type(argument) is int
            unwanted = caller.pending.get(argument)
            if unwanted is not None and unwanted in self._watches:
                self._watches.stop(unwanted)
                self._end(unwanted)

    def _message(self, caller: Caller, request: Request, grant: Grant | None, now_s: float, has_room: bool) -> Any:
        """Take note of a request, and return what the node is to be asked; raise why not."""
        kind, number, patience_ms, argument = request
        if kind in _ADMIN_KINDS and grant is not None and not grant.may_act_as(ADMIN):
            self._network.statistics.refuse(NOT_ADMIN, "", grant.name)
            raise Unauthorized(grant.name)
        if kind != PROPOSE and not request.is_known:
            self._network.statistics.refuse(MESSAGE_KIND, repr(kind), "a client")
            raise NotUnderstood(self._member, kind)
        actor = self._actor
        if actor is None or self._draining:
            raise NodeStopped(self._member)
        if number in caller.pending:
            raise Refusal(MALFORMED, "the number of a request is that of another one under way")
        if kind == WATCH:
            self._watches.check(caller, self._machine)
            patience_ms = min(patience_ms, LONGEST_WATCH_MS)
        size = len(argument) if isinstance(argument, (bytes, str)) else 0
        if not has_room:
            self._room.demand(caller, size)
        is_read = kind in CONSISTENCIES or kind == WATCH
        encode = self._translator.encoder(request)
        pending = Pending(caller, number, is_read, encode, size, now_s + patience_ms / 1000)
        message = message_of(request, partial(self._on_reply, pending))
        if kind == WATCH:
            self._watches.begin(pending, actor, message)
        self._room.begin(pending)
        return message

    def _put(self, messages: list[Any]) -> None:
        """Put what a frame has asked so far before the node, and empty the list."""
        if messages:
            assert self._actor is not None, "there are messages for it"
            try:
                self._actor.tell_all(messages)
            except ActorDeadError:
                for message in messages:
                    message.reply(NodeStopped(self._member), None)
            messages.clear()

    # What goes out

    def _on_reply(self, pending: Pending, error: Exception | None, result: Any) -> None:
        """Keep what the node replies; called in its turn, so nothing here may wait or raise."""
        caller, number = pending.caller, pending.number
        if caller.pending.get(number) is not pending:
            self._network.statistics.dropped[TOO_LATE] += 1
            return
        self._end(pending)
        if error is None and caller.is_full:
            # Nothing is made of the result: a request of a few bytes may have an answer of megabytes.
            self._network.statistics.dropped[SLOW_CLIENT] += 1
            error = ReadFailed(UNREAD) if pending.is_read else OutcomeUnknown(UNREAD)
        if isinstance(error, NotLeader):
            error = NotLeader(error.leader, self._addresses.get(error.leader or ""))
        if error is None:
            try:
                self._answer(caller, pending.encode(number, result))
            except Exception as problem:  # a user's machine may raise what it likes for what it cannot encode
                error = NotAnswerable(f"{type(problem).__name__}: {problem}")
        if error is not None:
            self._answer(caller, of_error(number, error))

    def _stop(self, pending: Pending, error: RaftError | None) -> None:
        """Answer a request that waits, without anything to tell."""
        self._watches.stop(pending)
        self._on_reply(pending, error, None)

    def _end(self, pending: Pending) -> None:
        self._room.end(pending)
        if pending.is_read:
            self._watches.forget(pending)

    def _answer(self, caller: Caller, answer: Answer) -> None:
        if self._listener is None:
            return
        if caller.answer(answer) or not caller.pending:
            # Let it begin with these while the rest of the turn goes on; or nothing else will come that could join.
            caller.flush(self._cluster, time.monotonic())
        self._answered[caller] = None
        if self._flush_soon is None:
            self._flush_soon = get_hub().loop.run_callback(self._flush)

    def _once(self, kind: int, tell: Callable[[], dict[str, Any]]) -> bytes:
        """Return what is told of this node, encoded: made once a turn, since whoever asks costs it nothing."""
        told = self._told.get(kind)
        if told is None:
            told = self._told[kind] = results.encode(tell())
        return told

    def _flush(self) -> None:
        self._flush_soon = None
        self._told.clear()
        answered, self._answered = self._answered, {}
        cluster, now_s = self._cluster, time.monotonic()
        for caller in answered:
            caller.flush(cluster, now_s)
            self._look_after(caller)

    def _look_after(self, caller: Caller) -> None:
        """Come back to a caller that does not read, and forget one that waits for nothing."""
        if caller.queued_bytes:
            self._stuck[caller] = None
            self._retry_alarm.set()
        elif caller.idle:
            self._callers.pop(caller.connection, None)

    # What time brings

    def _retry(self) -> None:
        """Send what could not be sent."""
        stuck, self._stuck = self._stuck, {}
        now_s = time.monotonic()
        for caller in stuck:
            caller.retry(now_s)
            self._look_after(caller)

    def _sweep(self) -> None:
        """Forget the requests whose clients do not wait any more; the node may yet carry them out."""
        now_s = time.monotonic()
        for caller in list(self._callers.values()):
            for pending in [pending for pending in caller.pending.values() if pending.until_s < now_s]:
                if pending in self._watches:
                    self._stop(pending, None)
                else:
                    self._end(pending)
            self._look_after(caller)
        if self._room.requests > len(self._watches):
            self._sweep_alarm.set()
        elif self._callers:
            self._late_alarm.set()  # what waits for long is no reason to look often

    # What clients are told

    @property
    def _cluster(self) -> int:
        return 0 if self._actor is None else self._actor.cluster

    def _hello(self) -> dict[str, Any]:
        leader = None if self._actor is None or self._draining else self._actor.leader
        told = greeting(self._member, leader, self._machine, self._session_limits, self._limits.frame_bytes)
        return {**told, **ways(self._addresses, self._network.security)}

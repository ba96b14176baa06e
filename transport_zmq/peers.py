"""The way from one member to the others over ZeroMQ; the port `Transport` of `actors.ports`.

Everything goes one way: what a member sends leaves through PUSH sockets of its own, and what it is sent comes in at its
one PULL socket. To each peer there are two lanes, that is two connections to the same port, one for pieces of
snapshots and one for everything else, so that no heartbeat waits behind a snapshot.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import zmq
from pykka import ActorDeadError, ActorRef

from actors.ports import Observer
from raft.features import BASE_LEVEL
from raft.membership import MAX_MEMBERS, Configuration
from raft.messages import Message
from raft.observer import ESSENTIAL, ConfigurationChanged

from .address import Address
from .allow_list import PEER as PEER_ROLE
from .codec import MessageUnpacker
from .frame import PEER, Header, split
from .framing import Framer
from .limits import Limits
from .listener import Listener
from .network import Network
from .peer import Peer
from .refusal import SENDER, TOO_LARGE, Refusal
from .security import source_of
from .statistics import NO_PEER, NODE_DOWN
from .versions import version_at


class PeerTransport:
    """One member's way to the others.

    It knows where they are from the configuration, see `follow`, and from what they say themselves. A member that the
    configuration does not name yet is answered where it says it is: a member that joins knows of nobody else.

    Args:
        network: of this node.
        member: its id.
        listen: where it is to be reached, as `host:port`; port 0 for any that is free.
        limits: how large frames may be.
        advertise: the address that it tells the others with every frame, if it can be reached elsewhere than the
            configuration says; empty for none. Its port may be 0 for the one that was chosen.

    Raises:
        InvalidAddress: `listen` or `advertise` is none.

    Attributes:
        feature_level: returns the level in force, which decides how new the frames are that others are sent; may be
            set. Until then it is the lowest.
    """

    def __init__(self, network: Network, member: str, listen: str, limits: Limits, advertise: str = "") -> None:
        self.member = member
        self.feature_level: Callable[[], int] = lambda: BASE_LEVEL
        self._network = network
        self._limits = limits
        self._listen = Address.parse(listen)
        self._advertise = Address.parse(advertise) if advertise else None
        self._framer = Framer(member, advertise)
        self._unpacker = MessageUnpacker(limits)
        self._listener: Listener | None = None
        self._mailbox: ActorRef[Any] | None = None
        self._cluster = 0  # as this node signs what it sends, which it does once it is certain
        self._peers: dict[str, Peer] = {}

    @property
    def address(self) -> str:
        """Where it listens, with the port that was chosen; `listen` must have been called."""
        assert self._listener is not None, "it does not listen"
        return str(self._listener.address)

    @property
    def connected(self) -> dict[str, bool]:
        """Of every peer, whether it can be sent anything now."""
        return {name: peer.connected for name, peer in self._peers.items()}

    @property
    def wire_version(self) -> int:
        """The version of the frames that it sends now."""
        return version_at(self.feature_level())

    def listen(self) -> None:
        """Open the port; what comes in before `open` is dropped. Does nothing when it is open.

        Raises:
            InsecureBind: without keys others than this machine could reach it.
            CannotListen: something else listens there.
        """
        if self._listener is None:
            self._network.check_bind(self._listen)
            limits = self._limits
            self._listener = Listener(
                self._network, self._listen, PEER_ROLE, limits.frame_bytes, limits.connections, self._receive
            )
            if self._advertise is not None and self._advertise.port == 0:
                advertised = self._advertise._replace(port=self._listener.address.port)
                self._framer = Framer(self.member, str(advertised))

    def open(self, mailbox: ActorRef[Any]) -> None:
        """Begin to deliver what others send to this member, to `mailbox`; opens the port as `listen` does."""
        self.listen()
        self._mailbox = mailbox

    def follow(self, configuration: Configuration) -> None:
        """Connect to the members of a configuration, where it says they are, and to nobody else."""
        for name in [name for name in self._peers if name not in configuration.members]:
            self._peers.pop(name).close()
        for name in configuration.members:
            if name != self.member:
                self._peer(name).configure(configuration.addresses.get(name, ""))

    def send(self, messages: list[tuple[str, Message]]) -> None:
        """Send a list of (receiver id, message): to each receiver all in one frame, if it does not grow too large."""
        for_each: dict[str, list[Message]] = {}
        for receiver, message in messages:
            for_each.setdefault(receiver, []).append(message)
            self._cluster = message.cluster or self._cluster
        self._framer.speak(self.wire_version)
        try:
            for receiver, to_send in for_each.items():
                peer = self._peers.get(receiver)
                if peer is None:
                    self._network.statistics.dropped[NO_PEER] += 1
                else:
                    peer.send(self._framer, to_send)
        finally:
            self._framer.forget()

    def keys_changed(self) -> None:
        """Give up connections to and from peers whose keys are not on the allow-list any more, after its `reload`."""
        if self._listener is not None:
            self._listener.keys_changed()
        for peer in self._peers.values():
            peer.reconsider()

    def close(self) -> None:
        """Deliver nothing more; the port stays open for the next `open`. May be called when not open."""
        self._mailbox = None
        self._cluster = 0

    def release(self) -> None:
        """Close the port and all connections. ZeroMQ gives the port back a moment later."""
        self.close()
        for peer in self._peers.values():
            peer.close()
        self._peers.clear()
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _peer(self, name: str) -> Peer:
        peer = self._peers.get(name)
        if peer is None:
            peer = self._peers[name] = Peer(name, self._network, self._limits)
        return peer

    def _receive(self, frame: zmq.Frame) -> None:
        statistics = self._network.statistics
        mailbox = self._mailbox
        if mailbox is None:
            statistics.dropped[NODE_DOWN] += 1
            return
        sender = ""
        try:
            header, body = self._opened(frame)
            sender = header.sender
            messages = self._unpacker.unpack(body, header)
        except Refusal as refusal:
            statistics.refuse(refusal.reason, refusal.detail, sender or source_of(frame))
            return
        statistics.count_received(len(frame), len(messages))
        peer = self._peers.get(sender)
        if header.address and (peer is None or peer.said != header.address):
            self._hear(header)
        try:
            for message in messages:
                mailbox.tell(message)
        except ActorDeadError:
            statistics.dropped[NODE_DOWN] += 1

    def _opened(self, frame: zmq.Frame) -> tuple[Header, memoryview]:
        """Return header and body of a frame that is meant for this node and comes from whom it says."""
        if len(frame) > self._limits.frame_bytes:
            raise Refusal(TOO_LARGE, f"{len(frame)} bytes, at most {self._limits.frame_bytes}")
        security = self._network.security
        grant = None if security is None else security.granted(frame, PEER_ROLE)
        header, body = split(frame.bytes)
        header.check(PEER, self.member, self._cluster)
        if grant is not None and grant.name != header.sender:
            raise Refusal(SENDER, f"{grant.name} says that it is {header.sender}")
        return header, body

    def _hear(self, header: Header) -> None:
        """Take note of where a peer says it is. Of those that no configuration names there are never many."""
        if header.sender in self._peers or (header.sender != self.member and len(self._peers) < 2 * MAX_MEMBERS):
            self._peer(header.sender).hear(header.address)


class RoutingObserver:
    """An observer that tells the transport of every new configuration; the port `Observer` of `actors.ports`.

    Args:
        transport: the transport.
        observer: is told all that it wants to know; None for nobody.
    """

    def __init__(self, transport: PeerTransport, observer: Observer | None = None) -> None:
        self._transport = transport
        level = None if observer is None else observer.level
        self._observer = None if level is None else observer
        self.level = ESSENTIAL if level is None else level

    def observe(self, event: object) -> None:
        """Take note of an event."""
        if isinstance(event, ConfigurationChanged):
            self._transport.follow(event.configuration)
        if self._observer is not None:
            self._observer.observe(event)

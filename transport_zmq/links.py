"""The way from a client to a cluster: a link to each node, and what they say of who leads."""

from __future__ import annotations

from typing import Any

from actors.client import Deadline, Guide
from actors.errors import Unavailable
from actors.loop import Outcome
from actors.supervisor import Request
from raft.actor import Propose
from raft.errors import NotLeader
from raft.membership import MAX_MEMBERS

from .address import Address
from .alarm import Alarm
from .errors import AnotherCluster, ClientClosed, InvalidAddress, NotAdmitted, NotConnected
from .link import About, Link
from .network import Network

SETTLE_S = 0.5  # a node that is up on this side of the world is reached by then
PROBE_S = 0.025  # while somebody waits for a leader, all nodes are asked so often who it is


class Links(Guide):
    """The nodes that a client knows; it is worth asking again when one can be asked or cannot any more, or leads.

    Args:
        network: of the client.
        endpoints: where nodes are, with the public keys that each may have; none without CURVE.
    """

    def __init__(self, network: Network, endpoints: list[tuple[Address, list[str]]]) -> None:
        super().__init__(network.loop)
        self._network = network
        self._cluster = 0
        self._leader: str | None = None
        self._to_leader: Link | None = None  # the way to it, as last looked up
        self._waiting = 0
        self._closed = False
        self._probe_alarm = Alarm(PROBE_S, self._probe, network.loop)
        self._ready: dict[Link, str | None] = {}  # those that can be asked, and who leads as each has said last
        self._links: list[Link] = []
        for address, keys in endpoints:
            self._add(address, keys)

    def members(self) -> tuple[str, ...]:
        """The ids of all nodes, or their addresses where that is not known yet."""
        return tuple(dict.fromkeys(link.name for link in self._links))

    def submit(self, member: str, request: Request) -> Outcome:
        """Put a request before a node; the future brings what it came to."""
        future = self.loop.future()

        def reply(error: Exception | None, result: Any) -> None:
            if isinstance(error, NotLeader):
                if link in self._ready:
                    self._ready[link] = error.leader
                self._follow(error)
            elif error is None and isinstance(message, Propose) and link is not None:
                self._leader = link.member  # nobody else could have done it
            future.answer(error, result)

        message: Any = None
        link = self._link(member)
        if self._closed:
            reply(ClientClosed(), None)
        elif self._is_shut_out:
            reply(self._refusal, None)
        elif link is None:
            reply(NotConnected(member, "none of the endpoints leads to it"), None)
        else:
            message = request(reply)
            link.ask(message)
        return future

    def start(self, message: Any) -> bool:
        """Put one of the messages of `raft.actor` before the leader; return False when none is known that can be asked.

        What it is answered is passed to its `reply` as it is: nothing is followed, and nothing tried again.
        """
        link = self._to_leader
        if link is None or link.member != self._leader:
            link = self._to_leader = None if self._leader is None else self._link(self._leader)
        return link is not None and link.start(message)

    def statuses(self) -> list[tuple[Link, Outcome]]:
        """Ask all nodes for their status."""
        asked: list[tuple[Link, Outcome]] = []
        for link in self._links:
            future = self.loop.future()
            link.ask_status(future.answer)
            asked.append((link, future))
        return asked

    async def settle(self, deadline: Deadline) -> None:
        """Wait until all nodes can be asked, but no longer than a moment for those that are not reached."""
        until = Deadline(min(SETTLE_S, deadline.left_s))
        while len(self._ready) < len(self._links) and until.left_s and not self._closed:
            await self.wait(self.version, until.left_s)

    async def about(self, deadline: Deadline) -> About:
        """Return what some node says of itself, as soon as one can be asked.

        Raises:
            NotAdmitted: no node lets this client in; or none that was reached until the time was up.
            Unavailable: the time is up.
            ClientClosed: it was closed meanwhile.
        """
        while True:
            if self._closed:
                raise ClientClosed
            seen = self.version
            for link in self._ready:
                if link.about is not None and link.about.machine is not None:
                    return link.about
            refusal = self._refusal
            if refusal is not None and self._is_shut_out:
                raise refusal
            if not await self.wait(seen, deadline.left_s):
                if refusal is not None and not self._ready:
                    raise refusal
                problems = {link.name: link.problem or "it has no state machine" for link in self._links}
                raise Unavailable("no node was reached", deadline.timeout_s, problems, NotConnected.advice)

    def leader(self) -> str | None:
        """Return who leads, as far as is known."""
        return self._leader

    async def wait(self, seen: int, timeout: float) -> bool:
        """Wait for a change; meanwhile all nodes are asked who leads."""
        if self.version == seen:
            self._waiting += 1
            self._probe_alarm.set()
            try:
                await super().wait(seen, timeout)
            finally:
                self._waiting -= 1  # an interrupt or a cancellation ends it, too
        return self.version != seen

    def close(self) -> None:
        """Close all links; whoever waits is told so."""
        self._closed = True
        for link in self._links:
            link.close()
        self._wake()
        self._probe_alarm.cancel()

    @property
    def _refusal(self) -> NotAdmitted | None:
        """Why a node does not let this client in, None when all may."""
        return next((link.refusal for link in self._links if link.refusal is not None), None)

    @property
    def _is_shut_out(self) -> bool:
        """Whether no node lets this client in."""
        return all(link.refusal is not None for link in self._links)

    def _add(self, address: Address, keys: list[str]) -> None:
        link = Link(self._network, address, keys, self._in_cluster, lambda: self._on_change(link))
        self._links.append(link)

    def _link(self, member: str) -> Link | None:
        """Return the way to a node, named by its id or its address; one that can be asked, if there are several."""
        links = [link for link in self._links if member in (link.member, str(link.address))]
        return next((link for link in links if link.problem is None), links[0] if links else None)

    def _follow(self, refusal: NotLeader) -> None:
        """Take note of who leads, and of the way there if it is a new one."""
        self._leader = refusal.leader
        if refusal.leader is None or not refusal.address or len(self._links) >= MAX_MEMBERS:
            return
        if any(link.member == refusal.leader or str(link.address) == refusal.address for link in self._links):
            return
        told = [link.about.keys.get(refusal.leader, []) for link in self._ready if link.about is not None]
        keys = next((keys for keys in told if keys), [])
        if self._network.security is not None and not keys:
            return  # nobody has told its keys yet
        try:
            self._add(Address.parse(refusal.address), keys)
        except InvalidAddress:
            return  # a slip in the configuration of a node; the others may be right

    def _in_cluster(self, cluster: int) -> int:
        if cluster and self._cluster and cluster != self._cluster:
            raise AnotherCluster
        self._cluster = cluster or self._cluster
        return self._cluster

    def _on_change(self, link: Link) -> None:
        about = link.about
        if about is not None:
            self._tell_keys(about)
        elif link in self._ready:
            self._ask_others(link)
        if link.refusal is not None:
            self._wake()
        if about is None:
            if link in self._ready:
                del self._ready[link]
                self._wake()
            return
        leader = about.leader
        # That a node leads is worth asking it again however often it says so; whom it follows, when that is new.
        is_news = link not in self._ready or leader == about.member or leader not in (None, self._ready[link])
        self._ready[link] = leader
        if leader == about.member:
            self._leader = leader
        if is_news:
            self._wake()

    def _tell_keys(self, about: About) -> None:
        """Let all links know the keys that a node tells of: they may be replaced while this client runs."""
        for link in self._links:
            if link.member is not None and link.member != about.member:
                link.take_keys(about.keys.get(link.member, []))

    def _ask_others(self, lost: Link) -> None:
        """Ask the other nodes anew: they may know why one was lost, by its new keys."""
        for link in self._ready:
            if link is not lost:
                link.greet()

    def _probe(self) -> None:
        if self._waiting and not self._closed:
            for link in self._links:
                link.greet()
            self._probe_alarm.set()

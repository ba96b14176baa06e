"""The network of a local cluster: mailboxes in one process, and rules about who reaches whom."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pykka import ActorRef

from raft.messages import Message


class LocalNetwork:
    """Delivers messages at once and in order, except where a link is cut or nobody is there to receive.

    Attributes:
        dropped: how many messages were not delivered.
    """

    def __init__(self) -> None:
        self._mailboxes: dict[str, ActorRef[Any]] = {}
        self._cuts: set[tuple[str, str]] = set()  # (sender, receiver)
        self.dropped = 0

    def join(self, member: str, mailbox: ActorRef[Any]) -> None:
        """Deliver what is sent to `member` to `mailbox`."""
        self._mailboxes[member] = mailbox

    def leave(self, member: str) -> None:
        """Drop what is sent to `member` from now on."""
        self._mailboxes.pop(member, None)

    def send(self, sender: str, messages: Iterable[tuple[str, Message]]) -> None:
        """Deliver each (receiver id, message), or count it as dropped."""
        for receiver, message in messages:
            mailbox = self._mailboxes.get(receiver)
            if mailbox is None or (sender, receiver) in self._cuts:
                self.dropped += 1
            else:
                mailbox.tell(message)

    def cut(self, sender: str, receiver: str) -> None:
        """Drop what `sender` sends to `receiver`; the other direction stays as it is."""
        self._cuts.add((sender, receiver))

    def partition(self, groups: Iterable[Iterable[str]]) -> None:
        """Cut every link between different groups and mend every other, so that each group hears only itself."""
        parts = [tuple(group) for group in groups]
        self._cuts = {
            (sender, receiver)
            for part in parts
            for other in parts
            if other is not part
            for sender in part
            for receiver in other
        }

    def heal(self) -> None:
        """Mend every link."""
        self._cuts = set()


class LocalTransport:
    """One member's way to the others; the port `Transport` of `actors.ports`.

    Args:
        network: the network it is part of.
        member: id of the member that sends.
    """

    def __init__(self, network: LocalNetwork, member: str) -> None:
        self._network = network
        self._member = member

    def open(self, mailbox: ActorRef[Any]) -> None:
        """Begin to deliver what others send to this member."""
        self._network.join(self._member, mailbox)

    def send(self, messages: list[tuple[str, Message]]) -> None:
        """Send a list of (receiver id, message)."""
        self._network.send(self._member, messages)

    def close(self) -> None:
        """Deliver nothing more; may be called when not open."""
        self._network.leave(self._member)

"""The way from one member to the others through Maelstrom's network; the port `Transport` of `actors.ports`.

A message of Maelstrom carries one frame, the very bytes that would go over ZeroMQ, in base64.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

from pykka import ActorDeadError, ActorRef

from raft.messages import Message

from ..codec import MessageUnpacker
from ..frame import PEER, split
from ..framing import Framer
from ..limits import Limits
from ..refusal import NOT_OURS, SENDER, Refusal
from ..statistics import NODE_DOWN, Statistics

FRAME = "raft"  # the type of a body that carries a frame


class MaelstromTransport:
    """One member's way to the others.

    Args:
        member: its id.
        limits: how large frames may be.
        send: takes a receiver and a body, to be sent through Maelstrom.

    Attributes:
        statistics: what was sent, taken, dropped and refused.
    """

    def __init__(self, member: str, limits: Limits, send: Callable[[str, dict[str, Any]], None]) -> None:
        self.statistics = Statistics()
        self._member = member
        self._send = send
        self._framer = Framer(member, "")
        self._unpacker = MessageUnpacker(limits)
        self._mailbox: ActorRef[Any] | None = None
        self._cluster = 0  # as this node signs what it sends, which it does once it is certain

    def open(self, mailbox: ActorRef[Any]) -> None:
        """Begin to deliver what others send to this member, to `mailbox`."""
        self._mailbox = mailbox

    def send(self, messages: list[tuple[str, Message]]) -> None:
        """Send a list of (receiver id, message): to each receiver all in one frame, if it does not grow too large."""
        for_each: dict[str, list[Message]] = {}
        for receiver, message in messages:
            for_each.setdefault(receiver, []).append(message)
            self._cluster = message.cluster or self._cluster
        for receiver, to_send in for_each.items():
            for frame in self._framer.frames(receiver, to_send):
                self._send(receiver, {"type": FRAME, "frame": base64.b64encode(frame).decode()})
                self.statistics.frames_sent += 1
        self._framer.forget()

    def receive(self, sender: str, body: dict[str, Any]) -> None:
        """Take a body that another member has sent; one that is not what it must be is refused, and counted."""
        mailbox = self._mailbox
        if mailbox is None:
            self.statistics.dropped[NODE_DOWN] += 1
            return
        try:
            header, content = split(_frame_in(body))
            header.check(PEER, self._member, self._cluster)
            if header.sender != sender:
                raise Refusal(SENDER, f"{sender} says that it is {header.sender}")
            messages = self._unpacker.unpack(content, header)
        except Refusal as refusal:
            self.statistics.refuse(refusal.reason, refusal.detail, sender)
            return
        self.statistics.frames_received += 1
        try:
            for message in messages:
                mailbox.tell(message)
        except ActorDeadError:
            self.statistics.dropped[NODE_DOWN] += 1

    def close(self) -> None:
        """Deliver nothing more; may be called when not open."""
        self._mailbox = None
        self._cluster = 0


def _frame_in(body: dict[str, Any]) -> bytes:
    try:
        return base64.b64decode(body["frame"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise Refusal(NOT_OURS, "it carries no frame in base64") from None

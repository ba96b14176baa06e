"""The TCP connections that others have opened to a port: how many there may be, and what each may make a node hold.

ZeroMQ says who has come and who has gone, and with each frame on which descriptor it came. It bounds the size of one
part of a message, and not how many parts there are: all of them are held until the last one has come. It takes
connections until the process has no descriptors left, and then tries without a pause. And it cuts nobody off whose key
is not allowed any more. All of that is done here, by the operating system's means: what a connection has brought in
bytes, and how to end it.

A descriptor may be another connection's by the time that it is used here. So it is asked first who is at the other
end; the worst that can come of it is that somebody else has to connect again.
"""

from __future__ import annotations

import fcntl
import resource
import socket as tcp
import struct
import sys
import termios
from collections.abc import Callable
from itertools import islice
from typing import Any, TypeVar

import zmq

from .alarm import Alarm
from .refusal import FLOOD, PARTS, REVOKED, TOO_MANY_CONNECTIONS
from .security import user_of
from .statistics import Statistics

LOOK_S = 0.1  # how often it is looked how much has come of messages that are not whole
LOOK_GUESTS = 200  # at so many connections at a time, in turn: it takes some milliseconds
PATIENT_LOOKS = 10  # for so many, whoever is over the bound is left alone while whole messages wait to be taken
HEARTBEAT_BYTES = 64  # in the time between two looks, by far
BACKLOG_BYTES = 16 * 1024 * 1024  # of whole messages that wait: no honest client or member has so much under way
PLAIN_BYTES = 2  # what ZeroMQ puts around a small message, and what CURVE adds
CURVE_BYTES = 35
LONG_BYTES = 7  # more around a frame that is longer than this
SHORT_BYTES = 255 - CURVE_BYTES
SPARE_BYTES = 256 * 1024  # for handshakes, heartbeats, and what encryption adds
SHARE_OF_FILES = 3  # a port takes a third of the descriptors; there are two ports, and a disk

_INFO_BYTES = 136  # of `struct tcp_info`, up to the field in question, which Linux has since version 4.1
_RECEIVED = struct.Struct("@Q")
_RECEIVED_AT = 128
_UNREAD = struct.Struct("@i")

T = TypeVar("T")


class _Guest:
    """One connection.

    Attributes:
        source: address and port of the other end.
        key: the public key behind it; None until it has brought a frame, empty without CURVE.
        has_brought: whether it has brought a whole message since the last look.
        bytes: what it had sent when that was last so.
        looks: for how many looks it was over the bound.
        taken: what its messages that were taken count together, in bytes on the wire.
    """

    __slots__ = ("bytes", "has_brought", "key", "looks", "source", "taken")

    def __init__(self, source: Any) -> None:
        self.source = source
        self.key: str | None = None
        self.has_brought = False
        self.bytes = 0
        self.looks = 0
        self.taken = 0


class Inbound:
    """The connections of one socket that is bound.

    Args:
        statistics: count who was cut off, and why.
        connections: how many there may be; fewer where the process may not have so many files open. Then the one that
            has been silent for longest has to go, or, if all have brought something, the newest.
        message_bytes: the largest message, with its parts, that may be under way.
        some_wait: returns whether whole messages wait to be received.
        encrypted: whether frames come with what CURVE adds.
    """

    def __init__(
        self,
        statistics: Statistics,
        connections: int,
        message_bytes: int,
        some_wait: Callable[[], bool],
        encrypted: bool = False,
    ) -> None:
        self._some_wait = some_wait
        self._statistics = statistics
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._most = connections if files == resource.RLIM_INFINITY else min(connections, files // SHARE_OF_FILES)
        self._message_bytes = message_bytes + SPARE_BYTES
        self._around_bytes = CURVE_BYTES if encrypted else PLAIN_BYTES
        self._guests: dict[int, _Guest] = {}  # by descriptor, the one that is looked at next first
        self._silent: dict[int, None] = {}  # those that have not brought anything yet, the oldest first
        self._alarm = Alarm(LOOK_S, self._look)

    def accept(self, descriptor: int) -> None:
        """Take note of a new connection; if there are too many, cut one off."""
        source = _with(descriptor, tcp.socket.getpeername)
        known = self._guests.get(descriptor)
        if source is None or (known is not None and known.source == source):
            return  # it has gone again, or has brought a frame before ZeroMQ's report of it was read
        self.forget(descriptor)
        self._guests[descriptor] = _Guest(source)
        self._silent[descriptor] = None
        if len(self._guests) > self._most:
            self._cut(next(iter(self._silent)), TOO_MANY_CONNECTIONS, f"there are {self._most} already")
        self._alarm.set()

    def forget(self, descriptor: int) -> None:
        """Take note that a connection has gone."""
        self._guests.pop(descriptor, None)
        self._silent.pop(descriptor, None)

    def bring(self, frame: zmq.Frame) -> None:
        """Take note of a frame that a connection has brought; called for each, so it does next to nothing."""
        descriptor = _descriptor_of(frame)
        guest = self._guests.get(descriptor)
        if guest is None and descriptor >= 0:
            self.accept(descriptor)
            guest = self._guests.get(descriptor)
        if guest is not None:
            guest.has_brought = True
            size = len(frame)
            guest.taken += size + self._around_bytes + (LONG_BYTES if size > SHORT_BYTES else 0)
            if guest.key is None:
                guest.key = user_of(frame)
                self._silent.pop(descriptor, None)

    def refuse_parts(self, frame: zmq.Frame) -> None:
        """Cut off the connection that has brought a message of several parts: nobody of us sends one."""
        descriptor = _descriptor_of(frame)
        if descriptor in self._guests:
            self._cut(descriptor, PARTS, "")
        else:
            self._statistics.refuse(PARTS, "", "somebody who has gone")

    def keys_changed(self, is_good: Callable[[str], bool]) -> None:
        """Cut off those whose key is not good any more, and those that have not said anything: they are asked again.

        Args:
            is_good: tells of a public key whether it is.
        """
        for descriptor, guest in list(self._guests.items()):
            if guest.key is None:
                self._end(descriptor)
            elif not is_good(guest.key):
                self._cut(descriptor, REVOKED, guest.key)

    def close(self) -> None:
        """Look no more; called before the socket is closed."""
        self._alarm.cancel()
        self._guests.clear()
        self._silent.clear()

    def _look(self) -> None:
        """Cut off whoever sends a message without end, or faster than it can be taken."""
        none_waits = not self._some_wait()
        for descriptor, guest in list(islice(self._guests.items(), LOOK_GUESTS)):
            self._guests[descriptor] = self._guests.pop(descriptor)
            sent = _with(descriptor, _bytes_taken)
            if sent is None:
                continue
            if none_waits:
                guest.taken = sent  # it is counted anew: heartbeats are no messages
            guest.bytes = min(sent, guest.bytes + HEARTBEAT_BYTES)  # heartbeats are no messages, and never end
            if guest.has_brought and sent - guest.taken > self._message_bytes + BACKLOG_BYTES:
                self._cut(descriptor, FLOOD, f"{sent - guest.taken:,} bytes wait to be taken")
            elif guest.has_brought:
                guest.has_brought, guest.bytes, guest.looks = False, sent, 0
            elif sent - guest.bytes > self._message_bytes:
                guest.looks += 1
                if none_waits or guest.looks > PATIENT_LOOKS:
                    self._cut(descriptor, PARTS, f"{sent - guest.bytes:,} bytes and no end")
        if self._guests:
            self._alarm.set()

    def _cut(self, descriptor: int, reason: str, detail: str) -> None:
        source = self._guests[descriptor].source
        self._statistics.refuse(reason, detail, f"{source[0]}:{source[1]}")
        self._end(descriptor)

    def _end(self, descriptor: int) -> None:
        """End a connection; ZeroMQ notices that, and gives the descriptor back."""
        source = self._guests[descriptor].source
        self.forget(descriptor)

        def end(connection: tcp.socket) -> None:
            if connection.getpeername() == source:
                connection.shutdown(tcp.SHUT_RDWR)

        _with(descriptor, end)


def _descriptor_of(frame: zmq.Frame) -> int:
    """Return on which descriptor a frame came, -1 where ZeroMQ cannot tell: old protocols have no properties."""
    try:
        return int(frame.get(zmq.SRCFD))
    except zmq.ZMQError:
        return -1


def _with(descriptor: int, use: Callable[[tcp.socket], T]) -> T | None:
    """Return what can be learned of a connection by its descriptor, None when it is closed, or none."""
    try:
        connection = tcp.socket(tcp.AF_INET, tcp.SOCK_STREAM, 0, descriptor)  # any family will do for what is asked
    except OSError:
        return None
    try:
        return use(connection)
    except OSError:
        return None
    finally:
        connection.detach()


def _bytes_taken(connection: tcp.socket) -> int:
    """Return how many bytes of a connection ZeroMQ has taken; 0 where that cannot be told, which is all but Linux."""
    if sys.platform != "linux":
        return 0
    info = connection.getsockopt(tcp.IPPROTO_TCP, tcp.TCP_INFO, _INFO_BYTES)
    unread = fcntl.ioctl(connection.fileno(), termios.FIONREAD, bytes(_UNREAD.size))
    return int(_RECEIVED.unpack_from(info, _RECEIVED_AT)[0] - _UNREAD.unpack(unread)[0])

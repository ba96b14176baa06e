"""CurveZMQ: who may connect, asked by ZeroMQ before it lets a frame through.

ZeroMQ asks about every connection by ZAP (RFC 27): a request on `inproc://zeromq.zap.01`, answered here on the loop.
The domain of the request is the role that the port is for. What is answered as the user is the public key itself, and
each frame carries it: so it can be asked again for every frame what the key is good for *now*, and a key that was taken
off the list is worth nothing on an open connection either.
"""

from __future__ import annotations

import zmq
from zmq.utils import z85

from actors.loop import GEVENT, Loop

from .allow_list import AllowList, Grant
from .keys import KeyPair
from .refusal import MECHANISM, REVOKED, ROLE, UNKNOWN_KEY, Refusal
from .statistics import Statistics
from .watcher import NOBLOCK, Watcher

ZAP = "inproc://zeromq.zap.01"
USER = "User-Id"
ADDRESS = "Peer-Address"
_REQUEST_PARTS = 7  # version, request id, domain, address, identity, mechanism, key


class Security:
    """The keys of a node, and those that it takes.

    Args:
        keys: its own.
        allow_list: the others'.
    """

    def __init__(self, keys: KeyPair, allow_list: AllowList) -> None:
        self.keys = keys
        self.allow_list = allow_list

    def serve(self, socket: zmq.Socket[bytes], role: str) -> None:
        """Let a socket that is to be bound take only those that have a role."""
        self.keys.apply_to(socket)
        socket.set(zmq.CURVE_SERVER, 1)
        socket.set_string(zmq.ZAP_DOMAIN, role)
        socket.set(zmq.ZAP_ENFORCE_DOMAIN, 1)  # without it everybody would be let in while nobody answers

    def connect(self, socket: zmq.Socket[bytes], server_key: str) -> None:
        """Let a socket that is to be connected speak only to the one whose public key is `server_key`."""
        self.keys.apply_to(socket)
        socket.set(zmq.CURVE_SERVERKEY, server_key.encode())

    def granted(self, frame: zmq.Frame, role: str) -> Grant:
        """Return what the key behind a frame is good for, now.

        Raises:
            Refusal: it is not good for this role, or not any more.
        """
        grant = self.allow_list.grant(user_of(frame))
        if grant is None or not grant.may_act_as(role):
            raise Refusal(REVOKED)
        return grant


class Authenticator:
    """Answers what ZeroMQ asks about the connections of one context.

    Args:
        context: the context; there may be one authenticator in each.
        allow_list: decides.
        statistics: count what is refused.
        loop: the event loop.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        allow_list: AllowList,
        statistics: Statistics,
        loop: Loop = GEVENT,
    ) -> None:
        self._allow_list = allow_list
        self._statistics = statistics
        self._socket = context.socket(zmq.REP)
        self._socket.set(zmq.LINGER, 0)
        self._socket.bind(ZAP)
        self._watcher = Watcher(self._socket, zmq.POLLIN, self._answer, loop)
        self._watcher.start()

    def close(self) -> None:
        """Answer nothing more."""
        self._watcher.stop()
        self._socket.close()

    def _answer(self) -> bool:
        # One at a time: the watcher comes back while there are more, and a flood of connections holds up nobody.
        try:
            request = self._socket.recv_multipart(NOBLOCK)
        except zmq.Again:
            return False
        version, request_id = (*request, b"", b"")[:2]
        try:
            user = self._user(request)
            answer = [b"200", b"OK", user.encode(), b""]
        except Refusal as refusal:
            source = request[3].decode(errors="replace") if len(request) > 3 else "somebody"
            self._statistics.refuse(refusal.reason, refusal.detail, source)
            answer = [b"400", b"not allowed", b"", b""]
        self._socket.send_multipart([version, request_id, *answer], NOBLOCK)
        return True

    def _user(self, request: list[bytes]) -> str:
        if len(request) != _REQUEST_PARTS or request[5] != b"CURVE":
            raise Refusal(MECHANISM, "this port wants CURVE")
        role = request[2].decode()
        key = z85.encode(request[6]).decode()
        grant = self._allow_list.grant(key)
        if grant is None:
            raise Refusal(UNKNOWN_KEY, key)
        if not grant.may_act_as(role):
            raise Refusal(ROLE, f"{grant.name} is no {role}")
        return key


def user_of(frame: zmq.Frame) -> str:
    """Return the public key behind a frame, empty without CURVE."""
    return _property(frame, USER)


def source_of(frame: zmq.Frame) -> str:
    """Return the IP address that a frame came from, for the log."""
    return _property(frame, ADDRESS) or "somebody"


def _property(frame: zmq.Frame, name: str) -> str:
    """Return what ZeroMQ knows of the connection of a frame, empty for nothing: old protocols have no properties."""
    try:
        return str(frame.get(name))
    except zmq.ZMQError:
        return ""

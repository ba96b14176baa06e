"""Raft between real nodes over ZeroMQ: codec, frames, peers, CurveZMQ.

Start reading at `peers.py`, the transport; `frame.py` and `codec.py` say what travels.
"""

from .address import Address
from .allow_list import ADMIN, CLIENT, PEER, AllowList, Grant
from .errors import (
    CannotListen,
    InsecureBind,
    InvalidAddress,
    InvalidAllowList,
    KeyFileError,
    KeyFileExposed,
    TransportError,
)
from .keys import KeyPair
from .limits import Limits
from .network import Network
from .peers import PeerTransport, RoutingObserver
from .refusal import REASONS, Refusal
from .security import Security
from .statistics import Statistics

DISTRIBUTION = "quorate"  # tells this package apart from others that are called `transport_zmq` too

__all__ = [
    "ADMIN",
    "CLIENT",
    "DISTRIBUTION",
    "PEER",
    "REASONS",
    "Address",
    "AllowList",
    "CannotListen",
    "Grant",
    "InsecureBind",
    "InvalidAddress",
    "InvalidAllowList",
    "KeyFileError",
    "KeyFileExposed",
    "KeyPair",
    "Limits",
    "Network",
    "PeerTransport",
    "Refusal",
    "RoutingObserver",
    "Security",
    "Statistics",
    "TransportError",
]

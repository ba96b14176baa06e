"""Raft between real nodes over ZeroMQ, and their clients: codec, frames, peers, client port, client, CurveZMQ.

Start reading at `client.py`, or at `peers.py`, the transport; `frame.py` and `codec.py` say what travels.
"""

from .address import Address
from .allow_list import ADMIN, CLIENT, PEER, AllowList, Grant
from .async_client import AsyncClient
from .client import Client
from .client_calls import EndpointStatus
from .client_port import ClientPort
from .errors import (
    AnotherCluster,
    CannotListen,
    ClientClosed,
    InsecureBind,
    InvalidAddress,
    InvalidAllowList,
    KeyFileError,
    KeyFileExposed,
    NotAdmitted,
    NotAnswerable,
    NotConnected,
    NotUnderstood,
    PortOverloaded,
    TransportError,
    Unauthorized,
    WrongLoop,
    WrongMachine,
)
from .keys import KeyPair
from .limits import ClientLimits, Limits
from .network import Network
from .peers import PeerTransport, RoutingObserver
from .pipeline import Pipeline
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
    "AnotherCluster",
    "AsyncClient",
    "CannotListen",
    "Client",
    "ClientClosed",
    "ClientLimits",
    "ClientPort",
    "EndpointStatus",
    "Grant",
    "InsecureBind",
    "InvalidAddress",
    "InvalidAllowList",
    "KeyFileError",
    "KeyFileExposed",
    "KeyPair",
    "Limits",
    "Network",
    "NotAdmitted",
    "NotAnswerable",
    "NotConnected",
    "NotUnderstood",
    "PeerTransport",
    "Pipeline",
    "PortOverloaded",
    "Refusal",
    "RoutingObserver",
    "Security",
    "Statistics",
    "TransportError",
    "Unauthorized",
    "WrongLoop",
    "WrongMachine",
]

"""Addresses: `host:port`, where the host is a name, an IPv4 address or an IPv6 address in brackets."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import NamedTuple

from gevent import get_hub, monkey

from raft.membership import MAX_ADDRESS_LENGTH

from .errors import InvalidAddress

Resolve = Callable[[str], list[str]]

_getaddrinfo = monkey.get_original("socket", "getaddrinfo")  # it runs in a thread, which must not have a loop


class Address(NamedTuple):
    """Where something listens.

    Attributes:
        host: a name or an IP address, without brackets.
        port: 1 to 65,535, or 0 for any, where one may be chosen.
    """

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Return the address that is written so.

        Raises:
            InvalidAddress: it is none.
        """
        host, colon, port = text.rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        if bracketed:
            host = host[1:-1]
        well_formed = colon and host.isascii() and host.isprintable() and not set(host) & set(" /[]@,;*")
        if not well_formed or not host or bracketed != (":" in host) or len(text) > MAX_ADDRESS_LENGTH:
            raise InvalidAddress(text)
        if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65_535):
            raise InvalidAddress(text)
        return cls(host, int(port))

    @property
    def is_literal(self) -> bool:
        """Whether the host is an IP address, so that there is nothing to look up."""
        return _ip(self.host) is not None

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        ip = _ip(self.host)
        return self.host == "localhost" if ip is None else ip.is_loopback

    @property
    def endpoint(self) -> str:
        """The address as ZeroMQ writes it."""
        return f"tcp://{self}"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def resolve(host: str) -> list[str]:
    """Return the IP addresses of a name, the best first, empty when there are none; others run meanwhile.

    ZeroMQ could do that itself, but its one thread would wait for a slow name server, and with it all other peers.
    """
    found: list[str] = get_hub().threadpool.apply(look_up, (host,))
    return found


def look_up(host: str) -> list[str]:
    """Return what `resolve` does; it blocks, and needs no loop."""
    try:
        found = _getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None

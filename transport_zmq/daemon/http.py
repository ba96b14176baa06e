"""HTTP, for those who watch: `/livez`, `/readyz`, `/status`. It tells and changes nothing, and has no keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException
from typing import Any, cast

import gevent
from gevent.pool import Pool
from gevent.pywsgi import WSGIHandler, WSGIServer

from ..address import Address
from ..errors import CannotListen
from .state import State

MAX_CONNECTIONS = 64  # more wait until one of them has ended
CONNECTION_S = 5.0  # however slowly somebody asks or reads, or however many questions he has
MAX_REQUEST_BYTES = 16 * 1024
METHODS = ("GET", "HEAD")

Answer = tuple[str, str, str]  # status, content type, body
_TEXT = "text/plain; charset=utf-8"


class HttpServer:
    """Answers questions by HTTP.

    Args:
        address: where; port 0 for any that is free.
        state: whether the member lives, and can serve.
        status: returns all that can be told of it, as values that JSON has.

    Attributes:
        address: where it listens, with the port that was chosen.
    """

    def __init__(self, address: Address, state: State, status: Callable[[], dict[str, Any]]) -> None:
        self.address = address
        self._state = state
        self._tell = status
        self._server: Any = None
        self._pages: dict[str, Callable[[], Answer]] = {
            "/livez": self._livez,
            "/readyz": self._readyz,
            "/status": self._status,
        }

    def listen(self) -> None:
        """Open the port.

        Raises:
            CannotListen: something else listens there, or this machine has no such address.
        """
        server = WSGIServer(
            (self.address.host, self.address.port),
            self._answer,
            spawn=Pool(MAX_CONNECTIONS),
            log=None,
            error_log=None,
            handler_class=_Handler,
        )
        try:
            server.start()
        except OSError as error:
            raise CannotListen(str(self.address), error.strerror or str(error)) from error
        self._server = server
        self.address = self.address._replace(port=int(server.server_port or 0))

    def close(self) -> None:
        """Close the port and all connections; may be called when it is not open."""
        if self._server is not None:
            self._server.stop(timeout=0.5)
            self._server = None

    def _answer(self, environment: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        method = environment["REQUEST_METHOD"]
        page = self._pages.get(environment["PATH_INFO"])
        headers = [("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")]
        if method not in METHODS:
            status, kind, body = "405 Method Not Allowed", _TEXT, "GET and HEAD only\n"
            headers += [("Allow", ", ".join(METHODS)), ("Connection", "close")]
        elif page is None:
            status, kind, body = "404 Not Found", _TEXT, f"there are {', '.join(self._pages)}\n"
        else:
            status, kind, body = page()
        data = body.encode()
        start_response(status, [("Content-Type", kind), ("Content-Length", str(len(data))), *headers])
        return [] if method == "HEAD" else [data]

    def _livez(self) -> Answer:
        if self._state.is_alive:
            return "200 OK", _TEXT, "alive\n"
        return "503 Service Unavailable", _TEXT, "the node is down\n"

    def _readyz(self) -> Answer:
        why_not = self._state.why_not_ready()
        if why_not:
            return "503 Service Unavailable", _TEXT, f"not ready: {why_not}\n"
        return "200 OK", _TEXT, "ready\n"

    def _status(self) -> Answer:
        return "200 OK", "application/json", json.dumps(self._tell()) + "\n"


class _Handler(WSGIHandler):
    """Serves one connection, within bounds of time and size."""

    def __init__(self, sock: Any, address: Any, server: Any) -> None:
        super().__init__(sock, address, server)
        self._bounded = _Bounded(self.rfile)
        self.rfile = cast(Any, self._bounded)

    def handle(self) -> None:
        with suppress(gevent.Timeout), gevent.Timeout(CONNECTION_S):
            super().handle()

    def read_request(self, raw_requestline: str) -> Any:
        try:
            read = super().read_request(raw_requestline)
        except HTTPException as error:
            raise ValueError(str(error)) from None  # as the server knows what is wrong with a request
        self._bounded.begin()
        return read


class _Bounded:
    """A file to read requests from, none of them too long."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.begin()

    def begin(self) -> None:
        """The next request may be as long as this one."""
        self._left = MAX_REQUEST_BYTES

    def readline(self, limit: int = MAX_REQUEST_BYTES) -> bytes:
        """Return the next line, or as much of it as the limit allows.

        Raises:
            ValueError: the request is too long.
        """
        if self._left <= 0:
            raise ValueError(f"a request has at most {MAX_REQUEST_BYTES} bytes")
        line: bytes = self._file.readline(min(limit, self._left) if limit >= 0 else self._left)
        self._left -= len(line)
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

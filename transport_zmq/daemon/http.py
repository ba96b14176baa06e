"""HTTP, for those who watch: a page, `/events`, `/livez`, `/readyz`, `/status`. It changes nothing, and has no keys."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from contextlib import suppress
from http.client import HTTPException
from typing import Any, cast

import gevent
from gevent.pool import Pool
from gevent.pywsgi import WSGIHandler, WSGIServer
from loguru import logger

from ..address import Address
from ..errors import CannotListen
from . import page
from .state import State
from .streams import MOST_STREAMS, Streams

MAX_CONNECTIONS = 64  # more wait until one of them has ended
CONNECTION_S = 5.0  # however slowly somebody asks or reads, or however many questions he has
MAX_REQUEST_BYTES = 16 * 1024
METHODS = ("GET", "HEAD")

Answer = tuple[str, str, str]  # status, content type, body
EVENTS = "/events"
_TEXT = "text/plain; charset=utf-8"
_HANDLER = "quorate.handler"


class HttpServer:
    """Answers questions by HTTP.

    Args:
        address: where; port 0 for any that is free.
        state: whether the member lives, and can serve.
        status: returns all that can be told of it, as values that JSON has.
        streams: tells it to those who watch.
        others: where the HTTP of all members is, as far as known, as `host:port`: pages from there may read what this
            one tells, and pages from here ask there.

    Attributes:
        address: where it listens, with the port that was chosen.
    """

    def __init__(
        self,
        address: Address,
        state: State,
        status: Callable[[], dict[str, Any]],
        streams: Streams,
        others: Collection[str] = (),
    ) -> None:
        self.address = address
        self._state = state
        self._tell = status
        self._streams = streams
        self._origins = frozenset(page.origin(other) for other in others)
        self._policy = page.policy(self._origins)
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
        if not self.address.is_loopback:
            logger.warning(
                "HTTP at {} can be reached from other machines, and has no keys: whoever reaches it can read how this "
                "member is, the addresses of all, and what happens, though change nothing. Listen on 127.0.0.1 "
                "if that is too much.",
                self.address,
            )

    def close(self) -> None:
        """Close the port and all connections; may be called when it is not open."""
        self._streams.close()
        if self._server is not None:
            self._server.stop(timeout=0.5)
            self._server = None

    def _answer(self, environment: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        method, path = environment["REQUEST_METHOD"], environment["PATH_INFO"]
        headers = [("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"), *self._sharing(environment)]
        if path == EVENTS and method == "GET" and not self._streams.full:
            self._stream(environment, start_response, headers)
            return []
        status, kind, body = self._answered(method, path)
        if not status.startswith("200"):
            headers += _ADVICE.get(status[:3], [])
        elif kind.startswith("text/html"):
            headers.append(("Content-Security-Policy", self._policy))
        data = body.encode()
        start_response(status, [("Content-Type", kind), ("Content-Length", str(len(data))), *headers])
        return [] if method == "HEAD" else [data]

    def _answered(self, method: str, path: str) -> Answer:
        if method not in METHODS:
            return "405 Method Not Allowed", _TEXT, "GET and HEAD only\n"
        if path in self._pages:
            return self._pages[path]()
        if path == EVENTS and self._streams.full:
            busy = (
                f"{MOST_STREAMS} pages watch this node already, and more may not; close one of them, or ask /status\n"
            )
            return "503 Service Unavailable", _TEXT, busy
        if path == EVENTS:
            return "200 OK", page.EVENT_STREAM, ""
        part = page.part(path)
        if part is None:
            return "404 Not Found", _TEXT, f"there are /, {EVENTS}, {', '.join(self._pages)}\n"
        return "200 OK", *part

    def _sharing(self, environment: dict[str, Any]) -> list[tuple[str, str]]:
        """Return the headers that let pages of the other members, and of nobody else, read an answer."""
        origin = environment.get("HTTP_ORIGIN", "")
        allowed = [("Access-Control-Allow-Origin", origin)] if origin in self._origins else []
        return [("Vary", "Origin"), *allowed]

    def _stream(
        self, environment: dict[str, Any], start_response: Callable[..., Any], headers: list[tuple[str, str]]
    ) -> None:
        handler: _Handler = environment[_HANDLER]
        handler.take_time()
        write = start_response("200 OK", [("Content-Type", page.EVENT_STREAM), ("Connection", "close"), *headers])
        self._streams.serve(handler, write, environment.get("HTTP_LAST_EVENT_ID", ""))

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


# What goes with answers that are no.
_ADVICE = {"405": [("Allow", ", ".join(METHODS)), ("Connection", "close")], "503": [("Retry-After", "5")]}


class _Handler(WSGIHandler):
    """Serves one connection, within bounds of time and size."""

    def __init__(self, sock: Any, address: Any, server: Any) -> None:
        super().__init__(sock, address, server)
        self._bounded = _Bounded(self.rfile)
        self.rfile = cast(Any, self._bounded)
        self._limit = gevent.Timeout(CONNECTION_S)

    def handle(self) -> None:
        with suppress(gevent.Timeout), self._limit:
            super().handle()

    def take_time(self) -> None:
        """Let the connection last as long as it will."""
        self._limit.close()

    def get_environ(self) -> Any:
        environment = super().get_environ()
        environment[_HANDLER] = self
        return environment

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

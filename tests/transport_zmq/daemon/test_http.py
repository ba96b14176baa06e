"""What the HTTP port takes and what it refuses; what it tells of a real daemon is tested with real daemons."""

import json

import gevent
import pytest
from gevent import socket

from transport_zmq.address import Address
from transport_zmq.daemon import http
from transport_zmq.daemon.http import HttpServer
from transport_zmq.daemon.settings import gather, settle
from transport_zmq.daemon.state import State
from transport_zmq.daemon.streams import Streams
from transport_zmq.errors import CannotListen
from transport_zmq.statistics import Statistics

T = 10


@pytest.fixture
def server(closing):
    """A port without a node behind it."""
    settings = settle(gather({"name": "n1", "data-dir": "d", "http": "127.0.0.1:0"}, {}))
    state = State(settings, Statistics(), None, "")
    server = closing(HttpServer(settings.http, state, lambda: {"id": "n1"}, Streams(dict)))
    server.listen()
    return server


def ask(server, request):
    """The whole answer to some bytes, until the other side closes."""
    with gevent.Timeout(T), socket.create_connection(server.address) as connection:
        connection.sendall(request)
        answer = b""
        while data := connection.recv(65536):
            answer += data
        return answer


def get(server, path, method="GET", headers="", body=""):
    answer = ask(server, f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n{body}".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode(), body


def test_what_programs_ask(server):
    assert get(server, "/status")[0] == 200
    assert json.loads(get(server, "/status")[2]) == {"id": "n1"}
    assert get(server, "/livez")[0] == 503
    assert get(server, "/readyz?verbose")[::2] == (503, b"not ready: the node is down\n")
    assert get(server, "/")[0] == 200
    assert get(server, "/nothing")[::2] == (404, b"there are /, /events, /livez, /readyz, /status\n")


def test_head_is_get_without_the_body(server):
    code, head, body = get(server, "/status", "HEAD")

    assert (code, body) == (200, b"")
    assert "Content-Length: 13" in head


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "BREW"])
def test_nothing_can_be_changed(server, method):
    code, head, _ = get(server, "/status", method, "Content-Length: 3\r\n", "abc")

    assert code == 405
    assert "Allow: GET, HEAD" in head


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * 20_000 + b"\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n" + b"X: abcdefgh\r\n" * 150 + b"\r\n", b"400"),
        (b"\x00\xff\x16\x03\x01\r\n\r\n", b"400"),
        (b"GET / SMTP/1.1\r\n\r\n", b"400"),
    ],
    ids=["long line", "long header", "many headers", "garbage", "another protocol"],
)
def test_what_is_no_request_or_too_long_is_refused(server, request_, code, capfd):
    assert ask(server, request_).split()[1] == code
    assert get(server, "/status")[0] == 200
    assert "Traceback" not in capfd.readouterr().err


def test_several_questions_may_come_by_one_connection_each_within_bounds(server):
    request = b"GET /status HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 7000 + b"\r\n\r\n"
    last = request.replace(b"Host: x", b"Connection: close")

    assert ask(server, request * 3 + last).count(b'{"id": "n1"}') == 4


def test_who_says_nothing_is_cut_off(server, monkeypatch):
    monkeypatch.setattr(http, "CONNECTION_S", 0.2)

    assert ask(server, b"GET /status HT") == b""


def test_those_who_say_nothing_hold_up_others_only_until_they_are_cut_off(server, monkeypatch, closing):
    monkeypatch.setattr(http, "CONNECTION_S", 0.3)
    for _ in range(http.MAX_CONNECTIONS + 10):
        closing(socket.create_connection(server.address))

    assert get(server, "/status")[0] == 200


def test_a_port_in_use_is_told(server):
    second = HttpServer(server.address, None, dict, Streams(dict))

    with pytest.raises(CannotListen, match=f"cannot listen on 127.0.0.1:{server.address.port}"):
        second.listen()
    with pytest.raises(CannotListen):
        HttpServer(Address("192.0.2.1", 80), None, dict, Streams(dict)).listen()

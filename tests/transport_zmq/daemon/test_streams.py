"""Server-sent events by plain HTTP: what is pushed and when, and what watchers can and cannot cost."""

import time
from importlib import resources

import gevent
import pytest
from gevent import socket

from actors.kv_commands import put
from raft.actor import Propose
from raft.membership import Configuration
from raft.observer import CampaignWon, ChangeEnded, ConfigurationChanged
from tests.transport_zmq.daemon.daemons import until
from tests.transport_zmq.daemon.streaming import Watcher
from tests.transport_zmq.daemon.test_http import get
from tests.transport_zmq.daemon.test_settings import settled
from transport_zmq.address import Address
from transport_zmq.daemon import streams as streams_module
from transport_zmq.daemon.http import HttpServer
from transport_zmq.daemon.member import Member
from transport_zmq.daemon.state import State
from transport_zmq.daemon.streams import MOST_STREAMS, Streams
from transport_zmq.daemon.ticker import MOST_CHARACTERS, MOST_EVENTS, Ticker
from transport_zmq.statistics import Statistics

OTHER = "127.0.0.1:7302"


class Served:
    """A port with streams and without a node: `told` is what the node would tell of itself."""

    def __init__(self, others=()):
        self.told = {"id": "n1", "term": 1, "uptime_s": 0, "transport": {"connected": {}, "bytes_sent": 0}}
        self.asked = 0
        self.streams = Streams(self._tell)
        state = State(settled(name="n1", data_dir="d"), Statistics(), None, "")
        self.http = HttpServer(Address("127.0.0.1", 0), state, self._tell, self.streams, others)
        self.http.listen()
        self.address = self.http.address

    def _tell(self):
        self.asked += 1
        return dict(self.told)

    def close(self):
        self.http.close()


@pytest.fixture(autouse=True)
def no_beat(monkeypatch):
    """What arrives was pushed: nothing comes from time to time."""
    monkeypatch.setattr(streams_module, "BEAT_S", 1000.0)


@pytest.fixture
def served(closing):
    return closing(Served([OTHER]))


def watch(served, closing, *arguments):
    watcher = closing(Watcher(str(served.address), *arguments))
    until(lambda: watcher.statuses or watcher.ended)
    return watcher


def test_a_watcher_is_sent_the_status_and_what_has_happened_in_the_form_of_server_sent_events(served, closing):
    served.streams.ticker.observe(CampaignWon("n1", 5, ("n1", "n2")))
    watcher = watch(served, closing)

    assert watcher.head.startswith("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n")
    assert watcher.raw.startswith(b'retry: 1000\n\nevent: status\ndata: {"id": "n1", ')
    assert watcher.raw.endswith(b"\n\n")
    (event,) = watcher.events
    assert {**event, "at_ms": 0} == {"number": 1, "at_ms": 0, "event": "CampaignWon", "term": 5, "voters": ["n1", "n2"]}
    assert abs(event["at_ms"] / 1000 - time.time()) < 60


def test_who_comes_again_is_sent_what_he_has_missed_and_nothing_twice(served, closing):
    ticker = served.streams.ticker
    ticker.note("first")
    id = watch(served, closing).last_id
    ticker.note("second")

    again = watch(served, closing, f"Last-Event-ID: {id}\r\n")
    assert [event["event"] for event in again.events] == ["second"]
    # An id of another run, or none at all, says nothing of what he knows.
    for other in (id.replace(ticker.run, "0" * 12), "garbage", f"{ticker.run}.x", f"{ticker.run}." + "9" * 5000):
        all_of_it = watch(served, closing, f"Last-Event-ID: {other}\r\n")
        assert [event["event"] for event in all_of_it.events] == ["first", "second"]

    # Who claims to have seen what is yet to come is told of it all the same.
    ahead = watch(served, closing, f"Last-Event-ID: {ticker.run}.99\r\n")
    ticker.note("third")
    until(lambda: [event["event"] for event in ahead.events] == ["third"])


def test_a_burst_becomes_a_few_pushes_and_the_last_state_arrives(served, closing):
    watcher = watch(served, closing)
    before = len(watcher.statuses)
    began = time.monotonic()
    for term in range(2, 402):
        served.told["term"] = term
        served.streams.stir()
        gevent.sleep(0.001)
    took_s = time.monotonic() - began

    until(lambda: watcher.statuses[-1]["term"] == 401)
    assert 1 <= len(watcher.statuses) - before <= took_s / streams_module.PUSH_S + 2


def test_what_only_time_changes_is_not_pushed(served, closing):
    watcher = watch(served, closing)
    for number in range(6):
        served.told["uptime_s"] = number
        served.told["transport"] = {"connected": {}, "bytes_sent": number}
        served.streams.stir()
        gevent.sleep(streams_module.PUSH_S / 2)
    assert len(watcher.statuses) == 1

    served.told["transport"] = {"connected": {"n2": True}}
    served.streams.stir()
    until(lambda: watcher.statuses[-1]["transport"]["connected"])


def test_what_changes_and_changes_back_is_told_to_who_came_in_between(served, closing):
    first = watch(served, closing)
    served.told["term"] = 2
    second = watch(served, closing)
    assert second.statuses[-1]["term"] == 2
    served.told["term"] = 1
    served.streams.stir()

    until(lambda: second.statuses[-1]["term"] == 1)
    assert first.statuses[-1]["term"] == 1


def test_a_status_comes_from_time_to_time_so_that_a_frozen_node_is_noticed(served, closing, monkeypatch):
    monkeypatch.setattr(streams_module, "BEAT_S", 0.05)
    watcher = watch(served, closing)

    until(lambda: len(watcher.statuses) >= 4)


def test_nobody_is_asked_anything_while_nobody_watches(served, closing):
    served.streams.stir()
    gevent.sleep(2 * streams_module.PUSH_S)
    assert served.asked == 0

    watch(served, closing).close()
    until(lambda: not served.streams._streams)
    asked = served.asked
    served.streams.stir()
    gevent.sleep(2 * streams_module.PUSH_S)
    assert served.asked == asked


def test_there_are_only_so_many_watchers_and_the_next_is_told_so(served, closing):
    watchers = [watch(served, closing) for _ in range(MOST_STREAMS)]

    code, head, body = get(served, "/events")
    assert (code, body) == (
        503,
        b"16 pages watch this node already, and more may not; close one of them, or ask /status\n",
    )
    assert "Retry-After: 5" in head
    assert get(served, "/status")[0] == 200

    # Who has gone is noticed at once, though nothing is sent to him.
    watchers[0].close()
    until(lambda: not served.streams.full, timeout=3)
    watch(served, closing)


def test_who_stops_reading_costs_a_bounded_buffer_and_is_given_up(served, closing, monkeypatch):
    monkeypatch.setattr(streams_module, "SEND_S", 0.3)
    served.told["long"] = "x" * 400_000
    connection = closing(socket.socket())
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(tuple(served.address))
    connection.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
    until(lambda: served.streams._streams)
    reader = watch(served, closing)

    # The others are served meanwhile.
    served.told["term"] = 2
    served.streams.stir()
    until(lambda: reader.statuses[-1]["term"] == 2)
    until(lambda: len(served.streams._streams) == 1)


def test_the_end_does_not_wait_for_who_does_not_read(served, closing):
    served.told["long"] = "x" * 4_000_000
    connection = closing(socket.create_connection(served.address))
    connection.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
    until(lambda: served.streams._streams)

    began = time.monotonic()
    served.close()
    assert time.monotonic() - began < streams_module.SEND_S / 2
    assert not served.streams._streams


def test_who_says_more_on_his_stream_has_ended_it(served, closing):
    watcher = watch(served, closing)
    watcher._connection.sendall(b"GET /status HTTP/1.1\r\n\r\n")

    until(lambda: watcher.ended)


def test_streams_outlive_the_time_that_a_question_may_take(served, closing, monkeypatch):
    monkeypatch.setattr("transport_zmq.daemon.http.CONNECTION_S", 0.2)
    watcher = watch(served, closing)
    gevent.sleep(0.5)
    served.told["term"] = 9
    served.streams.stir()

    until(lambda: watcher.statuses[-1]["term"] == 9)


def test_head_tells_the_kind_of_a_stream_and_begins_none(served):
    code, head, body = get(served, "/events", "HEAD")

    assert (code, body) == (200, b"")
    assert "text/event-stream" in head
    assert not served.streams._streams


def test_only_pages_of_other_members_may_read_what_is_told(served, closing):
    allowed = get(served, "/status", headers=f"Origin: http://{OTHER}\r\n")[1]
    assert f"Access-Control-Allow-Origin: http://{OTHER}\r\n" in allowed
    assert (
        f"Access-Control-Allow-Origin: http://{OTHER}\r\n" in watch(served, closing, f"Origin: http://{OTHER}\r\n").head
    )
    for origin in ("http://evil.example", "null", f"https://{OTHER}", f"http://{OTHER}.evil.example"):
        head = get(served, "/status", headers=f"Origin: {origin}\r\n")[1]
        assert "Access-Control" not in head
        assert "Vary: Origin" in head


def test_the_page_comes_with_a_policy_that_lets_it_speak_to_members_only(served):
    code, head, body = get(served, "/")

    assert code == 200
    assert b"<!doctype html>" in body
    assert (
        "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src 'self' http://{OTHER}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
    ) in head
    for path, kind in (("/main.js", "text/javascript"), ("/page.css", "text/css"), ("/icon.svg", "image/svg+xml")):
        code, head, _ = get(served, path)
        assert code == 200
        assert f"Content-Type: {kind}" in head
    for path in ("/index.html", "/__init__.py", "/../state.py", "/%2e%2e/state.py", "//etc/passwd"):
        assert get(served, path)[0] == 404


def test_nothing_of_the_page_comes_from_elsewhere_or_makes_markup_of_what_is_told():
    for part in resources.files("transport_zmq.daemon.page").iterdir():
        if part.name.endswith((".js", ".html", ".css")):
            text = part.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "").replace("`http://$", "")
            for forbidden in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "://", "style="):
                assert forbidden not in text, (part.name, forbidden)


def test_the_ticker_forgets_the_oldest_and_cuts_what_is_long():
    ticker = Ticker(lambda: None)
    configuration = Configuration(("n1", "n2"), learners=("n3",))
    for index in range(MOST_EVENTS + 5):
        ticker.observe(ConfigurationChanged("n1", index, configuration))
    ticker.observe(ChangeEnded("n1", 0, "x" * 10_000))

    events = ticker.after(0)
    assert len(events) == MOST_EVENTS
    assert events[0]["index"] == 6
    assert events[0]["configuration"] == {"voters": ["n1", "n2"], "outgoing": [], "learners": ["n3"], "witnesses": []}
    assert len(events[-1]["reason"]) == MOST_CHARACTERS


def test_a_port_for_other_machines_is_announced_loudly(closing, logged):
    served = Served()
    served.close()
    assert not [line for line in logged if "HTTP" in line]

    http = HttpServer(Address("0.0.0.0", 0), None, dict, Streams(dict))
    http.listen()
    http.close()
    (line,) = [line for line in logged if "HTTP" in line]
    assert line.startswith(
        f"WARNING HTTP at 0.0.0.0:{http.address.port} can be reached from other machines, and has no keys"
    )


@pytest.fixture
def member(tmp_path, closing):
    """A member that founds a cluster alone, and leads it."""
    where = dict.fromkeys(("listen", "client_listen", "http"), "127.0.0.1:0")
    settings = settled(name="n1", data_dir=str(tmp_path / "data"), peers="n1=127.0.0.1:1", log_level="error", **where)
    member = Member(settings, lambda error: None)
    member.close = member.release
    closing(member)
    member.listen()
    member.start()
    until(lambda: not member.state.why_not_ready())
    return member


def test_a_node_pushes_its_commits_and_an_idle_one_nothing_and_its_end_ends_the_streams(member, closing):
    watcher = closing(Watcher(str(member._http.address)))
    until(lambda: watcher.statuses)
    # Also where the log wants less.
    assert [event["event"] for event in watcher.events if event["event"] in ("Started", "CampaignWon")] == [
        "Started",
        "CampaignWon",
    ]
    commit = watcher.statuses[-1]["commit_index"]
    done = []
    member.supervisor._actor.actor_ref.tell(_proposal(put(b"k", b"v"), done))
    until(lambda: watcher.statuses[-1]["commit_index"] == commit + 1)
    assert done == [None]

    gevent.sleep(2 * streams_module.PUSH_S)
    before = len(watcher.statuses)
    gevent.sleep(4 * streams_module.PUSH_S)
    assert len(watcher.statuses) == before

    member.end(5)
    member.release()
    until(lambda: watcher.ended)
    assert watcher.blocks[-1] == {"event": "end", "data": {}}
    assert "Ending" in [event["event"] for event in watcher.events]


def _proposal(command, done):
    return Propose(command, lambda error, value: done.append(error))

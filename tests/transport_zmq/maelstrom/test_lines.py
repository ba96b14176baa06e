"""Lines over pipes: cut anywhere, too long, or read by nobody."""

import os

import gevent
import pytest

from transport_zmq.maelstrom.lines import Lines


@pytest.fixture
def pipes():
    """(what the reader reads, where to write that; where what it writes comes out, what it writes to)."""
    ends = [*os.pipe(), *os.pipe()]
    yield ends
    for end in ends:
        os.close(end)


def read_all(lines, pieces, source):
    """What is read when a pipe brings these pieces, one after the other, and ends."""
    found = []
    reader = gevent.spawn(lambda: found.extend(lines.read()))
    for piece in pieces:
        os.write(source, piece)
        gevent.sleep(0.005)
    reader.kill()
    return found


def test_lines_are_put_together_from_pieces(pipes):
    incoming, source, _, outgoing = pipes
    lines = Lines(incoming, outgoing, 100, 100)

    assert read_all(lines, [b"on", b"e\ntwo\n\nthr", b"ee", b"\n", b"rest"], source) == [b"one", b"two", b"three"]
    assert lines.dropped == 0
    lines.close(1.0)


def test_a_line_that_is_too_long_is_dropped_and_the_next_one_is_read(pipes):
    incoming, source, _, outgoing = pipes
    lines = Lines(incoming, outgoing, 5, 100)

    assert read_all(lines, [b"12345\n123456\nok\n", b"1234567", b"89", b"0\nend\n"], source) == [
        b"12345",
        b"ok",
        b"end",
    ]
    assert lines.dropped == 2
    lines.close(1.0)


def test_what_nobody_reads_is_dropped_in_the_end_and_holds_nobody_up(pipes):
    incoming, _, sink, outgoing = pipes
    lines = Lines(incoming, outgoing, 100, 300_000)
    line = b"x" * 9_999 + b"\n"

    for _ in range(100):
        lines.write(line)
        gevent.sleep(0)

    assert 50 <= lines.dropped < 100, "300,000 bytes wait, and the pipe itself holds some"
    received = b""
    while len(received) < 200_000:
        received += os.read(sink, 10_000)
        gevent.sleep(0.001)
    lines.write(b"end\n")
    while not received.endswith(b"end\n"):
        gevent.sleep(0.001)
        received += os.read(sink, 10_000)
    assert received == line * (100 - lines.dropped) + b"end\n"
    lines.close(1.0)

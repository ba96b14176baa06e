import json

import pytest

from tests.transport_sim.traces import sample
from transport_sim.traces import reading
from transport_sim.traces.reading import (
    MalformedTrace,
    NoTrace,
    TraceError,
    TraceTooLarge,
    TruncatedTrace,
    UnreadableFile,
    opened,
)

HEADER = '{"trace":"quorate","version":1,"kind":"run","seed":7,'
HEADER += '"members":[{"id":"n1","part":"voter"},{"id":"n2","part":"spare"}]}'
END = '{"at":9,"event":"end","events":1,"digest":"00"}'


@pytest.fixture
def read(tmp_path):
    """Reads a trace of the lines given, all of it."""

    def read_lines(*lines, newline_at_end=True, **limits):
        path = tmp_path / "run.ndjson"
        text = "\n".join(lines) + ("\n" if newline_at_end else "")
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        with opened(path, **limits) as trace:
            return list(trace.events())

    return read_lines


def test_a_trace_is_read_whole(trace):
    written = [json.loads(line) for line in sample.lines(events=2_000)]

    with opened(trace) as found:
        events = list(found.events())

    assert found.header.kind == "run"
    assert found.header.members == ("n1", "n2", "n3", "n4", "n5")
    assert [found.header.fields, *events, found.end] == written


def test_unknown_events_and_fields_pass(read):
    events = ['{"at":1,"event":"eclipse","of":"the moon"}', '{"at":2,"event":"crash","node":"n1","because":"x"}']

    found = read(HEADER, *events, END)

    assert [event["event"] for event in found] == ["eclipse", "crash"]


def test_missing_states_are_no_error_since_only_changes_are_told(read):
    assert len(read(HEADER, '{"at":1,"event":"state","node":"n1","vote":null}', END)) == 1


BAD_EVENTS = {
    "at is missing": ('{"event":"crash","node":"n1"}', "'at' is null"),
    "at is a truth value": ('{"at":true,"event":"crash","node":"n1"}', "'at' is true"),
    "at is a fraction": ('{"at":1.5,"event":"crash","node":"n1"}', "'at' is 1.5"),
    "at is negative": ('{"at":-1,"event":"crash","node":"n1"}', "'at' is -1"),
    "at is beyond what JSON holds": ('{"at":9007199254740992,"event":"heal"}', "2^53 - 1"),
    "event is missing": ('{"at":1}', "'event' is null"),
    "event is a number": ('{"at":1,"event":3}', "'event' is 3"),
    "node is missing": ('{"at":1,"event":"crash"}', "field 'node' of 'crash' is null"),
    "node is a stranger": ('{"at":1,"event":"crash","node":"n9"}', '"n9", no member of the header'),
    "node is a list": ('{"at":1,"event":"eclipse","node":["n1"]}', "no member of the header"),
    "a role is unknown": ('{"at":1,"event":"state","node":"n1","role":"king"}', "pre-candidate"),
    "a term is a text": ('{"at":1,"event":"state","node":"n1","term":"3"}', "field 'term' of 'state'"),
    "a message is none": ('{"at":1,"event":"send","node":"n1","to":"n2","id":1,"message":3}', "field 'message'"),
    "a message has no type": ('{"at":1,"event":"send","node":"n1","to":"n2","id":1,"message":{"term":1}}', '"type"'),
    "links are no pairs": ('{"at":1,"event":"cut","links":[["n1"]]}', "a list of pairs"),
    "voters are missing": ('{"at":1,"event":"configuration","node":"n1","index":0}', "field 'voters'"),
    "a violation has no message": ('{"at":1,"event":"violation","promise":"S1"}', "field 'message' of 'violation'"),
    "no JSON": ("{at:1}", "no JSON object"),
    "a list": ("[1]", "must be one JSON object"),
    "an empty line": ("", "no JSON object"),
    "not a number": ('{"at":NaN,"event":"heal"}', "NaN is no JSON"),
    "a key twice": ('{"at":1,"at":2,"event":"heal"}', "a key stands in an object twice"),
    "deeper than anybody nests": ('{"at":1,"event":' + "[" * 100_000, "no JSON object"),
    "more digits than anybody counts": ('{"at":' + "9" * 5_000 + "}", "no JSON object"),
    "no UTF-8": ('{"at":1,"event":"\udcff"}', "byte 18 of the line is no UTF-8"),
}


@pytest.mark.parametrize(("line", "said"), BAD_EVENTS.values(), ids=BAD_EVENTS)
def test_a_malformed_line_is_named(read, line, said):
    with pytest.raises(MalformedTrace) as raised:
        read(HEADER, line, END)

    assert raised.value.line == 2
    assert said in raised.value.problem
    assert f"{raised.value.file}:2: " in str(raised.value)


def test_time_never_falls(read):
    with pytest.raises(MalformedTrace, match="'at' falls from 5 to 4"):
        read(HEADER, '{"at":5,"event":"heal"}', '{"at":4,"event":"heal"}', END)


def test_nothing_follows_the_end(read):
    with pytest.raises(MalformedTrace, match="a line after the end"):
        read(HEADER, END, '{"at":10,"event":"heal"}')


BAD_HEADERS = {
    "an empty file": ("", NoTrace, "was the right file named"),
    "another file": ('{"name":"package"}', NoTrace, "was the right file named"),
    "a newer version": (HEADER.replace('"version":1', '"version":2'), NoTrace, "this quorate reads version 1"),
    "true for a version": (HEADER.replace('"version":1', '"version":true'), NoTrace, "reads version 1"),
    "an unknown kind": (HEADER.replace('"run"', '"dream"'), MalformedTrace, "one of run, explore"),
    "no members": (HEADER.replace('"members"', '"people"'), MalformedTrace, "a list of 1 to 100 members"),
    "an unknown part": (HEADER.replace("spare", "hero"), MalformedTrace, "is no member"),
    "a member twice": (HEADER.replace("n2", "n1"), MalformedTrace, "stands there twice"),
}


@pytest.mark.parametrize(("header", "kind", "said"), BAD_HEADERS.values(), ids=BAD_HEADERS)
def test_a_bad_header_is_named(read, header, kind, said):
    with pytest.raises(kind) as raised:
        read(*([header] if header else []), newline_at_end=bool(header))

    assert raised.value.line == 1
    assert said in raised.value.problem


def test_a_trace_without_end_is_truncated(read):
    with pytest.raises(TruncatedTrace, match="record again"):
        read(HEADER, '{"at":1,"event":"heal"}')


def test_a_line_cut_off_is_truncated(read):
    with pytest.raises(TruncatedTrace, match="the last line is cut off"):
        read(HEADER, '{"at":1,"event":"he', newline_at_end=False)


def test_events_are_bounded(read):
    two = ['{"at":1,"event":"heal"}'] * 2

    assert len(read(HEADER, *two, END, most_events=2)) == 2
    with pytest.raises(TraceTooLarge, match="more than 1 events"):
        read(HEADER, *two, END, most_events=1)


def test_lines_are_bounded(read, monkeypatch):
    monkeypatch.setattr(reading, "LONGEST_LINE_BYTES", 200)

    assert len(read(HEADER, '{"at":1,"event":"heal"}', END)) == 1
    with pytest.raises(TraceTooLarge, match="a line of more than 200 bytes"):
        read(HEADER, '{"at":1,"event":"heal","why":"' + "x" * 200 + '"}', END)


def test_a_missing_file_is_named(tmp_path):
    with (
        pytest.raises(UnreadableFile, match="none.ndjson: cannot be read: No such file"),
        opened(tmp_path / "none.ndjson"),
    ):
        pass


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(TraceError), opened(tmp_path):
        pass

"""Histories in files, and what a line must be."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transport_sim.histories.executed import executed
from transport_sim.histories import MODELS, InvalidHistory, Operation, UnknownModel, check, read_history, write_history

PUT = {"process": 3, "op": "put", "key": "x", "value": "a", "start": 1.25, "end": 1.5}
GET = {"process": 3, "op": "get", "key": "x", "result": "a", "start": 2, "end": 2}
CAS = {"process": 3, "op": "cas", "key": "x", "expected": None, "value": "b", "result": True, "start": 3, "end": 4}


def read(tmp_path, *lines, model="kv"):
    file = tmp_path / "history.ndjson"
    texts = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    file.write_bytes(b"\n".join(texts) + b"\n")
    return read_history(file, model)


def without(fields, *names):
    return {name: value for name, value in fields.items() if name not in names}


def test_lines_become_operations(tmp_path):
    operations = read(tmp_path, PUT, b"", GET, CAS, {**PUT, "start": 9, "end": None})

    assert operations == [
        Operation(3, "put", "x", "a", None, None, 1.25, 1.5, line=1),
        Operation(3, "get", "x", None, None, "a", 2, 2, line=3),
        Operation(3, "cas", "x", "b", None, True, 3, 4, line=4),
        Operation(3, "put", "x", "a", None, None, 9, None, line=5),
    ]


def test_fields_that_do_not_apply_may_be_null(tmp_path):
    everything = {**without(GET, "result"), "value": None, "expected": None, "result": None, "consistency": "stale"}

    assert read(tmp_path, everything)[0].is_stale


@pytest.mark.parametrize("model", sorted(MODELS))
def test_what_was_written_is_read(tmp_path, model):
    operations = executed(1, model, 100, unknown=0.2, keys=3)
    file = tmp_path / "history.ndjson"

    write_history(file, operations)

    assert read_history(file, model) == operations


def test_stale_reads_are_written_with_their_age(tmp_path):
    operations = [
        Operation(0, "get", "x", result="a", start=1, end=2, consistency="stale", age=0.5, line=1),
        Operation(0, "get", "x", result="a", start=2, end=3, consistency="lease", line=2),
    ]

    write_history(tmp_path / "h", operations)

    assert read_history(tmp_path / "h", "kv") == operations


@pytest.mark.parametrize(
    ("line", "field", "text"),
    [
        (b"{", "line", "no JSON at column"),
        (b"\xff{}", "line", "byte 1 is not UTF-8"),
        (b"[1]", "line", "a list is no operation"),
        (b'{"process": NaN}', "line", "NaN is no number in JSON"),
        (b'{"process": 1, "process": 1}', "line", "'process' stands twice"),
        (b"[" * 100_000, "line", "nested too deeply"),
        (b"1" * 10_000, "line", "Exceeds the limit"),
        (without(PUT, "process"), "process", "it is missing"),
        (without(PUT, "op"), "op", "it is missing"),
        (without(PUT, "key"), "key", "it is missing"),
        (without(PUT, "start"), "start", "it is missing"),
        (without(PUT, "end"), "end", "it is missing; null means"),
        (without(GET, "result"), "result", "it is missing"),
        (without(CAS, "expected"), "expected", "it is missing"),
        (without(CAS, "value"), "value", "it is missing"),
        ({**PUT, "vlaue": 1}, "vlaue", "there is no such field; the fields are process"),
        ({**PUT, "process": "3"}, "process", "'3' names no process"),
        ({**PUT, "process": -1}, "process", "-1 names no process; a whole number from 0"),
        ({**PUT, "process": True}, "process", "True names no process"),
        ({**PUT, "op": "add"}, "op", "model kv has no 'add'; one of get, put, append, cas, delete"),
        ({**PUT, "op": ["put"]}, "op", "model kv has no"),
        ({**PUT, "key": 7}, "key", "7 is no key; a string"),
        ({**PUT, "key": "k" * 1025}, "key", "at most 1024 characters"),
        ({**PUT, "start": None}, "start", "None is no time"),
        ({**PUT, "start": "1"}, "start", "'1' is no time"),
        ({**PUT, "start": True}, "start", "True is no time"),
        (json.dumps(PUT).replace("1.25", "1e999").encode(), "start", "inf is no time"),
        ({**PUT, "end": 1.2}, "end", "1.2 is before the start, 1.25"),
        ({**PUT, "end": "never"}, "end", "'never' is no time; .* or null when it was never answered"),
        ({**PUT, "value": None}, "value", 'a put of null; null means "absent"'),
        ({**PUT, "value": 5}, "value", "5 is no string; .* --model register"),
        ({**PUT, "expected": "a"}, "expected", "a put has none"),
        ({**PUT, "result": "a"}, "result", "a put has none, and it is 'a'"),
        ({**PUT, "end": None, "result": True}, "result", "there is one, and no end"),
        ({**GET, "value": "a"}, "value", "a get has none"),
        ({**GET, "result": 5}, "result", "5 is no string"),
        ({**CAS, "result": None}, "result", "None is no result of a cas; true or false"),
        ({**CAS, "result": 1}, "result", "1 is no result of a cas"),
        ({**CAS, "expected": 1}, "expected", "1 is no string"),
        ({**without(PUT, "value"), "op": "delete", "result": "a"}, "result", "'a' is no result of a delete"),
        ({**PUT, "consistency": "stale"}, "consistency", "a put is never stale"),
        (
            {**GET, "consistency": "eventual"},
            "consistency",
            "there is no 'eventual'; one of linearizable, lease, stale",
        ),
        ({**GET, "consistency": ["stale"]}, "consistency", "there is no"),
        ({**GET, "age": 1}, "age", "a linearizable get has none"),
        ({**GET, "consistency": "stale", "age": -1}, "age", "-1 is no age; seconds, 0 or more"),
    ],
)
def test_a_line_that_is_wrong_is_named_with_its_field(tmp_path, line, field, text):
    with pytest.raises(InvalidHistory, match=text) as caught:
        read(tmp_path, {**PUT, "start": 0, "end": 1}, line)

    assert (caught.value.line, caught.value.field) == (2, field)
    assert caught.value.bound
    assert str(caught.value).startswith("line 2")


@pytest.mark.parametrize(
    ("model", "fields", "field", "text"),
    [
        ("register", {**PUT, "value": {"a": [None]}}, None, None),
        ("register", {**PUT, "value": json.loads("[" * 70 + "]" * 70)}, "value", "more than 64 levels"),
        ("register", {**PUT, "op": "append"}, "op", "model register has no 'append'"),
        ("list", {**GET, "result": "a"}, "result", "'a' is no list"),
        ("list", {**GET, "result": [1, None]}, None, None),
        ("list", {**PUT, "op": "append", "value": None}, "value", "an append of null|a append of null"),
        ("counter", {**PUT, "op": "add", "value": 1.5}, "value", "1.5 is no whole number; .* smaller units"),
        ("counter", {**PUT, "op": "add", "value": 2.0}, None, None),
        ("counter", {**PUT, "op": "add", "value": True}, "value", "True is no whole number"),
        ("counter", {**GET, "result": 0.5}, "result", "0.5 is no whole number"),
    ],
)
def test_each_model_has_its_values(tmp_path, model, fields, field, text):
    if field is None:
        assert len(read(tmp_path, fields, model=model)) == 1
        return
    with pytest.raises(InvalidHistory, match=text) as caught:
        read(tmp_path, fields, model=model)
    assert caught.value.field == field


def test_a_process_does_one_thing_at_a_time(tmp_path):
    with pytest.raises(InvalidHistory, match="within its operation of line 1, which ends at 1.5") as caught:
        read(tmp_path, PUT, {**GET, "key": "y", "start": 1.4})

    assert (caught.value.line, caught.value.field) == (2, "start")


def test_a_process_may_go_on_at_the_same_instant_and_after_what_was_never_answered(tmp_path):
    unknown = {**PUT, "end": None}

    assert len(read(tmp_path, unknown, unknown, {**PUT, "start": 1.25}, {**GET, "start": 1.5})) == 4


def test_there_is_an_end_to_lines_and_operations(tmp_path, monkeypatch):
    monkeypatch.setattr("transport_sim.histories.files.MAX_LINE_BYTES", 200)
    with pytest.raises(InvalidHistory, match="line 2: it is too long; at most 200 bytes"):
        read(tmp_path, PUT, {**PUT, "value": "a" * 200})
    monkeypatch.setattr("transport_sim.histories.files.MAX_OPERATIONS", 2)
    with pytest.raises(InvalidHistory, match="line 3: it is one too many; at most 2 operations"):
        read(tmp_path, {**PUT, "end": None}, {**PUT, "end": None}, {**PUT, "end": None})


@given(st.binary(max_size=60))
def test_whatever_a_file_holds_it_is_read_or_refused(tmp_path_factory, data):
    file = tmp_path_factory.mktemp("any") / "history"
    file.write_bytes(data)
    try:
        assert read_history(file, "register") == []
    except InvalidHistory as error:
        assert error.line >= 1


def test_what_is_handed_over_is_checked_too():
    with pytest.raises(InvalidHistory, match="an operation, field 'op': model kv has no 'add'"):
        check([Operation(0, "add", "x", 1)], "kv")
    with pytest.raises(InvalidHistory, match="a set is no JSON value"):
        check([Operation(0, "put", "x", {1})], "register")
    with pytest.raises(UnknownModel, match="there is no model 'stack'; it must be one of register, kv, list, counter"):
        check([], "stack")
    with pytest.raises(UnknownModel):
        read_history("nowhere", "stack")

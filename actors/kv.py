"""The built-in state machine: a key-value store with put, get, delete and compare-and-set, transactions and leases.

A get may be asked as a query, which takes no place in the log, or applied as a command like the others. Other queries
ask for a range of keys, or wait for changes.

The store counts its changes from the first command on that needs it, a transaction or one of leases, and before that is
what earlier programs made of the same log: members that have a snapshot of such a program agree with those that have
applied all commands anew.

Keeps to what MicroPython understands: boards run this file too.
"""

from . import kv_contents, kv_history, kv_leases, kv_order, kv_transactions, results
from .kv_commands import (
    CAS,
    CHANGES,
    DELETE,
    GET,
    GRANT,
    KEEP_ALIVE,
    PUT,
    RANGE,
    REVOKE,
    TRANSACTION,
    MalformedCommand,
    decode,
    decode_pairs,
    encode_pairs,
    put_in,
)
from .kv_history import FIRST_REVISION, History
from .kv_leases import Leases
from .kv_order import Order

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from .kv_transactions import Condition, Operation

DONE = "done"
CONFLICT = "conflict"
INVALID = "invalid"
NO_LEASE = "no lease"
CROWDED = "crowded"
COMPACTED = "compacted"

_OUTCOMES = (DONE, CONFLICT, INVALID, NO_LEASE, CROWDED, COMPACTED)
_CODES = {outcome: bytes([code]) for code, outcome in enumerate(_OUTCOMES)}


class Result:
    """What a command came to.

    Attributes:
        outcome: `DONE`; `CONFLICT` when a cas found another value than expected, and changed nothing; `INVALID` when
            the bytes were no command, and changed nothing; `NO_LEASE` when there is no such lease (any more), and
            `CROWDED` when there are too many of them, and nothing was changed; `COMPACTED` when the changes that were
            asked for are not kept any more.
        value: the value a get or a delete found, or the one that a cas ran into; None for "absent". Of other commands
            and queries what `KeyValue.apply` and `read` say, made of what `results` can encode.
        problem: what was wrong with an invalid command, else None.
    """

    __slots__ = ("outcome", "problem", "value")

    def __init__(self, outcome: str, value: "Any" = None, problem: "str | None" = None) -> None:
        self.outcome = outcome
        self.value = value
        self.problem = problem

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Result)
            and self.outcome == other.outcome
            and self.value == other.value
            and self.problem == other.problem
        )

    def __hash__(self) -> int:
        return len(self.outcome)

    def __repr__(self) -> str:
        return f"Result({self.outcome!r}, {self.value!r}, {self.problem!r})"


_DONE = Result(DONE)  # what every put comes to
_ENCODED_DONE = _CODES[DONE]


class KeyValue:
    """A store of values by key, both bytes; commands are made by `kv_commands` and its neighbours.

    Attributes:
        revision: how many changes there were since the store began to count, and `FIRST_REVISION`; 0 when it has not.
    """

    def __init__(self) -> None:
        self.revision = 0
        self._values: dict[bytes, bytes] = {}
        self._order = Order(self._values)
        self._revisions: dict[bytes, int] = {}  # of the last change of each key, unless that was before counting began
        self._leases = Leases()
        self._history = History(FIRST_REVISION + 1)
        self._now_ms = 0

    # Commands

    def apply(self, command: bytes) -> Result:
        """Carry out a command and return what it came to. Never raises, whatever the bytes are.

        The value of the result is, for a transaction, whether its conditions held, the revision of the store, and a
        list of what its operations came to: of a put the revision; of a get what `read` has for a range, or None; of a
        delete whether the key was there. For a lease it is its id and its time to live; when it was revoked, whether
        it was there.
        """
        put = put_in(command)
        if put is not None:
            key, value = put
            # Before the store counts there is neither a history nor a lease: then a key that is there needs no more.
            if self.revision or key not in self._values:
                self._put(key, value)
            else:
                self._values[key] = value
            return _DONE
        try:
            if command and TRANSACTION <= command[0] <= REVOKE:
                return self._apply_counted(command)
            decoded = decode(command)
        except MalformedCommand as error:
            return Result(INVALID, None, str(error))
        operation, key = decoded.operation, decoded.key
        if operation == PUT:
            self._put(key, decoded.value)  # type: ignore[arg-type]
            return Result(DONE)
        held = self._values.get(key)
        if operation == CAS and held != decoded.expected:
            return Result(CONFLICT, held)
        if operation == CAS:
            self._put(key, decoded.value)  # type: ignore[arg-type]
            return Result(DONE)
        if operation == DELETE and held is not None:
            self._delete(key)
        return Result(DONE, held)

    def pass_time(self, now_ms: int) -> None:
        """End the leases that do not live at some log time, and delete their keys."""
        self._now_ms = now_ms
        if self._leases.by_id:
            for key in self._leases.expire(now_ms):
                self._delete(key)

    def due_ms(self) -> "int | None":
        """Return at which log time the next lease ends, or None when there is none."""
        return self._leases.due_ms

    def _apply_counted(self, command: bytes) -> Result:
        """Carry out a command that needs revisions, which begin with the first one."""
        operation = command[0]
        if operation == TRANSACTION:
            parts = kv_transactions.decode(command)
            self._count()
            return self._transact(*parts)
        number = kv_leases.decode(command)
        self._count()
        leases = self._leases
        if operation == GRANT:
            if len(leases) >= kv_leases.MAX_LEASES:
                return Result(CROWDED, kv_leases.MAX_LEASES)
            return Result(DONE, (leases.grant(number, self._now_ms), number))
        if operation == KEEP_ALIVE:
            ttl_ms = leases.keep_alive(number, self._now_ms)
            return Result(NO_LEASE, number) if ttl_ms is None else Result(DONE, (number, ttl_ms))
        keys = leases.end(number)
        for key in keys or ():
            self._delete(key)
        return Result(DONE, keys is not None)

    def _count(self) -> None:
        if not self.revision:
            self.revision = FIRST_REVISION

    def _transact(self, conditions: "list[Condition]", then: "list[Operation]", otherwise: "list[Operation]") -> Result:
        holds = all(self._holds(*condition) for condition in conditions)
        operations = then if holds else otherwise
        for _, _, _, lease in operations:
            if lease and lease not in self._leases:
                return Result(NO_LEASE, lease)
        size_bytes = self._answer_bytes(operations)
        if size_bytes > kv_transactions.MAX_ANSWER_BYTES:
            problem = (
                f"its gets would return {size_bytes} bytes; at most {kv_transactions.MAX_ANSWER_BYTES} are allowed"
            )
            return Result(INVALID, None, problem)
        done = [self._operate(*operation) for operation in operations]
        return Result(DONE, (holds, self.revision, done))

    def _holds(self, kind: int, key: bytes, operand: "bytes | int | None") -> bool:
        if kind == kv_transactions.REVISION:
            return self._revision_of(key) == operand
        held = self._values.get(key)
        if kind == kv_transactions.VALUE:
            return held == operand
        return (held is None) == (kind == kv_transactions.ABSENT)

    def _answer_bytes(self, operations: "list[Operation]") -> int:
        """Return how many bytes of keys and values the gets among some operations would return."""
        size_bytes = 0
        written: dict[bytes, bytes | None] = {}
        for operation, key, value, _ in operations:
            if operation != GET:
                written[key] = value
            else:
                found = written[key] if key in written else self._values.get(key)
                size_bytes += len(key) + len(found or b"")
        return size_bytes

    def _operate(self, operation: int, key: bytes, value: "bytes | None", lease: int) -> object:
        if operation == GET:
            return self._item(key) if key in self._values else None
        if operation == DELETE:
            is_there = key in self._values
            if is_there:
                self._delete(key)
            return is_there
        assert value is not None
        self._put(key, value)
        if lease:
            self._leases.attach(key, lease)
        return self.revision

    def _put(self, key: bytes, value: bytes) -> None:
        if key not in self._values:
            self._order.add(key)
        self._values[key] = value
        revision = self.revision
        if revision:
            self.revision = self._revisions[key] = revision + 1
            self._history.add(key, value)
            if key in self._leases.of:
                self._leases.detach(key)

    def _delete(self, key: bytes) -> None:
        del self._values[key]
        self._order.remove(key)
        if self.revision:
            self.revision += 1
            self._revisions.pop(key, None)
            self._history.add(key, None)
            self._leases.detach(key)

    def _revision_of(self, key: bytes) -> int:
        if key not in self._values:
            return 0
        return self._revisions.get(key, FIRST_REVISION if self.revision else 0)

    def _item(self, key: bytes) -> "tuple[bytes, bytes, int, int]":
        return key, self._values[key], self._revision_of(key), self._leases.of.get(key, 0)

    # Queries

    def read(self, query: bytes) -> Result:
        """Answer a query, made by `kv_commands.get` or `kv_order.between`; never raises, whatever the bytes are.

        The value of the result is, for a range, the revision of the store; a list with the key, the value, the revision
        of the last change and the lease, 0 for none, of each; and the first key that it has left out, None when that
        was all.
        """
        try:
            if query and query[0] == RANGE:
                return Result(DONE, self._range(*kv_order.decode(query)))
            decoded = decode(query)
        except MalformedCommand as error:
            return Result(INVALID, None, str(error))
        if decoded.operation != GET:
            return Result(INVALID, None, "only a get is a query; what changes the store is a command")
        return Result(DONE, self._values.get(decoded.key))

    def _range(self, start: bytes, end: "bytes | None", limit: int) -> "tuple[int, list[Any], bytes | None]":
        items: list[Any] = []
        size_bytes = 0
        for key in self._order.since(start):
            if end is not None and key >= end:
                break
            if len(items) == limit or size_bytes >= kv_order.MAX_ANSWER_BYTES:
                return self.revision, items, key
            items.append(self._item(key))
            size_bytes += len(key) + len(self._values[key])
        return self.revision, items, None

    def watcher(self, query: bytes) -> "Callable[[], Result | None]":
        """Return a function that tells, each time it is called, what a query made by `kv_history.changes` asks for.

        It returns None as long as there is nothing to tell. The value of its result is the revision from which on to
        ask next, and a list with the revision, the key and the value of each change, None for a deletion. The list is
        empty when there was so much that was not asked for that whoever asks had better not stay behind. When the
        changes are not kept any more, the result is `COMPACTED`, and its value the first revision of those that are.
        """
        try:
            if not query or query[0] != CHANGES:
                raise MalformedCommand("only changes can be waited for")
            key, is_prefix, revision = kv_history.decode(query)
        except MalformedCommand as error:
            refused = Result(INVALID, None, str(error))
            return lambda: refused
        return Watcher(self, key, is_prefix, revision)

    @property
    def history(self) -> History:
        """The latest changes; empty until the store counts them."""
        return self._history

    def items(self) -> "list[tuple[bytes, bytes]]":
        """Return everything that is stored, in order of key."""
        return sorted(self._values.items())

    def __len__(self) -> int:
        return len(self._values)

    # Bytes

    def encode_result(self, result: Result) -> bytes:
        """Return the bytes of a result, so that it can be kept for a client that asks again.

        One byte for the outcome; then nothing, or 0 and the value, or 1 and the problem, or 2 and a value that is no
        bytes as `results` encodes it.
        """
        if result is _DONE:
            return _ENCODED_DONE
        code = _CODES[result.outcome]
        value = result.value
        if type(value) is bytes:
            return code + b"\x00" + value
        if value is not None:
            return code + b"\x02" + results.encode(value)
        return code if result.problem is None else code + b"\x01" + result.problem.encode()

    def decode_result(self, data: bytes) -> Result:
        """Return the result that `encode_result` made these bytes of."""
        outcome = _OUTCOMES[data[0]]
        if len(data) == 1:
            return Result(outcome)
        if data[1] == 2:
            return Result(outcome, results.decode(data[2:]))
        return Result(outcome, data[2:]) if data[1] == 0 else Result(outcome, None, data[2:].decode())

    def snapshot(self) -> "Iterable[bytes]":
        """Return the present contents as bytes, piece by piece; what is applied meanwhile does not touch them.

        Until the store counts they are what they were in earlier programs.
        """
        # Only copies are made here: bytes are made of them by whoever takes the pieces.
        keys, values = self._order.keys(), self._values.copy()
        if not self.revision:
            return encode_pairs((key, values[key]) for key in keys)
        revisions, of, leases, history = self._revisions.copy(), self._leases.of.copy(), self._leases, self._history
        items = ((key, values[key], revisions.get(key, FIRST_REVISION), of.get(key, 0)) for key in keys)
        return kv_contents.encode(leases.last, leases.items(), history.first, history.items(), len(keys), items)

    def restore(self, chunks: "Iterable[bytes]") -> None:
        """Replace the contents by those of a snapshot, however its bytes are cut into chunks.

        Raises:
            MalformedCommand: when the bytes are no snapshot; the contents stay as they were.
        """
        begin, chunks = _begin_of(chunks)
        leases, history, revisions = Leases(), History(FIRST_REVISION + 1), {}
        if begin == kv_contents.MARK[:2]:
            leases, history, items = kv_contents.decode(chunks)
            self._values = {key: value for key, value, _, _ in items}
            revisions = {key: revision for key, _, revision, _ in items}
            self.revision = history.next - 1
        else:
            self._values = dict(decode_pairs(chunks))
            self.revision = 0
        self._order = Order(self._values)
        self._revisions = revisions
        self._leases = leases
        self._history = history


class Watcher:
    """Tells what has changed since it was last asked.

    Args:
        store: whose changes.
        key: of what; or what its key begins with.
        is_prefix: which of the two.
        revision: from which on.
    """

    def __init__(self, store: KeyValue, key: bytes, is_prefix: bool, revision: int) -> None:
        self._store = store
        self._asked = revision
        self._at = max(revision, FIRST_REVISION + 1)  # nothing that was told, or not asked for, is before this
        self._is_meant: Callable[[bytes], bool] = lambda found: found == key
        if is_prefix:
            self._is_meant = lambda found: found.startswith(key)

    def __call__(self) -> "Result | None":
        """Return what `KeyValue.watcher` says, or None when there is nothing to tell."""
        history = self._store.history
        if self._at < history.first:
            return Result(COMPACTED, history.first)
        if self._at >= history.next:
            return None
        self._at, found = history.told(self._at, self._is_meant)
        if not found and self._asked - history.first >= (history.next - history.first) // 2:
            return None
        return Result(DONE, (self._at, found))


def _begin_of(chunks: "Iterable[bytes]") -> "tuple[bytes, Iterator[bytes]]":
    """Return the first two bytes of chunks, if there are so many, and all chunks."""
    rest = iter(chunks)
    begin = b""
    for chunk in rest:
        begin += chunk
        if len(begin) >= 2:
            break
    return begin[:2], _with(begin, rest)


def _with(begin: bytes, rest: "Iterator[bytes]") -> "Iterator[bytes]":
    yield begin
    yield from rest

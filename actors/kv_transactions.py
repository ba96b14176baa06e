"""Transactions as bytes: conditions on several keys, and what is done when all of them hold, or else.

A transaction is the byte `TRANSACTION`, then three lists: the conditions, the operations for when they hold, and those
for when they do not. A list is how many there are in one byte, and they one after the other. A condition is its kind in
one byte, a key, and for `VALUE` the value, for `REVISION` the number in 8 bytes. An operation is `PUT`, `GET` or
`DELETE` in one byte and a key; with a put go the value and the lease in 8 bytes, 0 for none. Fields are those of
`kv_commands`. A transaction has exactly one encoding, and nothing may follow it.

Keeps to what MicroPython understands: boards run this file too.
"""

from .kv_commands import (
    DELETE,
    GET,
    PUT,
    TRANSACTION,
    MalformedCommand,
    OutOfBounds,
    check_end,
    key_field,
    take_key,
    take_number,
    take_value,
    value_field,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    # Kind, key and what is compared with: a value, a revision, or None.
    Condition = tuple[int, bytes, bytes | int | None]
    # PUT, GET or DELETE, the key, and of a put the value and the lease, else None and 0.
    Operation = tuple[int, bytes, bytes | None, int]

# The kinds of conditions.
VALUE = 1  # the key holds this value
ABSENT = 2
PRESENT = 3
REVISION = 4  # the last change of the key has this revision; 0 for a key that is absent

MAX_PARTS = 128  # conditions, and operations of each kind: one entry must not hold up the members for long
MAX_TRANSACTION_BYTES = 2 * 1024 * 1024  # one value of the largest size and plenty beside, well below an entry's bound
MAX_ANSWER_BYTES = 2 * 1024 * 1024  # what its gets may return, since the answer is kept for whoever asks again
MAX_NUMBER = (1 << 63) - 1  # the largest revision and lease


def encode(conditions: "list[Condition]", then: "list[Operation]", otherwise: "list[Operation]") -> bytes:
    """Encode a transaction.

    Args:
        conditions: 0 to `MAX_PARTS`; without any, what comes next is done always.
        then: what is done when all of them hold, 0 to `MAX_PARTS` operations.
        otherwise: what is done when one does not.

    Raises:
        OutOfBounds: when there are more, when a field is out of its bounds, or when all together have more than
            `MAX_TRANSACTION_BYTES`.
    """
    parts = [bytes([TRANSACTION]), _count("conditions", conditions)]
    for kind, key, operand in conditions:
        parts.append(bytes([kind]) + key_field(key))
        if kind == VALUE:
            parts.append(value_field("expected", operand))  # type: ignore[arg-type]
        elif kind == REVISION:
            parts.append(number_field("revision", operand))
    for operations in (then, otherwise):
        parts.append(_count("operations", operations))
        for operation, key, value, lease in operations:
            parts.append(bytes([operation]) + key_field(key))
            if operation == PUT:
                parts.append(value_field("value", value))  # type: ignore[arg-type]
                parts.append(number_field("lease", lease))
    encoded = b"".join(parts)
    if len(encoded) > MAX_TRANSACTION_BYTES:
        raise OutOfBounds("transaction", f"{len(encoded)} bytes", f"at most {MAX_TRANSACTION_BYTES} bytes")
    return encoded


def decode(data: bytes) -> "tuple[list[Condition], list[Operation], list[Operation]]":
    """Return the conditions and the two lists of operations that the bytes encode.

    Raises:
        MalformedCommand: when they encode none.
    """
    if len(data) > MAX_TRANSACTION_BYTES:
        raise MalformedCommand(f"it has {len(data)} bytes; it must have at most {MAX_TRANSACTION_BYTES}")
    conditions: list[Condition] = []
    count, at = _take_count(data, 1)
    for _ in range(count):
        kind, at = take_number(data, at, 1, "conditions")
        key, at = take_key(data, at)
        operand: bytes | int | None = None
        if kind == VALUE:
            operand, at = take_value(data, at, "expected")
        elif kind == REVISION:
            operand, at = take_revision(data, at, "revision")
        elif kind != ABSENT and kind != PRESENT:
            raise MalformedCommand(f"there is no condition {kind}")
        conditions.append((kind, key, operand))
    then, at = _take_operations(data, at)
    otherwise, at = _take_operations(data, at)
    check_end(data, at)
    return conditions, then, otherwise


def number_field(field: str, number: object) -> bytes:
    """Encode a revision or a lease.

    Raises:
        OutOfBounds: when it is no integer from 0 to `MAX_NUMBER`.
    """
    if type(number) is not int or not 0 <= number <= MAX_NUMBER:
        raise OutOfBounds(field, repr(number), "an integer from 0 to 2**63 - 1")
    return number.to_bytes(8, "big")


def take_revision(data: bytes, at: int, field: str) -> "tuple[int, int]":
    """Return the revision or lease at a position, and the position behind it.

    Raises:
        MalformedCommand: when there is none.
    """
    number, at = take_number(data, at, 8, field)
    if number > MAX_NUMBER:
        raise MalformedCommand(f"the {field} is {number}; it must be at most 2**63 - 1")
    return number, at


def _take_operations(data: bytes, at: int) -> "tuple[list[Operation], int]":
    operations: list[Operation] = []
    count, at = _take_count(data, at)
    for _ in range(count):
        operation, at = take_number(data, at, 1, "operations")
        key, at = take_key(data, at)
        value = None
        lease = 0
        if operation == PUT:
            value, at = take_value(data, at)
            lease, at = take_revision(data, at, "lease")
        elif operation != GET and operation != DELETE:
            raise MalformedCommand(f"a transaction has no operation {operation}")
        operations.append((operation, key, value, lease))
    return operations, at


def _take_count(data: bytes, at: int) -> "tuple[int, int]":
    count, at = take_number(data, at, 1, "counts")
    if count > MAX_PARTS:
        raise MalformedCommand(f"there are {count} parts; there must be at most {MAX_PARTS}")
    return count, at


def _count(field: str, parts: "list[Condition] | list[Operation]") -> bytes:
    if len(parts) > MAX_PARTS:
        raise OutOfBounds(field, str(len(parts)), f"at most {MAX_PARTS}")
    return bytes([len(parts)])

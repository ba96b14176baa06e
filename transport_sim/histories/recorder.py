"""Writing down what clients do while they do it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from raft.actor import LINEARIZABLE

from .operation import Operation
from .validation import check_model, validate_operation


class AlreadyOver(RuntimeError):
    """An operation was ended or discarded a second time; the record keeps what it had."""

    def __init__(self, operation: Operation) -> None:
        super().__init__(
            f"the {operation.op} of {operation.key!r} by process {operation.process} that began at {operation.start} "
            "is over; end or discard each operation once"
        )


class Pending:
    """An operation that has begun; made by `Recorder.begin`. It stays unknown until it is ended or discarded."""

    def __init__(self, recorder: Recorder, operation: Operation) -> None:
        self._recorder = recorder
        self._operation = operation
        self._over = False

    def end(self, result: Any = None, *, age: float | None = None) -> None:
        """It was answered just now.

        Args:
            result: what was answered; see `validation` for each model.
            age: of a stale get, how old the result may be, in seconds; None when that is not known.

        Raises:
            InvalidHistory: when the model has no such result.
            AlreadyOver: when it is over already.
        """
        self._check()
        self._recorder.note(replace(self._operation, result=result, end=self._recorder.clock(), age=age))
        self._over = True

    def discard(self) -> None:
        """It certainly had no effect (it was refused): strike it out.

        Raises:
            AlreadyOver: when it is over already.
        """
        self._check()
        self._recorder.strike_out(self._operation)
        self._over = True

    def _check(self) -> None:
        if self._over:
            raise AlreadyOver(self._operation)


class Recorder:
    """A record of operations, which can be checked or written to a file as it is.

    Args:
        clock: returns the time in seconds.
        model: what the operations are of, one of `MODELS`.

    Attributes:
        clock: as above.

    Raises:
        UnknownModel: when there is no such model.
    """

    def __init__(self, clock: Callable[[], float], model: str) -> None:
        check_model(model)
        self.clock = clock
        self._model = model
        self._record: dict[int, Operation] = {}  # by number, in the order in which they began
        self._begun = 0

    @property
    def operations(self) -> list[Operation]:
        """What was done so far, in the order in which it began; what has no answer yet is unknown."""
        return [replace(operation, line=line) for line, operation in enumerate(self._record.values(), 1)]

    def begin(
        self,
        process: int,
        op: str,
        key: str,
        value: Any = None,
        expected: Any = None,
        consistency: str = LINEARIZABLE,
    ) -> Pending:
        """Note that a process asks for something now, and return what to tell the answer to.

        Raises:
            InvalidHistory: when the model has no such operation.
        """
        number = self._begun + 1
        operation = Operation(process, op, key, value, expected, None, self.clock(), None, consistency, None, number)
        self.note(operation)
        self._begun = number
        return Pending(self, operation)

    def note(self, operation: Operation) -> None:
        """Put an operation in the record, in the place of its earlier version if there is one."""
        validate_operation(operation, self._model)
        self._record[operation.line] = operation

    def strike_out(self, operation: Operation) -> None:
        """Take an operation out of the record."""
        del self._record[operation.line]

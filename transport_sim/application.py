"""What a simulated cluster computes, and what must hold of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from actors.arguments import made_by

from .agreement import Agreement
from .machine import Machine, SnapshotMachine
from .shadow import InvariantError

if TYPE_CHECKING:
    from .host import Host

_SIMULATOR = "the simulator"


class Application:
    """The inner machine of every node of one run.

    Args:
        make: makes a fresh one; None when the nodes have only the list of commands.
        invariant: called with the inner machine of a node after each turn in which that changed; it raises, or returns
            False, when something is wrong.
        at_end: the same, for each member when everything is mended and all have the same log.

    Raises:
        InvalidConfig: what is made is no state machine.

    Attributes:
        example: an inner machine that nobody uses, to ask what it can do.
    """

    def __init__(
        self,
        make: Callable[[], Any] | None = None,
        invariant: Callable[[Any], object] | None = None,
        at_end: Callable[[Any], object] | None = None,
    ) -> None:
        self._make = make
        self._invariant = invariant
        self._at_end = at_end
        self.example = None if make is None else made_by(make)
        self._agreement = Agreement(type(self.example).__name__)
        # Without these methods nodes take no snapshots, as in every other runtime.
        kept_as_log = make is not None and not (self._can("snapshot") and self._can("restore"))
        self._machine = Machine if kept_as_log else SnapshotMachine

    @property
    def is_readable(self) -> bool:
        """Whether the inner machine answers queries."""
        return self._can("read")

    def _can(self, method: str) -> bool:
        return callable(getattr(self.example, method, None))

    def machine(self, owner: str = _SIMULATOR) -> Machine:
        """Return a fresh state machine for a node, or for the model that nodes are held against."""
        if self._make is None:
            return SnapshotMachine(owner=owner)
        return self._machine(self._make(), owner, self._agreement)

    def turn_ended(self, host: Host) -> None:
        """A node has ended a turn.

        Raises:
            InvariantError: the invariant does not hold on it.
        """
        machine = host.machine
        if machine.is_changed:
            machine.is_changed = False
            if self._invariant is not None:
                _hold("invariant", self._invariant, host)

    def ended(self, hosts: Iterable[Host]) -> None:
        """All is mended, and these hosts have applied the same commands.

        Raises:
            InvariantError: they have not come to the same, or to what must hold at the end.
        """
        for host in hosts:
            if host.is_witness or self._make is None:
                continue
            if isinstance(host.machine, SnapshotMachine):
                host.machine.compare()
            if self._at_end is not None:
                _hold("at_end", self._at_end, host)


def _hold(what: str, condition: Callable[[Any], object], host: Host) -> None:
    name = getattr(condition, "__name__", what)
    try:
        holds = condition(host.machine.inner)
    except Exception as error:
        detail = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
        raise InvariantError(what, f"{name} does not hold on {host.id}" + (f": {detail}" if detail else "")) from error
    if holds is False:
        raise InvariantError(what, f"{name} does not hold on {host.id}")

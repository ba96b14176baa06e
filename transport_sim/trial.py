"""What users put to the test: their state machine, the processes that use it, and what must hold of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from actors.kv import KeyValue
from raft.errors import InvalidConfig

from .application import Application
from .climate import CLIMATES
from .faults import KINDS, parse_kinds
from .host import STORAGES
from .processes import ClientProcess

MOST_NODES = 9
MOST_SECONDS = 600


@dataclass(frozen=True)
class Trial:
    """The arguments of a `Simulation` that are about its users.

    Attributes:
        machine, clients, invariant, at_end: see `Simulation`.
    """

    machine: Callable[[], Any] | None = None
    clients: tuple[ClientProcess, ...] = ()
    invariant: Callable[[Any], object] | None = None
    at_end: Callable[[Any], object] | None = None

    def __bool__(self) -> bool:
        return self.machine is not None or bool(self.clients)

    def application(self) -> Application:
        """Return what the cluster is to compute.

        Raises:
            InvalidConfig: `machine` makes no state machine, or a condition is no function.
        """
        for name in ("invariant", "at_end"):
            condition = getattr(self, name)
            if condition is not None and not callable(condition):
                raise InvalidConfig(name, condition, "a function of one argument, the state machine, or None")
        make = KeyValue if self.machine is None else self.machine
        return Application(make, self.invariant, self.at_end)

    @property
    def machine_name(self) -> str:
        """How a program calls what makes the machine."""
        return "KeyValue" if self.machine is None else getattr(self.machine, "__name__", repr(self.machine))

    def shown(self) -> str:
        """Return the arguments as they stand in a program."""
        names = [getattr(client, "__name__", repr(client)) for client in self.clients]
        made = "" if self.machine is None else f", machine={self.machine_name}"
        conditions = [
            f", {name}={getattr(getattr(self, name), '__name__', '…')}"
            for name in ("invariant", "at_end")
            if getattr(self, name) is not None
        ]
        return f"{made}, clients=[{', '.join(names)}]{''.join(conditions)}"


def checked_kinds(faults: Sequence[str] | str) -> tuple[str, ...]:
    """Return kinds of faults.

    Raises:
        InvalidConfig: some are none.
    """
    try:
        return parse_kinds(faults if isinstance(faults, str) else ",".join(faults) or "none")
    except (TypeError, ValueError):
        raise InvalidConfig("faults", faults, f"'all', 'none', or some of {', '.join(KINDS)}") from None


def checked_run(seed: object, nodes: object, seconds: object, climate: object, storage: object) -> None:
    """Check what decides a run.

    Raises:
        InvalidConfig: one is out of its bounds.
    """
    if type(seed) is not int or seed < 0:
        raise InvalidConfig("seed", seed, "an integer, 0 or more")
    if type(nodes) is not int or not 1 <= nodes <= MOST_NODES:
        raise InvalidConfig("nodes", nodes, f"an integer from 1 to {MOST_NODES}")
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool) or not 0 < seconds <= MOST_SECONDS:
        raise InvalidConfig("seconds", seconds, f"a number above 0, {MOST_SECONDS} at most")
    if climate is not None and climate not in tuple(CLIMATES):
        raise InvalidConfig("climate", climate, f"one of {', '.join(CLIMATES)}, or None")
    if storage is not None and storage not in STORAGES:
        raise InvalidConfig("storage", storage, f"one of {', '.join(STORAGES)}, or None")

"""A deterministic simulator: the real core and the real actor under virtual time and faults, checked at every event.

Start reading at `simulation.py` (random runs) or `scenario.py` (scripted ones). To put a state machine and clients of
your own into it, see docs/simulate.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .requests import SimClient
    from .simulation import Result, Simulation, SimulationFailed, Violation

DISTRIBUTION = "quorate"  # tells this package apart from others of the same name

__all__ = ["Result", "SimClient", "Simulation", "SimulationFailed", "Violation"]


def __getattr__(name: str) -> Any:
    """Import what is asked for: pytest loads the plugin of this package even where nobody simulates."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "SimClient":
        from .requests import SimClient

        return SimClient
    from . import simulation

    return getattr(simulation, name)

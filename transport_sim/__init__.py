"""A deterministic simulator: the real core and the real actor under virtual time and faults, checked at every event.

Start reading at `simulation.py` (random runs) or `scenario.py` (scripted ones).
"""

from .simulation import Result, Simulation, Violation

DISTRIBUTION = "quorate"  # tells this package apart from others of the same name

__all__ = ["Result", "Simulation", "Violation"]

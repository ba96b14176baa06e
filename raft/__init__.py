"""Raft as a pure state machine, and as an actor over ports. Imports nothing, not even the standard library.

Start reading at `node.py`.
"""

DISTRIBUTION = "quorate"  # tells this package apart from others that are called `raft` too

"""Raft between real nodes over ZeroMQ: codec, frames, peers, CurveZMQ.

Start reading at `peers.py`, the transport; `frame.py` and `codec.py` say what travels.
"""

DISTRIBUTION = "quorate"  # tells this package apart from others that are called `transport_zmq` too

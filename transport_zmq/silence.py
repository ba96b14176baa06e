"""How long a connection may be silent before it counts as dead: a matter of TCP, not of ZeroMQ's heartbeats.

When a connection breaks off while its reader is too busy to take what has come, a heartbeat that is due on it, or is
among what is to be taken, ends the whole process (an assertion in libzmq 4.3.5, `!_io_error`). A node that was frozen
for a while, and a program that computes, are such readers. The kernel notices hosts and processes that are gone as well
as heartbeats do. A process that is merely frozen it does not notice as long as nothing waits to be sent to it; whoever
needs an answer must look after that by itself.
"""

from __future__ import annotations

import zmq


def limit(socket: zmq.Socket[bytes], silence_ms: int) -> None:
    """Let connections count as dead when nothing was heard for so long; when more waits to be sent, too.

    Args:
        socket: not connected or bound yet.
        silence_ms: milliseconds, 2000 or more: TCP asks once a second.
    """
    seconds = silence_ms // 1000
    idle_s = seconds // 2
    for option, value in (
        (zmq.TCP_KEEPALIVE, 1),
        (zmq.TCP_KEEPALIVE_IDLE, idle_s),
        (zmq.TCP_KEEPALIVE_INTVL, 1),
        (zmq.TCP_KEEPALIVE_CNT, seconds - idle_s),
        (zmq.TCP_MAXRT, silence_ms),
    ):
        socket.set(option, value)

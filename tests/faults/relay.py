"""A relay that holds up what passes, in both directions: python -m tests.faults.relay ADDRESS PORT MILLISECONDS

It listens on the loopback of its host, where `Lan.divert` leads connections to, and says how many bytes have passed
when it is asked to end.
"""

import signal
import socket
import sys
import time

import gevent
from gevent.queue import Queue
from gevent.server import StreamServer
from gevent.socket import socket as loop_socket

from tests.faults.lan import RELAY_PORT, RELAYED

HELD = 256  # pieces
PIECE_BYTES = 1 << 16


class Relay:
    """Passes on what comes, a while later."""

    def __init__(self, address, delay_s):
        self.passed_bytes = 0
        self._address = address
        self._delay_s = delay_s

    def take(self, near, _):
        far = loop_socket(socket.AF_INET, socket.SOCK_STREAM)
        far.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, RELAYED)
        try:
            far.connect(self._address)
            pumps = [gevent.spawn(self._pump, near, far), gevent.spawn(self._pump, far, near)]
            gevent.joinall(pumps, count=1)
            gevent.killall(pumps)
        except OSError:
            pass
        finally:
            near.close()
            far.close()

    def _pump(self, source, target):
        held = Queue(HELD)
        sender = gevent.spawn(self._send, held, target)
        try:
            while data := source.recv(PIECE_BYTES):
                held.put((time.monotonic() + self._delay_s, data))
        except OSError:
            pass
        finally:
            sender.kill()

    def _send(self, held, target):
        while True:
            due_s, data = held.get()
            gevent.sleep(max(0.0, due_s - time.monotonic()))
            try:
                target.sendall(data)
            except OSError:
                return
            self.passed_bytes += len(data)


def main(address, port, delay_ms):
    relay = Relay((address, int(port)), int(delay_ms) / 1000)
    server = StreamServer(("127.0.0.1", RELAY_PORT), relay.take)
    gevent.signal_handler(signal.SIGTERM, server.stop)
    server.start()
    print("ready", flush=True)
    server.serve_forever()
    print(relay.passed_bytes, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A watcher of `/events`, by plain HTTP: what a browser would be sent."""

import json
from contextlib import suppress

import gevent
from gevent import socket

T = 30


class Watcher:
    """One stream; it reads in a greenlet until it ends.

    Attributes:
        head: the head of the answer, as text; empty until it is there.
        blocks: what was sent, each a dict of its fields, `data` read as JSON.
        ended: whether the other side has closed the connection.
        raw: all bytes of the body, as they came.
    """

    def __init__(self, address, headers="", path="/events"):
        host, port = address.rsplit(":", 1)
        self._connection = socket.create_connection((host, int(port)))
        self._connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode())
        self.head, self.raw, self.blocks, self.ended = "", b"", [], False
        self._reading = gevent.spawn(self._read)

    def close(self):
        self._reading.kill()
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    @property
    def statuses(self):
        return [block["data"] for block in self.blocks if block.get("event") == "status"]

    @property
    def events(self):
        return [event for block in self.blocks if block.get("event") == "happened" for event in block["data"]]

    @property
    def last_id(self):
        return [block["id"] for block in self.blocks if "id" in block][-1]

    def _read(self):
        file = self._connection.makefile("rb")
        self.head = "".join(line.decode() for line in iter(file.readline, b"\r\n") if line)
        try:
            while "Transfer-Encoding: chunked" in self.head and (size := int(file.readline() or b"0", 16)):
                chunk = file.read(size)
                file.readline()
                self.raw += chunk
                self.blocks += [_fields(text) for text in chunk.decode().split("\n\n") if text]
        except OSError:
            pass
        self.ended = True


def _fields(text):
    fields = dict(line.split(": ", 1) for line in text.split("\n"))
    if "data" in fields:
        fields["data"] = json.loads(fields["data"])
    return fields

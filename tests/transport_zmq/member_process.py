"""One member as a process of its own, told what to do by lines of JSON; run by `test_processes.py`.

python -m tests.transport_zmq.member_process n1 FOLDER [SECRET ALLOWED]
"""

import json
import sys
from pathlib import Path

import gevent
from gevent.fileobject import FileObject

from raft.membership import Configuration
from tests.transport_zmq.nodes import Node
from transport_zmq.allow_list import AllowList
from transport_zmq.keys import KeyPair
from transport_zmq.security import Security


def main():
    id, folder, *files = sys.argv[1:]
    security = Security(KeyPair.load(Path(files[0])), AllowList(Path(files[1]))) if files else None
    node = Node(id, Path(folder), security=security, advertise="127.0.0.1:0")
    answer({"address": node.transport.address})
    for line in FileObject(sys.stdin.buffer, "rb"):
        # Each in a greenlet: a command may wait for long, and the next question must not.
        gevent.spawn(obey, node, json.loads(line))


def obey(node, order):
    if "start" in order:
        addresses = order["start"]
        node.start(Configuration(tuple(sorted(addresses)), addresses=addresses) if addresses else None)
        answer({"started": True})
    elif "put" in order:
        key, value = order["put"]
        error, _ = node.put(key.encode(), value.encode())
        answer({"put": None if error is None else type(error).__name__})
    elif "get" in order:
        value = dict(node.machine.items()).get(order["get"].encode())
        answer({"get": None if value is None else value.decode()})
    else:
        status = node.status
        answer({"role": status.role, "term": status.term, "refused": node.statistics.refused.total()})


def answer(what):
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main()

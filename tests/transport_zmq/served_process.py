"""One member with a client port as a process of its own; it ends with its standard input.

python -m tests.transport_zmq.served_process n1 FOLDER PEERS CLIENTS, both JSON objects of addresses by member.
"""

import json
import sys
from pathlib import Path

from gevent.fileobject import FileObject

from raft.membership import Configuration
from tests.transport_zmq.machines import CountingStore
from tests.transport_zmq.served import ServedNode


def main():
    id, folder, peers, clients = sys.argv[1:]
    peers, clients = json.loads(peers), json.loads(clients)
    node = ServedNode(id, Path(folder), clients, listen=peers[id], listen_to_clients=clients[id], machine=CountingStore)
    node.start(Configuration(tuple(sorted(peers)), addresses=peers))
    print("ready", flush=True)
    FileObject(sys.stdin.buffer, "rb").read()


if __name__ == "__main__":
    main()

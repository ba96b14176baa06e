"""Workers that take turns under a lock, and elect one of them; on a cluster in this process, or on a real one.

python examples/lock_and_election.py [HOST:PORT,HOST:PORT,...]
"""

import sys

import gevent

from actors import LocalCluster
from actors.recipes import Election, Lock
from transport_zmq import Client


def connect():
    return Client(sys.argv[1]) if sys.argv[1:] else LocalCluster(3)


def work(cluster, name, printed):
    """Prints two lines that nobody else's come between; the token would keep a printer from a holder of the past."""
    with Lock(cluster, "example/printer", owner=name) as lock:
        print(f"{name} has the printer")
        printed.append(lock.token)
        gevent.sleep(0.05)
        print(f"{name} gives it back")


def main():
    with connect() as cluster:
        cluster.put("example/started", "yes", timeout=30)
        printed = []
        gevent.joinall([gevent.spawn(work, cluster, name, printed) for name in ("ann", "bob", "cid")], raise_error=True)
        print(f"each had a greater token than the one before: {printed == sorted(printed)}")

        # Candidates are kept alive by a lease each. Here the leader resigns; had it died, the next one would follow
        # when the time to live is over.
        ann, bob = (Election(cluster, "example/scheduler", ttl=2) for _ in range(2))
        ann.campaign("ann")
        waiting = gevent.spawn(bob.campaign, "bob")
        print(f"{ann.leader().value.decode()} leads")
        ann.resign()
        waiting.get()
        print(f"{ann.leader().value.decode()} leads")
        bob.resign()


if __name__ == "__main__":
    main()

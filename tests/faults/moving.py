"""Members whose names lead to other addresses after a restart: python -m tests.faults.moving FOLDER

Runs in namespaces of its own. What was found is printed as one JSON object.
"""

import json
import signal
import sys
import time
from pathlib import Path

from tests.faults.lan import Lan, run
from tests.transport_zmq.daemon.daemons import Daemon, until
from transport_zmq import Client

IDS = ("n1", "n2", "n3")
PORTS = (7101, 7201, 7301)
NEW = "10.77.0.50"
PATIENCE_S = 30.0
OPTIONS = ("--insecure-bind", "--log-format", "json")


class Names:
    """A file of names that every host finds at /etc/hosts, here too; and the hosts."""

    def __init__(self, folder):
        self.lan = Lan({id: f"10.77.0.{number}" for number, id in enumerate(IDS, 1)})
        self.file = folder / "hosts"
        self.write()
        run("mount", "--bind", self.file, "/etc/hosts")

    def write(self):
        lines = [f"{address} {id}.test\n" for id, address in self.lan.addresses.items()]
        self.file.write_text("127.0.0.1 localhost\n" + "".join(lines), encoding="utf-8")

    def move(self, id, address):
        self.lan.move(id, address)
        self.write()


class Moving:
    """The members and a client, which all know each other by names only."""

    def __init__(self, folder):
        self.names = Names(folder)
        peers = ",".join(f"{id}={id}.test:{PORTS[0]}" for id in IDS)
        self.members = {}
        for id in IDS:
            within = self.names.lan.within(id, self.names.file)
            self.members[id] = Daemon(id, folder, PORTS, peers, OPTIONS, host="0.0.0.0", within=within)
        self.client = Client([f"{id}.test:{PORTS[1]}" for id in IDS])
        self._writes = 0

    def start(self):
        for member in self.members.values():
            member.start()
        until(lambda: self.ready() == set(IDS), "are all ready")

    def statuses(self):
        return {told.node["id"]: told.node for told in self.client.status(1.0) if told.node is not None}

    def ready(self):
        return {id for id, status in self.statuses().items() if status["ready"]}

    def leader(self):
        leading = [(status["term"], id) for id, status in self.statuses().items() if status["role"] == "leader"]
        return max(leading)[1] if leading else None

    def write(self):
        """Seconds until a write was acknowledged."""
        began_s = time.monotonic()
        self._writes += 1
        self.client.put(f"key {self._writes}", str(self._writes), PATIENCE_S)
        return round(time.monotonic() - began_s, 2)

    def restart_at(self, id, address, silently):
        """Let a member come back with another address; seconds until it is ready.

        Silently: its address goes before it does, so nobody hears that its connections have ended.
        """
        if not silently:
            self.members[id].kill()
        self.names.move(id, address)
        if silently:
            self.members[id].kill()
        began_s = time.monotonic()
        self.members[id].start()
        until(lambda: self.ready() == set(IDS), f"is {id} found at {address}", PATIENCE_S)
        return round(time.monotonic() - began_s, 2)

    def write_without(self, id):
        """Seconds of a write that needs both others; it is here again in the end."""
        self.members[id].signal(signal.SIGSTOP)
        seconds = self.write()
        self.members[id].signal(signal.SIGCONT)
        until(lambda: self.ready() == set(IDS), f"is {id} back")
        return seconds

    def missing(self):
        return [n for n in range(1, self._writes + 1) if self.client.get(f"key {n}", PATIENCE_S) != str(n).encode()]

    def close(self):
        self.client.close()
        for member in self.members.values():
            member.close()


def main(folder):
    moving = Moving(Path(folder))
    found = {}
    try:
        moving.start()
        moving.write()
        leader = until(moving.leader)
        follower, third = [id for id in IDS if id != leader]
        was = moving.names.lan.addresses[follower]
        found["follower_s"] = moving.restart_at(follower, NEW, silently=False)
        found["write_with_it_s"] = moving.write_without(third)
        # Where the follower was: those who still look for it there meet somebody else.
        leader = until(moving.leader)
        found["leader_s"] = moving.restart_at(leader, was, silently=True)
        found["write_with_both_s"] = moving.write_without(next(id for id in IDS if id not in (leader, follower)))
        if moving.leader() != leader:
            moving.client.transfer(leader, PATIENCE_S)
        found["write_to_it_s"] = moving.write()
        found["missing"] = moving.missing()
        found["led_by_it"] = moving.leader() == leader
    finally:
        moving.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])

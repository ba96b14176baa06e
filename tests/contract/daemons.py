"""The cluster under test as real daemons: processes of `quorate serve` that speak over ZeroMQ, and a real client.

Nobody can cut links on the loopback without privileges. A member is silenced by SIGSTOP, so clients do not reach it
either; what a test wants to ask must be among those that it does not silence. Starting processes takes longest, so one
cluster serves many tests: after each it is mended, and has three voters again, maybe others.
"""

from __future__ import annotations

import shutil
import signal

from raft.changes import LEARNER, VOTER, Change
from raft.errors import OutcomeUnknown
from tests.contract.local import RealTime, apply_in_session, open_session
from tests.contract.port import SNAPSHOT_ENTRIES, TAIL_ENTRIES, VOTERS, Capability, Cluster, Seen, T
from tests.transport_zmq.daemon.daemons import Daemon, free_ports
from tests.transport_zmq.keyring import Keyring
from tests.transport_zmq.machines import CountingStore
from transport_zmq import Client

ELECTION_TIMEOUT_MS = 400
OPTIONS = (
    "--machine",
    "tests.transport_zmq.machines:CountingStore",
    "--election-timeout-ms",
    ELECTION_TIMEOUT_MS,
    "--heartbeat-interval-ms",
    40,
    "--snapshot-entries",
    SNAPSHOT_ENTRIES,
    "--snapshot-tail-entries",
    TAIL_ENTRIES,
)
MOST = 12  # members of one cluster, those that are gone too
CLIENT = "tester"


class DaemonCluster(RealTime, Cluster):
    """Daemons on the loopback.

    Args:
        folder: where their data, logs and keys are.
        encrypted: whether all of them, and the clients, have keys (CURVE).
    """

    capabilities = frozenset({Capability.KEEPS_REMOVED})

    def __init__(self, folder, encrypted=False):
        super().__init__()
        self.election_timeout_s = ELECTION_TIMEOUT_MS / 1000
        self._folder = folder
        self._keyring = _keyring(folder) if encrypted else None
        self._daemons = {}
        self._silenced = []
        self._clients = []
        self._client_of_all = None
        ports = free_ports(3 * VOTERS)
        each = [ports[3 * i : 3 * i + 3] for i in range(VOTERS)]
        self._founders = ",".join(f"n{i + 1}=127.0.0.1:{own[0]}" for i, own in enumerate(each))
        try:
            for own in each:
                self._create(own, self._founders).start()
        except BaseException:
            self.discard()
            raise

    def _create(self, ports, members, *options):
        id = f"n{len(self._daemons) + 1}"
        keys = ()
        if self._keyring is not None:
            keys = ("--key-file", self._folder / f"{id}.key", "--allow-list", self._keyring.path)
        daemon = self._daemons[id] = Daemon(id, self._folder, ports, members, (*OPTIONS, *keys, *options))
        return daemon

    def tidy(self):
        voters = self.leading().voters
        for id, daemon in self._daemons.items():
            if id not in voters:
                daemon.close()
        for client in self._clients:
            client.close()
        self._clients.clear()

    def close(self):
        """Ends it; nothing that went wrong in a daemon may have shown as a traceback."""
        self.discard()
        told = {id: daemon.told for id, daemon in self._daemons.items()}
        assert [id for id, text in told.items() if "Traceback" in text] == [], told

    def discard(self):
        """Ends it without a look."""
        for client in [*self._clients, self._client_of_all]:
            if client is not None:
                client.close()
        for daemon in self._daemons.values():
            daemon.close()

    # Clients

    def client(self):
        client = self._connected()
        self._clients.append(client)
        return client

    def _connected(self):
        running = [daemon for daemon in self._daemons.values() if daemon.runs]
        endpoints = [daemon.client_address for daemon in running]
        if self._keyring is None:
            return Client(endpoints, machine=CountingStore)
        keys = self._keyring.keys
        server_keys = [keys[daemon.id].public for daemon in running]
        return Client(endpoints, machine=CountingStore, keys=keys[CLIENT], server_keys=server_keys)

    @property
    def _admin(self):
        """The client of the cluster itself."""
        if self._client_of_all is None:
            self._client_of_all = self._connected()
        return self._client_of_all

    def open_session(self):
        return open_session(self._admin._calls._client)

    def apply_in_session(self, session, sequence, command):
        return apply_in_session(self._admin._calls._client, session, sequence, command)

    # Members

    @property
    def members(self):
        return tuple(self._daemons)

    def runs(self, id):
        return self._daemons[id].runs

    def look_at(self, id):
        if id in self._silenced or not self.runs(id):
            return None
        status = self._daemons[id].status
        return Seen.of(status) if status else None

    def kill(self, *ids):
        for id in ids:
            self._daemons[id].kill()

    def restart(self, *ids):
        for id in ids:
            self._daemons[id].start()

    def stop(self, id):
        assert self._daemons[id].stop() == 0

    def silence(self, *ids):
        for id in ids:
            self._daemons[id].signal(signal.SIGSTOP)
        self._silenced += ids

    def cut(self, sender, receiver):
        raise AssertionError(f"daemons cannot: {Capability.CUTS_LINKS.value}; a test must say that it needs it")

    def heal(self):
        for id in self._silenced:
            if self.runs(id):
                self._daemons[id].signal(signal.SIGCONT)
        self._silenced.clear()

    def transfer(self, to):
        while True:
            try:
                return self._admin.transfer(to, T)
            except OutcomeUnknown:  # whoever was asked has gone down
                if self.wait_for_leader() == to:
                    return to

    def add(self, *, learner=False):
        assert len(self._daemons) < MOST
        daemon = self._create(free_ports(3), "", "--join").start()
        incarnation = self.wait_until(lambda: daemon.status.get("incarnation"), f"{daemon.id} can be added")
        self.change(Change(daemon.id, LEARNER if learner else VOTER, daemon.address, int(incarnation, 16)))
        if self._client_of_all is not None:
            self._client_of_all.close()
            self._client_of_all = None  # the next one knows it too
        return daemon.id

    def change(self, *changes):
        self._admin.change(*changes, timeout=T)

    def lose_disk(self, id):
        shutil.rmtree(self._daemons[id].data)
        self._terms.pop(id, None)


def _keyring(folder):
    """Keys for as many members as there will be, and for a client that may do everything."""
    ids = [f"n{number}" for number in range(1, MOST + 1)]
    keyring = Keyring(folder, ids)
    keyring.add(CLIENT, CLIENT, "client admin")
    keyring.write()
    for id in ids:
        keyring.keys[id].save(folder / f"{id}.key")
    return keyring

"""Three daemons under load whose keys are all replaced, one after the other, and a client's too: nobody notices."""

import signal

import pytest

from actors import OutcomeUnknown
from tests.transport_zmq.daemon.daemons import trio, until
from tests.transport_zmq.daemon.test_siege import Writer, refused
from tests.transport_zmq.ports import Stranger
from transport_zmq.allow_list_file import allow, revoke
from transport_zmq.client import Client
from transport_zmq.errors import Unauthorized
from transport_zmq.keys import KeyPair
from transport_zmq.refusal import REVOKED, UNKNOWN_KEY

T = 30.0
IDS = ("n1", "n2", "n3")


class Keys:
    """Files of keys, and the list of those that are allowed, as `quorate keys` leaves them."""

    def __init__(self, folder):
        self.folder = folder
        self.allowed = folder / "allowed"
        self.pairs = {}

    def make(self, name, role):
        """Makes a key in the place of the one before, and allows it beside that."""
        self.pairs[name] = KeyPair.generate()
        file = self.folder / name
        file.unlink(missing_ok=True)
        self.pairs[name].save(file)
        allow(self.allowed, name, [role], self.pairs[name].public)
        return self.pairs[name]


def reload(daemons):
    for daemon in daemons:
        read = daemon.told.count("the allow-list was read again")
        daemon.signal(signal.SIGHUP)
        until(lambda daemon=daemon, read=read: daemon.told.count("the allow-list was read again") > read)


@pytest.mark.contract("C4")
def test_all_keys_are_replaced_and_no_write_fails(tmp_path, closing):
    keys = Keys(tmp_path)
    for id in IDS:
        keys.make(id, "peer")
    ann = keys.make("ann", "client")
    daemons = [closing(daemon) for daemon in trio(tmp_path)]
    for daemon in daemons:
        daemon.arguments += ["--allow-list", keys.allowed, "--key-file", tmp_path / daemon.id, "--client-peers"]
        daemon.arguments += [",".join(f"{each.id}={each.client_address}" for each in daemons)]
        daemon.start()
    for daemon in daemons:
        until(lambda daemon=daemon: daemon.is_ready, daemon.told)

    def client():
        server_keys = [keys.pairs[id].public for id in IDS]
        return Client([daemon.client_address for daemon in daemons], keys=keys.pairs["ann"], server_keys=server_keys)

    old = closing(client())
    writer = closing(Writer(old))
    writer.goes_on()

    # Every node's key, in a rolling restart; the client runs on, and is told the new keys by the other nodes.
    for daemon in daemons:
        before = keys.pairs[daemon.id]
        keys.make(daemon.id, "peer")
        reload(daemons)
        writer.goes_on()
        assert daemon.stop() == 0
        daemon.start()
        until(lambda daemon=daemon: daemon.is_ready, daemon.told)
        writer.goes_on()
        revoke(keys.allowed, before.public)
        reload(daemons)
        writer.goes_on()
        until(lambda: all(each.is_ready for each in daemons))

        # What was the node's key is worth nothing any more.
        other = next(each for each in daemons if each is not daemon)
        count = refused(other).get(UNKNOWN_KEY, 0)
        thief = closing(Stranger(other.address, before, keys.pairs[other.id].public))
        thief.send(b"QUOR")
        until(lambda other=other, count=count: refused(other).get(UNKNOWN_KEY, 0) > count)
        thief.close()
    until(lambda: all(all(each.status["transport"]["connected"].values()) for each in daemons))
    until(lambda: sum(status.node is not None for status in old.status(T)) == 3, "does the client know all new keys")

    # The client's: another program of ann's takes over with the new key, then the old one is good for nothing.
    keys.make("ann", "client")
    reload(daemons)
    writer.goes_on()
    new_writer = closing(Writer(closing(client())))
    new_writer.goes_on()
    writer.close()
    revoke(keys.allowed, ann.public)
    reload(daemons)

    with pytest.raises((Unauthorized, OutcomeUnknown)):
        old.put("old", "key", timeout=T)
    with pytest.raises(Unauthorized):
        old.put("old", "key", timeout=T)
    assert any(refused(daemon).get(REVOKED) for daemon in daemons), "its connections were cut, not only its requests"
    new_writer.goes_on()
    assert max(writer.longest_s, new_writer.longest_s) < 10
    assert not any("Traceback" in daemon.told for daemon in daemons)

"""Witnesses and new members of a cluster of daemons: by options and commands alone."""

import json

import pytest

from tests.transport_zmq.daemon.daemons import Daemon, free_ports, leader_of, quorate, trio, until
from tests.transport_zmq.daemon.test_siege import Writer
from transport_zmq.client import Client

T = 30.0
SNAPSHOTS = ("--snapshot-entries", "50", "--snapshot-tail-entries", "5")


def run(*arguments):
    """What a command that asks the cluster prints, which must succeed."""
    process = quorate(*arguments, "--timeout", T, "--json", stdout=-1, stderr=-1)
    until(lambda: process.poll() is not None)
    out, errors = process.communicate()
    assert process.returncode == 0, out + errors
    return json.loads(out)


def started(daemon):
    daemon.start()
    return daemon


def ready(daemon):
    until(lambda: daemon.is_ready or not daemon.runs, daemon.told)
    assert daemon.runs, daemon.told


def joining(id, folder, *options):
    """A member that waits to be added."""
    daemon = Daemon(id, folder, free_ports(3), "", ("--join", *options))
    started(daemon)
    until(lambda: "waits to be added" in daemon.ask("/readyz")[1], daemon.told)
    return daemon


@pytest.mark.contract("M8", "M4")
def test_a_cluster_with_a_witness_loses_a_full_member_and_gets_others(tmp_path, closing):
    daemons = [closing(daemon) for daemon in trio(tmp_path, ("--witnesses", "n3", *SNAPSHOTS))]
    for daemon in daemons:
        daemon.start()
    for daemon in daemons:
        ready(daemon)
    *full, witness = daemons
    client = closing(Client([daemon.client_address for daemon in full]))
    writer = closing(Writer(client))
    writer.goes_on(100)  # so that there are snapshots
    assert (witness.status["witness"], witness.status["role"]) == (True, "follower")
    assert leader_of(daemons) in full

    # The witness votes: one of the full members alone could not go on.
    leader = leader_of(daemons)
    leader.kill()
    writer.goes_on()
    (other,) = (daemon for daemon in full if daemon is not leader)
    assert leader_of(daemons) is other
    leader.start()
    ready(leader)
    writer.goes_on()

    # It stays a witness, whatever its command line says, and has nothing but the places of entries.
    witness.kill()
    place = witness.arguments.index("--witnesses")
    del witness.arguments[place : place + 2]
    ready(started(witness))
    assert witness.status["witness"] is True
    assert not any(b"counter" in file.read_bytes() for file in witness.data.iterdir() if file.is_file())
    writer.goes_on()

    # A new member is added by one command, receives a snapshot and the log under load, and is a voter by itself.
    asked = ("--endpoints", ",".join(daemon.client_address for daemon in full))
    new = closing(joining("n4", tmp_path, *SNAPSHOTS))
    run("member", "add", "n4", "--client-endpoint", new.client_address, *asked)
    ready(new)
    assert "n4" in new.status["configuration"]["voters"]
    assert new.status["first_index"] > 1, "it was sent a snapshot"
    writer.goes_on()
    assert int(closing(Client(new.client_address)).get_stale("counter", T).value) > 0

    # And one more witness, which says itself that it is one.
    late = closing(joining("n5", tmp_path, "--witness"))
    run("member", "add", "n5", "--client-endpoint", late.client_address, *asked)
    ready(late)
    writer.goes_on()
    members = {member["id"]: member for member in run("member", "list", *asked)["members"]}
    assert {id: (member["part"], member["witness"]) for id, member in members.items()} == {
        "n1": ("voter", False),
        "n2": ("voter", False),
        "n3": ("voter", True),
        "n4": ("voter", False),
        "n5": ("voter", True),
    }
    until(lambda: all(daemon.is_ready for daemon in (*daemons, new, late)))
    writer.close()
    assert not any("Traceback" in daemon.told for daemon in (*daemons, new, late))


def test_a_data_directory_of_a_full_member_is_not_a_witness(tmp_path, closing):
    ports = free_ports(3)
    daemon = closing(Daemon("n1", tmp_path, ports, f"n1=127.0.0.1:{ports[0]}"))
    ready(started(daemon))
    assert daemon.stop() == 0

    place = daemon.arguments.index("--peers")
    del daemon.arguments[place : place + 2]
    daemon.start(options=("--witness",))

    assert daemon.wait() == 3
    assert "the witness 'n1'" in daemon.told.splitlines()[-1]

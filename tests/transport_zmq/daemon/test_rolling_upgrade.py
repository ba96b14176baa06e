"""Three daemons get another program one by one, under load: whose frames are newer than the one before can read."""

import pytest

from tests.transport_zmq.daemon.daemons import leader_of, trio, until
from tests.transport_zmq.daemon.test_siege import Writer, refused
from transport_zmq.client import Client
from transport_zmq.refusal import VERSION

pytestmark = pytest.mark.contract("M10")

T = 30.0
TODAYS, LATER = "quorate", "tests.transport_zmq.daemon.later_program"


def restart(daemon, program, *options):
    assert daemon.stop() == 0
    daemon.start(program=program, options=options)
    until(lambda: daemon.is_ready, daemon.told)


def levels(daemons):
    return [daemon.status["feature_level"] for daemon in daemons]


def versions(daemons):
    return [daemon.status["transport"]["wire_version"] for daemon in daemons]


def test_members_of_two_programs_understand_each_other_until_all_have_the_later_one(tmp_path, closing):
    daemons = [closing(daemon) for daemon in trio(tmp_path)]
    for daemon in daemons:
        daemon.start(program=TODAYS)
    for daemon in daemons:
        until(lambda daemon=daemon: daemon.is_ready, daemon.told)
    client = closing(Client([daemon.client_address for daemon in daemons]))
    writer = closing(Writer(client))
    writer.goes_on()

    # One by one, the leader last. As long as one runs today's program, or holds the level down, there is a way back.
    leader = leader_of(daemons)
    first, second, last = *(daemon for daemon in daemons if daemon is not leader), leader
    for daemon, program, options in (
        (first, LATER, ()),
        (first, TODAYS, ()),
        (first, LATER, ()),
        (second, LATER, ()),
        (last, LATER, ("--feature-level", "1")),
    ):
        restart(daemon, program, *options)
        writer.goes_on(20)
        assert set(versions(daemons)) == set(levels(daemons)) == {1}

    # The level rises with the last of them, and so does the version, while some hear of it later than others.
    restart(last, LATER)
    until(lambda: levels(daemons) == [2, 2, 2], "is the level raised")
    assert versions(daemons) == [2, 2, 2]
    writer.goes_on()
    assert [refused(daemon).get(VERSION, 0) for daemon in daemons] == [0, 0, 0], "nobody was sent what it cannot read"

    # There is no way back now. What is stored stays as it is.
    late = first
    assert late.stop() == 0
    late.start(program=TODAYS)
    assert late.wait() == 3
    assert "level 2" in late.told.splitlines()[-1]
    writer.goes_on()
    late.start(program=LATER)
    until(lambda: late.is_ready, late.told)
    assert leader_of(daemons).status["upgrade_waits_for"] == []

    writer.close()
    assert int(client.get("counter", timeout=T)) - writer.writes in (0, 1), "no write is lost, and none comes twice"
    assert writer.longest_s < 10
    assert not any("Traceback" in daemon.told for daemon in daemons)

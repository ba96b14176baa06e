"""What can be seen of one or two daemons: joining, keys, failures, systemd, logs, state machines, forgetful disks."""

import json
import signal
import socket

import pytest

from actors import OutcomeUnknown, RaftError
from tests.transport_zmq.daemon.daemons import Daemon, free_ports, quorate, trio, until
from transport_zmq.allow_list_file import allow, revoke
from transport_zmq.client import Client
from transport_zmq.keys import KeyPair

T = 30.0
FAST = ("--election-timeout-ms", "150", "--heartbeat-interval-ms", "20")


def founder(folder, *options):
    """A member that founds a cluster alone."""
    ports = free_ports(3)
    return Daemon("n1", folder, ports, f"n1=127.0.0.1:{ports[0]}", (*FAST, *options))


def ready(daemon):
    until(lambda: daemon.is_ready or not daemon.runs)
    assert daemon.runs, daemon.told
    return daemon


def test_a_member_joins_over_curve_and_a_key_is_taken_away_while_all_run(tmp_path, closing):
    allowed = tmp_path / "allowed"
    for name, roles in (("n1", ["peer"]), ("n2", ["peer"]), ("ann", ["client", "admin"])):
        keys = KeyPair.generate()
        keys.save(tmp_path / name)
        allow(allowed, name, roles, keys.public)
    secured = ("--allow-list", allowed, "--key-file")
    first = ready(closing(founder(tmp_path, *secured, tmp_path / "n1")).start())
    second = closing(Daemon("n2", tmp_path, free_ports(3), "", (*FAST, "--join", *secured, tmp_path / "n2"))).start()
    until(lambda: second.ask("/readyz") == (503, "not ready: it waits to be added to a cluster\n"))

    keys, server = KeyPair.load(tmp_path / "ann"), KeyPair.load(tmp_path / "n1").public
    client = closing(Client(first.client_address, keys=keys, server_keys=server))
    client.put("k", "v", timeout=T)
    client.add("n2", second.address, int(second.status["incarnation"], 16), timeout=T)

    ready(second)
    assert first.status["configuration"]["voters"] == ["n1", "n2"]
    assert second.status["leader"] == "n1"
    assert second.status["encrypted"] is True

    # A joined member comes back by itself, whatever --join says.
    second.kill()
    ready(second.start())

    good_list = allowed.read_text(encoding="utf-8")
    revoke(allowed, "ann")
    first.signal(signal.SIGHUP)
    until(lambda: "the allow-list was read again" in first.told)
    with pytest.raises(RaftError):
        client.put("k", "w", timeout=0.5)
    assert sum(first.status["transport"]["refused"].values()) > 0

    allowed.write_text("no list", encoding="utf-8")
    first.signal(signal.SIGHUP)
    until(lambda: "line 1: it has not three parts" in first.told and "stays in force" in first.told)
    assert first.is_ready

    # A key that is allowed again is good again; and who was removed is not ready any more.
    allowed.write_text(good_list, encoding="utf-8")
    first.signal(signal.SIGHUP)
    until(lambda: first.told.count("the allow-list was read again") == 2)
    endpoints = [first.client_address, second.client_address]
    both = closing(Client(endpoints, keys=keys, server_keys=[server, KeyPair.load(tmp_path / "n2").public]))
    both.remove("n1", timeout=T)
    until(lambda: second.status["configuration"]["voters"] == ["n2"] and second.is_ready)
    until(lambda: not first.is_ready)


MACHINE = '''
class Fails:
    """A state machine that cannot stand a command."""

    def apply(self, command):
        raise RuntimeError("this command is too much")
'''


def test_a_node_that_fails_ends_the_daemon_with_code_1_and_says_why(tmp_path, closing):
    (tmp_path / "machines.py").write_text(MACHINE, encoding="utf-8")
    daemon = ready(
        closing(founder(tmp_path, "--machine", "machines:Fails", "--log-format", "json")).start(folder=tmp_path)
    )
    client = closing(Client(daemon.client_address, machine=None))

    with pytest.raises(OutcomeUnknown):
        client.propose(b"x", timeout=2, session=False)

    assert daemon.wait() == 1
    lines = [json.loads(line) for line in daemon.told.splitlines()]
    assert {line["node"] for line in lines} == {"n1"}
    assert any(line.get("event") == "RoleChanged" and line["role"] == "leader" for line in lines)
    assert lines[-1]["level"] == "error"
    assert "the node has failed and the daemon ends: RuntimeError: this command is too much" in lines[-1]["message"]
    assert "machines.py:6 in apply" in lines[-1]["message"]


def test_systemd_is_told_when_it_can_serve_and_when_it_ends(tmp_path, closing):
    where = tmp_path / "notify"
    told = closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    told.bind(str(where))
    told.settimeout(T)

    daemon = closing(founder(tmp_path)).start(environment={"NOTIFY_SOCKET": str(where)})
    heard = []
    while not any("READY=1" in said for said in heard):
        heard.append(told.recv(4096).decode())
    assert daemon.is_ready
    assert heard[-1] == "READY=1\nSTATUS=serving"
    assert all(said.startswith("STATUS=not ready: ") for said in heard[:-1])

    assert daemon.stop() == 0
    assert told.recv(4096).decode() == "STOPPING=1\nSTATUS=ending in good order"


def test_the_data_directory_overrules_the_list_of_members(tmp_path, closing):
    """Also before anybody was elected: the others found the cluster with the list that they were all given first."""
    daemon = closing(trio(tmp_path)[0]).start()
    until(lambda: daemon.status)
    assert daemon.stop() == 0

    daemon.arguments[daemon.arguments.index("--peers") + 1] = f"n1={daemon.address}"
    daemon.start()

    assert until(lambda: daemon.status)["configuration"]["voters"] == ["n1", "n2", "n3"]


@pytest.mark.contract("D1")
def test_the_log_of_a_daemon_that_has_ended_says_itself_that_all_of_it_is_durable(tmp_path, closing):
    daemon = ready(closing(founder(tmp_path)).start())
    client = closing(Client(daemon.client_address))
    client.put("k", "here it is" * 10, timeout=T)
    assert daemon.stop() == 0

    # So a rotten end is not taken for a write that was cut off.
    segment = max(daemon.data.glob("*.wal"))
    data = bytearray(segment.read_bytes())
    data[data.rindex(b"here it is")] ^= 1
    segment.write_bytes(data)
    assert daemon.start().wait() == 3
    assert f"{daemon.data}: {segment.name} is damaged at offset" in daemon.told.splitlines()[-1]


def test_a_founder_without_syncs_has_forgotten_everything_when_it_returns_and_waits_to_be_added(tmp_path, closing):
    daemon = ready(closing(founder(tmp_path, "--sync", "never")).start())
    assert daemon.stop() == 0

    daemon.start()

    until(lambda: daemon.ask("/readyz")[1] == "not ready: it waits to be added to a cluster\n")


def test_config_show_tells_values_and_where_they_come_from(tmp_path):
    file = tmp_path / "node.toml"
    file.write_text('name = "n1"\ndata-dir = "d1"\n[peers]\nn1 = "h:1"\n', encoding="utf-8")
    both = [
        quorate(
            "config", "show", "--config", file, "--http", "off", *more, stdout=-1, stderr=-1, environment=environment
        )
        for more, environment in (
            (["--json"], {"QUORATE_SYNC": "interval(50)"}),
            ([], {"QUORATE_KEY_FILE": "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"}),
        )
    ]
    (as_json, json_errors), (table, errors) = [process.communicate(timeout=T) for process in both]

    shown = json.loads(as_json)
    assert (both[0].returncode, json_errors) == (0, "")
    assert shown["peers"] == {"value": "n1=h:1", "source": f"file {file}"}
    assert shown["http"] == {"value": "off", "source": "flag --http"}
    assert shown["sync"] == {"value": "interval(50)", "source": "environment QUORATE_SYNC"}
    assert shown["listen"] == {"value": "127.0.0.1:7101", "source": "default"}

    assert both[1].returncode == 2
    assert "never the key itself" in errors
    assert "rq:rM" not in table + errors
    assert "│ name" in table

"""`quorate put`, `get`, `delete`, `cas`, `status`, `member` and `transfer`, against real nodes."""

import base64
import json
import signal
import subprocess
import sys

import gevent
import gevent.subprocess
import pytest
from click.testing import CliRunner

from quorate import cli
from tests.transport_zmq.keyring import Keyring
from tests.transport_zmq.nodes import wait_until
from tests.transport_zmq.served import ServedNode, cluster, endpoints_of, leading
from transport_zmq import Client
from transport_zmq.commands import status as status_module


class Shell:
    """Runs commands in this process, where the nodes are."""

    def __init__(self, *more):
        self._more = more

    def __call__(self, *arguments, code=0, **settings):
        result = CliRunner().invoke(cli, [*arguments, *self._more], **settings)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert code is None or result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result.stdout if code in (0, 1) or "--json" in arguments else result.stderr

    def json(self, *arguments, code=0):
        return json.loads(self(*arguments, "--json", code=code))


@pytest.fixture
def nodes(tmp_path, closing):
    return cluster(closing, tmp_path)


@pytest.fixture
def shell(nodes):
    return Shell("--endpoints", ",".join(endpoints_of(nodes)))


def test_data(shell):
    assert shell("put", "k", "1") == "ok\n"
    assert shell("get", "k") == "1\n"
    assert shell("get", "k", "--consistency", "lease") == "1\n"
    assert shell("get", "none", code=1) == ""
    assert shell("cas", "k", "1", "2") == "ok\n"
    assert shell("cas", "k", "1", "3", code=1) == "k held something else\n"
    assert shell("cas", "new", "1", "--absent") == "ok\n"
    assert "say KEY EXPECTED VALUE" in shell("cas", "k", "1", code=2)
    assert shell("put", "k", "-", input=b"\xff\n") == "ok\n"
    assert shell("delete", "k") == "ok\n"
    assert shell("delete", "k", code=1) == "there was no key k\n"


def test_data_for_programs(shell):
    assert shell.json("put", "k", "1") == {"ok": True, "key": "k"}
    assert shell.json("get", "k") == {"ok": True, "key": "k", "found": True, "value": "1"}
    assert shell.json("get", "none", code=1) == {"ok": True, "key": "none", "found": False, "value": None}
    assert set(shell.json("get", "k", "--consistency", "stale")) == {"ok", "key", "found", "value", "staleness_s"}
    assert shell.json("cas", "k", "1", "2") == {"ok": True, "key": "k", "stored": True}
    assert shell.json("cas", "k", "1", "2", code=1) == {"ok": True, "key": "k", "stored": False}
    assert shell.json("delete", "k") == {"ok": True, "key": "k", "deleted": True}
    assert json.loads(shell("put", "k", "-", "--json", input=b"\xff"))["ok"]
    assert shell.json("get", "k")["base64"] == base64.b64encode(b"\xff").decode()


def test_many_keys(shell):
    for key in ("job/1", "job/2", "other"):
        shell("put", key, f"value of\n{key}")
    assert shell("get", "--prefix", "job/") == "job/1 value of\\njob/1\njob/2 value of\\njob/2\n"
    assert len(shell("get", "--prefix", "").splitlines()) == 3
    assert shell("get", "--prefix", "none", code=1) == ""
    assert "cannot be stale" in shell("get", "--prefix", "job/", "--consistency", "stale", code=2)
    told = shell.json("get", "--prefix", "other")
    assert told["items"] == [{"key": "other", "value": "value of\nother", "revision": 0, "lease": None}]
    assert shell.json("get", "--prefix", "none", code=1)["items"] == []


def test_a_key_with_a_time_to_live(shell):
    assert shell.json("put", "k", "1", "--ttl", "0.3") == {"ok": True, "key": "k", "lease": 1}
    assert shell.json("get", "--prefix", "k")["items"][0]["lease"] == 1
    wait_until(lambda: shell.json("get", "--prefix", "k", code=None)["items"] == [], 20)
    assert "it must be 0.1 to 31536000 seconds" in shell("put", "k", "1", "--ttl", "-1", code=2)


def watching(nodes, *arguments):
    """A watch of a process of its own, as a shell starts it."""
    command = [sys.executable, "-m", "quorate", "watch", *arguments, "--endpoints", ",".join(endpoints_of(nodes))]
    pipes = {"stdout": gevent.subprocess.PIPE, "stderr": gevent.subprocess.PIPE}
    return gevent.subprocess.Popen([*command, "--timeout", "20"], **pipes)


def test_watch(shell, nodes):
    with Client(endpoints_of(nodes)) as client:
        begin = client.txn().put("k1", b"\xff\n").delete("k1").put("k2", "2").commit(20).revision - 2
        arguments = ("k", "--prefix", "--from-revision", str(begin))
        people, programs = watching(nodes, *arguments), watching(nodes, *arguments, "--json")
        try:
            assert [people.stdout.readline() for _ in range(3)] == [
                b"%d put k1 \\xff\\n\n" % begin,
                b"%d delete k1\n" % (begin + 1),
                b"%d put k2 2\n" % (begin + 2),
            ]
            told = [json.loads(programs.stdout.readline()) for _ in range(3)]
            assert told[0] == {"revision": begin, "change": "put", "key": "k1", "base64": "/wo="}
            assert told[1] == {"revision": begin + 1, "change": "delete", "key": "k1", "value": None}

            client.put("k3", "3", 20)
            assert people.stdout.readline() == b"%d put k3 3\n" % (begin + 3)
            people.send_signal(signal.SIGINT)
            assert people.wait(20) == 130
            assert people.stderr.read().strip() == b"quorate: interrupted"

            programs.stdout.close()
            client.put("k3", "4", 20)
            assert programs.wait(20) == 141
            assert programs.stderr.read() == b""
        finally:
            for process in (people, programs):
                process.kill()
                process.wait()
                process.stdout.close()
                process.stderr.close()
    wait_until(lambda: sum(len(node.port._watches) for node in nodes) == 0, 20)


def test_a_watch_that_cannot_be(shell, nodes):
    assert "the first one is" not in shell("watch", "", code=2)
    with Client(endpoints_of(nodes)) as client:
        for _ in range(6):
            with client.batch(20) as batch:
                batch.put("large", bytes(1000 * 1024))
    told = shell.json("watch", "large", "--from-revision", "1", code=5)
    assert told["error"] == "Compacted"


def test_what_does_not_work_is_told_with_what_to_do(shell, nodes):
    assert "the key is 1025 bytes; it must be 1 to 1024 bytes" in shell("put", "k" * 1025, "1", code=2)
    assert "write host:port" in Shell("--endpoints", "x")("get", "k", code=2)
    assert (
        "no such file"
        in Shell("--endpoints", "a:1", "--key-file", "/none", "--server-key", "x")("get", "k", code=2).lower()
    )
    assert "Missing option '--endpoints'" in Shell()("get", "k", code=2)
    nowhere = Shell("--endpoints", "127.0.0.1:1", "--timeout", "0.1")
    assert "see that they run, and that endpoints and keys are right" in nowhere("put", "k", "1", code=3)
    assert nowhere.json("put", "k", "1", code=3)["error"] == "Unavailable"
    assert "it leads already" in shell("transfer", leading(nodes).id, code=5)
    leader = leading(nodes)
    wait_until(lambda: all(len(node.status.configuration.incarnations) == 3 for node in nodes))
    wait_until(lambda: {node.status.commit_index for node in nodes} == {leader.status.last_index})  # no change goes on
    for node in nodes:
        if node is not leader:
            node.stop()
    assert "the outcome is unknown" in shell("member", "demote", leader.id, "--timeout", "0.3", code=4)


def test_status_and_members(shell, nodes, tmp_path, closing):
    leader = leading(nodes)
    shell("put", "k", "1")

    table = shell("status", env={"COLUMNS": "200"})
    for text in ("node", "term", "commit", "applied", "lag", "contact", "disk", *endpoints_of(nodes)):
        assert text in table
    told = shell.json("status")
    assert told["ok"]
    assert [node["role"] for node in told["nodes"]].count("leader") == 1
    other = Shell("--endpoints", f"{leader.port.address},127.0.0.1:1")
    assert "not reached" in other("status", code=1, env={"COLUMNS": "200"})
    assert other.json("status", code=1)["nodes"][1]["problem"]

    assert shell.json("transfer")["leader"] != leader.id
    assert shell("transfer", leader.id) == f"{leader.id} leads\n"
    joining = closing(ServedNode("n4", tmp_path, {}, advertise="127.0.0.1:0"))
    joining.start(None)
    there = ("--address", joining.transport.address)
    assert "say where the new node is" in shell("member", "add", "n4", code=2)
    assert "is n4" in shell("member", "add", "n5", *there, "--client-endpoint", joining.port.address, code=5)
    added = shell("member", "add", "n4", "--learner", *there, "--client-endpoint", joining.port.address)
    assert added == "n4 is a learner\n"
    assert shell("member", "promote", "n4") == "n4 is a voter\n"
    assert shell("member", "demote", "n4") == "n4 is a learner\n"
    listed = shell.json("member", "list")["members"]
    assert [(member["id"], member["part"]) for member in listed][-1] == ("n4", "learner")
    assert "n4 " in shell("member", "list")
    assert shell("member", "remove", "n4") == "n4 is removed\n"
    assert len(shell.json("member", "list")["members"]) == 3


def test_status_tells_whom_the_leader_does_not_hear(shell, nodes):
    leader = leading(nodes)
    silent = next(node for node in nodes if node is not leader)
    wait_until(lambda: "does not hear" not in shell("status", env={"COLUMNS": "200"}))
    silent.stop()

    wait_until(lambda: _remark(shell, f"does not hear {silent.id}, for "))
    assert _remark(shell, "does not hear").split()[0] == leader.id
    shell("put", "k", "1")
    wait_until(lambda: _remark(shell, "makes no progress"))
    assert _remark(shell, "makes no progress").split()[0] == silent.id
    (follower,) = [each for each in leader.status.followers if each.id == silent.id]
    assert (follower.heard, follower.silent_ms > 0) == (False, True)


def _remark(shell, words):
    """The line of the table that says so, None when there is none."""
    lines = shell("status", env={"COLUMNS": "200"}).splitlines()
    return next((line.strip() for line in lines if words in line), None)


def test_status_watched(shell, nodes, monkeypatch):
    leading(nodes)
    monkeypatch.setattr(status_module, "EVERY_S", 0.05)
    for more, times in ([], 1), (["--json"], 4):
        result = []
        arguments = ["status", "--watch", "--endpoints", ",".join(endpoints_of(nodes)), *more]
        watching = gevent.spawn(
            lambda arguments=arguments, result=result: result.append(CliRunner().invoke(cli, arguments))
        )
        gevent.sleep(0.6)
        watching.kill(KeyboardInterrupt)
        assert result[0].exit_code != 0
        assert result[0].stdout.count('"role": "leader"' if more else "leader") >= times


def test_with_keys(tmp_path, closing):
    ring = Keyring(tmp_path, ["n1"])
    for label, roles in (("alice", "client"), ("root", "admin")):
        ring.add(label, label, roles).save(tmp_path / label)
    ring.write()
    (node,) = cluster(closing, tmp_path, ids=("n1",), ring=ring)
    key = ("--server-key", ring.keys["n1"].public, "--endpoints", node.port.address)
    alice, root = (Shell(*key, "--key-file", str(tmp_path / label)) for label in ("alice", "root"))

    assert alice("put", "k", "1") == "ok\n"
    assert root("get", "k") == "1\n"
    assert "has not the role admin" in alice("member", "demote", "n1", code=5)
    assert "no voter with a state machine would be left" in root("member", "demote", "n1", code=5)
    assert "--server-key" in Shell("--endpoints", "a:1", "--key-file", str(tmp_path / "root"))("get", "k", code=2)
    (tmp_path / "root").chmod(0o644)
    assert "chmod 600" in root("get", "k", code=2)


def test_a_real_process_says_it_in_one_line():
    command = [sys.executable, "-m", "quorate", "put", "k", "v", "--endpoints", "127.0.0.1:1", "--timeout", "0.1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)

    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("quorate: no node was reached within 0.1 s")

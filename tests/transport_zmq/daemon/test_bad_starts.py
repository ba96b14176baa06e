"""A daemon that cannot start says why in one line, with an exit code that tells the kinds apart."""

import os
import socket

import pytest

from actors.storage.real_disk import RealDisk
from storage import store
from storage.identity import Identity
from tests.transport_zmq.daemon.daemons import free_ports, quorate, until

PEERS = ("--name", "n1", "--peers", "n1=127.0.0.1:7101,n2=127.0.0.1:7102")
CASES = {
    # what is wrong: exit code, what the line says
    "no name": (2, ["name is not set", "--name", "QUORATE_NAME"]),
    "no members": (2, ["peers is not set", "is new", "--join"]),
    "a value that cannot be": (2, ["election-timeout-ms is '5'", "environment QUORATE_ELECTION_TIMEOUT_MS", "from 10"]),
    "a machine that is none": (2, ["machine is 'json:JSONDecoder' (flag --machine)", "a class with a method apply"]),
    "a plain port for other machines": (2, ["0.0.0.0:", "there are no keys", "--insecure-bind"]),
    "a plain port for clients of other machines": (2, ["0.0.0.0:", "there are no keys", "--insecure-bind"]),
    "a key that others may read": (2, ["others than its owner may read this secret key (mode 644)", "chmod 600"]),
    "the port for members in use": (4, ["cannot listen on 127.0.0.1:", "Address already in use"]),
    "the port for HTTP in use": (4, ["cannot listen on 127.0.0.1:", "Address already in use"]),
    "a directory in use": (3, ["data-n1 is in use by another node"]),
    "a directory of another member": (3, ["data-n2: the data directory belongs to 'n2', and was opened for 'n1'"]),
    "a damaged directory": (3, ["identity is damaged at offset 0"]),
    "a directory that cannot be made": (3, ["/proc/nowhere", "name another --data-dir"]),
}


@pytest.fixture(scope="module")
def ends(tmp_path_factory):
    """What each of the bad starts has come to; all at once, since most of it is waiting for Python."""
    folder = tmp_path_factory.mktemp("bad-starts")
    (folder / "n1.key").write_text("x" * 40, encoding="utf-8")
    os.chmod(folder / "n1.key", 0o644)
    (folder / "allowed").write_text("", encoding="utf-8")
    (folder / "damaged").mkdir()
    (folder / "damaged" / "identity").write_bytes(b"no identity at all")
    disk = RealDisk(folder / "data-n2")
    store.create(disk, Identity("n2", 1, False))
    disk.close()
    taken = socket.create_server(("127.0.0.1", 0))
    taken_address = f"127.0.0.1:{taken.getsockname()[1]}"
    ports = iter(free_ports(3 * len(CASES) + 3))

    def start(*options, **environment):
        listen = {name: f"127.0.0.1:{next(ports)}" for name in ("--listen", "--client-listen", "--http")}
        given = list(options)
        for name, address in listen.items():
            if name not in given:
                given += [name, address]
        if "--data-dir" not in given:
            given += ["--data-dir", str(folder / "new")]
        return quorate("serve", *given, environment=environment, stderr=-1, stdout=-1)

    in_use = start(*PEERS, "--data-dir", folder / "data-n1")
    until(lambda: (folder / "data-n1" / "identity").exists())
    keys = ("--allow-list", folder / "allowed", "--key-file")
    processes = {
        "no name": start(),
        "no members": start("--name", "n1"),
        "a value that cannot be": start(*PEERS, QUORATE_ELECTION_TIMEOUT_MS="5"),
        "a machine that is none": start(*PEERS, "--machine", "json:JSONDecoder"),
        "a plain port for other machines": start(*PEERS, "--listen", "0.0.0.0:0"),
        "a plain port for clients of other machines": start(*PEERS, "--client-listen", "0.0.0.0:0"),
        "a key that others may read": start(*PEERS, *keys, folder / "n1.key"),
        "the port for members in use": start(*PEERS, "--listen", taken_address),
        "the port for HTTP in use": start(*PEERS, "--http", taken_address),
        "a directory in use": start(*PEERS, "--data-dir", folder / "data-n1"),
        "a directory of another member": start(*PEERS, "--data-dir", folder / "data-n2"),
        "a damaged directory": start(*PEERS, "--data-dir", folder / "damaged"),
        "a directory that cannot be made": start(*PEERS, "--data-dir", "/proc/nowhere"),
    }
    found = {}
    for name, process in processes.items():
        out, errors = process.communicate(timeout=60)
        found[name] = (process.returncode, out, errors)
    in_use.kill()
    in_use.communicate()
    taken.close()
    found["made"] = (folder / "new").exists()
    return found


@pytest.mark.parametrize("name", CASES)
def test_a_bad_start_is_one_line_and_an_exit_code(ends, name):
    code, parts = CASES[name]

    ended, out, errors = ends[name]

    assert (ended, out) == (code, ""), errors
    (line,) = errors.splitlines()
    assert line.startswith("quorate: ")
    assert all(part in line for part in parts), line


def test_a_bad_start_makes_no_directory(ends):
    assert ends["made"] is False

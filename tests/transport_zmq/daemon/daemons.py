"""Real daemons: processes of the very command that users type."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import gevent

CHECKOUT = Path(__file__).resolve().parents[3]
T = 30.0
CALM = {name: text for name, text in os.environ.items() if not name.startswith("QUORATE_")}


def quorate(*arguments, environment=(), folder=CHECKOUT, program="quorate", within=(), **settings):
    """Starts the command, or another module that takes the same arguments; `within` is what precedes it."""
    variables = {**CALM, "PYTHONPATH": str(CHECKOUT), "COLUMNS": "120", **dict(environment)}
    command = [*within, sys.executable, "-P", "-m", program, *map(str, arguments)]
    return subprocess.Popen(command, cwd=folder, env=variables, text=True, **settings)


def free_ports(count):
    """Ports that nobody listens on; all different."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Daemon:
    """One member, whose data directory outlives its processes.

    Args:
        id: its id.
        folder: where its directory and its log are.
        ports: to listen on: for members, clients, HTTP.
        members: what --peers says; empty to leave it out.
        options: more of the command line.
        host: where it listens.
        within: what precedes the command line.
    """

    def __init__(self, id, folder, ports, members="", options=(), host="127.0.0.1", within=()):
        self.id = id
        self.address, self.client_address, self.http = (f"{host}:{port}" for port in ports)
        self.data = folder / f"data-{id}"
        self.log = folder / f"{id}.log"
        self.process = None
        self.within = within
        self.arguments = [
            "serve", "--name", id, "--data-dir", self.data, "--listen", self.address, "--client-listen",
            self.client_address, "--http", self.http, *(["--peers", members] if members else []), *options,
        ]  # fmt: skip

    def start(self, *, options=(), **settings):
        with open(self.log, "a", encoding="utf-8") as log:
            self.process = quorate(*self.arguments, *options, within=self.within, stderr=log, **settings)
        return self

    def ask(self, path):
        """(code, text) of a page; (0, "") when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://{self.http}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    @property
    def status(self):
        code, text = self.ask("/status")
        return json.loads(text) if code == 200 else {}

    @property
    def is_ready(self):
        return self.ask("/readyz")[0] == 200

    def signal(self, number):
        self.process.send_signal(number)

    @property
    def runs(self):
        return self.process is not None and self.process.poll() is None

    def wait(self):
        """The exit code; greenlets run meanwhile."""
        until(lambda: not self.runs, f"has {self.id} ended")
        return self.process.returncode

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.signal(signal.SIGTERM)
        return self.wait()

    @property
    def told(self):
        return self.log.read_text(encoding="utf-8")

    def close(self):
        if self.runs:
            self.kill()


def trio(folder, options=()):
    """Three members of one cluster, not started."""
    ports = free_ports(9)
    members = ",".join(f"n{i + 1}=127.0.0.1:{ports[3 * i]}" for i in range(3))
    return [Daemon(f"n{i + 1}", folder, ports[3 * i : 3 * i + 3], members, options) for i in range(3)]


def until(condition, what="", timeout=T):
    """Waits until something is so, and returns it."""
    deadline = time.monotonic() + timeout
    while not (result := condition()):
        assert time.monotonic() < deadline, f"not within {timeout} s {what}"
        gevent.sleep(0.02)
    return result


def leader_of(daemons):
    """Who leads, as far as those who run say."""
    statuses = [(daemon.status, daemon) for daemon in daemons if daemon.runs]
    leaders = [(status["term"], daemon.id, daemon) for status, daemon in statuses if status.get("role") == "leader"]
    return max(leaders)[2] if leaders else None

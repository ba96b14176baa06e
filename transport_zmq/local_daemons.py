"""Daemons on this machine, as processes of their own: `quorate serve`, as users type it."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

from gevent import subprocess

IDS = ("n1", "n2", "n3")
PORTS_EACH = 3  # for members, for clients, for HTTP
LOCALHOST = "127.0.0.1"


class DaemonProcess:
    """One member; its data directory outlives its processes.

    Args:
        id: its id.
        folder: where its data directory and its log are.
        ports: to listen on: for members, for clients, for HTTP.
        peers, http_peers: all members, and their pages, as the options of these names have them.

    Attributes:
        id: see above.
        client_address, http_address: where it listens.
        log: the file of what it logs.
    """

    def __init__(self, id: str, folder: Path, ports: list[int], peers: str, http_peers: str) -> None:
        self.id = id
        address, self.client_address, self.http_address = (f"{LOCALHOST}:{port}" for port in ports)
        self.log = folder / f"{id}.log"
        self.arguments = [
            *("serve", "--name", id, "--data-dir", str(folder / id), "--listen", address),
            *("--client-listen", self.client_address, "--http", self.http_address, "--peers", peers),
            *("--http-peers", http_peers),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The id of its process, 0 when it was never started."""
        return 0 if self._process is None else self._process.pid

    @property
    def runs(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start a process. It gets no signals of this terminal, and no settings from this environment."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("QUORATE_")}
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "quorate", *self.arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """End the process by SIGKILL, if it runs, and wait for its end."""
        if self._process is not None and self.runs:
            self._process.kill()
            self._process.wait()

    def stop(self, timeout_s: float) -> int | None:
        """End the process by SIGTERM and return its exit code, None when it has not ended in time."""
        if self._process is None:
            return None
        if self.runs:
            self._process.send_signal(signal.SIGTERM)
        try:
            return int(self._process.wait(timeout_s))
        except subprocess.TimeoutExpired:
            return None


def three(folder: Path) -> list[DaemonProcess]:
    """Return three members of one cluster, on ports that nobody uses, not started."""
    ports = free_ports(PORTS_EACH * len(IDS))
    each = [ports[PORTS_EACH * i : PORTS_EACH * (i + 1)] for i in range(len(IDS))]
    members = list(zip(IDS, each, strict=True))
    peers, http_peers = (",".join(f"{id}={LOCALHOST}:{own[use]}" for id, own in members) for use in (0, 2))
    return [DaemonProcess(id, folder, own, peers, http_peers) for id, own in members]


def free_ports(count: int) -> list[int]:
    """Return so many ports of this machine that nobody uses now."""
    held = [socket.create_server((LOCALHOST, 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports

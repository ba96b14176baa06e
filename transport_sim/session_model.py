"""What client sessions promise (contract C1), as plainly as possible: which commands of a log reach the state machine.

It looks through all sessions at every entry, so it is slow, and short enough to be read against the contract. The
checker holds every node's state machine against it.
"""

from __future__ import annotations

from actors import results
from actors.session_commands import PLAIN, REGISTER, MalformedCommand, decode
from actors.session_table import REPLY_OVERHEAD_BYTES, SessionLimits
from raft.entries import Entry

from .machine import Machine


class _Client:
    def __init__(self, used_ms: int) -> None:
        self.used_ms = used_ms
        self.lowest = 1
        self.kept: dict[int, int] = {}  # by sequence that was applied: how many bytes its reply counts


class SessionModel:
    """Reads a committed log from its beginning.

    Args:
        limits: those of the cluster.
        machine: is given what the nodes must apply; a list of commands when None.

    Attributes:
        applied: the commands that the state machine must have seen, in order.
    """

    def __init__(self, limits: SessionLimits, machine: Machine | None = None) -> None:
        self._machine = Machine() if machine is None else machine
        self.applied = self._machine.commands
        self._limits = limits
        self._clients: dict[int, _Client] = {}

    def read(self, entry: Entry) -> None:
        """Take the next command of the log into account."""
        latest_ms = entry.stamp_ms - self._limits.timeout_ms
        self._clients = {id: client for id, client in self._clients.items() if client.used_ms >= latest_ms}
        pass_time = getattr(self._machine, "pass_time", None)
        if pass_time is not None:
            pass_time(entry.stamp_ms)
        try:
            command = decode(entry.data)
        except MalformedCommand:
            return
        if command.kind == PLAIN:
            self._machine.apply(command.payload)
        elif command.kind == REGISTER:
            if len(self._clients) < self._limits.sessions:
                self._clients[entry.index] = _Client(entry.stamp_ms)
        elif command.session in self._clients:
            client = self._clients[command.session]
            client.used_ms = entry.stamp_ms
            client.lowest = max(client.lowest, command.lowest)
            client.kept = {sequence: size for sequence, size in client.kept.items() if sequence >= client.lowest}
            if self._is_first(client, command.sequence):
                client.kept[command.sequence] = self._reply_bytes(command.payload) + REPLY_OVERHEAD_BYTES

    def _reply_bytes(self, command: bytes) -> int:
        result = self._machine.apply(command)
        try:
            return len(self._machine.encode_result(result))
        except results.UnsupportedResult as problem:  # which is what is kept then
            return len(str(problem))

    def _is_first(self, client: _Client, sequence: int) -> bool:
        if sequence in client.kept or not client.lowest <= sequence < client.lowest + self._limits.window:
            return False
        if sum(client.kept.values()) >= self._limits.session_reply_bytes and sequence > client.lowest:
            return False
        return sum(sum(other.kept.values()) for other in self._clients.values()) < self._limits.reply_bytes

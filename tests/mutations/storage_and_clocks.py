"""Deliberate bugs in how storage that fails, and clocks that are wrong, are dealt with.

Some of them are bugs of the simulated disk itself: it stands for the storage code, whose promises (see `raft/ports.py`)
the core relies on, and the checker must notice when they are broken. Others are bugs of the storage code itself, which
works on the disks of some runs.
"""

from __future__ import annotations

from .mutation import Mutation, in_core


def in_disk(name: str, before: str, after: str) -> Mutation:
    return Mutation(name, (("transport_sim/disk.py", before, after),))


def in_storage(name: str, file: str, before: str, after: str) -> Mutation:
    return Mutation(name, ((f"storage/{file}.py", before, after),))


STORAGE_AND_CLOCKS = (
    in_core("node goes on after its disk has failed", "actor", "            raise StorageFailed(message.reason)\n", ""),
    in_disk(
        "sync that failed is repeated, and what it was to sync is gone",
        "        if power_cycle != self._power_cycles or self._breaks():\n            return\n",
        "        if power_cycle != self._power_cycles:\n            return\n"
        "        if self.fails:\n"
        "            self.fails = False\n"
        "            self._under_way = deque(write for write in self._under_way if write.number != number)\n"
        "            self._tell(Persisted(number))\n"
        "            return\n"
        "        if self._breaks():\n            return\n",
    ),
    in_disk(
        "what lies behind a tear is read",
        "write.entries[: int(share * len(write.entries))]",
        "write.entries[int(share * len(write.entries)) :]",
    ),
    in_disk(
        "crash keeps a write and loses the one before",
        "        for _ in range(self._chance.between(0, len(self._under_way))):\n"
        "            self._make_durable(self._under_way.popleft())\n",
        "        for _ in range(self._chance.between(0, len(self._under_way))):\n"
        "            self._make_durable(self._under_way.pop())\n",
    ),
    in_disk("node starts from damaged storage", "        if self.is_damaged:\n", "        if False:\n"),
    in_disk(
        "new disk with the old incarnation",
        "        self.incarnation = self._chance.between(1, (1 << 53) - 1)\n",
        '        self.incarnation = getattr(self, "incarnation", 0) or self._chance.between(1, (1 << 53) - 1)\n',
    ),
    in_storage(
        "ballot written before the entries that it must follow",
        "store",
        "                operations += log.flush(True)\n                operations += self._vote(write)\n",
        "                operations += self._vote(write)\n",
    ),
    in_storage(
        "directory not synced after a snapshot is renamed",
        "snapshots",
        "(RENAME, self.part, self._name), (SYNC_DIRECTORY,)]",
        "(RENAME, self.part, self._name)]",
    ),
    in_storage(
        "torn tail left where it is",
        "recovery",
        "            found.repairs.append((WRITE, name, at, zeros if size == _ZEROS_BYTES else bytes(size)))\n",
        "",
    ),
    in_storage(
        "batch said to be durable before it is synced",
        "log",
        "        synced = self.synced[1] if self.synced[0] == newest.number else HEADER_BYTES\n",
        "        synced = self.offset + BATCH_BYTES + len(data)\n",
    ),
    in_core(
        "log cut off before the snapshot is durable",
        "actor",
        "            self._storage.save_snapshot(node.snapshots.describe(), self._machine.snapshot())\n",
        "            described = node.snapshots.describe()\n"
        "            self._storage.save_snapshot(described, self._machine.snapshot())\n"
        "            node.snapshots.saved(described)\n",
    ),
    in_core("command taken without room", "leader", "        node.room.demand(OVERHEAD_BYTES + len(data))\n", ""),
    in_core("append taken without room", "follower", "node.room.fitting(message.entries)", "message.entries"),
    in_core(
        "late refusal is taken for a loss of acknowledged entries",
        "progress",
        "        return prev_index <= self.match_index and round > self.matched_round\n",
        "        return prev_index <= self.match_index\n",
    ),
    Mutation(
        "ballot is not synced where entries are synced at intervals",
        (
            (
                "transport_sim/disk.py",
                "        if write.term is not None:\n",
                "        if write.term is not None:\n            self.unsynced_ballot = self.term, self.vote\n",
            ),
            (
                "transport_sim/disk.py",
                "        if taken:\n",
                '        self.term, self.vote = getattr(self, "unsynced_ballot", (self.term, self.vote))\n'
                "        if taken:\n",
            ),
        ),
    ),
    in_core("restart forgets the vote", "node", "        self.vote = restored.vote\n", "        self.vote = None\n"),
    in_core("time runs backwards", "node", "        if now > self.now:\n", "        if True:\n"),
    in_core(
        "lease longer than the voters have promised",
        "leader",
        "        promise_ms = min(message.promise_ms, config.election_timeout_ms)\n",
        "        promise_ms = config.election_timeout_ms\n",
    ),
)

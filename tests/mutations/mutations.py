"""Deliberate bugs in the core, each one that a real implementation had or easily could have.

A mutation is a set of replacements in the source; each must fit exactly once, so that a mutation cannot go stale
unnoticed. The simulator must find each of them: that is how we know that its checks can fail. (Bugs that only a message
shows which no correct leader sends, such as acknowledging more than an append verified, are left to the tests of the
roles.)
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """A deliberate bug.

    Attributes:
        name: what the bug is.
        edits: (file, what stands there, what the bug puts in its place).
    """

    name: str
    edits: tuple[tuple[str, str, str], ...]


def _one(name: str, file: str, before: str, after: str) -> Mutation:
    return Mutation(name, ((f"raft/{file}.py", before, after),))


MUTATIONS = (
    _one(
        "vote not persisted",
        "node",
        "return Write(number, self.term, self.vote, entries, base, install)",
        "return Write(number, self.term, None, entries, base, install)",
    ),
    _one(
        "vote taken back on stepping down",
        "node",
        "        if isinstance(self.role, Follower):\n",
        "        self.vote = None\n        if isinstance(self.role, Follower):\n",
    ),
    _one(
        "vote request before it is durable",
        "candidate",
        "node.send_when_durable(voter, request)",
        "node.send(voter, request)",
    ),
    _one(
        "vote reply before it is durable",
        "role",
        "node.send_when_durable(message.sender, VoteReply(",
        "node.send(message.sender, VoteReply(",
    ),
    _one(
        "acknowledgement before it is durable",
        "follower",
        "node.send_when_durable(message.sender, AppendAccepted(node.id, node.term, verified))",
        "node.send(message.sender, AppendAccepted(node.id, node.term, verified))",
    ),
    _one(
        "duplicate votes counted",
        "candidate",
        "        self.votes.setdefault(message.sender, message.granted)\n",
        "        silent = [voter for voter in self.node.configuration.voters if voter not in self.votes]\n"
        "        repeated = message.sender in self.votes and silent\n"
        "        self.votes[silent[0] if repeated else message.sender] = message.granted\n",
    ),
    _one(
        "late votes of an older term counted",
        "node",
        "            return False\n        if isinstance(message, VoteRequest) and",
        '            return message.handler == "on_vote_reply"\n        if isinstance(message, VoteRequest) and',
    ),
    _one(
        "votes twice in a term",
        "role",
        "            node.vote is None and self.leader is None",
        "            self.leader is None",
    ),
    _one(
        "candidate's log not compared",
        "log",
        "return last_term > own_term or (last_term == own_term and last_index >= self.last_index)",
        "return True",
    ),
    _one(
        "half of the voters are a majority",
        "quorum",
        "return size // 2 + 1",
        "return (size + 1) // 2 - 1 or 1",
    ),
    _one(
        "stickiness off",
        "follower",
        "return self.heard_ms is not None and",
        "return False and",
    ),
    _one("leader never checks its quorum", "leader", "> node.config.election_timeout_ms:", "> 1 << 60:"),
    _one("pre-vote raises the term", "node", "elif not message.binds_term or", "elif"),
    _one(
        "stale leader is not told of the higher term",
        "node",
        "            if isinstance(message, (Append, Heartbeat, SnapshotChunk, VoteRequest)):",
        "            if False:",
    ),
    _one(
        "no no-op at the start of a term",
        "leader",
        '        self.node.log.append(self.node.term, NOOP, b"", self._stamp(now))\n',
        "",
    ),
    _one(
        "commit by counting old terms",
        "leader",
        "if index > log.commit_index and log.term_at(index) == self.node.term:",
        "if index > log.commit_index:",
    ),
    _one(
        "leader counts its own unsynced entries",
        "leader",
        "match = {self.node.id: log.durable_index}",
        "match = {self.node.id: log.last_index}",
    ),
    Mutation(
        "match index from heartbeat",
        (
            ("raft/follower.py", "message.round, node.log.settled_index)", "message.round, node.log.last_index)"),
            (
                "raft/leader.py",
                "        progress.retry_lost(now, config.retry_ms, config.election_timeout_ms)\n",
                "        progress.retry_lost(now, config.retry_ms, config.election_timeout_ms)\n"
                "        if progress.accepted(min(message.commit, self.node.log.last_index), now):\n"
                "            self.commit()\n",
            ),
        ),
    ),
    _one(
        "truncation without conflict",
        "log",
        "        known = self.last_index\n",
        "        if entries and self.commit_index < entries[0].index <= self.last_index:\n"
        "            self._truncate(entries[0].index)\n"
        "        known = self.last_index\n",
    ),
    _one("no truncation on conflict", "log", "            if own.term != entry.term:", "            if False:"),
    _one(
        "applies before its own disk has it",
        "log",
        "return min(self.commit_index, self.durable_index)",
        "return self.commit_index",
    ),
    _one(
        "truncated entries still count as durable",
        "log",
        "        self.durable_index = min(self.durable_index, first - 1)\n",
        "",
    ),
    _one(
        "completions out of order count",
        "writes",
        """        while finished < len(self._pending) and self._pending[finished][0] in self._completed:
            self.done = self._pending[finished][0]
            self._completed.remove(self.done)
            finished += 1
""",
        """        while finished < len(self._pending) and self._pending[finished][0] <= number:
            finished += 1
        self.done = number
""",
    ),
    _one(
        "vote requests are heard beside a leader",
        "node",
        "if isinstance(message, VoteRequest) and self.role.hears_leader(now):",
        "if False:",
    ),
    _one(
        "pre-vote request raises the voter's term",
        "role",
        "        node = self.node\n        granted = (\n",
        "        node = self.node\n"
        "        if message.term > node.term:\n"
        "            node.become_follower(message.term, None, now)\n"
        "        granted = (\n",
    ),
    _one(
        "pending bytes leak on truncation",
        "log",
        "            self.unsettled_bytes -= entry.size_bytes\n        del",
        "            pass\n        del",
    ),
    _one("echo reports what is not on the own disk", "follower", "node.log.settled_index)", "node.log.commit_index)"),
    _one(
        "committed commands are answered twice",
        "actor",
        "                    reply(None, result)\n",
        "                    reply(None, result)\n                    reply(None, result)\n",
    ),
    _one(
        "commands are answered with another's result",
        "actor",
        "                    reply(None, result)\n",
        "                    reply(None, (result or 0) + 1)\n",
    ),
    _one(
        "proposers are not answered", "actor", "                    reply(None, result)\n", "                    pass\n"
    ),
    _one(
        "packing skips an entry",
        "log",
        "            if size_bytes > max_bytes and i > start:\n                stop = i\n",
        "            if size_bytes > max_bytes and i > start:\n                start += 1\n",
    ),
    _one(
        "lost appends are not sent again",
        "leader",
        "        progress.retry_lost(now, config.retry_ms, config.election_timeout_ms)\n",
        "",
    ),
    _one(
        "lost commit notices are not sent again", "progress", "self.told_commit = min(self.told_commit, commit)", "pass"
    ),
    _one(
        "refused pre-vote does not tell the term",
        "candidate",
        "        elif message.term > self.node.term:",
        "        elif False:",
    ),
    _one(
        "log cut off beyond the snapshot",
        "snapshots",
        "self._node.log.compact(snapshot.index - self._node.config.snapshot_tail_entries)",
        "self._node.log.compact(self._node.log.applied_index)",
    ),
    _one("snapshot taken below the commit index", "follower", "if snapshot.index <= log.commit_index or", "if"),
    _one("chunks are taken at any offset", "snapshots", "if chunk.offset == download.size_bytes:", "if True:"),
    _one(
        "snapshot acknowledged before it is installed",
        "follower",
        "        if node.snapshots.installing is None:\n            received",
        "        if node.snapshots.installing is not None:\n"
        "            node.send_when_durable(message.sender, AppendAccepted(node.id, node.term, snapshot.index))\n"
        "        else:\n            received",
    ),
    _one(
        "state machine not restored from an installed snapshot",
        "actor",
        "                self._machine.restore(self._storage.read_snapshot(ready.restore))\n",
        "",
    ),
    _one(
        "lost chunks are not sent again",
        "progress",
        "if self._probe_sent_ms is not None and now",
        "if self.state == PROBE and self._probe_sent_ms is not None and now",
    ),
)

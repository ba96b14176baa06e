"""Deliberate bugs in membership, witnesses, reads, leases and transfer.

Reads and transfers that are never given up are left to the tests of the core: the simulator would run for ever.
"""

from __future__ import annotations

from .mutation import Mutation, in_core

MEMBERS_AND_READS = (
    in_core("no joint quorum", "quorum", "    return min(lowest)", "    return lowest[0]"),
    Mutation(
        "a configuration is in force when it is committed",
        (
            (
                "raft/node.py",
                "        if known.newest is not self.configuration:\n            self.configuration = known.newest\n",
                "        if known.at(self.log.commit_index) is not self.configuration:\n"
                "            self.configuration = known.at(self.log.commit_index)\n",
            ),
        ),
    ),
    in_core("truncation leaves the configuration", "log", "        self.configurations.truncate(first)\n", ""),
    in_core(
        "snapshot installed without its configuration",
        "log",
        "        self.configurations = Configurations(index, snapshot.configuration)\n",
        "",
    ),
    in_core(
        "snapshot with the first configuration",
        "snapshots",
        "log.configurations.at(index)",
        "log.configurations.all[0]",
    ),
    in_core(
        "learners are counted",
        "membership",
        "self.halves = (self.voters, self.outgoing) if self.outgoing else (self.voters,)",
        "self.halves = (united(self.voters, self.learners),)",
    ),
    in_core(
        "any change in one step",
        "changes",
        "if len(added) + len(removed) <= 1 and leader not in removed:",
        "if leader not in removed:",
    ),
    in_core(
        "joint configuration left before it is committed",
        "reconfiguration",
        "        committed = known.newest_index <= node.log.commit_index\n",
        "        committed = known.newest.joint or known.newest_index <= node.log.commit_index\n",
    ),
    Mutation(
        "change before the term has committed anything",
        (
            (
                "raft/reconfiguration.py",
                "        if not leader.has_committed:\n            raise TermNotCommitted(node.term)\n",
                "",
            ),
            (
                "raft/reconfiguration.py",
                "        if not committed or not leader.has_committed:\n",
                "        if not committed:\n",
            ),
        ),
    ),
    in_core(
        "joint configuration is never left",
        "reconfiguration",
        "            if self._has_handed_over(now):\n",
        "            if False:\n",
    ),
    in_core(
        "removed leader never steps down",
        "reconfiguration",
        "        if known.newest.votes(node.id):\n",
        "        if True:\n",
    ),
    in_core(
        "witness counted by what it was sent",
        "leader",
        "            values[follower] = getattr(self.progress[follower], field)\n",
        "            progress = self.progress[follower]\n"
        "            values[follower] = getattr(progress, field)\n"
        '            if field == "match_index" and follower in self.node.configuration.witnesses:\n'
        "                values[follower] = min(self.node.log.last_index, progress.next_index - 1)\n",
    ),
    in_core(
        "witness campaigns",
        "membership",
        "        return self.votes(member) and member not in self.witnesses\n",
        "        return self.votes(member)\n",
    ),
    in_core(
        "ReadIndex before the term's first commit",
        "leader",
        "        return self.node.log.commit_index >= self.first_index\n",
        "        return True\n",
    ),
    in_core(
        "read served before its index is applied",
        "reads",
        "    return read.index is not None and read.index <= applied_index\n",
        "    return read.index is not None\n",
    ),
    in_core(
        "reads of a lost leadership are confirmed by the next",
        "reads",
        "        if message.nonce == self._nonce and message.number == self._batch:\n",
        "        if True:\n",
    ),
    in_core(
        "lease from receive time",
        "leader",
        "if not progress.echoed(message.round, sent_ms, sent_ms + shortened_ms, message.feature_level):",
        "if not progress.echoed(message.round, sent_ms, now + shortened_ms, message.feature_level):",
    ),
    in_core(
        "lease renewed by the echo of an older round",
        "leader",
        "        sent_ms = self._round_sent_ms[len(self._round_sent_ms) - 1 - age]\n",
        "        sent_ms = self._round_sent_ms[-1]\n",
    ),
    in_core("lease read after a transfer", "leader", "or self.succession.told or", "or"),
    in_core(
        "restarted voter without E10",
        "restraint",
        "        self.promised_until_ms = now + node.config.lease_promise_ms if has_past else 0\n",
        "        self.promised_until_ms = 0\n",
    ),
    in_core(
        "leader keeps a stalled disk",
        "leader",
        "        elif node.restraint.disk_is_stalled(now):\n",
        "        elif False:\n",
    ),
    in_core(
        "chunks are not signed",
        "snapshots",
        "            node.outbox.send(request.receiver, chunk)\n",
        "            node.outbox._messages.append((request.receiver, chunk))\n",
    ),
)

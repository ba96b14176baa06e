"""Deliberate bugs in the core and in the client sessions, each one that a real implementation had or easily could have.

A mutation is a set of replacements in the source; each must fit exactly once, so that a mutation cannot go stale
unnoticed. The simulator must find each of them, but for those that name a test: that is how we know that its checks can
fail. (Bugs that only a message shows which no correct leader sends, such as acknowledging more than an append verified,
are left to the tests of the roles.)
"""

from __future__ import annotations

from .histories import HISTORIES
from .members_and_reads import MEMBERS_AND_READS
from .mutation import Mutation, in_actors, in_core
from .storage_and_clocks import STORAGE_AND_CLOCKS
from .storage_files import STORAGE_FILES
from .upgrades import UPGRADES

__all__ = ["MUTATIONS", "Mutation"]

MUTATIONS = (
    in_core(
        "vote not persisted",
        "node",
        "(self.term, self.vote) if outbox.stage_ballot(number)",
        "(self.term, None) if outbox.stage_ballot(number)",
    ),
    in_core(
        "vote taken back on stepping down",
        "node",
        "        if isinstance(self.role, Follower):\n",
        "        self.vote = None\n        if isinstance(self.role, Follower):\n",
    ),
    in_core(
        "vote request before it is durable",
        "candidate",
        "node.outbox.send_when_durable(voter, request)",
        "node.outbox.send(voter, request)",
    ),
    in_core(
        "vote reply before it is durable",
        "role",
        "node.outbox.send_when_durable(message.sender, VoteReply(",
        "node.outbox.send(message.sender, VoteReply(",
    ),
    in_core(
        "acknowledgement before it is durable",
        "follower",
        "node.outbox.send_when_durable(leader, AppendAccepted(",
        "node.outbox.send(leader, AppendAccepted(",
    ),
    in_core(
        "duplicate votes counted",
        "candidate",
        "        self.votes.setdefault(message.sender, message.granted)\n",
        "        silent = [voter for voter in self.node.configuration.voters if voter not in self.votes]\n"
        "        repeated = message.sender in self.votes and silent\n"
        "        self.votes[silent[0] if repeated else message.sender] = message.granted\n",
    ),
    in_core(
        "late votes of an older term counted",
        "node",
        "            return False\n        # A removed member",
        '            return message.handler == "on_vote_reply"\n        # A removed member',
    ),
    in_core(
        "votes twice in a term",
        "role",
        "            node.vote is None and self.leader is None",
        "            self.leader is None",
    ),
    in_core(
        "candidate's log not compared",
        "log",
        "return last_term > own_term or (last_term == own_term and last_index >= self.last_index)",
        "return True",
    ),
    in_core(
        "half of the voters are a majority",
        "quorum",
        "return size // 2 + 1",
        "return (size + 1) // 2 - 1 or 1",
    ),
    in_core(
        "stickiness off",
        "follower",
        "return self.heard_ms is not None and",
        "return False and",
    ),
    in_core(
        "leader never checks its quorum", "leader", "self._woke_ms) > self._patience_ms:", "self._woke_ms) > 1 << 60:"
    ),
    in_core("pre-vote raises the term", "node", "            not message.binds_term or message", "            message"),
    in_core(
        "no no-op at the start of a term",
        "leader",
        '        self.append(NOOP, b"", now)\n',
        "",
    ),
    in_core(
        "commit by counting old terms",
        "leader",
        "if index > log.commit_index and log.term_at(index) == self.node.term:",
        "if index > log.commit_index:",
    ),
    in_core(
        "leader counts its own unsynced entries",
        "leader",
        'self._reached("match_index", log.durable_index)',
        'self._reached("match_index", log.last_index)',
    ),
    Mutation(
        "match index from heartbeat",
        (
            (
                "raft/follower.py",
                "message.round, node.log.settled_index, promise_ms,",
                "message.round, node.log.last_index, promise_ms,",
            ),
            (
                "raft/leader.py",
                "        progress.retry_lost(now, config.retry_ms, config.election_timeout_ms)\n",
                "        progress.retry_lost(now, config.retry_ms, config.election_timeout_ms)\n"
                "        if progress.accepted(min(message.commit, self.node.log.last_index), now):\n"
                "            self.commit()\n",
            ),
        ),
    ),
    in_core(
        "truncation without conflict",
        "log",
        "        known = self.last_index\n",
        "        if entries and self.commit_index < entries[0].index <= self.last_index:\n"
        "            self._truncate(entries[0].index)\n"
        "        known = self.last_index\n",
    ),
    in_core("no truncation on conflict", "log", "            if own.term != entry.term:", "            if False:"),
    in_core(
        "applies before its own disk has it",
        "log",
        "settled = min(self.commit_index, self.durable_index)",
        "settled = self.commit_index",
    ),
    in_core(
        "truncated entries still count as durable",
        "log",
        "        self.durable_index = min(self.durable_index, first - 1)\n",
        "",
    ),
    in_core(
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
    in_core(
        "vote requests are heard beside a leader",
        "node",
        "            if self.role.hears_leader(now):\n",
        "            if False:\n",
    ),
    in_core(
        "pre-vote request raises the voter's term",
        "role",
        "        node = self.node\n        granted = (\n",
        "        node = self.node\n"
        "        if message.term > node.term:\n"
        "            node.become_follower(message.term, None, now)\n"
        "        granted = (\n",
    ),
    in_core(
        "pending bytes leak on truncation",
        "log",
        "            self.unsettled_bytes -= entry.size_bytes\n        self._give_back",
        "            pass\n        self._give_back",
    ),
    in_core(
        "echo reports what is not on the own disk", "follower", "node.log.settled_index,", "node.log.commit_index,"
    ),
    in_core(
        "committed commands are answered twice",
        "actor",
        "                    reply(None, result)\n",
        "                    reply(None, result)\n                    reply(None, result)\n",
    ),
    in_core(
        "commands are answered with another's result",
        "actor",
        "                    reply(None, result)\n",
        "                    reply(None, getattr(self, 'last', result))\n                    self.last = result\n",
    ),
    in_core(
        "proposers are not answered", "actor", "                    reply(None, result)\n", "                    pass\n"
    ),
    in_core(
        "packing skips an entry",
        "log",
        "            if size_bytes > max_bytes and i > start:\n                stop = i\n",
        "            if size_bytes > max_bytes and i > start:\n                start += 1\n",
    ),
    in_core(
        "lost appends are not sent again",
        "leader",
        "        progress.retry_lost(now, config.retry_ms, config.election_timeout_ms)\n",
        "",
    ),
    in_core(
        "lost commit notices are not sent again", "progress", "self.told_commit = min(self.told_commit, commit)", "pass"
    ),
    in_core(
        "refused pre-vote does not tell the term",
        "candidate",
        "        elif message.term > self.node.term:",
        "        elif False:",
    ),
    in_core(
        "log cut off beyond the snapshot",
        "snapshots",
        "self._node.log.compact(snapshot.index - self._node.config.snapshot_tail_entries)",
        "self._node.log.compact(self._node.log.applied_index)",
    ),
    in_core("snapshot taken below the commit index", "follower", "if snapshot.index <= log.commit_index or", "if"),
    in_core("chunks are taken at any offset", "snapshots", "if chunk.offset == download.size_bytes:", "if True:"),
    in_core(
        "snapshot acknowledged before it is installed",
        "follower",
        "        if node.snapshots.installing is None:\n            received",
        "        if node.snapshots.installing is not None:\n"
        "            node.send_when_durable(message.sender, AppendAccepted(node.id, node.term, snapshot.index))\n"
        "        else:\n            received",
    ),
    in_core(
        "state machine not restored from an installed snapshot",
        "actor",
        "            self._machine.restore(self._storage.read_snapshot(ready.restore))\n",
        "",
    ),
    in_core(
        "what a write that was waited for has made true is not said",
        "actor",
        "            node.persisted(ready.write.number, now)\n",
        "            pass\n",
    ),
    in_core(
        "what a heartbeat tells to be committed counts before it is applied",
        "reads",
        "        if index <= self._node.log.applied_index:\n            self._expected = None\n",
        "        if True:\n            self._expected = None\n",
    ),
    Mutation(
        "stale leader is not told of the higher term",
        (
            (
                "raft/node.py",
                "            if isinstance(message, (Append, Heartbeat, SnapshotChunk, VoteRequest)):",
                "            if False:",
            ),
        ),
        test="tests/raft/test_elections.py",
    ),
    Mutation(
        "what replaced a command in the turn that deposed its leader is given as its result",
        (
            (
                "raft/actor.py",
                "            if self._proposals and not node.leads(self._proposals_term):\n",
                "            if self._proposals and not goes_on and not node.leads(self._proposals_term):\n",
            ),
        ),
        test="tests/raft/test_actor.py",
    ),
    Mutation(
        "news of a commit waits for entries for ever",
        (("raft/news.py", "now < self.due_ms)", "True)"),),
        test="tests/raft/test_news.py",
    ),
    in_core(
        "lost chunks are not sent again",
        "progress",
        "if self._probe_sent_ms is not None and now",
        "if self.state == PROBE and self._probe_sent_ms is not None and now",
    ),
    in_core(
        "log time by the clock of each leader",
        "leader",
        "        return self._first_stamp_ms + now - self._elected_ms\n",
        "        return now\n",
    ),
    in_actors(
        "session command applied again",
        "session_table",
        "        if kept is not None:\n            return kept\n",
        "",
    ),
    in_actors(
        "session command applied again after its reply was dropped",
        "session_table",
        "if sequence < session.lowest:\n            return Reply(ANSWERED)",
        "if False:\n            return Reply(ANSWERED)",
    ),
    in_actors(
        "session window not checked",
        "session_table",
        "if sequence >= session.lowest + self._limits.window:",
        "if False:",
    ),
    in_actors(
        "session replies not bounded by bytes",
        "session_table",
        "if session.reply_bytes >= self._limits.session_reply_bytes and sequence > session.lowest:",
        "if False:",
    ),
    in_actors(
        "session replies not in the snapshot",
        "session_table",
        "session.lowest, sorted(session.replies.items()))",
        "session.lowest, [])",
    ),
    in_actors(
        "lowest unanswered sequence not in the snapshot",
        "session_table",
        "session = Session(used_ms, lowest)",
        "session = Session(used_ms)",
    ),
    in_actors(
        "session expires by the time since it was opened", "session_table", "        session.used_ms = now_ms\n", ""
    ),
    in_actors("restored session never expires", "session_table", "        self._by_use = table._by_use\n", ""),
    in_actors(
        "sessions expire only when one is opened",
        "sessions",
        "        if due_ms is not None and entry.stamp_ms > due_ms:\n",
        '        if due_ms is not None and entry.stamp_ms > due_ms and entry.data == b"\\x01":\n',
    ),
    *MEMBERS_AND_READS,
    *HISTORIES,
    *STORAGE_AND_CLOCKS,
    *STORAGE_FILES,
    *UPGRADES,
)

"""The contract's safety promises (S1-S8 and those that can be seen on single messages), checked after every event.

The checker holds what a node says of itself against what it has seen: a shadow of every node's log and disk, as chains
(`chains.py`), so that each event costs only as much as it changed. What the disks hold together: see `durability.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from raft.entries import COMMAND, CONFIGURATION
from raft.leader import Leader
from raft.membership import Configuration, Configurations
from raft.messages import (
    Append,
    AppendAccepted,
    Heartbeat,
    HeartbeatEcho,
    Message,
    PreVoteReply,
    PreVoteRequest,
    VoteReply,
    VoteRequest,
)

from .chains import Chains
from .durability import Durability, Election
from .quorums import Halves, halves_of, is_quorum
from .session_model import SessionModel
from .shadow import InvariantError, Shadow

if TYPE_CHECKING:
    from raft.ready import Write

    from .host import Host

_RECOUNT_EVERY = 16  # turns of a node between two recounts of its pending bytes, each as long as what is pending


class Checker:
    """Watches a cluster; every method raises `InvariantError` when a promise is broken.

    Args:
        sessions: tells which commands of the committed log must reach the state machine.

    Attributes:
        elections: how many leaders were elected.
        installs: how many snapshots were installed.
        committed: chains of the committed prefixes, from index 0.
    """

    def __init__(
        self,
        configuration: Configuration,
        ids: Sequence[str],
        election_timeout_ms: int,
        longest_pause_ms: int,
        sessions: SessionModel,
    ) -> None:
        self.elections = 0
        self.installs = 0
        self.committed = [0]
        self._sessions = sessions
        self._commands = self._sessions.applied  # what the committed log must bring to the state machine, in order
        self._commands_at = [0]  # how many of them belong to each committed prefix
        self._stamp_ms = 0  # log time of the last committed entry
        self._committed_in = [0]  # the term of the leader that was first seen to commit each index
        self._first = configuration
        self._election_timeout_ms = election_timeout_ms
        self._longest_pause_ms = longest_pause_ms
        self._hosts: dict[str, Host] = {}
        self._shadows: dict[str, Shadow] = {id: Shadow() for id in ids}
        self._chains = Chains()
        self._durability = Durability(self._chains, self.committed, self._shadows, self._hosts)
        self._leaders: dict[int, str] = {}
        self._leader_chains: dict[int, list[int]] = {}  # term -> chain of the leader's log
        self._votes: dict[tuple[str, int], str] = {}  # (voter, term) -> candidate it told so

    def chain_of(self, host: Host) -> int:
        """Return the chain of a node's whole log, as of the last turn."""
        return self._shadows[host.id].chain[-1]

    # A node starts: what was only in memory is gone

    def started(self, host: Host) -> None:
        """A node was started from its disk."""
        shadow = self._shadows[host.id]
        node = host.node
        self._hosts[host.id] = host
        if host.starts == 1:
            shadow.disk_configurations = self._known_at_first(host)
            shadow.disk_term = host.disk.term
            shadow.disk_vote = host.disk.vote
            for entry in host.disk.entries:
                shadow.disk_chain.append(self._chains.extend(shadow.disk_chain[-1], entry, host))
            shadow.synced_index = len(shadow.disk_chain) - 1
        if node.term != shadow.disk_term or node.vote != shadow.disk_vote:
            raise InvariantError("S6", f"{host.id} restarts with term {node.term} and vote {node.vote}, not its disk's")
        shadow.configuration = node.configuration
        shadow.configured_ms = node.now
        shadow.base_index = node.log.base_index
        shadow.entries = [None] * host.disk.base[0] + list(host.disk.entries)
        shadow.chain = list(shadow.disk_chain)
        shadow.term = node.term
        shadow.vote = node.vote
        shadow.commit_index = shadow.applied_index = 0 if node.snapshots.newest is None else node.snapshots.newest.index
        shadow.applied_commands = 0 if host.is_witness else self._commands_at[shadow.applied_index]
        shadow.leads = None
        shadow.heard_ms = shadow.hearing = None
        shadow.asked.clear()
        shadow.vote_terms.clear()
        shadow.other_terms.clear()
        shadow.reported.clear()
        shadow.granted.clear()

    def _known_at_first(self, host: Host) -> Configurations | None:
        """Return who takes part for all that a node knows whose disk is new."""
        return None if host.joins else Configurations(0, self._first)

    # A message arrives

    def delivered(self, host: Host, message: Message) -> None:
        """A message was put into a node's mailbox."""
        shadow = self._shadows[host.id]
        if isinstance(message, PreVoteRequest):
            shadow.asked.add(message.campaign)
            return
        if isinstance(message, VoteRequest):
            # One that the leader asked for may pass stickiness (contract L3).
            (shadow.other_terms if message.transfer else shadow.vote_terms).add(message.term)
            return
        if message.term > shadow.term and not (isinstance(message, PreVoteReply) and message.granted):
            shadow.other_terms.add(message.term)
        if isinstance(message, (Heartbeat, Append)):
            shadow.hearing = message.term
        elif isinstance(message, VoteReply) and message.granted:
            shadow.granted.add((message.sender, message.term))
        elif isinstance(message, HeartbeatEcho) and message.term == shadow.leads:
            shadow.echoes[message.sender] = max(host.now_ms, host.node.now)

    # A turn ends

    def turn_ended(self, host: Host) -> None:
        """A node has handled what was in its mailbox: look at all that may have changed."""
        node = host.node
        shadow = self._shadows[host.id]
        log = node.log
        node.check()
        same_term = node.term == shadow.term
        if not same_term or node.vote != shadow.vote:
            self._check_term(host, shadow)
        leads = node.term if isinstance(node.role, Leader) else None
        if shadow.leads is not None and leads != shadow.leads:
            shadow.chain = list(shadow.chain)  # the old list stays what the leader of that term had
        if log.base_index != shadow.base_index:
            self._check_base(host, shadow)
        length = len(shadow.entries)
        if log.last_index != length or (length > log.base_index and log.entry(length) is not shadow.entries[-1]):
            self._follow_log(host, shadow, same_term)
        led = shadow.leads  # a leader that steps down may have committed something in the same turn
        if leads != led:
            shadow.leads = leads
            if leads is not None:
                led = leads
                self._check_election(host, shadow)
        if node.configuration is not shadow.configuration:
            shadow.configuration = node.configuration
            shadow.configured_ms = node.now
        if leads is not None:
            self._check_leader_is_heard(host, shadow)
            self._check_leader_takes_part(host)
        if log.commit_index != shadow.commit_index:
            self._check_commit(host, shadow, led)
        if log.applied_index != shadow.applied_index or len(host.machine.commands) != shadow.applied_commands:
            self._check_applied(host, shadow)
        if shadow.hearing is not None:
            if shadow.hearing == node.term:
                shadow.heard_ms = node.now
            shadow.hearing = None
        self._check_reported(host, shadow)
        shadow.asked.clear()
        shadow.vote_terms.clear()
        shadow.other_terms.clear()
        shadow.turns += 1
        if shadow.turns % _RECOUNT_EVERY == 0:
            self._check_pending(host, shadow)

    def _check_term(self, host: Host, shadow: Shadow) -> None:
        node = host.node
        if node.term < shadow.term:
            raise InvariantError("S6", f"{host.id} went back from term {shadow.term} to {node.term}")
        if node.term == shadow.term and shadow.vote is not None:
            raise InvariantError("S6", f"{host.id} took back its vote for {shadow.vote} in term {node.term}")
        if node.term != shadow.term:
            self._check_raise(host, shadow)
            shadow.heard_ms = None
        shadow.term = node.term
        shadow.vote = node.vote

    def _check_raise(self, host: Host, shadow: Shadow) -> None:
        """A term is raised by the own campaign, or because a message of that term came, and by nothing else."""
        node = host.node
        told = shadow.other_terms | shadow.vote_terms
        campaigned = node.vote == host.id and (node.term - 1 == shadow.term or node.term - 1 in told)
        if node.term not in told and not campaigned:
            raise InvariantError("E3", f"{host.id} raises its term to {node.term}, and nobody has told it of that term")
        if not campaigned and not shadow.other_terms and shadow.leads is None and self._hears_leader(host, shadow):
            raise InvariantError("E6", f"{host.id} follows a candidate into term {node.term} while it hears its leader")

    def _hears_leader(self, host: Host, shadow: Shadow) -> bool:
        return shadow.heard_ms is not None and host.node.now - shadow.heard_ms < self._election_timeout_ms

    def _check_pending(self, host: Host, shadow: Shadow) -> None:
        """The bytes that count against the limit are those of the entries not committed, or not on the own disk."""
        log = host.node.log
        pending = sum(entry.size_bytes for entry in shadow.entries[log.settled_index :] if entry is not None)
        if log.unsettled_bytes != pending:
            raise InvariantError("R7", f"{host.id} counts {log.unsettled_bytes} pending bytes, and has {pending}")

    def _check_base(self, host: Host, shadow: Shadow) -> None:
        """The log was cut off: behind what is applied and in a snapshot, or because a snapshot replaced it."""
        node = host.node
        base = node.log.base_index
        shadow.base_index = base
        newest = node.snapshots.newest
        if newest is None or base > newest.index:
            raise InvariantError("S7", f"the log of {host.id} begins behind entry {base}, which no snapshot covers")
        if base <= shadow.applied_index:
            return
        self.installs += 1
        if base >= len(self.committed):
            raise InvariantError("S5", f"{host.id} installs a snapshot of entry {base}, which is not committed")
        if not host.is_witness and host.machine.commands != self._commands[: self._commands_at[base]]:
            raise InvariantError("N4", f"the snapshot of entry {base} restores another state on {host.id}")
        shadow.chain = self.committed[: base + 1]
        shadow.entries = [None] * base
        shadow.commit_index = shadow.applied_index = base
        shadow.applied_commands = len(host.machine.commands)

    def _follow_log(self, host: Host, shadow: Shadow, same_term: bool) -> None:
        log = host.node.log
        same = min(len(shadow.entries), log.last_index)
        while same > log.base_index and log.entry(same) is not shadow.entries[same - 1]:
            same -= 1
        if same < len(shadow.entries):
            if shadow.leads is not None and shadow.leads == host.node.term:
                raise InvariantError("S2", f"leader {host.id} of term {shadow.leads} changed its entry {same + 1}")
            if same < shadow.commit_index:
                raise InvariantError("R1", f"{host.id} truncates entry {same + 1} below its commit index")
            # Two leaders' appends in one turn may replace an entry and bring it back: across terms no telling.
            if same_term and (log.last_index == same or log.entry(same + 1) == shadow.entries[same]):
                raise InvariantError("R1", f"{host.id} truncates entry {same + 1} although nothing conflicts")
            del shadow.entries[same:]
            del shadow.chain[same + 1 :]
        for index in range(same + 1, log.last_index + 1):
            entry = log.entry(index)
            if entry.index != index:
                raise InvariantError("S5", f"{host.id} holds entry {entry.index} at index {index}")
            shadow.entries.append(entry)
            shadow.chain.append(self._chains.extend(shadow.chain[-1], entry, host))
            if entry.kind == CONFIGURATION:
                self._check_step(host, index)

    def _check_step(self, host: Host, index: int) -> None:
        """From one configuration to the next one voter changes, or a joint one lies between: quorums share a member."""
        node, log = host.node, host.node.log
        before, after = log.configurations.at(index - 1), log.configurations.at(index)
        one_by_one = len(set(before.voters) ^ set(after.voters)) <= 1 and before.outgoing == after.outgoing
        entered = not before.joint and after.outgoing == before.voters
        left = before.joint and not after.joint and after.voters == before.voters
        if before.members and not (one_by_one or entered or left):
            raise InvariantError("M1", f"entry {index} of {host.id} leads from {before!r} to {after!r}")
        led = node.leads(log.term_at(index) or 0) and halves_of(before) != halves_of(after)
        if led and log.term_at(log.commit_index) != node.term:
            raise InvariantError("M2", f"{host.id} changes members and has committed nothing in term {node.term}")

    def _check_election(self, host: Host, shadow: Shadow) -> None:
        term = host.node.term
        self.elections += 1
        other = self._leaders.setdefault(term, host.id)
        if other != host.id:
            raise InvariantError("S1", f"{other} and {host.id} both lead term {term}")
        if host.id != shadow.disk_vote or term != shadow.disk_term:
            raise InvariantError("E1", f"{host.id} leads term {term} without a durable vote for itself")
        votes = [voter for voter in self._shadows if voter == host.id or (voter, term) in shadow.granted]
        in_force = self._halves_in_force(host, shadow)
        if not any(is_quorum(votes, halves) for halves in in_force):
            raise InvariantError("E2", f"{host.id} leads term {term} with the votes of {votes} only")
        if host.node.log.last_term != term:
            raise InvariantError("R3", f"{host.id} leads term {term} without a no-op of that term")
        self._durability.elected(host, Election(votes, in_force, shadow.chain), self._committed_in)
        self._leader_chains[term] = shadow.chain
        shadow.led_since_ms = host.node.now
        shadow.echoes = {}

    def _check_leader_is_heard(self, host: Host, shadow: Shadow) -> None:
        """A leader without any echo from a majority steps down within two election timeouts."""
        now = host.node.now
        patience_ms = 2 * (self._election_timeout_ms + 2 * self._longest_pause_ms)
        if now - max(shadow.led_since_ms, shadow.configured_ms) <= patience_ms:
            return
        heard = [
            voter for voter in self._shadows if now - shadow.echoes.get(voter, 0) <= patience_ms or voter == host.id
        ]
        if not is_quorum(heard, halves_of(shadow.configuration)):
            raise InvariantError("E5", f"{host.id} still leads term {shadow.leads}, heard by {heard} only")
        waiting_since_ms = host.node.log.writes.waiting_since_ms
        if waiting_since_ms is not None and now - waiting_since_ms > patience_ms:
            raise InvariantError(
                "D4", f"{host.id} still leads, and its disk has stood still since {waiting_since_ms} ms"
            )

    def _check_leader_takes_part(self, host: Host) -> None:
        """A removed leader goes on only until the entry that removes it is committed (contract M5)."""
        known = host.node.log.configurations
        votes = any(host.id in half for half in halves_of(known.newest))
        if not votes and known.newest_index <= host.node.log.commit_index:
            raise InvariantError("M5", f"{host.id} still leads, removed by the committed entry {known.newest_index}")

    def _halves_in_force(self, host: Host, shadow: Shadow) -> list[Halves]:
        """Return the quorum systems that were in force at any moment of the turn that ends: mostly just one."""
        return [halves_of(known) for known in (shadow.configuration, *host.node.log.configurations.all)]

    def _check_commit(self, host: Host, shadow: Shadow, led: int | None) -> None:
        log = host.node.log
        index = log.commit_index
        if index < shadow.commit_index:
            raise InvariantError("S6", f"the commit index of {host.id} fell from {shadow.commit_index} to {index}")
        if index >= len(shadow.chain):
            raise InvariantError("S7", f"{host.id} commits {index}, beyond its last entry")
        shadow.commit_index = index
        if index < len(self.committed):
            if shadow.chain[index] != self.committed[index]:
                raise InvariantError("S5", f"{host.id} commits another entry {index} than was committed before")
            return
        if shadow.chain[len(self.committed) - 1] != self.committed[-1]:
            raise InvariantError("S5", f"{host.id} commits other entries below {index} than were committed before")
        if led is None:
            raise InvariantError("R2", f"follower {host.id} commits {index} before any leader did")
        if log.term_at(index) != led:
            raise InvariantError("R3", f"leader {host.id} of term {led} commits an older entry by counting")
        for missing in range(len(self.committed), index + 1):
            entry = shadow.entries[missing - 1]
            assert entry is not None
            if entry.stamp_ms < self._stamp_ms:
                raise InvariantError("C1", f"log time goes back from {self._stamp_ms} ms at entry {missing}")
            self._stamp_ms = entry.stamp_ms
            if entry.kind == COMMAND:
                self._sessions.read(entry)
            self._commands_at.append(len(self._commands))
            self.committed.append(shadow.chain[missing])
            self._committed_in.append(led)
        self._durability.check_committed(host, index, self._halves_in_force(host, shadow))
        self._durability.committed_in(led, index)

    def _check_applied(self, host: Host, shadow: Shadow) -> None:
        log = host.node.log
        applied = log.applied_index
        if applied < shadow.applied_index:
            raise InvariantError("S6", f"the applied index of {host.id} fell to {applied}")
        if applied > shadow.commit_index:
            raise InvariantError("S7", f"{host.id} applied {applied}, beyond its commit index {shadow.commit_index}")
        if applied >= len(shadow.disk_chain) or shadow.disk_chain[applied] != shadow.chain[applied]:
            raise InvariantError("S7", f"{host.id} applied entry {applied}, which is not on its own disk")
        if host.is_witness:
            shadow.applied_index = applied
            return
        new = self._commands[shadow.applied_commands : self._commands_at[applied]]
        if host.machine.commands[shadow.applied_commands :] != new:
            raise InvariantError("S5", f"{host.id} applied other commands than the log up to {applied} asks for")
        shadow.applied_index = applied
        shadow.applied_commands = len(host.machine.commands)

    # A disk changes

    def disk_changed(self, host: Host, write: Write) -> None:
        """A write took effect on a node's disk."""
        self._durability.changed(host, write)

    def disk_cut(self, host: Host, index: int) -> None:
        """Power loss has taken entries from a node's disk, and left those up to an index."""
        self._durability.cut(host, index)

    def disk_lost(self, host: Host) -> None:
        """A node got a new disk: of its votes it knows nothing any more."""
        self._durability.lost(host, self._known_at_first(host))
        self._votes = {key: vote for key, vote in self._votes.items() if key[0] != host.id}

    def is_remembered(self, id: str) -> bool:
        """Whether another host has not heard, or not durably, that a former member was removed."""
        return self._durability.is_remembered(id)

    def configurations(self) -> list[Configuration]:
        """Return every configuration that may be in force somewhere."""
        return self._durability.configurations()

    # A message leaves

    def sent(self, host: Host, receiver: str, message: Message) -> None:
        """A node sends a message: whatever it promises must be true of its disk."""
        shadow = self._shadows[host.id]
        if message.binds_term and message.term > shadow.disk_term:
            raise InvariantError("E1", f"{host.id} sends {message!r} while its durable term is {shadow.disk_term}")
        if isinstance(message, VoteReply):
            self._check_vote(host, shadow, receiver, message)
        elif isinstance(message, VoteRequest):
            chain = shadow.disk_chain
            if shadow.disk_term != message.term or shadow.disk_vote != host.id:
                raise InvariantError("E1", f"{host.id} asks for votes in term {message.term} before its own is durable")
            advertised = self._chains.ending_at(message.last_index, message.last_term)
            if message.last_index >= len(chain) or chain[message.last_index] != advertised:
                raise InvariantError("E1", f"{host.id} advertises entry {message.last_index}, which is not durable")
        elif isinstance(message, AppendAccepted):
            leader_chain = self._leader_chains.get(message.term)
            index = message.match_index
            if index >= len(shadow.disk_chain):
                raise InvariantError("R2", f"{host.id} acknowledges entry {index}, which is not on its disk")
            if leader_chain is not None and (
                index >= len(leader_chain) or shadow.disk_chain[index] != leader_chain[index]
            ):
                raise InvariantError("R2", f"{host.id} acknowledges entry {index}, which is not its leader's")
        elif isinstance(message, HeartbeatEcho):
            # Looked at when the turn ends: only then is it known what was committed in it.
            shadow.reported.append((message.commit, shadow.disk_chain[message.commit : message.commit + 1]))
        elif isinstance(message, PreVoteReply) and message.granted and message.campaign in shadow.asked:
            self._check_stickiness(host, shadow, receiver)

    def _check_vote(self, host: Host, shadow: Shadow, candidate: str, message: VoteReply) -> None:
        voted = shadow.disk_term == message.term and shadow.disk_vote == candidate
        if not message.granted:
            if voted:
                raise InvariantError(
                    "E2", f"{host.id} refuses {candidate} its vote of term {message.term}, cast for it"
                )
            return
        if not voted:
            raise InvariantError("E1", f"{host.id} grants term {message.term} to {candidate} before that is durable")
        if self._votes.setdefault((host.id, message.term), candidate) != candidate:
            raise InvariantError("E1", f"{host.id} votes twice in term {message.term}")

    def _check_stickiness(self, host: Host, shadow: Shadow, asker: str) -> None:
        if host.node.term == shadow.term and self._hears_leader(host, shadow):
            raise InvariantError("E6", f"{host.id} would help {asker} to depose the leader that it hears")

    def _check_reported(self, host: Host, shadow: Shadow) -> None:
        for commit, held in shadow.reported:
            if not held or held != self.committed[commit : commit + 1]:
                raise InvariantError("S7", f"{host.id} reports entry {commit} as committed, and its disk lacks it")
        shadow.reported.clear()

"""What the disks of a cluster must hold together: whatever was ever committed survives them (contract S4, S8).

The checker looks at the disks of nodes that are down, too: a machine that was switched off comes back with its disk.

Where entries are synced at intervals, power loss may take some from a disk that were acknowledged (contract D6). Then a
committed entry may be gone if, and only if, a leader could not be elected without it but by the votes of members that
have lost it so. Where that comes about, `CommittedLost` says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raft.entries import CONFIGURATION
from raft.membership import Configuration, Configurations

from .chains import Chains
from .quorums import Halves, halves_of, is_quorum
from .shadow import CommittedLost, InvariantError, Shadow

if TYPE_CHECKING:
    from raft.ready import Write

    from .host import Host


@dataclass(frozen=True)
class Election:
    """How a leader was elected.

    Attributes:
        votes: who voted for it.
        in_force: the quorum systems by which it may have counted them.
        chain: of its log; it grows with that while it leads.
    """

    votes: Sequence[str]
    in_force: Sequence[Halves]
    chain: Sequence[int]

    def has(self, index: int, committed: Sequence[int]) -> bool:
        """Whether the leader's log has a committed entry."""
        return index < len(self.chain) and self.chain[index] == committed[index]


class Durability:
    """Follows every disk of a cluster.

    Args:
        chains: names the prefixes of logs.
        committed: chains of the committed prefixes, from index 0; it grows.
        shadows: what the checker remembers, by host.
        hosts: those that were ever started; they become more.
    """

    def __init__(
        self,
        chains: Chains,
        committed: list[int],
        shadows: Mapping[str, Shadow],
        hosts: Mapping[str, Host],
    ) -> None:
        self._chains = chains
        self._committed = committed
        self._shadows = shadows
        self._hosts = hosts
        self._elections: dict[int, Election] = {}  # by term

    # Leaders

    def elected(self, host: Host, election: Election, committed_in: Sequence[int]) -> None:
        """Check a new leader: it must have all that was committed before its term (contract S4).

        Args:
            host: the leader.
            election: how it came about, and with which log.
            committed_in: the term of the leader that was first seen to commit each index.
        """
        term = host.node.term
        self._elections[term] = election
        index = len(self._committed) - 1
        while committed_in[index] >= term:
            index -= 1
        if not election.has(index, self._committed):
            raise self._missing(election, index, f"{host.id} leads term {term} without the committed entry {index}")

    def committed_in(self, term: int, index: int) -> None:
        """Check the leaders of later terms: they must have what is committed in this one only now (contract S4)."""
        for later in sorted(self._elections):
            election = self._elections[later]
            if later > term and not election.has(index, self._committed):
                message = f"entry {index}, committed in term {term}, misses in term {later}"
                raise self._missing(election, index, message)

    def _missing(self, election: Election, index: int, message: str) -> InvariantError:
        """Return what it means that a leader lacks a committed entry."""
        trusty = [voter for voter in election.votes if not self._lost_power(voter, index)]
        if any(is_quorum(trusty, halves) for halves in election.in_force):
            return InvariantError("S4", message)
        return CommittedLost(message)

    # Disks

    def changed(self, host: Host, write: Write) -> None:
        """A write took effect on a node's disk."""
        shadow = self._shadows[host.id]
        if write.term is not None:
            if write.term < shadow.disk_term:
                raise InvariantError("S6", f"the disk of {host.id} went back to term {write.term}")
            if write.term == shadow.disk_term and shadow.disk_vote not in (None, write.vote):
                raise InvariantError("S6", f"the disk of {host.id} changed its vote in term {write.term}")
            shadow.disk_term = write.term
            shadow.disk_vote = write.vote
        last = len(shadow.disk_chain) - 1
        if write.term is not None or write.cluster:
            shadow.synced_index = last  # whoever finds this ballot must find all that was written before it
        if write.entries:
            self._follow_disk(host, shadow, write)
            if write.entries[0].index <= last:
                shadow.synced_index = len(shadow.disk_chain) - 1
        if write.install is not None:
            shadow.disk_configurations = Configurations(write.install.index, write.install.configuration)
            index = write.install.index
            if index >= len(self._committed):
                raise InvariantError("S5", f"{host.id} stores a snapshot of entry {index}, which is not committed")
            lost, shadow.disk_chain = shadow.disk_chain[index + 1 :], self._committed[: index + 1]
            shadow.synced_index = index
            self._check_lost(index + 1, lost)

    def _follow_disk(self, host: Host, shadow: Shadow, write: Write) -> None:
        first = write.entries[0].index
        chain = shadow.disk_chain
        if first > len(chain):
            raise InvariantError("S6", f"the disk of {host.id} has a gap before entry {first}")
        replaced = chain[first:]
        del chain[first:]
        if shadow.disk_configurations is not None:
            shadow.disk_configurations.truncate(first)
        for entry in write.entries:
            chain.append(self._chains.extend(chain[-1], entry, host))
            if entry.kind == CONFIGURATION:
                if shadow.disk_configurations is None:
                    shadow.disk_configurations = Configurations(0, Configuration.unknown())
                shadow.disk_configurations.append(entry)
        if chain[first : first + len(replaced)] != replaced:
            self._check_lost(first, replaced)

    def _check_lost(self, first: int, lost: list[int]) -> None:
        """Entries that were on a disk from `first` on may be gone: nobody may be elected without one committed."""
        committed = self._committed[first : first + len(lost)]
        if committed and lost[: len(committed)] == committed:
            self._check_nobody_is_elected_without(len(self._committed) - 1)

    def cut(self, host: Host, index: int) -> None:
        """Power loss has left the entries of a disk up to an index."""
        shadow = self._shadows[host.id]
        if index < shadow.synced_index:
            raise InvariantError("D6", f"power loss takes entry {index + 1} of {host.id}, which was synced")
        taken = shadow.disk_chain[index + 1 :]
        del shadow.disk_chain[index + 1 :]
        shadow.lost_power.update(taken)
        if shadow.disk_configurations is not None:
            shadow.disk_configurations.truncate(index + 1)
        self._check_lost(index + 1, taken)

    def lost(self, host: Host, known: Configurations | None) -> None:
        """A node got a new disk, and will start with what is known of the members, if anything."""
        shadow = self._shadows[host.id]
        shadow.lost_chain = shadow.disk_chain
        shadow.disk_chain = [0]
        shadow.synced_index = 0
        shadow.disk_term = 0
        shadow.disk_vote = None
        shadow.disk_configurations = known

    def check_committed(self, host: Host, index: int, in_force: Sequence[Halves]) -> None:
        """Check a leader that has just committed: the entry must be on the disks of a quorum for good.

        A full voter of each half must be among them; in_force are the quorum systems that it may have counted by. Who
        has lost its disk since it acknowledged the entry counts, or lost power: that acknowledgement was true.
        """
        configuration = self._shadows[host.id].configuration
        holders = [
            id for id in self._shadows if self._holds(id, index) or self._held(id, index) or self._lost_power(id, index)
        ]
        full = [id for id in holders if id not in configuration.witnesses]
        if not any(
            is_quorum(holders, halves) and all(any(id in full for id in half) for half in halves) for halves in in_force
        ):
            raise InvariantError("S8", f"committed entry {index} is durable on {holders} only, under {configuration!r}")
        self._check_nobody_is_elected_without(index)

    def _holds(self, id: str, index: int) -> bool:
        chain = self._shadows[id].disk_chain
        return index < len(chain) and chain[index] == self._committed[index]

    def _held(self, id: str, index: int) -> bool:
        chain = self._shadows[id].lost_chain
        return index < len(chain) and chain[index] == self._committed[index]

    def _lost_power(self, id: str, index: int) -> bool:
        return self._committed[index] in self._shadows[id].lost_power

    def _check_nobody_is_elected_without(self, index: int) -> None:
        """Whoever could be elected by what is on the disks holds this entry, unless who has lost it elects, too."""
        ends = {id: host.disk.end for id, host in self._hosts.items()}
        for id, host in self._hosts.items():
            known = self._shadows[id].disk_configurations
            if known is None or self._holds(id, index):
                continue
            configuration = known.newest
            halves = halves_of(configuration)
            is_voter = any(id in half for half in halves) and id not in configuration.witnesses
            if not is_voter or not self._is_bound(configuration, host):
                continue
            grant = [
                voter
                for voter in configuration.members
                if voter not in self._hosts
                or (ends[voter] <= ends[id] and self._is_bound(configuration, self._hosts[voter]))
            ]
            if is_quorum([voter for voter in grant if not self._lost_power(voter, index)], halves):
                raise InvariantError(
                    "S8", f"{id} could be elected without the committed entry {index}, under {configuration!r}"
                )

    def _is_bound(self, configuration: Configuration, host: Host) -> bool:
        incarnation = host.disk.incarnation
        bound: int = configuration.incarnations.get(host.id, incarnation)
        return bound == incarnation

    def is_remembered(self, id: str) -> bool:
        """Whether another host goes by a configuration with this member, or would after a crash, or a truncation.

        It would not vote for the next life of that id, see the limit that docs/adr/0013 states.
        """
        return any(
            id in configuration.members
            for other in self._hosts
            if other != id
            for configuration in self._known_by(other)
        )

    def configurations(self) -> list[Configuration]:
        """Return every configuration that may be in force somewhere, also after a crash or a truncation.

        Who waits to be added knows none yet, and elects nobody.
        """
        known = [configuration for id in self._hosts for configuration in self._known_by(id)]
        return [configuration for configuration in known if configuration.voters]

    def _known_by(self, id: str) -> list[Configuration]:
        shadow = self._shadows[id]
        known = [shadow.configuration]
        if shadow.disk_configurations is not None:
            chain = shadow.disk_chain
            kept = min(len(chain), len(self._committed)) - 1
            while chain[kept] != self._committed[kept]:
                kept -= 1
            known += [shadow.disk_configurations.newest, shadow.disk_configurations.at(kept)]
        return known

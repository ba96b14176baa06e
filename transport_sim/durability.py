"""What the disks of a cluster must hold together: whatever was ever committed survives them (contract S8).

The checker looks at the disks of nodes that are down, too: a machine that was switched off comes back with its disk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from raft.entries import CONFIGURATION
from raft.membership import Configuration, Configurations

from .chains import Chains
from .quorums import Halves, halves_of, is_quorum
from .shadow import InvariantError, Shadow

if TYPE_CHECKING:
    from raft.ready import Write

    from .host import Host


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
        if write.entries:
            self._follow_disk(host, shadow, write)
        if write.install is not None:
            shadow.disk_configurations = Configurations(write.install.index, write.install.configuration)
            index = write.install.index
            if index >= len(self._committed):
                raise InvariantError("S5", f"{host.id} stores a snapshot of entry {index}, which is not committed")
            lost, shadow.disk_chain = shadow.disk_chain[index + 1 :], self._committed[: index + 1]
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

    def lost(self, host: Host, known: Configurations | None) -> None:
        """A node got a new disk, and will start with what is known of the members, if anything."""
        shadow = self._shadows[host.id]
        shadow.lost_chain = shadow.disk_chain
        shadow.disk_chain = [0]
        shadow.disk_term = 0
        shadow.disk_vote = None
        shadow.disk_configurations = known

    def check_committed(self, host: Host, index: int, in_force: Sequence[Halves]) -> None:
        """Check a leader that has just committed: the entry must be on the disks of a quorum for good.

        A full voter of each half must be among them; in_force are the quorum systems that it may have counted by. Who
        has lost its disk since it acknowledged the entry counts: that acknowledgement was true.
        """
        configuration = self._shadows[host.id].configuration
        holders = [id for id in self._shadows if self._holds(id, index) or self._held(id, index)]
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

    def _check_nobody_is_elected_without(self, index: int) -> None:
        """Whoever could be elected by what is on the disks holds this entry."""
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
            if is_quorum(grant, halves):
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

"""What the checker remembers of one node, and how it says that a promise is broken."""

from __future__ import annotations

from raft.entries import Entry
from raft.membership import Configuration, Configurations


class InvariantError(Exception):
    """A promise was broken.

    Attributes:
        invariant: its number in the contract.
        node: where that was seen, if at one node.
        place: of an error in the code, its type and where it was raised.
    """

    def __init__(self, invariant: str, message: str, place: str | None = None) -> None:
        super().__init__(f"{invariant}: {message}")
        self.place = place
        self.invariant = invariant
        self.node: str | None = None
        self.message = message


class CommittedLost(InvariantError):
    """Committed entries are gone, just as the sync policy allows (contract D6): it is no use to look any further."""

    def __init__(self, message: str) -> None:
        super().__init__("D6", message)


class Shadow:
    """What the checker remembers of one node: its log and disk as chains, and what must not move backwards."""

    def __init__(self) -> None:
        self.entries: list[Entry | None] = []  # None where a snapshot came instead
        self.base_index = 0
        self.chain = [0]  # chain[i] names the prefix that ends with entry i
        self.disk_chain = [0]
        self.lost_chain: list[int] = []  # that of the disk which was lost last
        self.lost_power: set[int] = set()  # chains of the prefixes whose last entry power loss has taken from the disk
        self.synced_index = 0  # power loss takes no entry up to here, whatever the policy
        self.disk_configurations: Configurations | None = None  # None while the disk does not tell who takes part
        self.configuration = Configuration.unknown()  # as of the last turn
        self.configured_ms = 0  # since when it has been so
        self.disk_term = 0
        self.disk_vote: str | None = None
        self.term = 0
        self.vote: str | None = None
        self.commit_index = 0
        self.applied_index = 0
        self.applied_commands = 0
        self.leads: int | None = None  # the term it was seen to lead at the last look
        self.heard_ms: int | None = None  # when a leader of its term was last heard, in turns before this one
        self.granted: set[tuple[str, int]] = set()  # the votes that have arrived: (voter, term)
        self.led_since_ms = 0
        self.echoes: dict[str, int] = {}  # when each member's last echo of the term it leads arrived
        self.hearing: int | None = None  # the term of a leader whose message waits for this turn
        # What else waits for this turn: campaigns of pre-vote requests, terms of vote requests, and terms of all other
        # messages that may raise a term.
        self.asked: set[int] = set()
        self.vote_terms: set[int] = set()
        self.other_terms: set[int] = set()
        self.reported: list[tuple[int, list[int]]] = []  # in this turn: commit indexes, and the chains there
        self.turns = 0

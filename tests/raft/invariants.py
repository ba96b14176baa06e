"""The safety invariants S1 to S8 of the contract, checked over a whole cluster after every single event."""

from raft.entries import CONFIGURATION


class Invariants:
    """What is checked, and what must be remembered of the past for it."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.leaders = {}  # term -> id (S1)
        self.led = {}  # (id, term) -> the leader's log when last seen (S2)
        self.committed = []  # committed entries, from index 1 (S4, S8)
        self.members_change = False  # whether a configuration was ever committed
        self.committed_in = []  # the term of the leader that committed each
        self.applied = []  # applied entries, from index 1 (S5)
        self.nodes = {}  # id -> (node, commit index, applied index) when last seen (S6)
        self.disks = {}  # id -> (term, vote, entries) when last seen (S6)
        self.reads = {}  # (node, ticket) -> how much was committed when the read was asked (L1, L2)
        self.seen = {}  # (index, term) -> the entry, and the term of the one before (S3)
        self.seen_by_witnesses = {}
        self.noted = {}  # id -> (node, commit index) up to which its commits were noted (S8)

    def check(self):
        nodes = self.cluster.nodes
        for id in self.cluster.ids:
            if id in nodes:
                nodes[id].check()
                self.note_commit(nodes[id])
                self.one_leader_a_term(id, nodes[id])
                self.a_leader_only_appends(id, nodes[id])
                self.what_a_node_knows_never_goes_back(id, nodes[id])
                self.indexes_are_ordered(nodes[id])
                self.all_apply_the_same(id)
            self.a_disk_never_goes_back(id)
        self.logs_match()
        self.what_is_committed_is_durable_on_a_quorum()
        self.leaders_are_complete()

    # S1

    def one_leader_a_term(self, id, node):
        if node.role.name == "leader":
            first = self.leaders.setdefault(node.term, id)
            assert first == id, f"S1: {first} and {id} both led term {node.term}"

    # S2

    def a_leader_only_appends(self, id, node):
        if node.role.name == "leader":
            log = entries_of(node.log)
            before = self.led.get((id, node.term), [])
            assert log[: len(before)] == before, f"S2: leader {id} overwrote its own log"
            self.led[(id, node.term)] = log

    # S3

    def logs_match(self):
        # Two logs that have an entry of the same index and term are identical up to it just if everywhere, and at all
        # times, an entry of that index and term is the same and follows one of the same term.
        logs = [(id, entries_of(node.log)) for id, node in self.cluster.nodes.items()]
        logs += [(id, disk.entries) for id, disk in self.cluster.disks.items()]
        for id, log in logs:
            seen = self.seen_by_witnesses if id in self.cluster.witnesses else self.seen
            term_before = 0
            for entry in log:
                known = seen.setdefault((entry.index, entry.term), (entry, term_before))
                same = known[0] is entry or known[0] == entry
                assert same and known[1] == term_before, (
                    f"S3: two logs agree at {entry.index} and differ there or before"
                )
                term_before = entry.term
        for key in self.seen_by_witnesses.keys() & self.seen.keys():
            entry, term_before = self.seen[key]
            expected = (entry.without_payload(), term_before)
            assert self.seen_by_witnesses[key] == expected, (
                f"S3: a witness agrees at {key[0]} and differs there or before"
            )

    # S4

    def leaders_are_complete(self):
        for id, node in self.cluster.nodes.items():
            if node.role.name == "leader":
                for entry, term in zip(self.committed, self.committed_in, strict=True):
                    if node.term > term:
                        held = node.log.last_index >= entry.index and node.log.entry(entry.index) == entry
                        assert held, f"S4: leader {id} of term {node.term} lacks {entry}, committed in term {term}"

    # S5

    def all_apply_the_same(self, id):
        applied = self.cluster.applied[id]
        for position, entry in enumerate(applied, start=1):
            assert entry.index == position, f"S5: {id} applied {entry} as number {position}"
            if position > len(self.applied):
                self.applied.append(self.committed[position - 1])
            [other] = self.as_stored([self.applied[position - 1]], id)
            assert other == entry, f"S5: {id} applied {entry}, others {other}"

    # S6

    def what_a_node_knows_never_goes_back(self, id, node):
        known, commit, applied = self.nodes.get(id, (None, 0, 0))
        if known is node:
            assert node.log.commit_index >= commit, f"S6: the commit index of {id} moved backwards"
            assert node.log.applied_index >= applied, f"S6: the applied index of {id} moved backwards"
        assert node.term >= self.cluster.disks[id].term, f"S6: {id} is behind the term on its own disk"
        self.nodes[id] = (node, node.log.commit_index, node.log.applied_index)

    def a_disk_never_goes_back(self, id):
        disk = self.cluster.disks[id]
        term, vote, log = self.disks.get(id, (0, None, []))
        assert disk.term >= term, f"S6: the durable term of {id} moved backwards"
        if disk.term == term and vote is not None:
            assert disk.vote == vote, f"S6: {id} voted for {vote} and for {disk.vote} in term {term}"
        for was in log:
            now = disk.entries[was.index - 1 : was.index]
            assert now, f"S6: the durable log of {id} shrank without a conflict"
            if now[0] != was:
                assert now[0].term != was.term, f"S6: {id} rewrote entry {was.index} of the same term"
                break
        self.disks[id] = (disk.term, disk.vote, list(disk.entries))

    # S7

    def indexes_are_ordered(self, node):
        log = node.log
        assert 0 <= log.applied_index <= log.commit_index <= log.last_index, "S7: the indexes are out of order"
        assert log.applied_index <= log.durable_index <= log.last_index, "S7: applied what is not on the own disk"
        assert node.status().commit_index <= log.durable_index, "S7: reported as committed what is not on the own disk"
        disk = self.cluster.disks[node.id].entries[: log.durable_index]
        assert disk == entries_of(log)[: log.durable_index], "S7: what counts as durable is not on the disk"

    # L1, L2

    def read_asked(self, node, ticket):
        self.reads[(node, ticket)] = len(self.committed)

    def answered(self, node, answers):
        for answer in answers:
            committed = self.reads.pop((node, answer.ticket), None)
            if committed is not None and answer.error is None:
                assert answer.value >= committed, f"L1: {node.id} may be read from {answer.value} on, not {committed}"
                assert node.log.applied_index >= answer.value, f"L1: {node.id} is read before it has applied so much"

    # S8

    def note_commit(self, node):
        """Take note of what a node knows to be committed; nobody knows of it before the leader that counted it."""
        known, noted = self.noted.get(node.id, (None, 0))
        for index in range(noted + 1 if known is node else 1, node.log.commit_index + 1):
            entry = node.log.entry(index)
            if index > len(self.committed):
                assert node.role.name == "leader", f"{node.id} learned of the commit of {entry} before any leader did"
                self.committed.append(entry)
                self.committed_in.append(node.term)
                self.members_change = self.members_change or entry.kind == CONFIGURATION
                self.is_durable_on_a_quorum(entry, node.configuration)
            [committed] = self.as_stored([self.committed[index - 1]], node.id)
            assert committed == entry, f"S5: {node.id} holds {entry} as committed"
        self.noted[node.id] = (node, node.log.commit_index)

    def is_durable_on_a_quorum(self, entry, configuration):
        for half in configuration.halves:
            holders = [voter for voter in half if self.holds(voter, entry)]
            assert 2 * len(holders) > len(half), f"S8: {entry} is committed, and durable only on {holders}"
            full = [holder for holder in holders if holder not in configuration.witnesses]
            assert full, f"S8: {entry} is committed, and durable only on witnesses"

    def what_is_committed_is_durable_on_a_quorum(self):
        if not self.committed:
            return
        last = self.committed[-1]  # who holds it holds all before it (S3)
        if not self.members_change:
            self.is_durable_on_a_quorum(last, self.cluster.configuration)
        for id, node in self.cluster.nodes.items():
            if not node.configuration.may_lead(id):
                continue
            ignorant = []  # voters that would elect this member, and do not hold the entry
            for half in node.configuration.halves:
                would = [voter for voter in half if self.would_elect(voter, node) and not self.holds(voter, last)]
                ignorant.append(2 * len(would) > len(half))
            assert not all(ignorant), f"S8: {id} could be elected by voters none of which holds {last}"

    def would_elect(self, voter, node):
        """Whether a voter, by what is on its disk, would vote for a node, and its vote would count."""
        log = node.log
        stored = self.cluster.disks[voter].entries
        incarnation = self.cluster.disks[voter].incarnation
        if node.configuration.incarnations.get(voter, incarnation) != incarnation:
            return False
        return not stored or (log.last_term, log.last_index) >= (stored[-1].term, stored[-1].index)

    def holds(self, voter, entry):
        stored = self.cluster.disks[voter].entries
        return len(stored) >= entry.index and stored[entry.index - 1] == self.as_stored([entry], voter)[0]

    def as_stored(self, log, *ids):
        """Entries as all of these members store them: witnesses keep no payloads."""
        if any(id in self.cluster.witnesses for id in ids):
            return [entry.without_payload() for entry in log]
        return log


def entries_of(log):
    return [log.entry(index) for index in range(1, log.last_index + 1)]

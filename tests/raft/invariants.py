"""The safety invariants S1 to S8 of the contract, checked over a whole cluster after every single event."""


class Invariants:
    """What is checked, and what must be remembered of the past for it."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.leaders = {}  # term -> id (S1)
        self.led = {}  # (id, term) -> the leader's log when last seen (S2)
        self.committed = []  # committed entries, from index 1 (S4, S8)
        self.committed_in = []  # the term of the leader that committed each
        self.applied = []  # applied entries, from index 1 (S5)
        self.nodes = {}  # id -> (node, commit index, applied index) when last seen (S6)
        self.disks = {}  # id -> (term, vote, entries) when last seen (S6)

    def check(self):
        nodes = self.cluster.nodes
        for id in self.cluster.ids:
            if id in nodes:
                nodes[id].check()
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
        logs = [entries_of(node.log) for node in self.cluster.nodes.values()]
        logs += [disk.entries for disk in self.cluster.disks.values()]
        for i in range(len(logs)):
            for j in range(i):
                one, other = logs[i], logs[j]
                common = [k for k in range(min(len(one), len(other))) if one[k].term == other[k].term]
                if common:
                    last = common[-1] + 1
                    assert one[:last] == other[:last], f"S3: two logs agree at {last} and differ before it"

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
                self.applied.append(entry)
            assert self.applied[position - 1] == entry, f"S5: {id} applied {entry}, others {self.applied[position - 1]}"

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

    # S8

    def what_is_committed_is_durable_on_a_quorum(self):
        for id, node in self.cluster.nodes.items():
            for index in range(1, node.log.commit_index + 1):
                entry = node.log.entry(index)
                if index > len(self.committed):
                    assert node.role.name == "leader", f"{id} learned of the commit of {entry} before any leader did"
                    self.committed.append(entry)
                    self.committed_in.append(node.term)
                assert self.committed[index - 1] == entry, f"S5: {id} holds {entry} as committed"
        for half in self.cluster.configuration.halves:
            for entry in self.committed:
                holders = [voter for voter in half if self.holds(voter, entry)]
                assert 2 * len(holders) > len(half), f"S8: {entry} is committed, and durable only on {holders}"

    def holds(self, voter, entry):
        stored = self.cluster.disks[voter].entries
        return len(stored) >= entry.index and stored[entry.index - 1] == entry


def entries_of(log):
    return [log.entry(index) for index in range(1, log.last_index + 1)]

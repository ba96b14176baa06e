"""Anything that can happen to a cluster, in any order; its invariants hold after each step."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from raft.changes import LEARNER, REMOVED, VOTER, Change
from raft.errors import ProposalRefused, ReadFailed, TransferRefused
from tests.raft.cluster import Cluster

# Small enough for every limit to be met.
TIGHT = {"max_append_entries": 2, "max_append_bytes": 100, "window_messages": 2, "max_uncommitted_bytes": 400}


class AnythingHappens(RuleBasedStateMachine):
    """Messages are delivered, lost, repeated and overtaken; disks complete out of order; members crash and return.

    The rules say little about what to expect: the cluster checks its invariants after everything that happens.
    """

    @initialize(voters=st.sampled_from(["abc", "abcde", "ab", "a", "abcd"]), learner=st.booleans(), cold=st.booleans())
    def begin(self, voters, learner, cold):
        self.cluster = Cluster(voters, learners="l" if learner else "", **TIGHT)
        self.proposed = 0
        if not cold:
            self.cluster.elect("a")
            self.cluster.commit("a", b"first")

    def pick(self, data, choices):
        return data.draw(st.sampled_from(choices))

    def running(self):
        return sorted(self.cluster.nodes)

    @precondition(lambda self: self.cluster.under_way())
    @rule(data=st.data(), repeat=st.integers(0, 5))
    def deliver(self, data, repeat):
        link = self.pick(data, self.cluster.under_way())
        position = data.draw(st.integers(0, len(self.cluster.links[link]) - 1))
        self.cluster.deliver(*link, position, keep=repeat == 0)

    @precondition(lambda self: self.cluster.under_way())
    @rule(data=st.data())
    def deliver_a_whole_link(self, data):
        link = self.pick(data, self.cluster.under_way())
        for _ in range(len(self.cluster.links[link])):
            self.cluster.deliver(*link)

    @rule()
    def deliver_everything_under_way(self):
        for link in self.cluster.under_way():
            for _ in range(len(self.cluster.links[link])):
                self.cluster.deliver(*link)

    @precondition(lambda self: self.cluster.under_way())
    @rule(data=st.data())
    def lose(self, data):
        link = self.pick(data, self.cluster.under_way())
        self.cluster.lose(*link, data.draw(st.integers(0, len(self.cluster.links[link]) - 1)))

    @rule(data=st.data(), ms=st.sampled_from([0, 30, 100, 1000]))
    def tick(self, data, ms):
        if self.running():
            self.cluster.now += ms
            self.cluster.tick(self.pick(data, self.running()))

    @rule(data=st.data())
    def time_out(self, data):
        """One member's time runs out, and nobody else notices how late it is."""
        if self.running():
            id = self.pick(data, self.running())
            if self.cluster.nodes[id].deadline is not None:
                self.cluster.now = max(self.cluster.now, self.cluster.nodes[id].deadline)
                self.cluster.tick(id)

    @rule(data=st.data(), size=st.sampled_from([0, 1, 90, 500]), count=st.integers(1, 4), hops=st.integers(0, 3))
    def propose(self, data, size, count, hops):
        leaders = [id for id in self.running() if self.cluster.role(id) == "leader"]
        if not leaders:
            self.cluster.run(3000, until=lambda: self.cluster.leader is not None)
            return
        id = self.pick(data, leaders)
        for _ in range(count):
            self.proposed += 1
            try:
                self.cluster.propose(id, b"%d:" % self.proposed + b"x" * size)
            except ProposalRefused:
                self.cluster.collect(id)
        for _ in range(hops):
            self.deliver_everything_under_way()

    @rule(data=st.data())
    def stall_or_free_a_disk(self, data):
        id = self.pick(data, list(self.cluster.ids))
        disk = self.cluster.disks[id]
        disk.instant = not disk.instant
        if disk.instant and id in self.cluster.nodes:
            self.cluster.complete(id)

    @precondition(lambda self: any(self.cluster.disks[id].writes for id in self.cluster.nodes))
    @rule(data=st.data())
    def complete_a_write(self, data):
        id = self.pick(data, [id for id in self.running() if self.cluster.disks[id].writes])
        self.cluster.complete(id, self.pick(data, [write.number for write in self.cluster.disks[id].writes]))

    @rule(data=st.data(), survivors=st.integers(0, 3), back=st.booleans())
    def crash(self, data, survivors, back):
        if self.running():
            id = self.pick(data, self.running())
            self.cluster.crash(id, survivors)
            if back:
                self.cluster.start(id)

    @precondition(lambda self: len(self.cluster.nodes) < len(self.cluster.ids))
    @rule()
    def start_all_that_are_down(self):
        for id in self.cluster.ids:
            if id not in self.cluster.nodes:
                self.cluster.start(id)

    @rule(ms=st.sampled_from([100, 500, 3000]))
    def peace(self, ms):
        """Let the cluster run for a while, so that it gets somewhere."""
        self.cluster.run(ms)

    def teardown(self):
        if not hasattr(self, "cluster"):
            return
        # Whatever has happened: with all members back and all links whole, everything committed is applied by all.
        cluster = self.cluster
        for id in cluster.ids:
            cluster.disks[id].instant = True
            if id not in cluster.nodes:
                cluster.start(id)
            cluster.complete(id)
        cluster.run_until_leader()
        cluster.run(5000)
        assert {len(cluster.applied[id]) for id in cluster.ids} == {cluster.nodes[cluster.leader].log.last_index}


class MembersChangeToo(AnythingHappens):
    """As above; and members join, leave, are promoted and demoted, leaders hand over, and everybody is read."""

    @initialize(witness=st.booleans(), leases=st.booleans())
    def begin(self, witness, leases):
        self.cluster = Cluster(
            "abc",
            parts={"witnesses": ("c",) if witness else ()},
            bound=True,
            lease_promise_ms=1000 if leases else 0,
            **TIGHT,
        )
        self.proposed = 0
        self.cluster.run(1000)
        self.cluster.elect("a")
        self.cluster.run(300)
        self.cluster.join("d", "e")

    def leaders(self):
        return [id for id in self.running() if self.cluster.role(id) == "leader"]

    @precondition(lambda self: self.leaders())
    @rule(
        data=st.data(),
        parts=st.dictionaries(st.sampled_from("abcde"), st.sampled_from([VOTER, VOTER, LEARNER, REMOVED]), min_size=1),
        hops=st.integers(0, 3),
    )
    def change_members(self, data, parts, hops):
        id = self.pick(data, self.leaders())
        disks = self.cluster.disks
        changes = []
        for member, part in parts.items():
            witness = True if member in self.cluster.witnesses else None
            changes.append(Change(member, part, incarnation=disks[member].incarnation, witness=witness))
        try:
            self.cluster.change(id, *changes)
        except ProposalRefused:
            self.cluster.collect(id)
        for _ in range(hops):
            self.deliver_everything_under_way()

    @precondition(lambda self: self.leaders())
    @rule(data=st.data(), to=st.sampled_from([None, *"abcde"]))
    def hand_over(self, data, to):
        id = self.pick(data, self.leaders())
        try:
            self.cluster.transfer(id, to)
        except TransferRefused:
            self.cluster.collect(id)

    @precondition(lambda self: self.running())
    @rule(data=st.data(), by_lease=st.booleans(), count=st.integers(1, 3))
    def read(self, data, by_lease, count):
        id = self.pick(data, self.running())
        for _ in range(count):
            try:
                self.cluster.read(id, by_lease)
            except ReadFailed:
                self.cluster.collect(id)

    def teardown(self):
        if not hasattr(self, "cluster"):
            return
        # With all members back and all links whole somebody leads, no change is half done, and nobody waits for a read.
        cluster = self.cluster
        for id in cluster.ids:
            cluster.disks[id].instant = True
            if id not in cluster.nodes:
                cluster.start(id)
            cluster.complete(id)
        cluster.run_until_leader()
        cluster.run(20_000)
        leader = cluster.nodes[cluster.leader]
        assert not leader.configuration.joint
        assert leader.log.commit_index == leader.log.last_index
        for id in leader.configuration.members:
            assert len(cluster.applied[id]) == leader.log.last_index, f"{id} has not applied everything"
            assert cluster.nodes[id].configuration == leader.configuration
        assert not any(node.reads.wait for node in cluster.nodes.values())
        for answers in cluster.answers.values():
            tickets = [answer.ticket for answer in answers]
            assert len(tickets) == len(set(tickets)), "something was answered twice"


def run(machine, examples):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )


@pytest.mark.contract("S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "R1", "R9")
def test_the_invariants_hold_whatever_happens():
    run(AnythingHappens, 200)


@pytest.mark.contract("S1", "S4", "S5", "S8", "L1", "L2", "L3", "M1", "M2", "M3", "M7", "M8", "E10")
def test_the_invariants_hold_whatever_happens_while_members_change():
    run(MembersChangeToo, 100)

"""Hypothesis plays the adversary of a simulated cluster: any order of whatever can be done to it or asked of it."""

from collections import Counter

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from actors.session_commands import in_session, plain, register
from actors.session_table import REGISTERED
from raft.actor import LEASE, LINEARIZABLE, STALE
from raft.changes import LEARNER, REMOVED, VOTER, Change
from transport_sim import Simulation

MEMBERS = st.integers(0, 4)  # three first members, and two machines that stand by
KINDS = ["drop", "reorder", "slow-disk", "busy", "drift"]


class AnySchedule(RuleBasedStateMachine):
    """The checker inside the simulation raises as soon as a promise is broken; at the end all must recover."""

    simulation = None
    session = 1  # the one that was opened last, if any
    committed = 1  # how many prefixes of the log are known to be committed

    @initialize(seed=st.integers(0, 1000), kinds=st.sets(st.sampled_from(KINDS)))
    def begin(self, seed, kinds):
        self.joining = Counter()  # by host: how many changes to a part of its are under way
        self.simulation = Simulation(seed, nodes=3, faults=["membership", *sorted(kinds)], sync="always")
        self.simulation.operator.stop()  # its part is played here
        self.simulation.start()

    @invariant()
    def what_is_committed_stays_so_and_is_applied_alike(self):
        if self.simulation is None:
            return
        assert len(self.simulation.checker.committed) >= self.committed
        self.committed = len(self.simulation.checker.committed)
        logs = sorted([host.machine.commands for host in self.simulation.hosts if host.starts], key=len)
        assert all(longer[: len(shorter)] == shorter for shorter, longer in zip(logs, logs[1:], strict=False))

    @invariant()
    def nobody_leads_the_term_of_another(self):
        if self.simulation is not None:
            nodes = [host.node for host in self.simulation.hosts if host.actor is not None]
            led = [node.term for node in nodes if node.leading is not None]
            assert len(set(led)) == len(led)

    @rule(milliseconds=st.integers(1, 3000))
    def wait(self, milliseconds):
        self.simulation.advance(milliseconds / 1000)

    @rule()
    def wait_for_a_leader(self):
        scheduler = self.simulation.scheduler
        scheduler.run_until(scheduler.now_us + 5_000_000, lambda: self.simulation.leader() is not None)

    @rule(member=MEMBERS)
    def crash(self, member):
        self.simulation.hosts[member].crash()

    @rule(member=MEMBERS)
    def restart(self, member):
        host = self.simulation.hosts[member]
        if host.actor is None and host.starts:
            host.start()

    @rule(member=MEMBERS)
    def lose_the_disk_of_one_that_was_removed(self, member):
        """Or that was never there. Whoever may still count for somebody keeps its disk."""
        host = self.simulation.hosts[member]
        known = self.simulation.checker.configurations()
        if self.joining[host.id] == 0 and not any(host.id in configuration.members for configuration in known):
            host.crash()
            host.lose_disk()

    @precondition(lambda self: self.simulation.leader() is not None)
    @rule(changes=st.dictionaries(MEMBERS, st.sampled_from([VOTER, VOTER, LEARNER, REMOVED]), min_size=1, max_size=3))
    def change_members(self, changes):
        leader = self.simulation.leader()
        asked = []
        joining = []
        for member, part in changes.items():
            host = self.simulation.hosts[member]
            if part == REMOVED:
                asked.append(Change(host.id, REMOVED))
                continue
            if host.actor is None:
                host.start()
            joining.append(host.id)
            asked.append(Change(host.id, part, f"{host.id}:7000", host.disk.incarnation, host.is_witness))
        self.joining.update(joining)
        leader.change(asked, lambda error, result: self.joining.subtract(joining))

    @precondition(lambda self: self.simulation.leader() is not None)
    @rule(member=st.none() | MEMBERS)
    def transfer(self, member):
        to = None if member is None else self.simulation.hosts[member].id
        self.simulation.leader().transfer(to, lambda error, result: None)

    @rule(member=MEMBERS, consistency=st.sampled_from([LINEARIZABLE, LEASE]), times=st.integers(1, 3))
    def read(self, member, consistency, times):
        for _ in range(times):
            readings = self.simulation.reader.readings
            readings.read(self.simulation.hosts[member], consistency, lambda error, result: None)

    @rule(member=MEMBERS)
    def read_what_may_be_stale(self, member):
        self.simulation.hosts[member].read(STALE, lambda error, result: None)

    @rule(member=MEMBERS, milliseconds=st.integers(1, 500))
    def pause(self, member, milliseconds):
        self.simulation.hosts[member].pause(milliseconds * 1000)

    @rule(member=MEMBERS)
    def isolate(self, member):
        alone = self.simulation.hosts[member].id
        self.simulation.network.partition([alone], [host.id for host in self.simulation.hosts if host.id != alone])

    @rule(sender=MEMBERS, receiver=MEMBERS)
    def cut_one_way(self, sender, receiver):
        hosts = self.simulation.hosts
        self.simulation.network.cut = {*self.simulation.network.cut, (hosts[sender].id, hosts[receiver].id)}

    @rule()
    def heal(self):
        self.simulation.network.heal()

    @rule(member=MEMBERS, milliseconds=st.integers(1, 1000))
    def stall_disk(self, member, milliseconds):
        self.simulation.hosts[member].disk.stall(milliseconds * 1000)

    @rule(member=MEMBERS, size=st.integers(0, 100))
    def propose(self, member, size):
        self.simulation.hosts[member].propose(plain(b"x" * size), lambda error, result: None)

    @rule(member=MEMBERS)
    def register(self, member):
        def reply(error, result):
            if error is None and result.outcome == REGISTERED:
                self.session = result.value

        self.simulation.hosts[member].propose(register(), reply)

    @rule(member=MEMBERS, sequence=st.integers(1, 5), below=st.integers(0, 2))
    def propose_in_session(self, member, sequence, below):
        data = in_session(self.session, sequence, max(1, sequence - below), b"%d" % sequence)
        self.simulation.hosts[member].propose(data, lambda error, result: None)

    def teardown(self):
        if self.simulation is not None:
            try:
                self.simulation.recover()
            finally:
                self.simulation.close()


TestAnySchedule = AnySchedule.TestCase
TestAnySchedule.settings = settings(
    max_examples=600, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)

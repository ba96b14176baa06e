"""Hypothesis plays the adversary of a simulated cluster: any order of crashes, cuts, proposals and waiting."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from transport_sim import Simulation

MEMBERS = st.integers(0, 2)


class AnySchedule(RuleBasedStateMachine):
    """The checker inside the simulation raises as soon as a promise is broken; at the end all must recover."""

    simulation = None

    @initialize(seed=st.integers(0, 1000), kinds=st.sets(st.sampled_from(["drop", "reorder", "slow-disk", "busy"])))
    def begin(self, seed, kinds):
        self.simulation = Simulation(seed, nodes=3, faults=sorted(kinds))
        self.simulation.start()

    @rule(milliseconds=st.integers(1, 3000))
    def wait(self, milliseconds):
        self.simulation.advance(milliseconds / 1000)

    @rule(member=MEMBERS)
    def crash(self, member):
        self.simulation.hosts[member].crash()

    @rule(member=MEMBERS)
    def restart(self, member):
        if self.simulation.hosts[member].actor is None:
            self.simulation.hosts[member].start()

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
        self.simulation.hosts[member].propose(b"x" * size, lambda error, result: None)

    def teardown(self):
        if self.simulation is not None:
            try:
                self.simulation.recover()
            finally:
                self.simulation.close()


TestAnySchedule = AnySchedule.TestCase
TestAnySchedule.settings = settings(
    max_examples=200, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)

from raft.messages import Heartbeat
from transport_sim.chance import Chance
from transport_sim.network import Network, Weather
from transport_sim.scheduler import Scheduler


class Wire:
    """A network and what came out of it."""

    def __init__(self, weather):
        self.scheduler = Scheduler()
        self.arrived = []
        self.down = set()
        chance = Chance(1)
        self.faults = chance.ledger.faults
        self.network = Network(self.scheduler, chance, weather, self._deliver)

    def _deliver(self, receiver, message):
        if receiver in self.down:
            return False
        self.arrived.append((receiver, message.round))
        return True

    def send(self, count, sender="a", receiver="b"):
        for round in range(1, count + 1):
            self.network.send(sender, [(receiver, Heartbeat(sender, 1, round))])

    def rounds(self, receiver="b"):
        return [round for to, round in self.arrived if to == receiver]


def test_a_calm_network_loses_nothing_and_keeps_the_order_of_each_link():
    wire = Wire(Weather())
    wire.send(200)
    wire.scheduler.run_until(10_000_000)
    assert wire.rounds() == list(range(1, 201))
    assert not wire.faults


def test_drops_are_lost_and_counted():
    wire = Wire(Weather(drop=0.5))
    wire.send(200)
    wire.scheduler.run_until(10_000_000)
    assert 50 < len(wire.arrived) < 150
    assert wire.faults["drop"] == 200 - len(wire.arrived)


def test_duplicates_arrive_twice_and_are_counted():
    wire = Wire(Weather(duplicate=0.5))
    wire.send(200)
    wire.scheduler.run_until(10_000_000)
    assert len(wire.arrived) == 200 + wire.faults["duplicate"]
    assert wire.faults["duplicate"] > 50


def test_reordered_messages_are_overtaken():
    wire = Wire(Weather(reorder=0.5))
    wire.send(200)
    wire.scheduler.run_until(10_000_000)
    assert sorted(wire.rounds()) == list(range(1, 201))
    assert wire.rounds() != list(range(1, 201))


def test_a_partition_cuts_both_ways_between_groups_only():
    wire = Wire(Weather())
    wire.network.partition(["a", "b"], ["c"])
    wire.send(1, "a", "b")
    wire.send(1, "a", "c")
    wire.send(1, "c", "a")
    wire.scheduler.run_until(10_000_000)
    assert wire.arrived == [("b", 1)]
    assert wire.faults["cut"] == 2


def test_a_one_way_cut_leaves_the_other_direction_alone():
    wire = Wire(Weather())
    wire.network.cut = {("a", "b")}
    wire.send(1, "a", "b")
    wire.send(1, "b", "a")
    wire.scheduler.run_until(10_000_000)
    assert wire.arrived == [("a", 1)]


def test_a_cut_also_stops_what_is_on_its_way():
    wire = Wire(Weather())
    wire.send(1)
    wire.network.cut = {("a", "b")}
    wire.scheduler.run_until(10_000_000)
    assert wire.arrived == []


def test_healing_mends_every_link():
    wire = Wire(Weather())
    wire.network.partition(["a"], ["b"])
    wire.network.heal()
    wire.send(1)
    wire.scheduler.run_until(10_000_000)
    assert wire.arrived == [("b", 1)]

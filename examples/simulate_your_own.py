"""Test a state machine of your own under faults: a shop that must never sell more than it has, or one thing twice.

Run it as it is and the shop passes. Run it with `buggy`, and the simulator finds the run in which the bug shows.
"""

import sys

from transport_sim import Simulation, SimulationFailed


class Shop:
    def __init__(self):
        self.stock = 5
        self.sold = {}  # by customer: how many

    def apply(self, command):
        customer, _, wanted = command.partition(b" ")
        if self.stock < int(wanted):
            return 0
        self.stock -= int(wanted)
        self.sold[customer] = self.sold.get(customer, 0) + int(wanted)
        return int(wanted)

    def snapshot(self):
        return [b"%d\n" % self.stock, *[b"%b %d\n" % item for item in sorted(self.sold.items())]]

    def restore(self, chunks):
        stock, *sold = b"".join(chunks).splitlines()
        self.stock = int(stock)
        self.sold = {customer: int(count) for customer, count in (line.split() for line in sold)}


class BuggyShop(Shop):
    def restore(self, chunks):  # it forgets what was sold before the snapshot
        self.stock = int(b"".join(chunks).splitlines()[0])
        self.sold = {}


def buy(client):
    while True:
        yield client.call(client.name.encode() + b" 1")  # exactly once, whatever happens to the cluster meanwhile
        yield client.sleep(client.chance.unit())


def adds_up(shop):
    assert shop.stock + sum(shop.sold.values()) == 5, f"{shop.stock} left, sold {shop.sold}"


def main(machine):
    for seed in range(40):
        try:
            Simulation(seed, nodes=3, seconds=10, machine=machine, clients=[buy, buy], invariant=adds_up).run().check()
        except SimulationFailed as failure:
            print(failure)
            return
    print("40 runs under faults, and the shop adds up")


if __name__ == "__main__":
    main(BuggyShop if "buggy" in sys.argv else Shop)

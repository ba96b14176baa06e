"""Histories of clients that do several things at once while things go wrong: there is an order that explains them."""

import random
from functools import partial

import pytest

from tests.contract.histories import History

CLIENTS = 4
LEAST = 20  # operations of each client
PAUSE_S = 0.005  # between two of them, so that there are not too many to check


def work(cluster, history, key, trouble):
    """Lets clients write and read three keys; trouble comes up in the midst of it, and they go on for a while."""
    names = [f"{key} {number}" for number in range(3)]
    over = []
    done = [0] * CLIENTS

    def client_at_work(number, client):
        chance = random.Random(number)
        after = 0
        while done[number] < LEAST or after < LEAST // 2:
            name = chance.choice(names)
            value = f"{number}.{done[number]}"
            match chance.randrange(6):
                case 0 | 1:
                    client.put(name, value)
                case 2:
                    client.cas(name, client.get(name), value)
                case 3:
                    client.delete(name)
                case 4:
                    client.get_stale(name)
                case _:
                    client.get(name)
            done[number] += 1
            after += bool(over)
            cluster.sleep(PAUSE_S)

    def trouble_in_between():
        cluster.wait_until(lambda: sum(done) >= LEAST, "some of it is done")
        trouble()
        over.append(True)

    cluster.together(
        trouble_in_between, *[partial(client_at_work, number, history.client()) for number in range(CLIENTS)]
    )
    final = history.client()
    for name in names:
        final.get(name)
    assert history.acknowledged >= CLIENTS * LEAST // 2


@pytest.mark.contract("C3", "L1")
def test_a_history_is_linearizable_though_the_leader_is_killed(cluster, key):
    history = History(cluster)

    def kill_and_restart():
        leader = cluster.wait_for_leader()
        cluster.kill(leader)
        cluster.wait_for_leader(other_than=leader)
        cluster.restart(leader)

    work(cluster, history, key, kill_and_restart)
    history.check()


@pytest.mark.contract("C3", "L1")
def test_a_history_is_linearizable_though_the_leader_is_not_heard_for_a_while(cluster, key):
    history = History(cluster)

    def silence_and_heal():
        leader = cluster.wait_for_leader()
        cluster.silence(leader)
        cluster.wait_for_leader(other_than=leader)
        cluster.heal()

    work(cluster, history, key, silence_and_heal)
    history.check()

"""Many add to one counter at once, and the leader is killed meanwhile: each addition counts once."""

import gevent

from actors import LocalCluster
from actors.recipes import Counter


def add(cluster, times):
    counter = Counter(cluster, "visits")
    for _ in range(times):
        counter.add(timeout=30)


def main():
    with LocalCluster(3) as cluster:
        adding = [gevent.spawn(add, cluster, 25) for _ in range(4)]
        counter = Counter(cluster, "visits")
        while counter.value(timeout=30) < 20:
            gevent.sleep(0.01)
        leader = cluster.wait_for_leader()
        cluster.kill(leader)
        print(f"{leader} led, and is killed")
        gevent.joinall(adding, raise_error=True)
        print(f"4 times 25 additions came to {counter.value()}")


if __name__ == "__main__":
    main()

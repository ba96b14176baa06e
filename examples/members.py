"""A cluster that grows from one node to five under writes, moves its leadership, and lets its first node go."""

import gevent

from actors import LocalCluster


def main():
    with LocalCluster(1) as cluster:
        written = []
        writer = gevent.spawn(write, cluster, written)

        while len(cluster.members) < 5:
            cluster.add()  # it catches up first, then it counts
            cluster.put("size", str(len(cluster.members)))
            if len(cluster.members) in (3, 5):
                print(f"{len(cluster.members)} nodes: {', '.join(cluster.members)}")

        print(f"leadership goes to {cluster.transfer('n3')}")
        cluster.remove("n1")
        print(f"n1 has left: {', '.join(cluster.members)}")

        cluster.put("stop", "now")
        writer.join()
        kept = [cluster.get(f"key {number}") for number in written]
        print(f"{len(kept)} writes, all kept: {all(kept)}")


def write(cluster, written):
    """Write until the key `stop` is there; no change of members or leaders makes a write fail."""
    while cluster.get("stop") is None:
        cluster.put(f"key {len(written)}", "value")
        written.append(len(written))


if __name__ == "__main__":
    main()

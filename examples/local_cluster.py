"""A replicated key-value store in one script: three nodes, one of which dies."""

from actors import LocalCluster


def main():
    with LocalCluster(3) as cluster:
        cluster.put("greeting", "hello")
        leader = cluster.wait_for_leader()
        print(f"{leader} leads; greeting is {cluster.get('greeting')!r}")

        cluster.kill(leader)
        cluster.put("greeting", "hello again")  # waits for the next leader
        print(f"{cluster.wait_for_leader()} leads; greeting is {cluster.get('greeting')!r}")

        cluster.restart(leader)


if __name__ == "__main__":
    main()

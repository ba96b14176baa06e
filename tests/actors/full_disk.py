"""A cluster one of whose directories is a small file system that fills up; run in a mount namespace of its own:

unshare --map-root-user --mount python -m tests.actors.full_disk DIRECTORY
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from actors import LocalCluster
from raft.config import Config

SIZE = "160M"
VALUE = bytes(1 << 20)
CONFIG = Config(election_timeout_ms=500, heartbeat_interval_ms=100, snapshot_tail_entries=10)


def seen(cluster):
    """Who leads, who says that its disk is full, and whom the leader knows to have no room."""
    raft = {status.id: status.raft for status in cluster.status()}
    leader = cluster.wait_for_leader()
    return {
        "leader": leader,
        "full": [id for id, status in raft.items() if status.disk_full],
        "no_room": [follower.id for follower in raft[leader].followers if follower.no_room],
        "behind": raft[leader].last_index - raft["n1"].last_index,
        "applied": raft["n1"].applied_index,
    }


def wait(cluster, condition, seconds=30.0):
    """Wait for what is seen to be so; return it."""
    for _ in range(int(seconds / 0.1)):
        now = seen(cluster)
        if condition(now):
            return now
        cluster.sleep(0.1)
    raise SystemExit(f"it has not come about: {now}")


def fill(directory):
    """Take what space is left."""
    filler = os.open(directory / "filler", os.O_CREAT | os.O_WRONLY)
    left = os.statvfs(directory).f_bavail * os.statvfs(directory).f_frsize
    os.posix_fallocate(filler, 0, left)
    os.close(filler)


def main(directory):
    """Fill the disk of the leader, go on writing, make space."""
    small = directory / "n1"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "small", small], check=True)
    written = 0
    with LocalCluster(3, directory=directory, config=CONFIG) as cluster:

        def write(count):
            nonlocal written
            for _ in range(count):
                cluster.put(f"key {written}", VALUE, timeout=20)
                written += 1

        write(1)
        if cluster.leader() != "n1":
            cluster.transfer("n1")
        fill(small)
        steps = [seen(cluster)]
        while steps[-1]["leader"] == "n1" and written < 200:
            write(1)
            steps.append(seen(cluster))
        handed_over_after = written
        while not steps[-1]["no_room"] and written < 200:
            write(1)
            steps.append(seen(cluster))
        stuck = seen(cluster)
        write(3)
        # It starts with a full disk, too, and goes on echoing and voting.
        cluster.kill("n1")
        cluster.restart("n1")
        cluster.sleep(1.0)
        restarted = wait(cluster, lambda now: now["full"] == ["n1"])
        cluster.kill("n3" if cluster.leader() == "n3" else "n2")
        cluster.wait_for_leader()
        for id in ("n2", "n3"):
            if not next(status for status in cluster.status() if status.id == id).running:
                cluster.restart(id)
        subprocess.run(["mount", "-o", "remount,size=800M", small], check=True)
        wait(cluster, lambda now: not now["full"] and not now["behind"], 60)
        write(3)
        wait(cluster, lambda now: not now["behind"])
        lost = [key for key in range(written) if cluster.get(f"key {key}") != VALUE]
    print(
        json.dumps(
            {
                "written": written,
                "handed_over_after": handed_over_after,
                "stuck": stuck,
                "restarted": restarted,
                "lost": lost,
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))

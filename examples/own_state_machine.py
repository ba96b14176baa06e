"""A state machine of your own: a queue of jobs that several workers share, each job given out once."""

from actors import LocalCluster


class JobQueue:
    """Every node applies the same commands in the same order, so all of them hold the same queue."""

    def __init__(self):
        self.jobs = []

    def apply(self, command):
        """Commands are bytes, and what they mean is up to you; the result goes to whoever proposed the command."""
        if command == b"take":
            return self.jobs.pop(0) if self.jobs else None
        if command.startswith(b"add "):
            self.jobs.append(command[len(b"add ") :])
            return len(self.jobs)
        return "no such command"  # never an exception: it would stop every node


def main():
    with LocalCluster(3, machine=JobQueue) as cluster:
        for job in (b"wash", b"dry", b"fold"):
            waiting = cluster.propose(b"add " + job)
            print(f"added {job.decode()}, {waiting} waiting")
        print(f"took {cluster.propose(b'take').decode()}")

        cluster.kill(cluster.wait_for_leader())
        print(f"took {cluster.propose(b'take').decode()}, by the next leader")


if __name__ == "__main__":
    main()

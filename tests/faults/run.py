"""Faults on real processes: python -m tests.faults.run SECONDS SEED FOLDER

Runs in namespaces of its own, for which `python -m tests.faults` cares. What was found is printed as one JSON object.
The folder gets the schedule, the logs and the histories; the same seed makes the same schedule.
"""

import json
import random
import sys
import time
from collections import Counter
from pathlib import Path

import gevent

from raft.errors import RaftError
from tests.faults import judge
from tests.faults.cluster import ELECTION_TIMEOUT_S, FOUNDERS, Cluster
from tests.faults.kinds import KINDS, NotDone
from tests.faults.schedule import schedule
from tests.faults.watcher import Watcher
from tests.transport_zmq.daemon.daemons import until

CALM_S = 2.0  # with load and without faults, before the first act
RECOVERY_S = 20 * ELECTION_TIMEOUT_S
LEVEL_S = 60.0


class Run:
    """One run; `found` is what is printed."""

    def __init__(self, seconds, seed, folder):
        self.found = {"seed": seed, "seconds": seconds, "folder": str(folder), "problems": []}
        self._seconds = seconds
        self._seed = seed
        self._done = Counter()
        self._record = open(folder / "schedule.ndjson", "w", encoding="utf-8")  # noqa: SIM115
        self._cluster = Cluster(folder, random.Random(f"{seed} small").choice(FOUNDERS))
        self._watcher = Watcher(self._cluster)

    def go(self):
        """Do all of it, and judge."""
        problems = self.found["problems"]
        try:
            self._live()
        except (AssertionError, RaftError) as error:
            problems.append(f"{type(error).__name__}: {error}")
        self._watcher.close()
        problems += judge.logs(self._cluster, self._watcher) + self._watcher.wrong
        self.found |= {"done": dict(self._done), "terms": len(self._watcher.leaders)}

    def _live(self):
        cluster, problems = self._cluster, self.found["problems"]
        cluster.start()
        cluster.load(self._seed)
        gevent.sleep(CALM_S)
        self._play()
        self._mend()
        codes = cluster.unload()
        problems += [f"processes of clients ended with {codes}"] if any(codes) else []
        self._tell("all become level")
        until(lambda: cluster.level() or self._watcher.wrong, f"are all level: {self._watcher.latest}", LEVEL_S)
        held = judge.contents(cluster)
        problems += [] if len(set(held.values())) == 1 else [f"members hold different things: {held}"]
        self._tell("histories are judged")
        wrong, self.found["histories"] = judge.histories(cluster)
        problems += wrong

    def close(self):
        self._cluster.close()
        self._record.close()
        if not self.found["problems"]:
            self._cluster.clear_disks()

    def _play(self):
        """Let things go wrong, act by act, until the time is up."""
        began_s = time.monotonic()
        for number, act in enumerate(schedule(self._seed), 1):
            left_s = began_s + self._seconds - time.monotonic()
            if left_s <= 0:
                return
            self._tell(f"{left_s:4.0f} s left, act {number}: {', '.join(step.kind for step in act.steps)}")
            steps = [gevent.spawn(self._step, number, step, began_s) for step in act.steps]
            gevent.joinall(steps, raise_error=True)
            if time.monotonic() < began_s + self._seconds:
                gevent.sleep(act.pause_s)

    def _step(self, number, step, began_s):
        gevent.sleep(step.after_s)
        at_s = time.monotonic() - began_s
        chance = random.Random(step.seed)
        told = self._attempt(step, chance)
        if not self._done[step.kind]:
            told = f"{told}; {self._attempt(step, chance)}"
        took_s = time.monotonic() - began_s - at_s
        line = {"act": number, "at_s": round(at_s, 2), "took_s": round(took_s, 2), "told": told, **step._asdict()}
        print(json.dumps(line), file=self._record, flush=True)

    def _attempt(self, step, chance):
        try:
            told = KINDS[step.kind](self._cluster, step.lasts_s, chance)
        except NotDone as error:
            return f"not done: {error}"
        self._done[step.kind] += 1
        return told

    def _mend(self):
        """All faults have ended; whoever is left out is added, and a write is acknowledged soon."""
        self._tell("all is mended")
        began_s = time.monotonic()
        self._cluster.client.put("mended", "yes", RECOVERY_S)
        self.found["recovery_s"] = round(time.monotonic() - began_s, 3)
        for member in self._cluster.missing():
            self._cluster.add(member, time.monotonic() + RECOVERY_S)

    def _tell(self, line):
        if sys.stderr.isatty():
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)


def main(seconds, seed, folder):
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    run = Run(float(seconds), int(seed), folder)
    try:
        run.go()
    finally:
        run.close()
    print(json.dumps(run.found))
    sys.exit(bool(run.found["problems"]))


if __name__ == "__main__":
    main(*sys.argv[1:])

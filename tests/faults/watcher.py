"""Looks at all members all the time, and takes note of what must never be."""

import gevent

LOOK_S = 0.1
NEVER_BACK = ("term",)  # of one data directory
NOT_BACK_WHILE_IT_RUNS = ("commit_index", "applied_index", "first_index")


class Watcher:
    """Attributes:
    wrong: what was seen, in words.
    leaders: who was seen leading, by term.
    latest: what each member said last, by id.
    """

    def __init__(self, cluster):
        self.wrong = []
        self.leaders = {}
        self.latest = {}
        self._cluster = cluster
        self._greenlet = gevent.spawn(self._run)

    def close(self):
        self._greenlet.kill()

    def take(self, status):
        """Compare what a member says with what it and others have said."""
        id, term, before = status["id"], status["term"], self.latest.get(status["id"])
        if status["role"] == "leader":
            self.note_leader(id, term)
        if before is not None and before["incarnation"] == status["incarnation"]:
            names = NEVER_BACK if status["uptime_s"] < before["uptime_s"] else NEVER_BACK + NOT_BACK_WHILE_IT_RUNS
            for name in names:
                if status[name] < before[name]:
                    self.wrong.append(f"S6: the {name} of {id} went back from {before[name]} to {status[name]}")
        self.latest[id] = status

    def note_leader(self, id, term):
        known = self.leaders.setdefault(term, id)
        if known != id:
            self.wrong.append(f"S1: {known} and {id} both led in term {term}")

    def _run(self):
        while True:
            for status in self._cluster.statuses().values():
                if status["role"] != "down":
                    self.take(status)
            for member in self._cluster.members.values():
                if member.shall_run and not member.runs:
                    self.wrong.append(f"{member.id} has ended by itself, with {member.process.returncode}")
                    member.shall_run = False
            gevent.sleep(LOOK_S)

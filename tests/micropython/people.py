"""Those that act on a cluster while a scenario is recorded: clients, operators, and liars.

Each acts now and then, at random; `PAUSE_MS` says how long it waits in between.
"""


class Person:
    """Somebody.

    Args:
        world: the `Surroundings`.
    """

    PAUSE_MS = (1, 80)

    def __init__(self, world):
        self.world = world
        self.chance = world.chance

    def act(self):
        """Does what this person does."""
        raise NotImplementedError

    def ask(self, verb, node, *arguments):
        """Asks a node that is up."""
        if node in self.world.nodes:
            self.world.input(verb, node, *arguments)

    def leader(self):
        """Whom to ask: usually somebody who leads, else anybody or nobody."""
        leading = self.world.leading()
        if leading and self.chance.random() < 0.95:
            return self.chance.choice(leading)
        return self.chance.choice((None, None, *self.world.ids))


class Client(Person):
    """Proposes commands, too many and too large ones too."""

    def act(self):
        node = self.leader()
        for _ in range(self.chance.choice((1, 1, 2, 10))):
            size = self.chance.choice((0, 3, 8, 8, 30, 40, 41))
            command = self.chance.randbytes(size).hex() or self.chance.choice(("-", '"text'))
            self.ask("propose", node, command if size <= 40 or self.chance.random() < 0.4 else "00")


class Reader(Person):
    """Reads anywhere."""

    PAUSE_MS = (1, 120)

    def act(self):
        node = self.chance.choice((*self.world.ids, self.world.leader()))
        if self.chance.random() < 0.2:
            self.ask("stale", node)
        if node in self.world.nodes and self.chance.random() < 0.1:
            self.world.do(f"status {node}")
        for _ in range(self.chance.choice((1, 1, 2, 8))):
            self.ask("read", node, self.chance.choice(("lease", "lease", "quorum")))


class Director(Person):
    """Wants another leader, sometimes one that cannot be."""

    PAUSE_MS = (50, 500)

    def act(self):
        if not self.world.calm or self.chance.random() < 0.2:
            self.ask("transfer", self.leader(), self.chance.choice(("None", "None", "zoe", *self.world.ids)))


class Liar(Person):
    """Sends messages that no node has sent."""

    PAUSE_MS = (30, 200)

    def act(self):
        core = self.world.nodes.get(self.leader())
        if core and core.term:
            self._forge(core, self.chance.choice(self._lies(core)))
        followers = [core for _, core in sorted(self.world.nodes.items()) if core.role.name == "follower"]
        if followers:
            core = self.chance.choice([core for core in followers if not core.role.leader] or followers)
            lies = self._lies_about_the_log if core.role.leader else self._candidacies
            self._forge(core, self.chance.choice(lies(core)))

    def _forge(self, core, lie):
        """Signs a lie so that it is believed, and usually sends it."""
        words = lie.split()
        bound = core.configuration.incarnations.get(words[1], 0) if words[1:] else 0
        incarnation = bound if self.chance.random() < 0.95 else 5
        cluster = core.identity.cluster if self.chance.random() < 0.95 else 6
        self.ask("forge", core.id, incarnation, cluster, lie)

    def _lies(self, core):
        other = next(node for node in self.world.ids if node != core.id)
        term = core.term
        lies = [
            "None",
            f"Heartbeat zoe {term} 1",
            f"Heartbeat {core.id} {term} 1",
            f"Heartbeat {other} -1 1",
            f"HeartbeatEcho {other} {term} {1 << 62} 0",
            f"HeartbeatEcho {other} {term} {(1 << 62) - 1} 0",
            f"VoteReply {other} {term} 1",
            f"VoteRequest {other} {term + 1} 1 1",
            f"PreVoteReply {other} 0 None True",
            f"PreVoteRequest {other} {term} 5 0 1",
            f"AppendRejected {other} {term} 3 4 1",
            f"Append {other} {term} 0 0 0 1:1:1:00,3:1:1:-",
            f"Append {other} {term} 0 0 0 1:{term + 1}:1:00",
            f"Append {other} {term} 0 0 0 1:1:9:00",
            f"Append {other} {term} 0 0 0 1:1:2:313a30",
            f"SnapshotChunk {other} {term} None 0 0 x True",
            f"SnapshotReceived {other} {term} 1 0 5",
            f"ReadRequest {other} {term} 1 0",
            f"ReadReply {other} {term} 1 1 1000",
            f"TimeoutNow {other} {term} 0",
            f"WrongIncarnation {other} {term} 1",
        ]
        if core.role.name == "leader":
            lies += 5 * [f"AppendAccepted {other} {term} {core.log.last_index + 1000}"]
        if core.role.leader not in (None, other):
            lies += [f"Heartbeat {other} {term} 7", f"Append {other} {term} 0 0 0 ()"]
        return lies

    def _candidacies(self, core):
        """Somebody asks for votes just when they may not be given."""
        other = next(node for node in self.world.ids if node != core.id)
        end = f"{core.log.last_index} {core.log.last_term}"
        return [
            f"PreVoteRequest {other} {core.term + 1} 5 {end}",
            f"VoteRequest {other} {max(core.term, 1)} {end}",
            f"VoteRequest {other} {core.term + 1} {end}",
        ]

    def _lies_about_the_log(self, core):
        """Now and then a leader contradicts what is settled: the follower must stop."""
        lies = self._lies(core)
        index = core.log.commit_index
        own_term = core.log.term_at(index)
        if index > core.log.base_index + 1 and own_term < core.term:
            claim = f"Append {core.role.leader} {core.term}"
            before = f"{index - 1} {core.log.term_at(index - 1)}"
            lies += 12 * [f"{claim} {index} {own_term + 1} 0 ()"]
            lies += 12 * [f"{claim} {before} 0 {index}:{own_term + 1}:1:ff"]
        return lies

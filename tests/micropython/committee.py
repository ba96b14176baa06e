"""Those that decide who takes part in a cluster while a scenario is recorded."""

from tests.micropython.people import Person


class Committee(Person):
    """Changes who takes part, sometimes to what cannot be."""

    PAUSE_MS = (5, 80)
    MOST_VOTERS = 4  # more would show less

    def __init__(self, world):
        super().__init__(world)
        self._witnesses = set()  # whoever has been one: the log on its disk lacks the commands

    def act(self):
        node = self.leader()
        core = self.world.nodes.get(node)
        if core and core.configuration.members:
            for _ in range(self.chance.choice((1, 1, 1, 2))):
                decide = self._folly if self.chance.random() < 0.4 else self._wish
                self.ask("change", node, *decide(core.configuration, node))

    def _wish(self, configuration, leader):
        """Something sensible."""
        chance = self.chance
        lost = self._with_lost_disk(configuration)
        if lost:
            return [f"{lost}:removed"]
        full = configuration.full_voters(configuration.voters)
        outside = [node for node in self.world.ids if node not in configuration.members]
        others = [member for member in configuration.members if member not in full]
        wishes = ["describe"]
        if outside and len(configuration.voters) < self.MOST_VOTERS:
            wishes += 2 * ["add"]
        if len(full) > 2:
            wishes += ["remove", "exchange"] if outside else ["remove"]
        wishes += 2 * ["settle"] if others else []
        wish = chance.choice(wishes)
        if wish == "describe":
            return [f"{leader}:voter:host-{leader}:0:None:{chance.randrange(3)}"] if leader in full else []
        if wish == "add":
            return [self._added(chance.choice(outside))]
        if wish == "settle":
            part = chance.choice(("voter", "voter", "removed"))
            return [f"{chance.choice(others)}:{part}"]
        gone = leader if leader in full and chance.random() < 0.4 else chance.choice(full)
        changes = [f"{gone}:{chance.choice(('removed', 'removed', 'learner'))}"]
        return [*changes, self._added(chance.choice(outside))] if wish == "exchange" else changes

    def _with_lost_disk(self, configuration):
        """The first member whose id is bound to an incarnation that is no more."""
        for member in configuration.members:
            if configuration.incarnations.get(member) not in (None, self.world.disks[member].incarnation):
                return member
        return None

    def _added(self, node):
        """The change that adds a member. It may be slow to start, and may come with a new disk."""
        chance = self.chance
        part = chance.choice(("voter", "voter", "learner"))
        if not self.world.disks[node].incarnation:
            return f"{node}:{part}"
        witness = chance.random() < 0.3
        if witness or node in self._witnesses or chance.random() < 0.3:
            self.world.replace_disk(node)
        self._witnesses.discard(node)
        if witness:
            self._witnesses.add(node)
        if chance.random() < 0.5:
            self.world.start(node)
        incarnation = chance.choice((0, self.world.disks[node].incarnation))
        return f"{node}:{part}:None:{incarnation}:{witness}"

    def _folly(self, configuration, leader):
        """Something that changes nothing."""
        member = self.chance.choice(configuration.members)
        witnesses = [f"w{number}:voter:None:0:True" for number in range(len(configuration.voters) + 1)]
        return self.chance.choice(
            (
                [],
                [f"{member}:learner", f"{member}:removed"],
                [f"{member}:boss"],
                [f"{member}:learner:None:7"] if member in configuration.incarnations else [],
                [f"{member}:voter:None:0:{member not in configuration.witnesses}"],
                [f"{member}:learner:None:0:None:5000"],
                *2 * [[f"{voter}:removed" for voter in configuration.voters]],
                *2 * [witnesses],
            )
        )

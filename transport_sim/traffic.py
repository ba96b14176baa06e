"""What a script does to messages: it holds some back, loses others, and counts them all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from raft.messages import Message

from .network import Network


class Rule:
    """Takes messages out of the network, from when it is made until it ends.

    Args:
        kinds: the types of messages that it takes; every type when there are none.
        sender, receiver: the link it looks at; None for any.
        matches: further says of a message whether it is taken; None for no further condition.
        holds: whether what was taken goes on its way in the end; else it is lost.

    Attributes:
        taken: the messages it took so far, as (sender, receiver, message).
    """

    def __init__(
        self,
        kinds: tuple[type[Message], ...],
        sender: str | None,
        receiver: str | None,
        matches: Callable[[Message], bool] | None,
        holds: bool,
    ) -> None:
        self.holds = holds
        self.taken: list[tuple[str, str, Message]] = []
        self._kinds = kinds
        self._sender = sender
        self._receiver = receiver
        self._matches = matches

    def takes(self, sender: str, receiver: str, message: Message) -> bool:
        """Take a message, or return False."""
        if (
            (self._kinds and not isinstance(message, self._kinds))
            or self._sender not in (None, sender)
            or self._receiver not in (None, receiver)
            or (self._matches is not None and not self._matches(message))
        ):
            return False
        self.taken.append((sender, receiver, message))
        return True


class Traffic:
    """The messages of one cluster, under rules.

    Args:
        network: carries what no rule takes.

    Attributes:
        sent: how many messages of each type were sent, by its name.
    """

    def __init__(self, network: Network) -> None:
        self.sent: Counter[str] = Counter()
        self._network = network
        self._rules: list[Rule] = []
        network.filter = self._passes

    def add(self, rule: Rule) -> Rule:
        """Put a rule in force; the oldest one that fits takes a message."""
        self._rules.append(rule)
        return rule

    def end(self, rule: Rule) -> None:
        """End a rule, and put what it holds on its way, in the old order."""
        self._rules.remove(rule)
        if rule.holds:
            for sender, receiver, message in rule.taken:
                self._network.carry((sender, receiver), message)

    def end_all(self) -> None:
        """End every rule."""
        for rule in list(self._rules):
            self.end(rule)

    def _passes(self, sender: str, receiver: str, message: Message) -> bool:
        self.sent[type(message).__name__] += 1
        return not any(rule.takes(sender, receiver, message) for rule in self._rules)

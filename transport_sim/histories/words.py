"""States of values that grow: strings, and lists as words over an alphabet of their elements.

A history of one key that appends 5,000 times passes through 5,000 long values, in many orders that it may have been.
To build and to compare them all would cost more than the search. But only values that somebody has seen can be told
apart, and on the way there only their prefixes. So a state is a place in the sorted list of the words that were seen:
the first of them that begins with the value, and the length of the value. What no word begins with is `UNSEEN`: however
it grows, it will never have been seen.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from .steps import ABSENT, UNSEEN, State


class Words:
    """The words that were seen in a history of one key.

    Args:
        seen: all of them.
    """

    def __init__(self, seen: Iterable[str]) -> None:
        self._seen = sorted(set(seen))
        self._extended: dict[tuple[State, State], State] = {}

    def state(self, word: str) -> State:
        """Return the state of a key that holds a word."""
        place = bisect_left(self._seen, word)
        if place < len(self._seen) and self._seen[place].startswith(word):
            return (place, len(word))
        return UNSEEN

    def extended(self, state: State, suffix: State) -> State:
        """Return the state after something was appended."""
        then = self._extended.get((state, suffix))
        if then is None:
            assert isinstance(suffix, str)
            value = "" if state is ABSENT else self.value(state)
            then = UNSEEN if value is None else self.state(value + suffix)
            self._extended[state, suffix] = then
        return then

    def hold(self, part: State) -> bool:
        """Whether a word that was seen has this part."""
        assert isinstance(part, str)
        return any(part in word for word in self._seen)

    def value(self, state: State) -> str | None:
        """Return the value of a state; None when it has none, or none that was seen."""
        if state is ABSENT or state == UNSEEN:
            return None
        assert isinstance(state, tuple)
        place, length = state
        return self._seen[place][:length]

    def beginning_with(self, prefix: str) -> range:
        """Return the places of the words that begin with a prefix."""
        first = last = bisect_left(self._seen, prefix)
        while last < len(self._seen) and self._seen[last].startswith(prefix):
            last += 1
        return range(first, last)

    def from_prefix(self, state: State, most: int) -> Iterator[State]:
        """Yield the states of the first words that begin with the value of a state, which must have one."""
        assert isinstance(state, tuple)
        prefix = self.value(state) or ""
        for place in range(state[0], min(state[0] + most, len(self._seen))):
            if not self._seen[place].startswith(prefix):
                return
            yield (place, len(self._seen[place]))

    def begins(self, word: State, state: State) -> bool:
        """Whether a word begins with the value of a state; none begins with what has no value."""
        assert isinstance(word, tuple)
        value = self.value(state)
        return value is not None and self._seen[word[0]].startswith(value)

"""The core's only source of chance: a seeded xorshift generator.

Python's `random` gives different numbers on different interpreters, so a run recorded on CPython could not be replayed
on a board. This generator keeps its state, and every intermediate value, below 2**30, where integers need no memory of
their own on 32-bit boards. The shifts (9, 11, 12) give the full period of 2**30 - 1 (Marsaglia, "Xorshift RNGs", 2003;
a test proves the period by matrix powers).
"""

BITS = 30
MASK = (1 << BITS) - 1


class Prng:
    """A deterministic stream of small integers.

    Args:
        seed: any integer; equal seeds give equal streams. Neighbouring seeds give unrelated streams.
    """

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        # Knuth's multiplicative hash spreads neighbouring seeds; zero is the one state xorshift never leaves.
        self._state = ((seed * 2654435761 + 0x9E3779B9) >> 2) & MASK or 1
        for _ in range(8):
            self._step()

    def below(self, bound: int) -> int:
        """Return the next integer of the stream, 0 <= result < bound.

        Args:
            bound: 1 <= bound <= 2**22; above that the modulo would favour small results noticeably.
        """
        return self._step() % bound

    def draw(self) -> int:
        """Return the next integer of the stream, 1 <= result < 2**30."""
        return self._step()

    def _step(self) -> int:
        state = self._state
        state ^= (state & (MASK >> 9)) << 9
        state ^= state >> 11
        state ^= (state & (MASK >> 12)) << 12
        self._state = state
        return state

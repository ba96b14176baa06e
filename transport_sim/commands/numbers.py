"""Numbers on the command line."""

from __future__ import annotations

import math
from typing import Any

import click


class Positive(click.FloatRange):
    """A number above 0; unlike click's own range it refuses nan, which is neither too small nor too large.

    Args:
        most: the largest that is taken.
    """

    def __init__(self, most: float | None = None) -> None:
        super().__init__(min=0, min_open=True, max=most)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number that a text stands for; what is none, or out of range, is wrong usage."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail("nan is no number to count with", param, ctx)
        return number

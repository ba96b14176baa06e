"""Columns of text."""

from __future__ import annotations

ROWS = 8


def columns(values: list[int], mark: str = "█") -> list[str]:
    """Draw one column for each value, from 0 up to the largest.

    Args:
        values: 0 or more each, and at least one above 0.
        mark: what a column is made of.

    Returns:
        The rows, from the top.
    """
    heights = [round(ROWS * value / max(values)) for value in values]
    return ["".join(mark if height >= row else " " for height in heights) for row in range(ROWS, 0, -1)]

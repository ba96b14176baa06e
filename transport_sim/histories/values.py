"""When two JSON values are the same.

Numbers are the same when they are numerically equal, however they are written: JSON has one kind of number, so 1, 1.0
and 1e0 are one value. `true` is no number, so it is not 1. Arrays are the same element by element, objects member by
member in whatever order.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

MAX_DEPTH = 64  # levels of arrays and objects in a value; what is deeper is data, not the value of a test


class NotJson(ValueError):
    """The value is none that JSON has, or nested too deeply; the text says which."""


def frozen(value: Any, depth: int = 0) -> Hashable:
    """Return what stands for a JSON value: hashable, and equal for equal values only.

    Args:
        value: what `json.loads` returns.
        depth: how deep it is nested already.

    Raises:
        NotJson: when it is no JSON value, or has more than `MAX_DEPTH` levels.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return ("bool", value)  # True == 1 in Python
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise NotJson(f"{value} is no number")
        return value
    if depth == MAX_DEPTH:
        raise NotJson(f"more than {MAX_DEPTH} levels of arrays and objects")
    if isinstance(value, (list, tuple)):
        return ("array", *(frozen(item, depth + 1) for item in value))
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return ("object", *((name, frozen(value[name], depth + 1)) for name in sorted(value)))
    raise NotJson(f"a {type(value).__name__} is no JSON value")

"""Histories of clients, and whether they are linearizable.

Start reading at `checker.py`.
"""

from .operation import Operation
from .validation import MODELS, InvalidHistory, UnknownModel

__all__ = ["MODELS", "InvalidHistory", "Operation", "UnknownModel"]

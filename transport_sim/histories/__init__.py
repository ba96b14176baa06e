"""Histories of clients: what they asked for, what they were answered, and whether that is linearizable.

A `Recorder` writes one down, `write_history` and `read_history` keep it in a file, `check` judges it. Start reading at
`checker.py`.
"""

from .checker import KeyVerdict, Verdict, check
from .explanation import Explanation
from .files import read_history, write_history
from .operation import ADD, APPEND, CAS, DELETE, GET, PUT, Operation
from .recorder import AlreadyOver, Pending, Recorder
from .validation import COUNTER, KV, LIST, MODELS, REGISTER, InvalidHistory, UnknownModel

__all__ = [
    "ADD",
    "APPEND",
    "CAS",
    "COUNTER",
    "DELETE",
    "GET",
    "KV",
    "LIST",
    "MODELS",
    "PUT",
    "REGISTER",
    "AlreadyOver",
    "Explanation",
    "InvalidHistory",
    "KeyVerdict",
    "Operation",
    "Pending",
    "Recorder",
    "UnknownModel",
    "Verdict",
    "check",
    "read_history",
    "write_history",
]

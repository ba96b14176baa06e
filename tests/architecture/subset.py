"""The rules of the core's subset: what MicroPython lacks, and what would let two interpreters take different steps."""

import ast
from typing import NamedTuple

MISSING_METHODS = {"bit_length", "hexdigest", "ljust", "rjust", "removeprefix", "removesuffix", "tobytes", "zfill"}
NO_KEYWORDS = {"sum", "to_bytes", "from_bytes", "zip"}
BUILTIN_TYPES = {"bool", "bytes", "bytearray", "dict", "float", "frozenset", "int", "list", "set", "str", "tuple"}
UNORDERED_TYPES = {"dict", "set", "frozenset"}
UNORDERED_DISPLAYS = (ast.Dict, ast.DictComp, ast.Set, ast.SetComp)
ORDER_KEEPERS = {"enumerate", "extend", "filter", "iter", "join", "list", "map", "next", "reversed", "tuple", "zip"}


class Source:
    """A parsed file, with what the rules ask about more than one node."""

    def __init__(self, text):
        self.tree = ast.parse(text)
        self.parents = {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}
        self.in_annotations = {
            inner for node in ast.walk(self.tree) for note in annotations(node) for inner in ast.walk(note)
        }
        self.unordered_names = {
            last_name(target)
            for node in ast.walk(self.tree)
            for target, value, note in bindings(node)
            if is_unordered(value) or is_unordered_type(note)
        } - {None}

    def line(self, node):
        """The line of the node, or of what it is part of: some nodes have no place of their own."""
        while not hasattr(node, "lineno"):
            node = self.parents[node]
        return node.lineno


def annotations(node):
    found = [getattr(node, "annotation", None), getattr(node, "returns", None)]
    return [note for note in found if note is not None]


def bindings(node):
    """Lists each name that the node binds, as (target, value, annotation)."""
    if isinstance(node, ast.Assign):
        return [(target, node.value, None) for target in node.targets]
    if isinstance(node, ast.AnnAssign):
        return [(node.target, node.value, node.annotation)]
    if isinstance(node, ast.arg):
        return [(ast.Name(node.arg), None, node.annotation)]
    return []


def last_name(node):
    """`votes` of `self.votes` and of `votes`."""
    return getattr(node, "attr", getattr(node, "id", None))


def called_name(node):
    """`sorted` of `sorted(...)`, and `dict` of a bare `dict`."""
    return last_name(node.func) if isinstance(node, ast.Call) else last_name(node)


def is_unordered(node):
    return isinstance(node, UNORDERED_DISPLAYS) or (isinstance(node, ast.Call) and called_name(node) in UNORDERED_TYPES)


def is_unordered_type(note):
    """Whether an annotation says dict or set, bare, with parameters, or as one of a union."""
    if isinstance(note, ast.BinOp):
        return is_unordered_type(note.left) or is_unordered_type(note.right)
    return last_name(getattr(note, "value", note)) in UNORDERED_TYPES


def under_sorted(source, node):
    """Whether the values of the node, or of the comprehension that runs over it, go straight into sorted()."""
    parent = source.parents[node]
    if isinstance(parent, ast.comprehension):
        node = source.parents[parent]
        parent = source.parents[node]
    return isinstance(parent, ast.Call) and called_name(parent) == "sorted" and node in parent.args


def iterated(node):
    """Lists what the node runs over in its order."""
    if isinstance(node, (ast.For, ast.comprehension)):
        return [node.iter]
    if isinstance(node, (ast.Starred, ast.YieldFrom)):
        return [node.value]
    if isinstance(node, ast.Call) and called_name(node) in ORDER_KEEPERS:
        return node.args
    return []


def views_a_dict(source, node):
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"items", "keys", "values"}
        and not node.args
        and not under_sorted(source, node)
    )


def runs_over_unordered(source, node):
    return any(
        (is_unordered(run) or last_name(run) in source.unordered_names) and not under_sorted(source, run)
        for run in iterated(node)
    )


def uses_types_as_values(source, node):
    if node in source.in_annotations:
        return False
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        sides = (node.left, node.right)
        return any(last_name(side) in BUILTIN_TYPES or getattr(side, "value", 0) is None for side in sides)
    return isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in BUILTIN_TYPES


def differs_between_interpreters(source, node):
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in {"hash", "id", "vars", "dir"}
    return isinstance(node, ast.Attribute) and node.attr == "__dict__"


def is_mangled(name):
    return name.startswith("__") and not name.endswith("__")


class Rule(NamedTuple):
    """What is refused and why; `catches(source, node)` decides; `bad` and `good` are samples of both."""

    name: str
    reason: str
    catches: object
    bad: tuple[str, ...]
    good: tuple[str, ...] = ()


RULES = (
    Rule(
        "match",
        "MicroPython has no match statement",
        lambda source, node: isinstance(node, ast.Match),
        ("match role:\n    case 1:\n        pass",),
        ("match = 3",),
    ),
    Rule(
        "positional-only",
        "MicroPython has no positional-only parameters",
        lambda source, node: isinstance(node, ast.arguments) and bool(node.posonlyargs),
        ("def step(message, /): pass",),
        ("def step(message, *, now): pass",),
    ),
    Rule(
        "star in a display",
        "MicroPython unpacks with * only in calls and assignments",
        lambda source, node: (
            isinstance(node, (ast.List, ast.Tuple, ast.Set))
            and not isinstance(getattr(node, "ctx", None), ast.Store)
            and any(isinstance(element, ast.Starred) for element in node.elts)
        ),
        ("a = [*b]", "a = (*b,)", "a = {*b}", "def f(): return 1, *b", "for a in *b, c: pass", "a[*b]"),
        ("a, *b = c", "f(*a, *b)"),
    ),
    Rule(
        "** in a display",
        "MicroPython unpacks with ** only in calls",
        lambda source, node: isinstance(node, ast.Dict) and None in node.keys,
        ("a = {**b}",),
        ("f(**a)",),
    ),
    Rule(
        "except*",
        "MicroPython has no exception groups",
        lambda source, node: isinstance(node, ast.TryStar),
        ("try:\n    pass\nexcept* ValueError:\n    pass",),
        ("try:\n    pass\nexcept ValueError:\n    pass",),
    ),
    Rule(
        "typing",
        "MicroPython has no typing and no __future__: annotate with builtins and strings",
        lambda source, node: (
            (isinstance(node, ast.ImportFrom) and node.module in {"typing", "__future__"})
            or (isinstance(node, ast.Import) and any(alias.name == "typing" for alias in node.names))
        ),
        ("import typing", "from typing import Protocol", "from __future__ import annotations"),
        ("from .types import Entry",),
    ),
    Rule(
        "step in a slice",
        "MicroPython cannot assign, delete or take from bytes a slice with a step",
        lambda source, node: isinstance(node, ast.Slice) and node.step is not None,
        ("a[::2] = b", "del a[::2]", "a = b[::-1]"),
        ("a[1:3] = b", "del a[:2]"),
    ),
    Rule(
        "types as values",
        "MicroPython has neither unions nor generics outside annotations",
        uses_types_as_values,
        ("isinstance(a, int | str)", "Index = int | None", "Votes = dict[int, bool]"),
        ("def f(a: int | None) -> dict[int, str]: pass", "a: list[int] = []", "isinstance(a, (int, str))", "a = b | 1"),
    ),
    Rule(
        "class features",
        "MicroPython resolves several bases depth-first and knows no metaclass and no class keywords",
        lambda source, node: isinstance(node, ast.ClassDef) and (len(node.bases) > 1 or bool(node.keywords)),
        ("class A(B, C): pass", "class A(metaclass=B): pass"),
        ("class A(B): pass",),
    ),
    Rule(
        "name mangling",
        "MicroPython does not mangle names: one underscore is enough",
        lambda source, node: isinstance(node, ast.Attribute) and is_mangled(node.attr),
        ("self.__term = 1",),
        ("self._term = 1", "super().__init__()"),
    ),
    Rule(
        "raise from",
        "MicroPython drops the cause, with a warning",
        lambda source, node: isinstance(node, ast.Raise) and node.cause is not None,
        ("raise ValueError() from error",),
        ("raise ValueError()",),
    ),
    Rule(
        "missing methods",
        "MicroPython's builtin types do not have this method",
        lambda source, node: isinstance(node, ast.Attribute) and node.attr in MISSING_METHODS,
        ("a.bit_length()", "a.zfill(3)", "a.removeprefix('b')"),
        ("a.startswith('b')",),
    ),
    Rule(
        "keywords of builtins",
        "MicroPython takes the arguments of this builtin by position only",
        lambda source, node: isinstance(node, ast.Call) and called_name(node) in NO_KEYWORDS and bool(node.keywords),
        ("zip(a, b, strict=True)", "a.to_bytes(length=2, byteorder='big')", "sum(a, start=1)"),
        ("zip(a, b)", "a.to_bytes(2, 'big')"),
    ),
    Rule(
        "views of dicts",
        "no dict keeps its order on MicroPython: iterate sorted(...) of it",
        views_a_dict,
        (
            "for a in self.votes.items(): pass",
            "a = list(votes.keys())",
            "a = max(votes.values())",
            "a = [b for b in votes.values()]",
            "a = sorted(list(votes.keys()))",
            "a = sorted(b, key=votes.values())",
        ),
        (
            "for a in sorted(self.votes.items()): pass",
            "a = sorted(b for b, granted in votes.items() if granted)",
            "a = sorted([b for b in votes.values()])",
            "self.values(1)",
        ),
    ),
    Rule(
        "order of dicts and sets",
        "neither keeps its order on MicroPython: iterate sorted(...) of it",
        runs_over_unordered,
        (
            "for a in {1, 2}: pass",
            "a = tuple(set(b))",
            "self.votes = {}\nfor a in self.votes: pass",
            "votes = set()\na = [b for b in votes]",
            "self.votes: dict[int, bool] = make()\na = list(self.votes)",
            "def f(votes: 'frozenset', b): return next(iter(b)), list(frozenset(votes))",
            "def f(votes: set): f(*votes)",
            "def f(votes: None | dict[int, bool] = None): return list(votes)",
            "def f(votes: set[int]):\n    yield from votes",
            "def f(votes: set[int]): return b''.join(votes)",
        ),
        (
            "for a in sorted({1, 2}): pass",
            "self.votes = {}\nfor a in sorted(self.votes): pass",
            "votes = set()\na = sorted(b + 1 for b in votes)",
            "votes = {}\na = len(votes), 3 in votes, votes[3]",
            "votes = sorted({1, 2})\nfor a in votes: pass",
            "votes = [1]\nfor a in votes: pass",
            "def f(votes: list[dict]): return list(votes)",
        ),
    ),
    Rule(
        "hash, id and __dict__",
        "the values of hash() and id() and the order of __dict__ differ between interpreters",
        differs_between_interpreters,
        ("a = hash(b)", "a = id(b)", "a = vars(b)", "a = b.__dict__"),
        ("def __hash__(self): return 1", "self.hash(3)", "def f(id): return [id]"),
    ),
)


def violations(text, rules=RULES):
    """Lists every (line, rule, reason) that the text breaks."""
    source = Source(text)
    return [
        (source.line(node), rule.name, rule.reason)
        for node in ast.walk(source.tree)
        for rule in rules
        if rule.catches(source, node)
    ]

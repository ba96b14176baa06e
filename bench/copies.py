"""Copies of the core under names of their own, with and without the sites where events are made.

The core imports nothing but itself, by relative imports, so a copy of its folder works under any name, beside the
original and other copies, in one process. All copies are made by way of their syntax tree, those that keep their sites
too, so that they differ in nothing else.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import raft

CORE = Path(raft.__file__).parent
SITES = ("watch.py", "observer.py", "event.py", "info_events.py", "debug_events.py")  # what the sites lead to


@dataclass(frozen=True)
class Copy:
    """A copy of the core.

    Attributes:
        name: of its package.
        removed: how many sites it lacks.
    """

    name: str
    removed: int

    def module(self, name: str) -> ModuleType:
        """Return one of its modules."""
        return importlib.import_module(f"{self.name}.{name}")


@contextmanager
def copies(folder_names: dict[str, bool]) -> Iterator[dict[str, Copy]]:
    """Make copies of the core that can be imported within the block.

    Args:
        folder_names: a dict from the name of each copy's package to whether it keeps its sites.
    """
    with TemporaryDirectory() as folder:
        made = {}
        for name, keep in folder_names.items():
            (Path(folder) / name).mkdir()
            removed = 0
            for file in sorted(CORE.glob("*.py")):
                tree = ast.parse(file.read_text(encoding="utf-8"))
                if not keep and file.name not in SITES:
                    removal = Removal()
                    tree = ast.fix_missing_locations(removal.visit(tree))
                    removed += removal.count
                (Path(folder) / name / file.name).write_text(ast.unparse(tree), encoding="utf-8")
            made[name] = Copy(name, removed)
        sys.path.insert(0, folder)
        importlib.invalidate_caches()
        try:
            yield made
        finally:
            sys.path.remove(folder)
            for module in [module for module in sys.modules if module.split(".")[0] in made]:
                del sys.modules[module]


class Removal(ast.NodeTransformer):
    """Removes every statement that is a call of a method of a node's `watch`, and what is left empty by that.

    Attributes:
        count: how many there were.
    """

    def __init__(self) -> None:
        self.count = 0

    def visit_Expr(self, node: ast.Expr) -> ast.stmt | None:  # noqa: N802
        """Remove a site. What sets the level is none."""
        if is_site(node):
            self.count += 1
            return None
        return node

    def visit_If(self, node: ast.If) -> ast.stmt | None:  # noqa: N802
        """Keep the question of an `if` of which nothing else is left, if asking it does something."""
        self.generic_visit(node)
        if node.body:
            return node
        assert not node.orelse, "an event site has an else"
        return ast.Expr(node.test) if isinstance(node.test, ast.Call) else None


def is_site(node: ast.stmt) -> bool:
    """Whether a statement is `...watch.something(...)`."""
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        return False
    called = node.value.func
    if not isinstance(called, ast.Attribute) or called.attr == "listen":
        return False
    return isinstance(called.value, ast.Attribute) and called.value.attr == "watch"

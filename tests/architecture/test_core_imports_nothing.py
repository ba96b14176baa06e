"""The core is sans-IO by construction: what it cannot import, it cannot call."""

import ast

import pytest

from tests.architecture.sources import CHECKOUT, core, name

ESCAPES = {"__import__", "exec", "eval", "compile"}


def violations(source, depth=1):
    """Yields a line and a reason for all that reaches out of the core; `depth` is how many packages the file is in."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if not within_core(alias.name):
                    yield node.lineno, f"imports {alias.name}"
        elif isinstance(node, ast.ImportFrom):
            if node.level > depth or (node.level == 0 and not within_core(node.module)):
                yield node.lineno, f"imports from {'.' * node.level}{node.module or ''}"
        elif isinstance(node, ast.Name) and node.id in ESCAPES:
            yield node.lineno, f"uses {node.id}"
        elif isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            for statement in node.body:
                if not (isinstance(statement, ast.ImportFrom) and statement.level):
                    yield statement.lineno, "has more than relative imports under TYPE_CHECKING"


def within_core(module):
    return module == "raft" or module.startswith("raft.")


@pytest.mark.parametrize("file", core(), ids=name)
def test_core_imports_nothing(file):
    depth = len(file.relative_to(CHECKOUT).parents) - 1

    assert list(violations(file.read_text(encoding="utf-8"), depth)) == []


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "import raft, os",
        "import rafting",
        "import raft.log as log, struct as raft",
        "from typing import TYPE_CHECKING",
        "from __future__ import annotations",
        "from rafting import log",
        "from .. import actors",
        "from ..actors import runtime",
        "def late():\n    import random",
        "__import__('time').time()",
        "exec('import time')",
        "evaluate = eval",
        "compile('import time', '', 'exec')",
        "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    import typing",
        "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    from raft import log",
        "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    limit = 3",
    ],
)
def test_the_checker_catches(source):
    assert list(violations(source))


@pytest.mark.parametrize(
    "source",
    [
        "from . import log",
        "from .messages import AppendRequest",
        "import raft.log",
        "from raft.log import Log",
        "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    from .log import Log",
    ],
)
def test_the_checker_allows(source):
    assert list(violations(source)) == []


def test_a_file_deeper_in_the_core_may_reach_up_to_it_but_not_out_of_it():
    assert list(violations("from ..log import Log", depth=2)) == []
    assert list(violations("from ...actors import runtime", depth=2))

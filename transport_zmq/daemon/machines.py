"""State machines by name."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from actors.arguments import made_by
from actors.ports import StateMachine
from raft.errors import InvalidConfig

from .errors import InvalidSetting


class MachineFactory:
    """Makes state machines of a class that is named.

    Args:
        name: as `package.module:Class`; found where Python finds modules, and in the working directory.
        source: where it was named, for the error.

    Raises:
        InvalidSetting: it cannot be imported, or is no state machine.
    """

    def __init__(self, name: str, source: str) -> None:
        module_name, _, class_name = name.partition(":")
        folder = str(Path.cwd())
        if folder not in sys.path:
            sys.path.append(folder)
        try:
            module = importlib.import_module(module_name)
        except Exception as error:
            bound = f"a class that can be imported: {module_name} cannot ({type(error).__name__}: {error})"
            raise InvalidSetting("machine", name, bound, source) from error
        self._class = getattr(module, class_name, None)
        if self._class is None:
            raise InvalidSetting("machine", name, f"a class, and {module_name} has no {class_name}", source)
        try:
            self.make()
        except InvalidConfig as error:
            raise InvalidSetting("machine", name, error.bound, source) from error
        except Exception as error:
            bound = f"a class that needs no arguments; making one failed: {type(error).__name__}: {error}"
            raise InvalidSetting("machine", name, bound, source) from error

    def make(self) -> StateMachine:
        """Return a fresh one."""
        return made_by(self._class)

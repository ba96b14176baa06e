"""Why a daemon does not start, each in one line that says what to do; and with which code it ends."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

STOPPED = 0
FAILED = 1
WRONG_SETTINGS = 2
UNUSABLE_DIRECTORY = 3
CANNOT_LISTEN = 4


class SettingsError(Exception):
    """The base of what can be wrong with settings."""


class InvalidSetting(SettingsError):
    """An option has a value that it cannot have.

    Attributes:
        option: its name.
        value: what was given.
        bound: what is allowed, in words.
        source: where the value was given.
    """

    def __init__(self, option: str, value: object, bound: str, source: str) -> None:
        super().__init__(f"{option} is {value!r} ({source}); it must be {bound}")
        self.option = option
        self.value = value
        self.bound = bound
        self.source = source


class MissingSetting(SettingsError):
    """An option has no default, and nobody has given it.

    Attributes:
        option: its name.
    """

    def __init__(self, option: str, what: str) -> None:
        super().__init__(
            f"{option} is not set: {what}; give --{option}, {variable(option)}, or {option} = … in the file of --config"
        )
        self.option = option


class ConflictingSettings(SettingsError):
    """Two options do not go together, or one needs the other.

    Attributes:
        options: their names.
    """

    def __init__(self, options: tuple[str, ...], problem: str) -> None:
        super().__init__(problem)
        self.options = options


class UnknownSetting(SettingsError):
    """The file has a key that is no option.

    Attributes:
        key: which.
        nearest: the option that was probably meant, or None.
    """

    def __init__(self, key: str, file: object, known: Iterable[str]) -> None:
        known = sorted(known)
        found = difflib.get_close_matches(key.lower().replace("_", "-"), known, n=1, cutoff=0.5)
        self.key = key
        self.nearest = found[0] if found else None
        hint = f"did you mean {self.nearest!r}?" if self.nearest else f"there are {', '.join(known)}"
        super().__init__(f"{file}: there is no option {key!r}; {hint}")


class SettingsFileError(SettingsError):
    """The file of settings cannot be read.

    Attributes:
        path: which.
    """

    def __init__(self, path: object, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path


def variable(option: str) -> str:
    """Return the environment variable of an option."""
    return "QUORATE_" + option.upper().replace("-", "_")

"""The options of a daemon as options of click: all of them texts, which `settings` reads."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from ..daemon.errors import WRONG_SETTINGS, SettingsError, variable
from ..daemon.options import LOG_FORMATS, LOG_LEVELS, OPTIONS, Option, flag
from ..daemon.settings import Given, gather

_PATHS = {"DIR": "dir", "FILE": "file"}
_WORDS = {"log-level": LOG_LEVELS, "log-format": LOG_FORMATS, "sync": ("always", "interval(", "never")}


def with_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command all options of a daemon; it gets those that were given, by name, as `flags`."""
    for option in reversed(OPTIONS):
        function = _option(option)(function)
    file = click.option(
        "--config",
        metavar="FILE",
        type=click.Path(),
        help=f"A TOML file with any of these options, by their names without the dashes.  [{variable('config')}]",
    )
    return file(function)


def gathered(flags: dict[str, Any]) -> dict[str, Given]:
    """Return what every option is set to; the command ends where that cannot be told.

    Args:
        flags: as click hands them over.
    """
    texts = {name.replace("_", "-"): _text(value) for name, value in flags.items() if value is not None}
    try:
        return gather(texts, os.environ)
    except SettingsError as error:
        refuse(error)


def refuse(problem: object, code: int = WRONG_SETTINGS) -> NoReturn:
    """End the command with one line that says why."""
    click.echo(f"quorate: {problem}", err=True)
    sys.exit(code)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _option(option: Option) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    default = f"; default {option.default}" if option.default and option.read is not flag else ""
    help = f"{option.help}  [{variable(option.name)}{default}]"
    if option.read is flag:
        return click.option(f"--{option.name}/--no-{option.name}", default=None, help=help)
    return click.option(f"--{option.name}", metavar=option.metavar, help=help, shell_complete=_completion(option))


def _completion(option: Option) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Return what tells a shell how the value of an option may go on."""

    def complete(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
        if option.metavar in _PATHS:
            return [CompletionItem(begun, type=_PATHS[option.metavar])]
        return [CompletionItem(word) for word in _WORDS.get(option.name, ()) if word.startswith(begun)]

    return complete

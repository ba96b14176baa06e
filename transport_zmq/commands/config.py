"""`quorate config`: the settings of a daemon, before it runs."""

from __future__ import annotations

import json
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from ..daemon.errors import SettingsError
from ..daemon.options import BY_NAME, Unreadable
from ..daemon.settings import Given, settle
from .settings_options import gathered, refuse, with_options


@click.group("config")
def command() -> None:
    """Look at the settings of a daemon.

    \b
      quorate config show --config node.toml
    """


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: of each option its value and source.")
@with_options
def show(as_json: bool, **flags: Any) -> None:
    """Show what `quorate serve` would run with, and where each value comes from.

    Takes the same flags, environment variables and file. A flag counts before the environment, that before the file,
    that before the default. Keys are never shown, only the paths of their files.

    Exit code 0 when the settings make sense, 2 when not; stderr says why. Nothing is opened: whether files of keys, the
    data directory, the machine and the ports can be used shows at the start only, and so does what a new directory or
    one without keys needs.
    """
    given = gathered(flags)
    if as_json:
        shown = {name: {"value": _shown(name, what), "source": what.source} for name, what in given.items()}
        click.echo(json.dumps(shown))
    else:
        _print(given)
    try:
        settle(given)
    except SettingsError as error:
        refuse(error)


def _shown(name: str, given: Given) -> str | None:
    """Return the text of an option; a key that was given in place of the path of its file is not shown."""
    if given.text is None:
        return None
    try:
        BY_NAME[name].read(given.text)
    except Unreadable as error:
        return error.shown
    return given.text


def _print(given: dict[str, Given]) -> None:
    table = Table()
    for column in ("option", "value", "from"):
        table.add_column(column, overflow="fold")
    for name, what in given.items():
        table.add_row(name, _shown(name, what) or "-", what.source)
    Console(highlight=False, markup=False).print(table)

"""`quorate backup`: what one member has stored, in one file."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ..storage.member_backup import backup_directory
from .opened import DIRECTORY, FILE, FORCE, JSON, ended_by_errors, progress

HELP_ON_MACHINES = "as in --machine actors:KeyValue, or --machine my_module:MyMachine"


def _machine(context: click.Context, option: click.Parameter, text: str | None) -> Callable[[], Any] | None:
    """Return what makes the machine that is named by a module and a name in it."""
    if text is None:
        return None
    module, colon, name = text.partition(":")
    if not (module and colon and name):
        raise click.BadParameter(f"{text!r} names no machine; name module and class, {HELP_ON_MACHINES}")
    if "" not in sys.path:
        sys.path.insert(0, "")  # an installed command does not look where it was started
    try:
        made: Callable[[], Any] = getattr(importlib.import_module(module), name)
    except Exception as error:
        raise click.BadParameter(f"{text!r} cannot be imported: {error}") from None
    if not callable(made):
        raise click.BadParameter(f"{text!r} is no class or function; name one, {HELP_ON_MACHINES}")
    return made


@click.command("backup", short_help="Write what one member has stored to a file.")
@click.argument("directory", type=DIRECTORY)
@click.argument("file", type=FILE)
@click.option(
    "--machine",
    metavar="MODULE:NAME",
    callback=_machine,
    help="The state machine that the cluster runs, " + HELP_ON_MACHINES + "; see above when it is needed.",
)
@FORCE
@JSON
def command(directory: Path, file: Path, machine: Callable[[], Any] | None, force: bool, as_json: bool) -> None:
    """Write what the member with the data directory DIRECTORY has stored to FILE.

    \b
      quorate backup data/n1 monday.backup --machine actors:KeyValue
      quorate restore monday.backup new --members n1,n2,n3

    The member may run or be down; its directory is only read. FILE has the state and the sessions of all clients, and
    is there when it is complete.

    It is the view of this member. What was acknowledged to clients without it is missing, and what stands in its log
    counts, also where the cluster has never agreed on it. For a cluster that works there is something better:
    LocalCluster.backup has all that was acknowledged, and nothing else.

    --machine is needed when commands follow the member's newest snapshot: only the machine knows what they come to. It
    must be the one that the cluster runs, with the same session limits as by default.

    Exit code 0 when FILE is there, 1 when the directory is damaged, 2 when there is nothing to back up, a machine is
    needed, or something cannot be read or written.
    """
    with ended_by_errors(directory, file), progress("reading") as told:
        written = backup_directory(directory, file, machine, force=force, told=told)
    if as_json:
        click.echo(json.dumps(written.as_object()))
    else:
        click.echo(f"{file}: entry {written.snapshot.index:,}, {written.size_bytes:,} bytes", err=True)

"""`quorate restore`: a new cluster from a backup."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ..storage.founding import restore
from .opened import DIRECTORY, FILE, JSON, ended_by_errors, progress


def _members(context: click.Context, option: click.Parameter, text: str) -> dict[str, str]:
    """Return the address of each member, empty when it has none."""
    members: dict[str, str] = {}
    for part in text.split(","):
        id, _, address = part.strip().partition("=")
        if not id:
            raise click.BadParameter(f"{text!r} has a member without an id; write n1,n2,n3 or n1=address,n2=address")
        if id in members:
            raise click.BadParameter(f"{id!r} is named twice; each member has an id of its own")
        members[id] = address
    return members


@click.command("restore", short_help="Make a new cluster from a backup.")
@click.argument("file", type=FILE)
@click.argument("directory", type=DIRECTORY)
@click.option(
    "--members",
    metavar="ID[=ADDRESS],…",
    callback=_members,
    required=True,
    help="Who the new cluster consists of; addresses where its nodes are not in one process.",
)
@JSON
def command(file: Path, directory: Path, members: dict[str, str], as_json: bool) -> None:
    """Make a new cluster from the backup FILE: a data directory for each member, in DIRECTORY.

    \b
      quorate restore monday.backup new --members n1,n2,n3

    A program then goes on with LocalCluster(directory="new").

    The state and the sessions of all clients are those of the backup. The cluster is a new one, with an id of its own:
    members of the old one are refused and must rejoin with empty directories, so make sure that nobody serves clients
    from the old one any more. What was written after the backup is lost. Indexes and terms go on behind it, with a gap
    of 100,000,000, so that no number that the old cluster has given out is given out again.

    DIRECTORY must be empty, or not be there; it is there when it is complete. All members are voters; add witnesses
    and learners when the cluster runs.

    Exit code 0 when DIRECTORY is there, 1 when FILE is damaged or no backup, 2 when a newer program has written it, the
    members are none, or something cannot be read or written.
    """
    with ended_by_errors(file, directory), progress("restoring") as told:
        snapshot = restore(file, directory, members, told)
    places = [str(directory / node) for node in sorted(members)]
    if as_json:
        found = {"directories": places, "cluster": snapshot.configuration.cluster}
        click.echo(json.dumps({**found, "index": snapshot.index, "term": snapshot.term}))
    else:
        click.echo(f"{', '.join(places)}: cluster {snapshot.configuration.cluster}, entry {snapshot.index:,}", err=True)

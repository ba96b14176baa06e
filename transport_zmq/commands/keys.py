"""`quorate keys`: the keys of members and clients, and the list of those that are allowed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from ..allow_list import PEER, ROLES, AllowList
from ..allow_list_file import allow as put_on_list
from ..allow_list_file import revoke as take_off_list
from ..errors import InvalidAllowList, TransportError
from ..keys import KeyPair, is_key
from .settings_options import refuse

FILE = click.Path(path_type=Path, dir_okay=False)
AGAIN = "Let every member read the list again: kill -HUP its process."


@click.group("keys")
def command() -> None:
    """Make keys, and say whose are allowed.

    Every member and every client has a file with its secret key, which never leaves its host and which nobody else may
    read. One list, the same for all members, says whose keys are allowed, and as what: a peer is a member, whose
    name on the list is its id; a client reads and writes; an admin changes the cluster, too.

    \b
    On each host:
      quorate keys generate n1.key
    It prints the public key. On one host, for each member and client, then copy the list to all:
      quorate keys allow allowed n1 --role peer --key PUBLIC_KEY
    And start every member with
      quorate serve --key-file n1.key --allow-list allowed ...

    To replace a key without a pause: generate another, allow it under the same name beside the old one, kill -HUP all
    members, restart the member with the new key, revoke the old one, kill -HUP again.
    """


@command.command()
@click.argument("file", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def generate(file: Path, as_json: bool) -> None:
    """Make a new key and write the secret half to FILE, for its owner only (mode 600); print the public half.

    FILE must not be there yet: a key is never overwritten. Exit code 0, or 2 when FILE cannot be written.
    """
    pair = KeyPair.generate()
    if file.exists():
        refuse(f"{file} is there already, and a key is never overwritten; name another file")
    with _told():
        pair.save(file)
    if as_json:
        click.echo(json.dumps({"file": str(file), "public_key": pair.public}))
        return
    click.echo(f"{file}: a new secret key, which only its owner may read. It stays on this host.")
    click.echo(f"public key: {pair.public}")
    click.echo(f"Allow it:   quorate keys allow LIST NAME --role {PEER} --key {shlex.quote(pair.public)}")


@command.command()
@click.argument("file", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(file: Path, as_json: bool) -> None:
    """Show the public key of FILE if it holds a secret key, or who is on it if it is an allow-list.

    Exit code 0, or 2 when FILE is neither, or others than its owner may read the secret in it.
    """
    with _told():
        try:
            names = AllowList(file).grants
        except InvalidAllowList:
            if "#" in file.read_text(encoding="latin-1")[:1]:
                raise
            pair = KeyPair.load(file)
            click.echo(json.dumps({"public_key": pair.public}) if as_json else f"public key: {pair.public}")
            return
    rows = [(grant.name, sorted(grant.roles), key) for key, grant in names.items()]
    if as_json:
        click.echo(json.dumps([{"name": name, "roles": roles, "public_key": key} for name, roles, key in rows]))
        return
    table = Table()
    for column in ("name", "roles", "public key"):
        table.add_column(column, no_wrap=True)
    for name, roles, key in rows:
        table.add_row(name, ", ".join(roles), key)
    Console(highlight=False, markup=False).print(table)


@command.command()
@click.argument("allowed", metavar="LIST", type=FILE)
@click.argument("name")
@click.option(
    "--role",
    "roles",
    type=click.Choice(ROLES),
    multiple=True,
    required=True,
    help="What the key is good for; may be given more than once.",
)
@click.option("--key", metavar="PUBLIC_KEY", help="The public key, which is no secret; quote it for the shell.")
@click.option("--key-file", type=FILE, help="Or the file of the secret key, if it is on this host.")
def allow(allowed: Path, name: str, roles: tuple[str, ...], key: str | None, key_file: Path | None) -> None:
    """Put a public key on LIST under NAME; LIST is made if there is none.

    A name may have several keys, which is how a key is replaced. A key that is on LIST already, under the same name,
    gets these roles. LIST is replaced as a whole: who reads it finds the old one or the new one.

    Exit code 0, or 2 when LIST or the key cannot be used; nothing was changed then.
    """
    if (key is None) == (key_file is None):
        raise click.UsageError("say which key: --key or --key-file")
    if key is not None and not is_key(key):
        raise click.BadParameter("40 letters of Z85, as quorate keys generate prints them", param_hint="--key")
    with _told():
        public = KeyPair.load(key_file).public if key_file is not None else str(key)
        put_on_list(allowed, name, dict.fromkeys(roles), public)
    click.echo(f"{name} may now speak as {', '.join(dict.fromkeys(roles))} with {public}. {AGAIN}")


@command.command()
@click.argument("allowed", metavar="LIST", type=FILE)
@click.argument("who", metavar="NAME_OR_KEY")
def revoke(allowed: Path, who: str) -> None:
    """Take all keys of a name off LIST, or one public key (write -- before one that begins with a dash).

    Exit code 0, or 2 when LIST cannot be used or neither is on it.
    """
    with _told():
        keys = take_off_list(allowed, who)
    for key in keys:
        click.echo(f"off the list: {key}")
    click.echo(AGAIN)


@contextmanager
def _told() -> Iterator[None]:
    """End the command with one line where keys cannot be used."""
    try:
        yield
    except TransportError as error:
        refuse(error)

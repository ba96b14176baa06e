"""What all commands that ask a cluster have in common: options, one client, and how errors are told."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn

import click

from actors.errors import Unavailable
from actors.interrupts import hold, release
from actors.kv_commands import OutOfBounds
from raft.errors import InvalidConfig, OutcomeUnknown, RaftError

from ..client import Client
from ..errors import TransportError
from ..keys import KeyPair

NO = 1  # it was done, and the answer is no
USAGE = 2  # the command line is wrong, as click has it
UNAVAILABLE = 3  # nobody did it in time; it had no effect
UNKNOWN = 4  # it may have taken effect, or may yet
REFUSED = 5  # it was refused, and would be again


def asks(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of a client. It is called with `client`, `timeout` and `as_json` beside its own."""

    @wraps(function)
    def run(
        endpoints: str,
        key_file: Path | None,
        server_key: tuple[str, ...],
        timeout: float,
        as_json: bool,
        **own: Any,
    ) -> None:
        if bool(key_file) != bool(server_key):
            raise click.UsageError("--key-file and --server-key go together: who speaks, and whom it may trust")
        held = hold()
        try:
            keys = None if key_file is None else KeyPair.load(key_file)
            with Client(endpoints, keys=keys, server_keys=server_key) as client:
                function(client=client, timeout=timeout, as_json=as_json, **own)
        except (RaftError, TransportError, OutOfBounds) as error:
            fail(error, as_json)
        finally:
            if held:
                release()

    for option in reversed(_OPTIONS):
        run = option(run)
    return run


def fail(error: Exception, as_json: bool) -> NoReturn:
    """Tell an error in one line and end the command."""
    if as_json:
        click.echo(json.dumps({"ok": False, "error": type(error).__name__, "message": str(error)}))
    else:
        click.echo(f"quorate: {error}", err=True)
    sys.exit(_exit_code(error))


def tell(as_json: bool, answer: dict[str, Any], text: str) -> None:
    """Print an answer, as an object or as text."""
    click.echo(json.dumps({"ok": True, **answer}) if as_json else text)


def as_value(value: bytes | None) -> dict[str, Any]:
    """Return a value as JSON has it: "value" as text, or "base64" if it is none."""
    if value is None:
        return {"value": None}
    try:
        return {"value": value.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def as_key(key: bytes) -> dict[str, Any]:
    """Return a key as JSON has it: "key" as text, or "key_base64" if it is none."""
    try:
        return {"key": key.decode()}
    except UnicodeDecodeError:
        return {"key_base64": base64.b64encode(key).decode()}


def as_line(data: bytes) -> str:
    """Return a key or a value as it fits into a line: what cannot be printed is escaped."""
    text = data.decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def read_value(text: str) -> bytes:
    """Return the bytes that an argument stands for; "-" stands for all of standard input."""
    return sys.stdin.buffer.read() if text == "-" else text.encode("utf-8", "surrogateescape")


def _exit_code(error: Exception) -> int:
    if isinstance(error, Unavailable):
        return UNAVAILABLE
    if isinstance(error, OutcomeUnknown):
        return UNKNOWN
    if isinstance(error, (TransportError, OutOfBounds, InvalidConfig)):
        return USAGE
    return REFUSED


_OPTIONS = (
    click.option(
        "--endpoints",
        envvar="QUORATE_ENDPOINTS",
        required=True,
        metavar="HOST:PORT,...",
        help="Where clients reach the nodes; one that is up is enough.  [QUORATE_ENDPOINTS]",
    ),
    click.option(
        "--key-file",
        envvar="QUORATE_CLIENT_KEY_FILE",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="The secret key to speak with; without it nothing is encrypted.  [QUORATE_CLIENT_KEY_FILE]",
    ),
    click.option(
        "--server-key",
        envvar="QUORATE_SERVER_KEY",
        multiple=True,
        metavar="KEY",
        help="The public key of the nodes: one for all, or once for each endpoint, in their order."
        "  [QUORATE_SERVER_KEY, separated by blanks]",
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0),
        default=5.0,
        show_default=True,
        metavar="SECONDS",
        help="When to give up.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for errors too."),
)

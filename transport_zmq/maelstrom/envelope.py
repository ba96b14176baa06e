"""What Maelstrom carries: a JSON object a line, with who sent it, whom it is for, and a body."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

# Error codes of Maelstrom's protocol. A *definite* one says that the request has had no effect and will have none.
TIMEOUT = 0  # indefinite
NOT_SUPPORTED = 10
TEMPORARILY_UNAVAILABLE = 11
MALFORMED_REQUEST = 12
CRASH = 13  # indefinite
ABORT = 14
KEY_DOES_NOT_EXIST = 20
PRECONDITION_FAILED = 22


class Failure(Exception):
    """A request is answered with an error.

    Args:
        code: one of the codes above; a definite one only if the request certainly has no effect.
        text: what has happened, in words.

    Attributes:
        code, text: as above.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text

    @property
    def body(self) -> dict[str, Any]:
        """The body of the answer."""
        return {"type": "error", "code": self.code, "text": self.text}


class NoEnvelope(Exception):
    """A line is not what Maelstrom carries; the text says why."""


class Envelope(NamedTuple):
    """One message of Maelstrom's network.

    Attributes:
        source: who sent it: a node, n1, n2, …, or a client, c1, c2, ….
        destination: whom it is for.
        body: its contents; `type` says what it is.
    """

    source: str
    destination: str
    body: dict[str, Any]

    @property
    def type(self) -> str:
        """What it is."""
        return str(self.body["type"])

    def encode(self) -> bytes:
        """Return it as a line."""
        line = {"src": self.source, "dest": self.destination, "body": self.body}
        return json.dumps(line, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Envelope:
    """Return what a line holds.

    Raises:
        NoEnvelope: it holds none. Nothing else is ever raised, whatever the bytes.
    """
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise NoEnvelope(f"it is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise NoEnvelope("it is no JSON object")
    source, destination, body = found.get("src"), found.get("dest"), found.get("body")
    if not isinstance(source, str) or not isinstance(destination, str):
        raise NoEnvelope("src and dest must be strings")
    if not isinstance(body, dict) or not isinstance(body.get("type"), str):
        raise NoEnvelope("body must be an object with a type")
    return Envelope(source, destination, body)

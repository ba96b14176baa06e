"""The page that shows a cluster live: its parts as a browser asks for them, and what it may do there.

`index.html` is the beginning, `main.js` the first module. Nothing is built, and nothing comes from elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from importlib import resources

EVENT_STREAM = "text/event-stream; charset=utf-8"
_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def part(path: str) -> tuple[str, str] | None:
    """Return the kind and the text of what is at a path of a request, None when there is nothing."""
    return _parts().get(path)


def origin(address: str) -> str:
    """Return what browsers call the origin of pages that come from `host:port`."""
    return f"http://{address.lower()}".removesuffix(":80")


def policy(origins: Collection[str]) -> str:
    """Return the policy of the page: only its own parts, and no word to anybody but the members.

    Args:
        origins: of the other members' pages.
    """
    asked = " ".join(["'self'", *sorted(origins)])
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src {asked}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@cache
def _parts() -> dict[str, tuple[str, str]]:
    found = {}
    for file in resources.files(__package__).iterdir():
        kind = _KINDS.get(file.name[file.name.rfind(".") :])
        if kind is not None:
            found["/" if file.name == "index.html" else f"/{file.name}"] = (kind, file.read_text(encoding="utf-8"))
    return found

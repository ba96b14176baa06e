"""Draws a trace: one HTML file that holds the run, and all that is needed to look at it.

The page's parts lie in `page/`: a template, a style sheet, and modules of JavaScript. The page needs no network, and
its own policy forbids it any: only the very script and style written here may run, whatever a trace contains.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import Any, TextIO

from .reading import Header, opened
from .writing import check_replaceable

MOST_EVENTS_DRAWN = 300_000
"""Bounds a trace that is drawn, in events: a browser holds so many, and stays usable."""

_FIRST_MODULE = "main.js"
_IMPORT = re.compile(r'^import [^;]*? from "\./(?P<module>[a-z]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=const |let |class |function |function\* )", re.MULTILINE)


class UnwritablePage(Exception):
    """The page cannot be written."""


def explain(trace: Path, page: Path) -> int:
    """Write the page that shows a trace. What stood there is replaced only when all is well.

    Args:
        trace: the trace's file.
        page: where to write.

    Returns:
        How many events it shows.

    Raises:
        TraceError: the trace cannot be read, or is larger than `MOST_EVENTS_DRAWN`.
        UnwritablePage: the page cannot be written.
    """
    unfinished = page.with_name(f"{page.name}.{os.getpid()}.part")
    try:
        check_replaceable(page)
        with unfinished.open("w", encoding="utf-8") as out:
            count = _write(trace, out)
        unfinished.replace(page)
    except OSError as error:
        raise UnwritablePage(f"{page} cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
    return count


def _write(trace: Path, out: TextIO) -> int:
    before, after = _template()
    with opened(trace, MOST_EVENTS_DRAWN) as reader:
        out.write(before.replace("@TITLE@", html.escape(_title(reader.header))))
        out.write('{"header":' + _embedded(reader.header.fields) + ',"events":[')
        count = 0
        for event in reader.events():
            out.write((",\n" if count else "\n") + _embedded(event))
            count += 1
        out.write('\n],"end":' + _embedded(reader.end) + "}")
    out.write(after)
    return count


def _template() -> tuple[str, str]:
    """Return what stands before and what behind the trace."""
    script = bundle()
    style = _part("explain.css")
    policy = f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; base-uri 'none'"
    before, after = _part("explain.html").split("@TRACE@")
    before = before.replace("@POLICY@", policy).replace("@STYLE@", style)
    return before, after.replace("@SCRIPT@", script)


def bundle() -> str:
    """Return the page's modules as one: each behind those that it imports, without the imports and exports.

    Names at the top of a module are therefore unique among all of them; a browser refuses the page otherwise.
    """
    done: dict[str, str] = {}
    _gather(_FIRST_MODULE, done)
    return "\n".join(done.values())


def _gather(module: str, done: dict[str, str]) -> None:
    source = _part(module)
    for found in _IMPORT.finditer(source):
        if found["module"] not in done:
            _gather(found["module"], done)
    done[module] = _EXPORT.sub("", _IMPORT.sub("", source))


def _part(name: str) -> str:
    return (resources.files(__package__) / "page" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _embedded(value: Any) -> str:
    """Return JSON that may stand in a script element: without "<", nothing in it ends or opens anything."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _title(header: Header) -> str:
    if header.kind == "explore":
        return f"Quorate: an exploration of {len(header.members)} nodes"
    return f"Quorate: seed {header.fields.get('seed')}"

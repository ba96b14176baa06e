"""`quorate sim check`: whether a history is linearizable."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .numbers import Positive

if TYPE_CHECKING:
    from rich.console import Console

    from transport_sim.histories import Explanation, Operation, Verdict

MODELS = ("register", "kv", "list", "counter")
VIOLATED = 1
UNDECIDED = 3
SHOWN_OPERATIONS = 20
SHOWN_CHARACTERS = 48  # of a value, in tables


@click.command("check")
@click.argument("history", type=click.Path(path_type=Path))
@click.option("--model", type=click.Choice(MODELS), required=True, help="What the operations are held against.")
@click.option(
    "--seconds",
    type=Positive(86_400),
    default=60,
    show_default=True,
    help="When to give up; what is not decided by then is undecided.",
)
@click.option(
    "--allowance",
    type=click.FloatRange(min=0, max=3600),
    default=0,
    show_default=True,
    help="By how many seconds a stale read may be older than its age says: how long a heartbeat travels.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
def command(history: Path, model: str, seconds: float, allowance: float, as_json: bool) -> None:
    """Tell whether a history of clients is linearizable.

    HISTORY has one JSON object a line, for each operation:

    \b
      {"process": 3, "op": "put", "key": "x", "value": "a", "start": 1.25, "end": 1.3}
      {"process": 4, "op": "get", "key": "x", "result": "a", "start": 1.4, "end": 1.5}
      {"process": 3, "op": "cas", "key": "x", "value": "b", "expected": "a", "result": true, "start": 2, "end": 3}
      {"process": 4, "op": "delete", "key": "x", "start": 2, "end": null}

    Times are in seconds. "end": null is an unknown outcome: it took effect at any time from its start on, or never.
    Every key is absent at first, and null as a value is an absent key.

    \b
      model     operations                        values
      register  get, put, cas, delete             any JSON value; 1 and 1.0 are the same, 1 and true are not
      kv        get, put, append, cas, delete     strings
      list      get, append                       append adds one JSON value, get returns all
      counter   get, add                          whole numbers

    A get with "consistency": "lease" must be linearizable too. One with "stale" may return what the key was at any
    moment before, but none that is more than its "age", in seconds, before it began.

    \b
      quorate sim check history.ndjson --model kv

    Exit code 0 when the history is linearizable, 1 when it is not, 3 when that was not decided in time, 2 when it
    cannot be read.
    """
    from transport_sim.histories import InvalidHistory, check, read_history

    if math.isnan(allowance):
        raise click.BadParameter("nan is no number of seconds", param_hint="--allowance")
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    try:
        with console.status("checking"):
            verdict = check(read_history(history, model), model, seconds, allowance)
    except InvalidHistory as error:
        raise click.BadParameter(f"{history}: {error}", param_hint="HISTORY") from None
    except OSError as error:
        raise click.BadParameter(f"{history}: {error.strerror or error}", param_hint="HISTORY") from None
    _print(console, verdict)
    if not verdict.operations:
        console.print("The history is empty: nothing was done, so nothing was shown.", style="yellow")
    if as_json:
        click.echo(json.dumps(verdict.as_object()))
    sys.exit({True: 0, False: VIOLATED, None: UNDECIDED}[verdict.linearizable])


def _print(console: Console, verdict: Verdict) -> None:
    from rich.table import Table

    table = Table(min_width=46)
    table.add_column("")
    table.add_column("", justify="right")
    word = {True: "yes", False: "no", None: "undecided"}[verdict.linearizable]
    style = {True: "green", False: "bold red", None: "yellow"}[verdict.linearizable]
    table.add_row("linearizable", word, style=style)
    table.add_row("operations", f"{verdict.operations:,}")
    table.add_row("keys", f"{len(verdict.keys):,}")
    table.add_row("  of which not linearizable", f"{len(verdict.violated):,}")
    table.add_row("  of which undecided", f"{len(verdict.undecided):,}")
    table.add_row("configurations", f"{verdict.configurations:,}")
    table.add_row("seconds", f"{verdict.seconds:.2f}")
    console.print(table)
    if verdict.undecided:
        console.print(f"undecided: {_keys(verdict.undecided)}; give it more --seconds", markup=False)
    if verdict.violated:
        console.print(f"not linearizable: {_keys(verdict.violated)}", markup=False)
    if verdict.explanation is not None:
        _explain(console, verdict.violated[0], verdict.explanation)


def _keys(keys: list[str]) -> str:
    shown = ", ".join(_short(key) for key in keys[:SHOWN_OPERATIONS])
    return shown if len(keys) <= SHOWN_OPERATIONS else f"{shown} and {len(keys) - SHOWN_OPERATIONS} more"


def _explain(console: Console, key: str, explanation: Explanation) -> None:
    line, key = explanation.operation.line, _short(key)
    if not explanation.core:
        told = f"The answers for key {key} contradict each other near that of line {line}; to see where took too long."
        console.print(told, markup=False)
        return
    console.print(
        f"All answers for key {key} before that of line {line} can be explained, with it they cannot. "
        "An order that explains those before ends with these:",
        markup=False,
    )
    _list(console, explanation.prefix[-SHOWN_OPERATIONS // 2 :])
    count = len(explanation.core)
    which = "These" if count <= SHOWN_OPERATIONS else f"{count:,} operations, of which these are the last,"
    doubt = "" if explanation.is_minimal else " (it took too long to see whether fewer do)"
    console.print(f"{which} contradict each other, whatever all other operations did{doubt}:", markup=False)
    _list(console, explanation.core[-SHOWN_OPERATIONS:])


def _list(console: Console, operations: list[Operation]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("line", "process", "operation", "result", "start", "end")
    for each in operations:
        asked = each.op if each.value is None else f"{each.op} {_short(each.value)}"
        if each.op == "cas":
            asked = f"cas {_short(each.expected)} -> {_short(each.value)}"
        told = "?" if each.end is None else _short(each.result)
        end = "unknown" if each.end is None else f"{each.end:g}"
        row = (str(each.line), str(each.process), asked, told, f"{each.start:g}", end)
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 3]}..."

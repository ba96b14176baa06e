"""Histories in short: one operation a line, as in `0 put "a" 0-1`, `1 get = "a" 2-3 stale 1.5`, `2 cas 1 2 4-?`.

First the process, then the operation with what it writes (a cas: what it expects, and what it writes), what it was
answered, and from when to when; `?` for never. Values are JSON without blanks. A read may end with its consistency, and
a stale one with its age if it is known.
"""

import json
import re

from transport_sim.histories import Operation

LINE = re.compile(
    r"(?P<process>\d+) (?P<op>\w+)(?P<arguments>( \S+)*?)( = (?P<result>\S+))?"
    r" (?P<start>[\d.]+)-(?P<end>[\d.]+|\?)( (?P<consistency>lease|stale)( (?P<age>[\d.]+))?)?"
)


def history(text, key="x"):
    """Return the operations that a text stands for."""
    return [operation(line, key, number) for number, line in enumerate(text.strip().splitlines(), 1)]


def operation(line, key, number):
    fields = LINE.fullmatch(line.strip())
    arguments = [json.loads(argument) for argument in fields["arguments"].split()]
    return Operation(
        process=int(fields["process"]),
        op=fields["op"],
        key=key,
        value=arguments[-1] if arguments else None,
        expected=arguments[0] if len(arguments) == 2 else None,
        result=None if fields["result"] is None else json.loads(fields["result"]),
        start=float(fields["start"]),
        end=None if fields["end"] == "?" else float(fields["end"]),
        consistency=fields["consistency"] or "linearizable",
        age=None if fields["age"] is None else float(fields["age"]),
        line=number,
    )

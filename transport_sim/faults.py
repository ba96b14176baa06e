"""The kinds of faults, by the names that the command line uses."""

from __future__ import annotations

FAULTS = {
    # The network, message by message
    "latency": "messages take their time",
    "drop": "messages are lost",
    "duplicate": "messages arrive twice",
    "reorder": "messages overtake each other",
    # The network, as a whole
    "partition": "two groups do not hear each other; the leader is in the smaller, the larger, or anywhere",
    "one-way": "some links pass nothing in one direction",
    "bridge": "two halves hear each other through one member only",
    "ring": "each member hears its two neighbours only",
    # Machines
    "crash": "machines are switched off, and on again",
    "rolling-restart": "every machine is restarted, one after the other, in good order or not, or upgraded",
    "busy": "actors are held up before a turn",
    "pause": "a node does nothing for up to a second",
    "worst-moment": "trouble in the middle of elections",
    # Clocks
    "drift": "clocks are too fast or too slow, by as much as is allowed",
    "clock-jump": "a clock jumps, far forward or a little back; never with leases, which assume bounded drift (L2)",
    # Disks
    "slow-disk": "writes take their time, or stand still for a while",
    "disk-error": "a sync fails: the node must stop, and nothing counts as durable after it",
    "disk-full": "writes fail for want of space, for a while",
    "torn-write": "of the write under way in a crash only the first part is kept",
    "bit-rot": "what is read at a restart is damaged: the node must not start, and is replaced",
    # What operators do
    "membership": "members come and go",
    "transfer": "leadership is handed over",
    "usurper": "another leader is elected early, and the old one knows nothing of it",
}
"""Every kind of fault, with what it is."""

KINDS = tuple(FAULTS)
"""Every kind of fault."""


def parse_kinds(text: str) -> tuple[str, ...]:
    """Return the kinds that a text names: "all", "none", or some of `KINDS` with commas between.

    Raises:
        ValueError: names the unknown kind and lists the known ones.
    """
    if text.strip() == "all":
        return KINDS
    if text.strip() == "none":
        return ()
    kinds = tuple(part.strip() for part in text.split(","))
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(f"unknown fault {kind!r}; use all alone, none alone, or some of {', '.join(KINDS)}")
    return kinds

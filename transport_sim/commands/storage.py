"""The option that says which storage works on the simulated disks."""

from __future__ import annotations

import click

MIXED = "mixed"

storage_option = click.option(
    "--storage",
    type=click.Choice([MIXED, "model", "real"]),
    default=MIXED,
    show_default=True,
    callback=lambda context, option, value: None if value == MIXED else value,
    help="What works on the disks: a model of a storage, the real one byte by byte, or what each seed draws.",
)
"""Its value is that of `Simulation`: None lets the seed choose."""

"""What `quorate sim run` prints in the end."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from ..cost import WHOLE
from ..runner import Plan, Summary
from ..simulation import COUNTED
from ..situations import SITUATIONS

SHOWN_VIOLATIONS = 10


def print_summary(summary: Summary, plan: Plan, replays: list[str]) -> None:
    """Print what runs came to on stderr, for people.

    Args:
        summary: of all of them.
        plan: what they had in common.
        replays: for each violation, the command that shows it again.
    """
    console = Console(stderr=True, highlight=False)
    table = Table(
        title=f"seeds run: {summary.runs}, nodes: {plan.nodes}, faults: {plan.seconds:g} s each", min_width=46
    )
    table.add_column("")
    table.add_column("total", justify="right")
    table.add_row("events per second and core", f"{summary.events_per_second:,}")
    for name in COUNTED:
        table.add_row(name.replace("_", " "), f"{getattr(summary, name):,}")
    table.add_section()
    for kind, count in sorted(summary.faults.items()):
        table.add_row(f"fault: {kind}", f"{count:,}")
    table.add_section()
    for name in SITUATIONS:
        table.add_row(f"situation: {name}", f"{summary.situations[name]:,}")
    table.add_section()
    table.add_row("violations", f"{len(summary.violations):,}", style="bold red" if summary.violations else "green")
    console.print(table)
    if plan.profile:
        _print_cost(summary, console)
    console.print(f"digest {summary.digest}", style="dim")
    for violation, replay in zip(summary.violations[:SHOWN_VIOLATIONS], replays, strict=False):
        console.print(f"{violation.invariant} is broken with seed {violation.seed}:", style="bold red", end=" ")
        console.print(violation.message, markup=False)
        console.print(f"  replay: {replay}", markup=False, soft_wrap=True)
    if len(replays) > SHOWN_VIOLATIONS:
        console.print(f"and {len(replays) - SHOWN_VIOLATIONS} more; --json lists them all")


def _print_cost(summary: Summary, console: Console) -> None:
    table = Table(title="what each check costs", min_width=46)
    table.add_column("")
    table.add_column("seconds", justify="right")
    table.add_column("share", justify="right")
    for part, cost in _costs(summary).items():
        table.add_row(part, f"{cost['seconds']:.2f}", f"{cost['share']:.1%}")
    console.print(table)


def _costs(summary: Summary) -> dict[str, dict[str, float]]:
    """Return processor seconds and share of each part that was measured, the most expensive first."""
    whole = summary.cost.get(WHOLE, 0.0)
    parts = sorted(summary.cost.items(), key=lambda item: -item[1])
    shares = {part: seconds / whole for part, seconds in parts}
    return {
        part: {"seconds": round(share * summary.busy_seconds, 3), "share": round(share, 4)}
        for part, share in shares.items()
    }


def as_object(summary: Summary, replays: list[str]) -> dict[str, object]:
    """Return the same for programs, as what becomes a JSON object."""
    return {
        "runs": summary.runs,
        "violations": [
            {"seed": v.seed, "invariant": v.invariant, "message": v.message, "replay": replay}
            for v, replay in zip(summary.violations, replays, strict=True)
        ],
        "events_per_second": summary.events_per_second,
        **{name: getattr(summary, name) for name in COUNTED},
        "faults": dict(sorted(summary.faults.items())),
        "situations": {name: summary.situations[name] for name in SITUATIONS},
        **({"cost": _costs(summary)} if summary.cost else {}),
        "digest": summary.digest,
    }

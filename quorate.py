"""The `quorate` command: the only module that knows every package."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import click
from click.shell_completion import get_completion_class

PACKAGES = ("raft", "storage", "actors", "transport_sim", "transport_zmq")
STORAGE_COMMANDS = ("backup", "restore", "snapshot", "wal")
CLUSTER_COMMANDS = (
    "bench",
    "cas",
    "config",
    "delete",
    "get",
    "keys",
    "member",
    "put",
    "serve",
    "status",
    "transfer",
    "watch",
)
SIM_COMMANDS = ("check", "convert", "explain", "explore", "replay", "run", "shrink", "soak")
SHELLS = ("bash", "fish", "zsh")
COMPLETE_VARIABLE = "_QUORATE_COMPLETE"  # by it the script of a shell asks this command what may come next
INTERRUPTED = 130  # the exit code of whatever ends by Ctrl-C, as shells have it


def main() -> None:
    """Run the command line; the entry point of the installed command."""
    shadow = _shadowed_package()
    if shadow is not None:
        sys.stderr.write(f"quorate: {shadow}\n")
        sys.exit(2)
    try:
        sys.exit(cli.main(standalone_mode=False, complete_var=COMPLETE_VARIABLE))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.stderr.write("quorate: interrupted\n")
        sys.exit(INTERRUPTED)


def _shadowed_package() -> str | None:
    """Say which of our generically named packages something else hides or has overwritten, if any."""
    home = Path(__file__).resolve().parent
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        found = Path(spec.origin).resolve() if spec is not None and spec.origin is not None else None
        if found != home / name / "__init__.py" or 'DISTRIBUTION = "quorate"' not in found.read_text(encoding="utf-8"):
            return (
                f"the package {name!r} that Python finds is not quorate's: {found} shadows the one in {home}.\n"
                "Rename or move that file, or take its folder off PYTHONPATH. If another distribution brought it,\n"
                "install quorate in a virtual environment of its own: python3 -m venv .venv, then from quorate's\n"
                "sources .venv/bin/pip install ."
            )
    return None


class _Subcommands(click.Group):
    """A group some of whose commands stand in packages, one module each, imported when they are needed."""

    def __init__(self, packages: dict[str, tuple[str, ...]], **settings: Any) -> None:
        super().__init__(**settings)
        self._modules = {name: f"{package}.{name}" for package, names in packages.items() for name in names}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted([*super().list_commands(ctx), *self._modules])

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return a command, or None when there is none of this name."""
        if name not in self._modules:
            return super().get_command(ctx, name)
        command: click.Command = importlib.import_module(self._modules[name]).command
        return command


@click.group(
    cls=_Subcommands,
    packages={"actors.commands": STORAGE_COMMANDS, "transport_zmq.commands": CLUSTER_COMMANDS},
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(importlib.metadata.version("quorate"), prog_name="quorate")
def cli() -> None:
    """Raft, implemented once, run everywhere Python runs.

    \b
    See it work:      quorate demo --processes
    Run a member:     quorate serve --help
    Try to break it:  quorate sim run --seeds 100
    Look at a disk:   quorate wal verify DIR
    Keep a copy:      quorate backup DIR FILE
    """


@cli.command()
@click.option("--processes", is_flag=True, help="Three real daemons on this machine; the leader gets SIGKILL.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else; with --processes.")
def demo(processes: bool, as_json: bool) -> None:
    """Watch a cluster of three lose its leader and no data.

    Starts three nodes in this process, writes, kills the leader, writes to the next one, brings the old one back, and
    checks at every step that no acknowledged write was lost. Takes about ten seconds.

    With --processes the nodes are daemons, as quorate serve runs them, each with a process, ports and a data directory
    of its own, and a client writes all the time, through kill -9 of the leader and to the end. Takes about twenty
    seconds; the directories are temporary.

    Exit code 0 only if every check held, 130 when interrupted.
    """
    from rich.console import Console

    if as_json and not processes:
        raise click.UsageError("--json goes with --processes")
    if processes:
        from transport_zmq.demo.play import run as run_processes

        found = run_processes(Console(quiet=as_json), pace_s=0.0 if as_json else 1.2)
        if as_json:
            click.echo(json.dumps(found))
        sys.exit(0 if found["passed"] else 1)

    from actors.demo import run

    sys.exit(0 if run(Console()) else 1)


@cli.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print a script that lets a shell complete this command.

    \b
      bash:  quorate completion bash > ~/.local/share/bash-completion/completions/quorate
      zsh:   quorate completion zsh > ~/.zfunc/_quorate, with ~/.zfunc in fpath before compinit
      fish:  quorate completion fish > ~/.config/fish/completions/quorate.fish

    Or for the shell that runs: source <(quorate completion bash). It needs bash 4.4 or newer.
    """
    made = get_completion_class(shell)
    assert made is not None, shell
    found = made(cli, {}, "quorate", COMPLETE_VARIABLE)
    click.echo(found.source_template % found.source_vars())


@cli.group(cls=_Subcommands, packages={"transport_sim.commands": SIM_COMMANDS})
def sim() -> None:
    """Run clusters in a deterministic simulator, under faults."""


if __name__ == "__main__":
    main()

"""What the commands on data directories have in common: how they are asked, and how they end."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.console import Console
from rich.progress import Progress

from raft.errors import InvalidConfig, ProgramTooOld
from storage.errors import DamagedStorage, NewerFormat, NoDataDirectory, StorageError, WrongOwner
from storage.identity import FILE as IDENTITY
from storage.snapshots import PART

from ..storage.backup_file import DamagedBackup
from ..storage.real_disk import ReadableDirectory

DAMAGED = 1
UNUSABLE = 2
PIPE_CLOSED = 141  # as shells have it
DIRECTORY = click.Path(path_type=Path)
FILE = click.Path(path_type=Path, dir_okay=False)
FORCE = click.option("--force", is_flag=True, help="Replace FILE if it is there.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@contextmanager
def opened(directory: Path) -> Iterator[ReadableDirectory]:
    """Open a data directory to read it; errors end the command as in `ended_by_reading`."""
    disk = ReadableDirectory(directory)
    try:
        with ended_by_reading(directory):
            yield disk
    finally:
        disk.close()


@contextmanager
def ended_by_reading(directory: Path) -> Iterator[None]:
    """End the command where a directory is none of a node or cannot be read: exit code 1 for damage, 2 for all else."""
    try:
        yield
    except DamagedStorage as error:
        end(DAMAGED, f"{directory}: {error}")
    except NewerFormat as error:
        end(UNUSABLE, _newer(directory / error.file, error))
    except (ProgramTooOld, WrongOwner) as error:
        end(UNUSABLE, f"{directory}: {error}")
    except (NoDataDirectory, FileNotFoundError, NotADirectoryError) as error:
        end(UNUSABLE, _no_data_directory(directory, error))
    except BrokenPipeError:
        # Whoever read has seen enough; what is still buffered goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(PIPE_CLOSED)
    except OSError as error:
        end(UNUSABLE, f"{error.filename or directory}: {error.strerror or error}")


@contextmanager
def ended_by_errors(source: Path, target: Path) -> Iterator[None]:
    """End the command when something goes wrong: exit code 1 for damage, 2 for all else.

    Args:
        source: what is read.
        target: what is written.
    """
    try:
        yield
    except DamagedBackup as error:
        end(DAMAGED, str(error))
    except DamagedStorage as error:
        end(DAMAGED, f"{source}: {error}")
    except NewerFormat as error:
        end(UNUSABLE, _newer(source if source.name == error.file else source / error.file, error))
    except ProgramTooOld as error:
        end(UNUSABLE, f"{source}: {error}")
    except NoDataDirectory as error:
        end(UNUSABLE, _no_data_directory(source, error))
    except (StorageError, InvalidConfig) as error:
        end(UNUSABLE, str(error))
    except OSError as error:
        # The system says which file it could not open, and not which one it could not write to.
        place = Path(error.filename or target)
        end(UNUSABLE, f"{place.parent if place.name.endswith(PART) else place}: {error.strerror or error}")


def _newer(file: Path, error: NewerFormat) -> str:
    return str(NewerFormat(str(file), error.version, error.known))


def _no_data_directory(directory: Path, error: Exception) -> str:
    """Say that this is no data directory, and which ones lie in it: who names that of a cluster wants one of them."""
    members = sorted(file.parent for file in directory.glob(f"*/{IDENTITY}")) if directory.is_dir() else []
    if members:
        return f"{directory} is no data directory of a node, but holds some: name one of them, as in {members[0]}"
    if isinstance(error, OSError):
        if directory.is_dir():
            return f"{error.filename}: {error.strerror}"
        return f"{directory}: {error.strerror}; name the data directory of a node, as in data/n1"
    return f"{directory}: {error}"


def end(code: int, problem: str) -> NoReturn:
    """End the command, and say why."""
    click.echo(f"quorate: {problem}", err=True)
    sys.exit(code)


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], Any]]:
    """Yield what is told how many bytes of how many are done; a terminal shows a bar of it until all is done."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        shown = 0

        def told(done: int, of: int) -> None:
            nonlocal shown
            if (done - shown) * 100 >= of:  # drawing takes longer than most steps
                shown = done
                bar.update(task, completed=done, total=of)

        yield told

"""Data directories on the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from storage.errors import NewerFormat, NoDataDirectory, WrongOwner

from ..storage.real_disk import ReadableDirectory

UNUSABLE = 2
PIPE_CLOSED = 141  # as shells have it
DIRECTORY = click.Path(path_type=Path)


@contextmanager
def opened(directory: Path) -> Iterator[ReadableDirectory]:
    """Open a data directory to read it, and end the command where it is none, with exit code 2."""
    disk = ReadableDirectory(directory)
    try:
        yield disk
    except (NoDataDirectory, NewerFormat, WrongOwner) as error:
        click.echo(f"quorate: {directory}: {error}", err=True)
        sys.exit(UNUSABLE)
    except BrokenPipeError:
        # Whoever read has seen enough; what is still buffered goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(PIPE_CLOSED)
    except OSError as error:
        click.echo(f"quorate: {error.filename or directory}: {error.strerror or error}", err=True)
        sys.exit(UNUSABLE)
    finally:
        disk.close()

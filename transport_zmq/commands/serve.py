"""`quorate serve`: run one member of a cluster."""

from __future__ import annotations

import sys
from typing import Any

import click

from ..daemon import logs
from ..daemon.errors import SettingsError
from ..daemon.service import CannotStart, Service
from ..daemon.settings import settle
from ..maelstrom.service import MaelstromService
from .settings_options import gathered, refuse, with_options


@click.command("serve")
@with_options
@click.option(
    "--maelstrom",
    is_flag=True,
    help="Be a node of Maelstrom, which tests distributed systems: messages and requests are lines of JSON on stdin "
    "and stdout, and no port is opened.",
)
def command(maelstrom: bool, **flags: Any) -> None:
    """Run one member of a cluster, until SIGTERM or Ctrl-C.

    A cluster of three on one machine, each in a terminal of its own, where ALL is set first:

    \b
      ALL=n1=127.0.0.1:7101,n2=127.0.0.1:7102,n3=127.0.0.1:7103
      quorate serve --name n1 --data-dir d1 --listen 127.0.0.1:7101 \\
          --client-listen 127.0.0.1:7201 --http 127.0.0.1:7301 --peers $ALL
      quorate serve --name n2 --data-dir d2 --listen 127.0.0.1:7102 \\
          --client-listen 127.0.0.1:7202 --http 127.0.0.1:7302 --peers $ALL
      quorate serve --name n3 --data-dir d3 --listen 127.0.0.1:7103 \\
          --client-listen 127.0.0.1:7203 --http 127.0.0.1:7303 --peers $ALL

    Between machines, give every member keys first (quorate keys --help). Another member is started with --join, and
    then added by quorate member add.

    Every option can be given as a flag, as the environment variable in brackets, or in the file of --config; the first
    of these counts. What is in effect, and why: quorate config show.

    The first SIGTERM or Ctrl-C hands leadership over, answers what is under way, syncs, and ends with exit code 0; the
    second ends at once. SIGHUP reads the allow-list again. systemd is told when the member can serve (Type=notify).

    \b
    Exit codes:
      0         ended in good order
      1         the node failed while it ran; the last line says why
      2         wrong settings or keys
      3         the data directory is in use, damaged, another member's, or of a later program
      4         a port is in use
      130, 143  ended at once, by the second Ctrl-C or SIGTERM
    """
    given = gathered(flags)
    service: Service | MaelstromService
    try:
        service = MaelstromService(given) if maelstrom else Service(settle(given))
    except SettingsError as error:
        refuse(error)
    settings = service.settings
    logs.set_up(settings.name, settings.log_level, settings.log_format)
    try:
        code = service.run()
    except CannotStart as error:
        refuse(error, error.code)
    sys.exit(code)

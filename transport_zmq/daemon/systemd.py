"""What systemd is told: a datagram to the socket that it names (sd_notify); nothing where there is no systemd."""

from __future__ import annotations

import os
import socket

from loguru import logger


def notify(state: str) -> None:
    """Tell systemd something, for instance "READY=1"; a failure is logged and changes nothing."""
    where = os.environ.get("NOTIFY_SOCKET", "")
    if not where:
        return
    address = "\0" + where[1:] if where.startswith("@") else where
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.connect(address)
            sender.send(state.encode())
    except OSError as error:
        logger.warning("systemd cannot be told {!r} at {}: {}", state, where, error.strerror or error)

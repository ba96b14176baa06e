"""What a member finds in its directory when it starts, for the log of its process (contract D1)."""

from __future__ import annotations

from pathlib import Path

from loguru import logger

from storage.recovery import Recovered


def report(node: str, directory: Path, recovered: Recovered) -> None:
    """Log what a crash has left and was dropped, and what was damaged and had a substitute."""
    if recovered.torn_tail is not None:
        name, offset, size = recovered.torn_tail
        logger.warning(
            "node {}: dropped what a crash left unfinished at the end of the log: {:,} bytes at offset {:,} of {}",
            node, size, offset, directory / name,
        )  # fmt: skip
    for damage in recovered.passed_over:
        logger.error(
            "node {}: {} is damaged at offset {:,} ({}); an older snapshot, or the log, takes its place",
            node, directory / damage.file, damage.offset, damage.reason,
        )  # fmt: skip

"""A walk in a file, so that it can go on after whatever has interrupted it.

The file holds which worlds were visited, as digests; the worlds not gone on from yet; and, of their parts, only how
each came about: the core works them out again when the file is read.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from .bounds import Bounds, InvalidBounds

_MAGIC = b"quorate exploration 1\n"
_DIGEST_BYTES = 16


class Unusable(Exception):
    """A file does not hold a walk that can be gone on with.

    Attributes:
        file: the file.
        problem: why not.
    """

    def __init__(self, file: Path | None, problem: str) -> None:
        super().__init__(f"{file} cannot be gone on with: {problem}")
        self.file = file
        self.problem = problem


@dataclass(frozen=True)
class Kept:
    """A walk as it is kept.

    Attributes:
        bounds, jobs, symmetric: of the walk.
        depth, seconds: how far it is, and how long that took.
        shares: what `Partition.saved` returned, for each share.
        file: where it was read from.
    """

    bounds: Bounds
    jobs: int
    symmetric: bool
    depth: int
    seconds: float
    shares: list[bytes]
    file: Path | None = None


def write(file: Path, kept: Kept) -> None:
    """Write a walk to a file, which at every moment holds this one or the one before, whole.

    Raises:
        OSError: when it cannot be written; the one before is still there.
    """
    header = {
        "bounds": kept.bounds.as_object(),
        "jobs": kept.jobs,
        "symmetric": kept.symmetric,
        "depth": kept.depth,
        "seconds": round(kept.seconds, 3),
        "shares": [len(share) for share in kept.shares],
    }
    parts = [_MAGIC, json.dumps(header).encode() + b"\n", *kept.shares]
    digest = blake2b(digest_size=_DIGEST_BYTES)
    new = file.with_name(file.name + ".new")
    with new.open("wb") as stream:
        for part in parts:
            digest.update(part)
            stream.write(part)
        stream.write(digest.digest())
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(file)


def read(file: Path) -> Kept:
    """Read a walk.

    Raises:
        Unusable: when the file holds none, or is damaged.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise Unusable(file, error.strerror or str(error)) from None
    if not data.startswith(_MAGIC):
        raise Unusable(file, "it is no checkpoint of an exploration")
    body, digest = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    if blake2b(body, digest_size=_DIGEST_BYTES).digest() != digest:
        raise Unusable(file, "it is damaged; remove it to begin anew")
    end = body.index(b"\n", len(_MAGIC)) + 1
    header = json.loads(body[len(_MAGIC) : end])
    try:
        bounds = Bounds.of_object(header["bounds"])
    except InvalidBounds as error:
        raise Unusable(file, f"another version has made it: {error}") from None
    shares, at = [], end
    for length in header["shares"]:
        shares.append(body[at : at + length])
        at += length
    return Kept(bounds, header["jobs"], header["symmetric"], header["depth"], header["seconds"], shares, file)


def check(kept: Kept, bounds: Bounds, jobs: int, symmetric: bool) -> None:
    """Check that a walk is the one that is wanted.

    Raises:
        Unusable: when it is of other bounds, or over another number of processes.
    """
    for name, there in kept.bounds.as_object().items():
        wanted = bounds.as_object()[name]
        if there != wanted:
            option = "--" + name.replace("_", "-")
            raise Unusable(kept.file, f"it was made with {option} {there}, not {wanted}")
    if kept.jobs != jobs:
        raise Unusable(kept.file, f"it was made with --jobs {kept.jobs}, not {jobs}")
    if kept.symmetric != symmetric:
        raise Unusable(kept.file, "it was made with another treatment of symmetry")

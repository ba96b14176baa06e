"""CURVE keys, and the files they are in: 40 letters of Z85 and a line end."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import zmq

from .errors import KeyFileError, KeyFileExposed

KEY_LENGTH = 40


class KeyPair:
    """A secret key and the public one that belongs to it. Shows only the public one.

    Args:
        secret: the secret key in Z85.

    Attributes:
        public: the public key in Z85.
    """

    __slots__ = ("_secret", "public")

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.public = zmq.curve_public(secret).decode()

    @classmethod
    def generate(cls) -> KeyPair:
        """Return a new pair."""
        return cls(zmq.curve_keypair()[1])

    @classmethod
    def load(cls, path: Path) -> KeyPair:
        """Return the pair whose secret key a file holds.

        Raises:
            KeyFileExposed: others may read the file than those who should, see `_is_exposed`.
            KeyFileError: it cannot be read, or holds no key.
        """
        try:
            with open(path, "rb") as file:
                status = os.fstat(file.fileno())
                if _is_exposed(status):
                    raise KeyFileExposed(path, stat.S_IMODE(status.st_mode))
                content = file.read(KEY_LENGTH + 3)
        except OSError as error:
            raise KeyFileError(path, error.strerror or str(error)) from error
        secret = content.strip()
        if not is_key(secret.decode("latin-1")):
            raise KeyFileError(path, "it holds no secret key, which is 40 letters of Z85; make a new one")
        return cls(secret)

    def save(self, path: Path) -> None:
        """Write the secret key into a new file that only its owner may read.

        Raises:
            KeyFileError: the file is there already, or cannot be written.
        """
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "wb") as file:
                file.write(self._secret + b"\n")
        except OSError as error:
            raise KeyFileError(path, error.strerror or str(error)) from error

    def apply_to(self, socket: zmq.Socket[bytes]) -> None:
        """Let a socket speak with these keys."""
        socket.set(zmq.CURVE_SECRETKEY, self._secret)
        socket.set(zmq.CURVE_PUBLICKEY, self.public.encode())

    def __repr__(self) -> str:
        return f"KeyPair(public={self.public!r})"

    def __reduce__(self) -> str:
        raise TypeError("a secret key is not to be pickled or copied")


def _is_exposed(status: os.stat_result) -> bool:
    """Whether others than those who should may read a file, or anybody but its owner may write it.

    Nobody but the owner may do anything, with one exception: a file that belongs to root may be read by a group that
    this process is in. That is how Kubernetes mounts secrets (fsGroup), and how hosts share them with a service; only
    root can make it so, and root can read everything anyway.
    """
    mode = stat.S_IMODE(status.st_mode)
    if mode & (stat.S_IWGRP | stat.S_IXGRP | stat.S_IRWXO):
        return True
    is_shared_by_root = status.st_uid == 0 and status.st_gid in (os.getegid(), *os.getgroups())
    return bool(mode & stat.S_IRGRP) and not is_shared_by_root


def is_key(text: str) -> bool:
    """Whether a text can be a key: 40 letters of Z85."""
    if len(text) != KEY_LENGTH:
        return False
    try:
        zmq.curve_public(text.encode("ascii"))
    except (zmq.ZMQError, ValueError):
        return False
    return True

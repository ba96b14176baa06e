"""What can go wrong with a transport, in words that say what to do."""

from __future__ import annotations


class TransportError(Exception):
    """The base of all of them."""


class InvalidAddress(TransportError, ValueError):
    """A text is no address.

    Attributes:
        text: what was given.
    """

    def __init__(self, text: object) -> None:
        super().__init__(f"{text!r} is no address; write host:port, for instance db1.example:7000 or [::1]:7000")
        self.text = text


class CannotListen(TransportError):
    """An address cannot be listened on.

    Attributes:
        address: which.
    """

    def __init__(self, address: str, why: str) -> None:
        super().__init__(f"cannot listen on {address}: {why}; stop what listens there, or choose another address")
        self.address = address


class InsecureBind(TransportError):
    """Without keys anybody who reaches the port is believed, so it may be reached from this machine only.

    Attributes:
        address: where it was to be.
    """

    def __init__(self, address: str) -> None:
        super().__init__(
            f"{address} can be reached from other machines and there are no keys, so anybody could pose as a member; "
            "give every member keys, listen on 127.0.0.1, or say insecure_bind=True"
        )
        self.address = address


class KeyFileError(TransportError):
    """A file of keys cannot be used.

    Attributes:
        path: which.
    """

    def __init__(self, path: object, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path


class KeyFileExposed(KeyFileError):
    """Others than its owner may read a secret key, so it may not be secret any more."""

    def __init__(self, path: object, mode: int) -> None:
        super().__init__(
            path, f"others than its owner may read this secret key (mode {mode:03o}); chmod 600 it, or make a new one"
        )


class InvalidAllowList(KeyFileError):
    """An allow-list has a line that cannot be understood."""

    def __init__(self, path: object, line: int, why: str) -> None:
        super().__init__(
            path, f"line {line}: {why}; a line is: name roles key, for instance: n1 peer,admin <40 letters>"
        )

"""Changing the file of an allow-list: as a whole, so that who reads it meanwhile finds the old one or the new one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from .allow_list import AllowList
from .errors import InvalidAllowList, KeyFileError

HEADER = "# name  roles  public key"


class NotOnList(KeyFileError):
    """Nobody of this name, and no such key, is on the list."""

    def __init__(self, path: object, who: str, names: Iterable[str]) -> None:
        known = ", ".join(dict.fromkeys(names)) or "nobody"
        super().__init__(path, f"neither a name nor a key on it is {who!r}; on it are {known}")


class KeyOfAnother(KeyFileError):
    """The key is on the list under another name."""

    def __init__(self, path: object, owner: str, name: str) -> None:
        super().__init__(path, f"this key is {owner}'s; revoke it first if it is to be {name}'s")


def allow(path: Path, name: str, roles: Iterable[str], key: str) -> None:
    """Put a key on a list, which is made if there is none; one that is on it under this name gets these roles.

    Args:
        path: the file.
        name: whose key it is.
        roles: some of `allow_list.ROLES`.
        key: the public key.

    Raises:
        KeyOfAnother: it is on the list under another name.
        KeyFileError: the file cannot be read or written.
        InvalidAllowList: the list would not be one: it says why, and nothing was changed.
    """
    lines = _lines(path) if path.exists() else [HEADER]
    if not name.strip() or name.lstrip().startswith("#"):
        raise InvalidAllowList(path, len(lines) + 1, "a name has a character at least, and does not begin with #")
    line = f"{name} {','.join(roles)} {key}"
    places = [number for number, old in enumerate(lines) if _key(old) == key]
    if places:
        owner = _name(lines[places[0]])
        if owner != name:
            raise KeyOfAnother(path, owner, name)
        lines[places[0]] = line
    else:
        lines.append(line)
    _replace(path, lines)


def revoke(path: Path, who: str) -> list[str]:
    """Take a key off a list, or all keys of a name; return the keys.

    Raises:
        NotOnList: there is none.
        KeyFileError, InvalidAllowList: as for `allow`.
    """
    lines = _lines(path)
    gone = [line for line in lines if _key(line) and who in (_key(line), _name(line))]
    if not gone:
        raise NotOnList(path, who, [_name(line) for line in lines if _key(line)])
    _replace(path, [line for line in lines if line not in gone])
    return [_key(line) for line in gone]


def _lines(path: Path) -> list[str]:
    AllowList(path)  # what is no list is not changed
    return path.read_text(encoding="utf-8").splitlines()


def _key(line: str) -> str:
    """Return the key of a line, empty for a comment."""
    return "" if not line.strip() or line.lstrip().startswith("#") else line.rsplit(None, 1)[-1]


def _name(line: str) -> str:
    return line.rsplit(None, 2)[0].strip()


def _replace(path: Path, lines: list[str]) -> None:
    """Write the file anew, for its owner only unless it was there with other rights."""
    new = None
    try:
        descriptor, new = tempfile.mkstemp(prefix=path.name + ".", dir=path.parent)  # with mode 600
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
            file.flush()
            if path.exists():
                old = path.stat()
                os.fchmod(file.fileno(), old.st_mode & 0o777)
                os.fchown(file.fileno(), old.st_uid, old.st_gid)
            os.fsync(file.fileno())
        AllowList(Path(new))
        os.replace(new, path)
        new = None
    except OSError as error:
        raise KeyFileError(path, error.strerror or str(error)) from error
    finally:
        if new is not None:
            os.unlink(new)

"""Whose keys are taken, and as what: the allow-list.

A file of lines, each a name, its roles and a public key:

    # name  roles       key
    n1      peer        rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7
    n1      peer        Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID
    alice   client,admin  ...

The name of a peer is the id of its member. A name may have several keys, so that one can be replaced without a pause:
add the new key everywhere, let the member use it, take the old one away. A key that is taken away is worth nothing from
the next `reload` on, on connections that are open too.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from .errors import InvalidAllowList, KeyFileError
from .keys import is_key

PEER = "peer"
CLIENT = "client"
ADMIN = "admin"
ROLES = (PEER, CLIENT, ADMIN)


class Grant(NamedTuple):
    """What a key is good for.

    Attributes:
        name: whose it is.
        roles: some of `ROLES`.
    """

    name: str
    roles: frozenset[str]

    def may_act_as(self, role: str) -> bool:
        """Whether it is good for a role; an admin may do all that a client may."""
        return role in self.roles or (role == CLIENT and ADMIN in self.roles)


class AllowList:
    """The keys that are taken. It shows public keys only, for there are no others in it.

    Args:
        path: the file, which is read at once. None for a list that allows nobody: to a client nobody connects.

    Raises:
        KeyFileError: it cannot be read.
        InvalidAllowList: it holds something else.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._grants: dict[str, Grant] = {}
        self.reload()

    def reload(self) -> None:
        """Read the file again; what was allowed stays so if that fails.

        Raises:
            KeyFileError: it cannot be read.
            InvalidAllowList: it holds something else.
        """
        if self.path is None:
            return
        try:
            text = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise KeyFileError(self.path, getattr(error, "strerror", None) or "it is no text") from error
        grants: dict[str, Grant] = {}
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            fields = line.rsplit(None, 2)
            if len(fields) != 3:
                raise InvalidAllowList(self.path, number, "it has not three parts")
            name, roles, key = fields[0].strip(), frozenset(fields[1].split(",")), fields[2]
            if not roles <= set(ROLES):
                raise InvalidAllowList(self.path, number, f"{fields[1]!r} is not one or more of {', '.join(ROLES)}")
            if not is_key(key):
                raise InvalidAllowList(self.path, number, "the key is none: 40 letters of Z85")
            if key in grants:
                raise InvalidAllowList(self.path, number, "the key stands on an earlier line too")
            grants[key] = Grant(name, roles)
        self._grants = grants

    @property
    def grants(self) -> dict[str, Grant]:
        """What every key on the list is good for, by key, in the order of the file."""
        return dict(self._grants)

    def grant(self, key: str) -> Grant | None:
        """Return what a public key is good for, None when it is good for nothing."""
        return self._grants.get(key)

    def allows(self, key: str, role: str) -> bool:
        """Whether a public key is good for a role."""
        grant = self._grants.get(key)
        return grant is not None and grant.may_act_as(role)

    def keys_of(self, name: str, role: str) -> list[str]:
        """Return the public keys that a name has in a role, in the order of the file."""
        return [key for key, grant in self._grants.items() if grant.name == name and role in grant.roles]

"""What can be wrong with a data directory."""

REPLACE_MEMBER = (
    "The node must not start from it: remove the member from the cluster, and add it again with an empty directory"
)
"""What can be done about a node whose storage is damaged."""


class StorageError(Exception):
    """A data directory that no node may start from; the message says what is wrong and what can be done."""


class NoDataDirectory(StorageError):
    """There is no data directory where one was expected.

    Args:
        problem: what is missing.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem + ": this is no data directory of a node; name one")


class DamagedStorage(StorageError):
    """What is stored is not what was written (contract D1).

    Attributes:
        file: the name of the damaged file, within the data directory.
        offset: where the damage begins, in bytes.
        reason: what is wrong there.
    """

    def __init__(self, file: str, offset: int, reason: str) -> None:
        super().__init__(f"{file} is damaged at offset {offset}: {reason}. {REPLACE_MEMBER}")
        self.file = file
        self.offset = offset
        self.reason = reason


class NewerFormat(StorageError):
    """A newer program has written the file.

    Attributes:
        file: its name, within the data directory.
        version: the version of its format.
        known: the newest one that this program reads.
    """

    def __init__(self, file: str, version: int, known: int) -> None:
        super().__init__(
            f"{file} has format version {version}, and this program reads versions up to {known}: start a newer one"
        )
        self.file = file
        self.version = version
        self.known = known


class WrongOwner(StorageError):
    """The data directory belongs to another node, or to another kind of member.

    Attributes:
        owner: whose it is.
        asked: who asked for it.
    """

    def __init__(self, owner: str, asked: str) -> None:
        super().__init__(f"the data directory belongs to {owner}, and was opened for {asked}: name the right one")
        self.owner = owner
        self.asked = asked

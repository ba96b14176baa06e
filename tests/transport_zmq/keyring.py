"""Keys for a test's members, and the allow-list that all of them share."""

from transport_zmq.allow_list import AllowList
from transport_zmq.keys import KeyPair
from transport_zmq.security import Security


class Keyring:
    """Keys by label, and a file of who may do what.

    Args:
        folder: where the file is.
        labels: those who get keys, and are members of the same name.
    """

    def __init__(self, folder, labels):
        self.path = folder / "allowed"
        self.keys = {}
        self.lines = {}
        for label in labels:
            self.add(label, label)
        self.write()

    def add(self, label, name, roles="peer"):
        """Makes keys, and allows them if there is a name."""
        self.keys[label] = KeyPair.generate()
        if name:
            self.lines[label] = f"{name} {roles} {self.keys[label].public}"
        return self.keys[label]

    def write(self):
        self.path.write_text("\n".join(["# name roles key", *self.lines.values()]) + "\n", encoding="utf-8")

    def security(self, label):
        """What the node or client with these keys runs with; each has a list of its own, read from the same file."""
        return Security(self.keys[label], AllowList(self.path))

"""Writes the golden frames, one file a message class, as lines of hexadecimal digits.

    .venv/bin/python -m tests.golden.wire.write

Only a new wire version may change a file that is there: members of two versions talk to each other while a cluster is
brought up to date.
"""

from pathlib import Path

from tests.golden.wire.samples import CLUSTER, INCARNATION, MESSAGES
from transport_zmq.codec import END, MessagePacker
from transport_zmq.frame import PEER, Header
from transport_zmq.versions import OLDEST

FOLDER = Path(__file__).resolve().parent / f"v{OLDEST}"


def golden_frame(message):
    header = Header(PEER, CLUSTER, INCARNATION, message.sender, "n2", "n1.example:7000")
    return header.encode() + MessagePacker().pack(message)[0] + END


def file_of(kind):
    return FOLDER / f"{kind.__name__}.hex"


def write():
    FOLDER.mkdir(exist_ok=True)
    for message in MESSAGES:
        digits = golden_frame(message).hex()
        lines = [digits[at : at + 80] for at in range(0, len(digits), 80)]
        file_of(type(message)).write_text("\n".join(lines) + "\n", encoding="ascii")


if __name__ == "__main__":
    write()

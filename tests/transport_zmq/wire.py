"""Messages for tests of the wire: any that a node could send, and frames of them."""

from hypothesis import strategies as st

from raft.config import Config
from raft.entries import COMMAND, NOOP, Entry
from raft.membership import LARGEST_INCARNATION, Configuration
from raft.messages import LIMIT, MESSAGES
from raft.snapshot import Snapshot
from transport_zmq.codec import END, MessagePacker
from transport_zmq.frame import PEER, Header
from transport_zmq.limits import Limits

LIMITS = Limits.of(Config())

numbers = st.integers(0, LIMIT)
positive = st.integers(1, LIMIT)
identities = st.integers(0, LARGEST_INCARNATION)
ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64)
entries = st.builds(Entry, positive, positive, st.sampled_from([NOOP, COMMAND]), st.binary(max_size=300), numbers)
configurations = st.lists(ids, min_size=1, max_size=4, unique=True).map(lambda voters: Configuration(tuple(voters)))
snapshots = st.builds(Snapshot, positive, positive, numbers, configurations)
BY_NAME = {
    "granted": st.booleans(),
    "transfer": st.booleans(),
    "last": st.booleans(),
    "bound": st.integers(1, LARGEST_INCARNATION),
    "entries": st.lists(entries, max_size=5).map(tuple),
    "snapshot": snapshots,
    "data": st.binary(max_size=2000),
}


def of_kind(kind, sender):
    """Messages of one class by one sender; nothing but the types of their fields need be right."""
    fields = [BY_NAME.get(name, numbers) for name in kind.FIELDS[1:]]
    return st.builds(kind, st.just(sender), *fields)


@st.composite
def batches(draw):
    """A header, and messages of whoever it names."""
    cluster, incarnation, sender, receiver = draw(st.tuples(identities, identities, ids, ids))
    messages = draw(st.lists(st.sampled_from(MESSAGES).flatmap(lambda kind: of_kind(kind, sender)), max_size=4))
    for message in messages:
        message.cluster, message.incarnation = cluster, incarnation
    return Header(PEER, cluster, incarnation, sender, receiver, "example:7000"), messages


def frame_of(header, messages):
    packer = MessagePacker()
    return header.encode() + b"".join(packer.pack(message)[0] for message in messages) + END

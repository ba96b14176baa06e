import pytest

from raft.config import Config
from raft.messages import MESSAGES
from tests.golden.wire import samples
from tests.golden.wire.write import FOLDER, file_of, golden_frame
from transport_zmq.codec import KINDS, MessageUnpacker
from transport_zmq.frame import split
from transport_zmq.limits import Limits


def test_every_message_class_has_a_number_and_a_golden_frame():
    classes = {kind.__name__ for kind in MESSAGES}

    assert {kind.__name__ for kind in KINDS.values()} == classes
    assert {type(message).__name__ for message in samples.MESSAGES} == classes
    assert {file.stem for file in FOLDER.iterdir()} == classes


@pytest.mark.parametrize("message", samples.MESSAGES, ids=lambda message: type(message).__name__)
def test_the_bytes_of_a_message_never_change(message):
    assert message.problem() is None
    golden = bytes.fromhex(file_of(type(message)).read_text(encoding="ascii"))

    assert golden_frame(message) == golden

    header, body = split(golden)
    unpacked = MessageUnpacker(Limits.of(Config())).unpack(body, header)
    assert unpacked == [message]

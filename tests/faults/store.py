"""The state machine of the nodes under faults."""

import hashlib

from actors.kv import DONE, Result
from tests.transport_zmq.machines import CountingStore

DIGEST = b"digest"


class DigestStore(CountingStore):
    """The counting store, which can also be asked for a digest of all that it holds."""

    def read(self, query):
        if query != DIGEST:
            return super().read(query)
        held = hashlib.sha256()
        for key, value in self.items():
            held.update(b"%d %d " % (len(key), len(value)) + key + value)
        return Result(DONE, held.hexdigest().encode())

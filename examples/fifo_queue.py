"""A state machine of your own on a real cluster: a queue, first in, first out.

Every member runs it:

    quorate serve --machine examples.fifo_queue:FifoQueue ...

and this is a client of it, by asyncio:

    python examples/fifo_queue.py HOST:PORT,HOST:PORT,...
"""

import asyncio
import sys
from collections import deque

from transport_zmq import AsyncClient


class FifoQueue:
    """Commands are `push ITEM` and `pop`; the query "length" asks how many items wait."""

    def __init__(self):
        self.items = deque()

    def apply(self, command):
        """Never raises: an exception would stop every member."""
        if command == b"pop":
            return self.items.popleft() if self.items else None
        if command.startswith(b"push "):
            self.items.append(command[len(b"push ") :])
            return len(self.items)
        return "no such command"

    def read(self, query):
        """Answers without an entry in the log; what it raises is told to whoever has asked."""
        if query != "length":
            raise ValueError("ask for the length")
        return len(self.items)

    def snapshot(self):
        """Returns everything as pieces of bytes: each item with its length before it. What is saved cannot change."""
        return [len(item).to_bytes(4, "big") + item for item in self.items]

    def restore(self, chunks):
        """Takes what `snapshot` has returned, perhaps cut into pieces differently."""
        saved = b"".join(chunks)
        self.items = deque()
        start = 0
        while start < len(saved):
            end = start + 4 + int.from_bytes(saved[start : start + 4], "big")
            self.items.append(saved[start + 4 : end])
            start = end


async def main():
    async with AsyncClient(sys.argv[1], machine=FifoQueue) as client:
        for job in (b"wash", b"dry", b"fold"):
            waiting = await client.propose(b"push " + job, 30)
            print(f"pushed {job.decode()}, {waiting} waiting")

        # Each is popped once, by however many at the same time, and whatever happens to the leader.
        popped = await asyncio.gather(*[client.propose(b"pop") for _ in range(4)])
        print("popped " + ", ".join(sorted(job.decode() for job in popped if job)))
        print(f"{await client.read('length')} waiting")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/fifo_queue.py HOST:PORT,...   the client ports of nodes that run FifoQueue")
    asyncio.run(main())

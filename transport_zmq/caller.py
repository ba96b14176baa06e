"""One client of a node as its port sees it: what it has under way, and the answers that wait for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from .client_codec import ANSWERS, Answer, RowPacker, frame_of
from .client_listener import FULL, GONE, SENT
from .limits import BATCH_ITEMS
from .statistics import CLIENT_GONE, SLOW_CLIENT, Statistics

FRAME_BYTES = 256 * 1024  # a frame of answers that has grown so large is sent, and the next one begun
SLOW_S = 10.0  # a client that takes nothing for so long loses what waits for it

Send = Callable[[bytes, bytes], str]  # connection and frame; as `ClientListener.send`
Encode = Callable[[int, Any], Answer]  # the number of a request, and what the node has replied


class Pending:
    """One request that the node has been asked and has not answered.

    Attributes:
        caller: who has asked.
        number: of the request.
        is_read: whether it changes nothing.
        encode: makes the answer.
        size: what it counts against the limits, in bytes.
        until_s: for how long the client waits, by the monotonic clock.
    """

    __slots__ = ("caller", "encode", "is_read", "number", "size", "until_s")

    def __init__(self, caller: Caller, number: int, is_read: bool, encode: Encode, size: int, until_s: float) -> None:
        self.caller = caller
        self.number = number
        self.is_read = is_read
        self.encode = encode
        self.size = size
        self.until_s = until_s


class Caller:
    """A connection that has something under way.

    Args:
        connection: its name.
        send: sends it a frame.
        packer: makes bytes of answers.
        statistics: of the node.
        answer_bytes: when so much waits for it, it gets no answers of any size any more.

    Attributes:
        connection: see above.
        pending: its requests under way, by number; kept by `client_room.ClientRoom`.
        pending_bytes: what they count against the limits; likewise.
        queued_bytes: what waits for it to read.
    """

    def __init__(
        self, connection: bytes, send: Send, packer: RowPacker, statistics: Statistics, answer_bytes: int
    ) -> None:
        self.connection = connection
        self.pending: dict[int, Pending] = {}
        self.pending_bytes = 0
        self.queued_bytes = 0
        self._send = send
        self._statistics = statistics
        self._answer_bytes = answer_bytes
        self._packer = packer
        self._answers: list[bytes] = []  # of this turn
        self._size = 0
        self._queue: deque[bytes] = deque()
        self._stuck_since_s = 0.0

    @property
    def idle(self) -> bool:
        """Whether nothing is under way, and nothing waits."""
        return not (self.pending or self._answers or self._queue)

    @property
    def is_full(self) -> bool:
        """Whether so much waits for it that it is to be told errors instead of results."""
        return self.queued_bytes + self._size >= self._answer_bytes

    def answer(self, answer: Answer) -> bool:
        """Keep an answer until the end of the turn; when not even errors are read, let it go and count it.

        Returns:
            Whether there are so many answers that they are worth a frame before the turn has ended.
        """
        if self.queued_bytes + self._size >= 2 * self._answer_bytes:
            self._statistics.dropped[SLOW_CLIENT] += 1
        else:
            piece = self._packer.pack(answer)
            self._answers.append(piece)
            self._size += len(piece)
        return len(self._answers) >= BATCH_ITEMS

    def flush(self, cluster: int, now_s: float) -> None:
        """Send what this turn has brought, in as few frames as is good."""
        if self._size <= FRAME_BYTES:
            frames = [self._answers]
        else:
            frames = [[]]
            size = 0
            for piece in self._answers:
                if frames[-1] and size + len(piece) > FRAME_BYTES:
                    frames.append([])
                    size = 0
                frames[-1].append(piece)
                size += len(piece)
        self._answers = []
        self._size = 0
        for pieces in frames:
            if pieces:
                self._post(frame_of(ANSWERS, cluster, pieces), now_s)

    def retry(self, now_s: float) -> None:
        """Send what waits, as far as the client reads; give it up if that has not happened for long."""
        while self._queue:
            outcome = self._sent(self._queue[0])
            if outcome == GONE:
                return
            if outcome == FULL:
                if now_s - self._stuck_since_s > SLOW_S:
                    self.forget(SLOW_CLIENT)
                return
            self._stuck_since_s = now_s
            self.queued_bytes -= len(self._queue.popleft())

    def forget(self, reason: str) -> None:
        """Let go of all answers that wait, and count them."""
        self._statistics.dropped[reason] += len(self._queue)
        self._queue.clear()
        self.queued_bytes = 0

    def _post(self, frame: bytes, now_s: float) -> None:
        if not self._queue:
            if self._sent(frame) != FULL:
                return
            self._stuck_since_s = now_s
        self._queue.append(frame)
        self.queued_bytes += len(frame)

    def _sent(self, frame: bytes) -> str:
        outcome = self._send(self.connection, frame)
        if outcome == SENT:
            self._statistics.frames_sent += 1
            self._statistics.bytes_sent += len(frame)
        elif outcome == GONE:
            self._statistics.dropped[CLIENT_GONE] += 1
            self.forget(CLIENT_GONE)
        return outcome

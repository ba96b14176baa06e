"""A small Maelstrom: it starts nodes as processes, carries their messages, loses and delays them, and has clients."""

import base64
import random
import time

import gevent
from gevent.event import AsyncResult

from raft.config import Config
from raft.messages import Append, Heartbeat
from tests.transport_zmq.daemon.daemons import quorate
from transport_zmq.codec import MessageUnpacker
from transport_zmq.frame import split
from transport_zmq.limits import Limits
from transport_zmq.maelstrom.envelope import Envelope, decode
from transport_zmq.maelstrom.lines import Lines

T = 30.0
LONGEST = 64 * 1024 * 1024
OPTIONS = ("--election-timeout-ms", "300", "--heartbeat-interval-ms", "50")


class Node:
    """One process, and whoever comes after it under the same id.

    Args:
        id: as Maelstrom names it.
        log: the file that gets what it logs.
        options: of `quorate serve --maelstrom`.
        deliver: called with every line that it sends.
    """

    def __init__(self, id, log, options, deliver):
        self.id = id
        self.log = log
        self._options = options
        self._deliver = deliver
        self.process = None

    def start(self):
        with open(self.log, "a", encoding="utf-8") as log:
            self.process = quorate("serve", "--maelstrom", *OPTIONS, *self._options, stdin=-1, stdout=-1, stderr=log)
        self._lines = Lines(self.process.stdout.fileno(), self.process.stdin.fileno(), LONGEST, LONGEST)
        self._reader = gevent.spawn(self._read, self._lines)

    def _read(self, lines):
        for line in lines.read():
            self._deliver(self, line)

    def write(self, line):
        if self.process.poll() is None:
            self._lines.write(line)

    def kill(self):
        self.process.kill()
        self._gone()

    def end(self):
        """Ends its stdin, and returns its exit code."""
        self._lines.close(1.0)
        self.process.stdin.close()
        deadline = time.monotonic() + T
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"{self.id} does not end"
            gevent.sleep(0.01)
        self._gone()
        return self.process.returncode

    def _gone(self):
        self.process.wait()
        self._reader.kill()
        if not self.process.stdin.closed:
            self._lines.close(0.0)
            self.process.stdin.close()
        self.process.stdout.close()

    @property
    def told(self):
        return self.log.read_text(encoding="utf-8")


class Maelstrom:
    """The network between nodes, and what speaks to them.

    Args:
        folder: where logs are.
        count: how many nodes.
        options: those of node i, as options(id).
        seed: decides which messages are lost or late.
    """

    def __init__(self, folder, count, options=lambda id: (), seed=1):
        self.loss = 0.0  # the probability that a message between nodes is lost
        self.latest_s = 0.0  # the longest that one is on its way
        self.cut = set()  # pairs of nodes between whom nothing passes, in this direction
        self.strays = []  # lines of stdout that are no messages
        self._chance = random.Random(seed)
        self._waiting = {}  # by client and number: who waits for the answer
        self._asked = 0
        self._leads = (0, None)  # the highest term in which somebody was heard as its leader, and who that is
        self._unpacker = MessageUnpacker(Limits.of(Config()))
        ids = [f"n{number}" for number in range(1, count + 1)]
        self.nodes = {id: Node(id, folder / f"{id}.log", options(id), self._carry) for id in ids}

    @property
    def ids(self):
        return list(self.nodes)

    def start(self, *ids):
        """Starts nodes, all if none is named, and tells each who it is."""
        for id in ids or self.ids:
            self.nodes[id].start()
        for id in ids or self.ids:
            body = {"type": "init", "node_id": id, "node_ids": self.ids}
            assert self.ask("c0", id, body, T)["type"] == "init_ok"

    def close(self):
        for node in self.nodes.values():
            if node.process is not None and node.process.poll() is None:
                node.kill()

    # What is asked

    def ask(self, client, node, body, timeout_s=5.0):
        """The body of the answer; None when there is none in time."""
        self._asked += 1
        asked = (client, self._asked)
        answer = self._waiting[asked] = AsyncResult()
        self.nodes[node].write(Envelope(client, node, {**body, "msg_id": self._asked}).encode())
        try:
            return answer.get(timeout=timeout_s)
        except gevent.Timeout:
            return None
        finally:
            del self._waiting[asked]

    # What is carried

    def isolate(self, *ids):
        """Cuts some nodes off from all others, and from each other."""
        for id in ids:
            for other in self.ids:
                if other != id:
                    self.cut |= {(id, other), (other, id)}

    def heal(self):
        self.cut.clear()

    def leader(self):
        """Who was heard to lead the highest term so far; None for nobody."""
        return self._leads[1]

    def leader_other_than(self, *ids):
        """Waits for a leader that is none of these."""
        deadline = time.monotonic() + T
        while self.leader() is None or self.leader() in ids:
            assert time.monotonic() < deadline, "nobody is elected"
            gevent.sleep(0.01)
        return self.leader()

    def _carry(self, node, line):
        try:
            envelope = decode(line)
            assert envelope.source == node.id
        except Exception as error:
            self.strays.append((line, error))
            return
        receiver = self.nodes.get(envelope.destination)
        if receiver is None:
            answer = self._waiting.get((envelope.destination, envelope.body["in_reply_to"]))
            if answer is not None:
                answer.set(envelope.body)
            return
        self._listen(envelope)
        if (node.id, receiver.id) in self.cut or self._chance.random() < self.loss:
            return
        late_s = self._chance.random() ** 3 * self.latest_s
        if late_s:
            gevent.spawn_later(late_s, self._arrive, node.id, receiver, line)
        else:
            receiver.write(line + b"\n")

    def _arrive(self, sender, receiver, line):
        if (sender, receiver.id) not in self.cut:
            receiver.write(line + b"\n")

    def _listen(self, envelope):
        """Takes note of who leads."""
        if envelope.type == "raft":
            header, body = split(base64.b64decode(envelope.body["frame"]))
            for message in self._unpacker.unpack(body, header):
                if isinstance(message, (Append, Heartbeat)) and message.term > self._leads[0]:
                    self._leads = (message.term, envelope.source)

"""Real nodes with a port for clients."""

from raft.config import Config
from tests.transport_zmq.nodes import CONFIG, Node, configuration_of, leader_of, wait_until
from transport_zmq.client_port import ClientPort
from transport_zmq.limits import ClientLimits

TRIO = Config(election_timeout_ms=400, heartbeat_interval_ms=50)
ALONE = Config(election_timeout_ms=50, heartbeat_interval_ms=10)  # nobody is there to depose it


class ServedNode(Node):
    """One member with both ports.

    Args:
        addresses: by member, where clients reach it; shared by the nodes of a test, each of which adds itself.
    """

    def __init__(self, id, folder, addresses, *, limits=None, listen_to_clients="127.0.0.1:0", **settings):
        super().__init__(id, folder, **settings)
        limits = ClientLimits.of(CONFIG) if limits is None else limits
        self.port = ClientPort(self.network, id, listen_to_clients, limits, self.session_limits, addresses)
        self.port.listen()
        addresses[id] = self.port.address

    def start(self, configuration):
        super().start(configuration)
        self.port.open(self.actor, self.machine)

    def stop(self):
        self.port.close()
        super().stop()

    def close(self):
        self.stop()
        self.port.release()
        super().close()


def cluster(closing, folder, *, ids=("n1", "n2", "n3"), ring=None, **settings):
    """Nodes that run as one cluster."""
    addresses = {}
    settings = {"config": TRIO if len(ids) > 1 else ALONE, **settings}
    nodes = [
        closing(
            ServedNode(id, folder, addresses, security=ring and ring.security(id), advertise="127.0.0.1:0", **settings)
        )
        for id in ids
    ]
    everybody = configuration_of(nodes)
    for node in nodes:
        node.start(everybody)
    return nodes


def leading(nodes):
    """The node that leads, once one does."""
    wait_until(lambda: leader_of(nodes) is not None)
    return leader_of(nodes)


def endpoints_of(nodes):
    return [node.port.address for node in nodes]

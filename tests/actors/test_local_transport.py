import pytest

from actors.local_transport import LocalNetwork, LocalTransport


class Mailbox:
    def __init__(self):
        self.messages = []

    def tell(self, message):
        self.messages.append(message)


@pytest.fixture
def network():
    return LocalNetwork()


@pytest.fixture
def mailboxes(network):
    mailboxes = {member: Mailbox() for member in ("n1", "n2", "n3")}
    for member, mailbox in mailboxes.items():
        LocalTransport(network, member).open(mailbox)
    return mailboxes


def reaches(network, mailboxes):
    """Lists who reaches whom, by sending one message on every link."""
    for sender in mailboxes:
        LocalTransport(network, sender).send([(receiver, sender) for receiver in mailboxes if receiver != sender])
    return {(sender, receiver) for receiver, mailbox in mailboxes.items() for sender in mailbox.messages}


def test_messages_arrive_in_order(network, mailboxes):
    LocalTransport(network, "n1").send([("n2", "first"), ("n3", "other"), ("n2", "second")])

    assert mailboxes["n2"].messages == ["first", "second"]
    assert mailboxes["n3"].messages == ["other"]
    assert network.dropped == 0


def test_who_is_not_there_receives_nothing_and_is_counted(network, mailboxes):
    LocalTransport(network, "n2").close()
    LocalTransport(network, "n2").close()

    LocalTransport(network, "n1").send([("n2", "lost"), ("n3", "found")])

    assert mailboxes["n2"].messages == []
    assert mailboxes["n3"].messages == ["found"]
    assert network.dropped == 1


def test_a_cut_goes_one_way(network, mailboxes):
    network.cut("n1", "n2")

    reached = reaches(network, mailboxes)

    assert ("n1", "n2") not in reached
    assert len(reached) == 5


def test_groups_hear_only_themselves(network, mailboxes):
    network.cut("n2", "n3")
    network.partition([["n1"], ["n2", "n3"]])

    assert reaches(network, mailboxes) == {("n2", "n3"), ("n3", "n2")}


def test_healing_mends_everything(network, mailboxes):
    network.partition([["n1"], ["n2"], ["n3"]])
    network.cut("n1", "n2")

    network.heal()

    assert len(reaches(network, mailboxes)) == 6

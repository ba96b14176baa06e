"""The client against members that answer as the test says; the real ones are in test_cluster.py."""

import time

import gevent
import pytest

from actors.client import Client
from actors.errors import NodeStopped, Unavailable
from actors.leadership import Leadership
from actors.runtime import GeventFuture
from raft.errors import EntryTooLarge, InvalidCommand, InvalidConfig, NotLeader, OutcomeUnknown, Overloaded

MEMBERS = ("n1", "n2", "n3")
SILENCE = object()


class Members:
    """Answers each member's commands by its script; the last answer is repeated. Notes who was asked."""

    def __init__(self, **answers):
        self.answers = {member: list(script) for member, script in answers.items()}
        self.asked = []

    def submit(self, member, command):
        self.asked.append(member)
        script = self.answers[member]
        answer = script.pop(0) if len(script) > 1 else script[0]
        future = GeventFuture()
        if isinstance(answer, Exception):
            future.set_exception((type(answer), answer, None))
        elif answer is not SILENCE:
            future.set(answer)
        return future


@pytest.fixture
def leadership():
    return Leadership(MEMBERS)


def test_the_leader_answers(leadership):
    members = Members(n1=["done"])

    assert Client(MEMBERS, members.submit, leadership).call(b"", 10) == "done"
    assert members.asked == ["n1"]


def test_a_hint_is_followed_and_the_leader_remembered(leadership):
    members = Members(n1=[NotLeader("n3")], n3=["done"])
    client = Client(MEMBERS, members.submit, leadership)

    assert [client.call(b"", 10), client.call(b"", 10)] == ["done", "done"]
    assert members.asked == ["n1", "n3", "n3"]


@pytest.mark.parametrize("refusal", [NotLeader(None), NotLeader("elsewhere"), NodeStopped("n1")])
def test_without_a_hint_every_member_is_asked(leadership, refusal):
    members = Members(n1=[refusal], n2=[NotLeader(None)], n3=["done"])

    assert Client(MEMBERS, members.submit, leadership).call(b"", 10) == "done"
    assert members.asked == ["n1", "n2", "n3"]


def test_members_that_point_at_each_other_are_asked_once_until_roles_change(leadership):
    members = Members(n1=[NotLeader("n2"), "done"], n2=[NotLeader("n1")], n3=[NotLeader("n1")])
    call = gevent.spawn(Client(MEMBERS, members.submit, leadership).call, b"", 30)

    gevent.sleep(0.05)
    assert members.asked == ["n1", "n2", "n3"]
    leadership.forget("n2")

    assert call.get(timeout=10) == "done"
    assert members.asked == ["n1", "n2", "n3", "n1"]


def test_a_change_of_roles_during_the_round_is_not_missed(leadership):
    members = Members(n1=[NotLeader(None), "done"], n2=[NotLeader(None)], n3=[NotLeader(None)])

    def submit(member, command):
        if member == "n2" and members.asked == ["n1"]:
            leadership.forget("n3")
        return members.submit(member, command)

    assert Client(MEMBERS, submit, leadership).call(b"", 30) == "done"
    assert members.asked == ["n1", "n2", "n3", "n1"]


def test_an_overloaded_leader_is_given_a_pause(leadership):
    members = Members(n1=[Overloaded(10, 5), Overloaded(10, 5), "done"])
    started = time.monotonic()

    assert Client(MEMBERS, members.submit, leadership).call(b"", 30) == "done"
    assert members.asked == ["n1"] * 3
    assert time.monotonic() - started >= 0.03


@pytest.mark.parametrize("refusal", [EntryTooLarge(9, 8), InvalidCommand("text")])
def test_what_nobody_will_ever_take_is_not_tried_again(leadership, refusal):
    members = Members(n1=[refusal])

    with pytest.raises(type(refusal)):
        Client(MEMBERS, members.submit, leadership).call(b"", 10)
    assert members.asked == ["n1"]


@pytest.mark.parametrize("timeout", [0, 0.05])
def test_when_nobody_takes_it_in_time_the_error_says_who_was_asked(leadership, timeout):
    members = Members(n1=[NodeStopped("n1")], n2=[NotLeader("n1")], n3=[NotLeader(None)])

    with pytest.raises(Unavailable) as caught:
        Client(MEMBERS, members.submit, leadership).call(b"", timeout)

    assert caught.value.timeout_s == timeout
    assert sorted(caught.value.attempts) == ["n1", "n2", "n3"]
    assert str(caught.value).startswith(f"nobody took the command within {timeout:g} s (n1: down; n2: this node is not")


def test_when_no_node_runs_the_error_says_so_and_why(leadership):
    members = Members(n1=[NodeStopped("n1", "ValueError: boom")], n2=[NodeStopped("n2")], n3=[NodeStopped("n3")])

    with pytest.raises(Unavailable) as caught:
        Client(MEMBERS, members.submit, leadership).call(b"", 0.05)

    assert str(caught.value) == (
        "nobody took the command within 0.05 s (n1: down: ValueError: boom; n2: down; n3: down); "
        "restart a majority of them"
    )


def test_an_unknown_outcome_is_raised_and_never_retried(leadership):
    members = Members(n1=[OutcomeUnknown("leadership was lost")])

    with pytest.raises(OutcomeUnknown, match="leadership was lost"):
        Client(MEMBERS, members.submit, leadership).call(b"", 10)
    assert members.asked == ["n1"]


def test_silence_is_an_unknown_outcome(leadership):
    members = Members(n1=[SILENCE])

    with pytest.raises(OutcomeUnknown, match="n1 was given the command and has not answered in time"):
        Client(MEMBERS, members.submit, leadership).call(b"", 0.05)


def test_a_read_may_be_repeated_after_an_unknown_outcome(leadership):
    members = Members(n1=[OutcomeUnknown("leadership was lost"), NotLeader("n2")], n2=["value"])

    assert Client(MEMBERS, members.submit, leadership).call(b"", 10, read_only=True) == "value"
    assert members.asked == ["n1", "n1", "n2"]


def test_a_read_that_gets_no_answer_is_unavailable_and_not_unknown(leadership):
    members = Members(n1=[SILENCE])

    with pytest.raises(Unavailable, match="n1: no answer"):
        Client(MEMBERS, members.submit, leadership).call(b"", 0.05, read_only=True)


@pytest.mark.parametrize("timeout", [-1, float("nan"), float("inf"), True, "5", None])
def test_a_timeout_is_a_number_of_seconds(leadership, timeout):
    with pytest.raises(InvalidConfig, match="timeout is .* a number of seconds, 0 or more"):
        Client(MEMBERS, Members().submit, leadership).call(b"", timeout)

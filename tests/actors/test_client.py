"""The client against members that answer as the test says; the real ones are in test_cluster.py."""

import time

import gevent
import pytest

from actors.client import Client, Deadline
from actors.errors import NodeStopped, Unavailable
from actors.leadership import Leadership
from actors.loop import run
from actors.runtime import GeventFuture
from raft.errors import (
    ChangeInProgress,
    EntryTooLarge,
    InvalidChange,
    InvalidCommand,
    InvalidConfig,
    LastVoter,
    NoSpace,
    NotLeader,
    OutcomeUnknown,
    Overloaded,
    ReadFailed,
    TermNotCommitted,
    TooManyReads,
    TransferInProgress,
    TransferRefused,
)
from raft.membership import Configuration
from raft.observer import RoleChanged

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
    return Leadership()


def test_the_leader_answers(leadership):
    members = Members(n1=["done"])

    assert Client(lambda: MEMBERS, members.submit, leadership).call(b"", 10) == "done"
    assert members.asked == ["n1"]


@pytest.mark.contract("D2")
def test_a_leader_without_space_is_named_and_nobody_is_sent_to_look_at_the_network(leadership):
    members = Members(n1=[NoSpace(400, 30)])

    with pytest.raises(Unavailable) as caught:
        Client(lambda: MEMBERS, members.submit, leadership).call(b"", 0.2)
    assert "n1: the disk of the leader is full" in str(caught.value)
    assert str(caught.value).endswith("; it is taken as soon as the leader's disk has space")


def test_a_hint_is_followed_and_the_leader_remembered(leadership):
    members = Members(n1=[NotLeader("n3")], n3=["done"])
    client = Client(lambda: MEMBERS, members.submit, leadership)

    assert [client.call(b"", 10), client.call(b"", 10)] == ["done", "done"]
    assert members.asked == ["n1", "n3", "n3"]


@pytest.mark.parametrize("refusal", [NotLeader(None), NotLeader("elsewhere"), NodeStopped("n1")])
def test_without_a_hint_every_member_is_asked(leadership, refusal):
    members = Members(n1=[refusal], n2=[NotLeader(None)], n3=["done"])

    assert Client(lambda: MEMBERS, members.submit, leadership).call(b"", 10) == "done"
    assert members.asked == ["n1", "n2", "n3"]


def test_members_that_point_at_each_other_are_asked_once_until_roles_change(leadership):
    members = Members(n1=[NotLeader("n2"), "done"], n2=[NotLeader("n1")], n3=[NotLeader("n1")])
    call = gevent.spawn(Client(lambda: MEMBERS, members.submit, leadership).call, b"", 30)

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

    assert Client(lambda: MEMBERS, submit, leadership).call(b"", 30) == "done"
    assert members.asked == ["n1", "n2", "n3", "n1"]


def test_an_overloaded_leader_is_given_a_pause(leadership):
    members = Members(n1=[Overloaded(10, 5), Overloaded(10, 5), "done"])
    started = time.monotonic()

    assert Client(lambda: MEMBERS, members.submit, leadership).call(b"", 30) == "done"
    assert members.asked == ["n1"] * 3
    assert time.monotonic() - started >= 0.03


@pytest.mark.parametrize("refusal", [EntryTooLarge(9, 8), InvalidCommand("text")])
def test_what_nobody_will_ever_take_is_not_tried_again(leadership, refusal):
    members = Members(n1=[refusal])

    with pytest.raises(type(refusal)):
        Client(lambda: MEMBERS, members.submit, leadership).call(b"", 10)
    assert members.asked == ["n1"]


@pytest.mark.parametrize("timeout", [0, 0.05])
def test_when_nobody_takes_it_in_time_the_error_says_who_was_asked(leadership, timeout):
    members = Members(n1=[NodeStopped("n1")], n2=[NotLeader("n1")], n3=[NotLeader(None)])

    with pytest.raises(Unavailable) as caught:
        Client(lambda: MEMBERS, members.submit, leadership).call(b"", timeout)

    assert caught.value.timeout_s == timeout
    assert sorted(caught.value.attempts) == ["n1", "n2", "n3"]
    assert str(caught.value).startswith(f"nobody took the command within {timeout:g} s (n1: down; n2: this node is not")


def test_when_no_node_runs_the_error_says_so_and_why(leadership):
    members = Members(n1=[NodeStopped("n1", "ValueError: boom")], n2=[NodeStopped("n2")], n3=[NodeStopped("n3")])

    with pytest.raises(Unavailable) as caught:
        Client(lambda: MEMBERS, members.submit, leadership).call(b"", 0.05)

    assert str(caught.value) == (
        "nobody took the command within 0.05 s (n1: down: ValueError: boom; n2: down; n3: down); "
        "restart a majority of them"
    )


def test_an_unknown_outcome_is_raised_and_not_retried(leadership):
    members = Members(n1=[OutcomeUnknown("leadership was lost")])

    with pytest.raises(OutcomeUnknown, match="leadership was lost"):
        Client(lambda: MEMBERS, members.submit, leadership).call(b"", 10)
    assert members.asked == ["n1"]


def test_silence_is_an_unknown_outcome(leadership):
    members = Members(n1=[SILENCE])

    with pytest.raises(OutcomeUnknown, match="n1 was given the command and has not answered in time"):
        Client(lambda: MEMBERS, members.submit, leadership).call(b"", 0.05)


def test_a_read_may_be_repeated_after_an_unknown_outcome(leadership):
    members = Members(n1=[OutcomeUnknown("leadership was lost"), NotLeader("n2")], n2=["value"])

    assert Client(lambda: MEMBERS, members.submit, leadership).call(b"", 10, read_only=True) == "value"
    assert members.asked == ["n1", "n1", "n2"]


def test_a_read_that_gets_no_answer_is_unavailable_and_not_unknown(leadership):
    members = Members(n1=[SILENCE])

    with pytest.raises(Unavailable, match="n1: no answer"):
        Client(lambda: MEMBERS, members.submit, leadership).call(b"", 0.05, read_only=True)


def test_what_takes_effect_once_is_repeated_after_an_unknown_outcome(leadership):
    members = Members(n1=[OutcomeUnknown("leadership was lost"), NotLeader("n2")], n2=["value"])

    assert run(Client(lambda: MEMBERS, members.submit, leadership).ask(b"", Deadline(10), once=True)) == "value"
    assert members.asked == ["n1", "n1", "n2"]


def test_what_takes_effect_once_and_was_in_doubt_is_unknown_in_the_end_and_not_unavailable(leadership):
    members = Members(n1=[OutcomeUnknown("leadership was lost"), NotLeader(None)], n2=[NotLeader(None)])
    members.answers["n3"] = [NotLeader(None)]

    with pytest.raises(OutcomeUnknown, match="leadership was lost"):
        run(Client(lambda: MEMBERS, members.submit, leadership).ask(b"", Deadline(0.05), once=True))
    assert members.asked[:4] == ["n1", "n1", "n2", "n3"]


@pytest.mark.contract("C2")
def test_a_refusal_tells_nothing_of_an_attempt_before_that_is_in_doubt(leadership):
    members = Members(n1=[OutcomeUnknown("it has lost the connection"), LastVoter()])

    with pytest.raises(OutcomeUnknown, match="it has lost the connection"):
        run(Client(lambda: MEMBERS, members.submit, leadership).ask(b"", Deadline(10), once=True))
    with pytest.raises(LastVoter):
        run(Client(lambda: MEMBERS, members.submit, leadership).ask(b"", Deadline(10), once=True))


@pytest.mark.parametrize("timeout", [-1, float("nan"), float("inf"), True, "5", None])
def test_a_timeout_is_a_number_of_seconds(leadership, timeout):
    with pytest.raises(InvalidConfig, match="timeout is .* a number of seconds, 0 or more"):
        Client(lambda: MEMBERS, Members().submit, leadership).call(b"", timeout)


def test_a_leader_that_hands_over_is_asked_again_in_a_moment(leadership):
    members = Members(n1=[TransferInProgress("n2"), ChangeInProgress(7), TermNotCommitted(3), "done"])

    assert Client(lambda: MEMBERS, members.submit, leadership).call(b"", 30) == "done"
    assert members.asked == ["n1"] * 4


@pytest.mark.parametrize("refusal", [LastVoter(), InvalidChange("n4", "no"), TransferRefused("n2", "no")])
def test_what_asking_again_would_not_change_is_raised(leadership, refusal):
    members = Members(n1=[refusal])

    with pytest.raises(type(refusal)):
        Client(lambda: MEMBERS, members.submit, leadership).call(b"", 30)
    assert members.asked == ["n1"]


def test_members_that_come_and_go_are_followed(leadership):
    present = ["n1"]
    members = Members(n1=[NotLeader("n3")], n2=[NotLeader("n3")], n3=["done"])
    client = Client(lambda: tuple(present), members.submit, leadership)

    present[:] = ["n2", "n3"]

    assert client.call(b"", 30) == "done"
    assert members.asked == ["n2", "n3"]


# Reads


@pytest.mark.parametrize("failure", [ReadFailed("no leader"), NodeStopped("n1"), TooManyReads(9, 9)])
def test_a_read_that_fails_is_tried_at_the_next_member_and_then_again(leadership, failure):
    members = Members(n1=[failure, "value"], n2=[failure], n3=[failure])

    assert run(Client(lambda: MEMBERS, members.submit, leadership).read(b"", Deadline(30))) == "value"
    assert members.asked == ["n1", "n2", "n3", "n1"]


def test_a_read_goes_to_the_leader_first(leadership):
    for member in MEMBERS:
        leadership.begin(member, Configuration(MEMBERS))
        leadership.observe(RoleChanged(member, 1, "leader" if member == "n2" else "follower", "n2"))
    members = Members(n2=["value"])

    assert run(Client(lambda: MEMBERS, members.submit, leadership).read(b"", Deadline(30))) == "value"
    assert members.asked == ["n2"]


def test_a_member_that_does_not_answer_has_half_of_the_time(leadership):
    members = Members(n1=[SILENCE], n2=["value"])

    assert run(Client(lambda: MEMBERS, members.submit, leadership).read(b"", Deadline(0.5))) == "value"
    assert members.asked == ["n1", "n2"]


def test_a_read_that_nobody_serves_is_unavailable_and_says_who_was_asked(leadership):
    members = Members(n1=[ReadFailed("no leader")])

    with pytest.raises(Unavailable, match=r"nobody served the read within 0.05 s \(n1: the read failed: no leader"):
        run(Client(lambda: MEMBERS, members.submit, leadership).read(b"", Deadline(0.05), "n1"))
    assert set(members.asked) == {"n1"}


def test_what_the_state_machine_raises_goes_to_the_reader(leadership):
    members = Members(n1=[ValueError("no such query")])

    with pytest.raises(ValueError, match="no such query"):
        run(Client(lambda: MEMBERS, members.submit, leadership).read(b"", Deadline(30)))
    assert members.asked == ["n1"]

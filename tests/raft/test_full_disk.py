"""Full disks: nobody takes a command without room for it, and whoever has no room lets others lead (contract D2)."""

import pytest

from raft.config import Config
from raft.entries import COMMAND, NOOP, OVERHEAD_BYTES, Entry
from raft.errors import NoSpace, Overloaded
from raft.membership import Configuration
from raft.messages import Append, AppendAccepted, Heartbeat, HeartbeatEcho, NoRoom, TimeoutNow
from raft.node import Node
from raft.observer import SpaceChanged
from tests.raft.member import ELECTION_TIMEOUT_MS, Member, entries, leading

pytestmark = pytest.mark.contract("D2")
SIZE_BYTES = OVERHEAD_BYTES + 10
TEN = b"0123456789"


def leave_room(member, size_bytes, is_full=True):
    """The storage has room for so many more bytes."""
    member.node.room.note(member.node.log.taken_bytes + size_bytes, is_full)


# Who proposes


def test_a_command_without_room_is_refused_before_it_enters_the_log():
    member = leading()
    leave_room(member, 2 * SIZE_BYTES)
    member.propose(TEN, TEN)
    last_index = member.node.log.last_index

    with pytest.raises(NoSpace, match="takes 42 bytes of log, and 0 are left; free some space there") as caught:
        member.node.propose(TEN, member.now)
    assert (caught.value.size_bytes, caught.value.room_bytes) == (SIZE_BYTES, 0)
    with pytest.raises(NoSpace):
        member.node.propose(b"", member.now)
    assert member.node.log.last_index == last_index


def test_a_disk_that_is_not_full_only_needs_time():
    member = leading()
    leave_room(member, SIZE_BYTES - 1, is_full=False)

    with pytest.raises(Overloaded):
        member.node.propose(TEN, member.now)
    leave_room(member, SIZE_BYTES, is_full=False)
    member.propose(TEN)


def test_room_is_counted_when_it_is_taken_and_not_when_it_is_written():
    member = leading()
    member.stalled = True
    leave_room(member, 3 * SIZE_BYTES)
    for _ in range(3):
        member.node.propose(TEN, member.now)

    with pytest.raises(NoSpace):
        member.node.propose(TEN, member.now)


def test_a_storage_that_says_nothing_has_no_bounds():
    member = leading()
    member.propose(*[TEN] * 1000)


def test_what_was_promised_is_not_taken_back():
    member = leading()
    leave_room(member, 2 * SIZE_BYTES, is_full=False)
    leave_room(member, 0)
    member.propose(TEN, TEN)


def test_the_no_op_of_a_term_needs_no_room():
    member = Member("a", log=(1,), term=1)
    leave_room(member, 0)
    member.lead()
    assert member.node.log.entry(2).kind == NOOP


def test_observers_and_the_status_tell():
    member = leading()
    leave_room(member, 0)
    leave_room(member, 0)
    assert member.node.status().disk_full
    leave_room(member, 9, is_full=False)
    assert not member.node.status().disk_full
    member.effects()
    assert [event.full for event in member.events if isinstance(event, SpaceChanged)] == [True, False]


# Who follows


def test_a_follower_refuses_what_it_has_no_room_for_and_says_why():
    member = Member("a", log=(1,), term=1)
    leave_room(member, SIZE_BYTES)

    sent = member.hear(Append("b", 1, 1, 1, 1, (Entry(2, 1, COMMAND, TEN), Entry(3, 1, COMMAND, TEN))))
    assert ("b", NoRoom("a", 1, 2)) in sent
    assert ("b", AppendAccepted("a", 1, 2)) in sent
    assert member.node.log.last_index == 2

    sent = member.hear(Append("b", 1, 2, 1, 2, (Entry(3, 1, COMMAND, TEN),)))
    assert sent == [("b", NoRoom("a", 1, 2))]
    assert member.node.log.commit_index == 2, "what it holds may be committed all the same"


def test_what_it_holds_already_needs_no_room():
    member = Member("a", log=(1, 1, 1), term=1)
    leave_room(member, 0)

    assert member.hear(Append("b", 1, 1, 1, 1, tuple(entries(1, 1, first=2)))) == [("b", AppendAccepted("a", 1, 3))]


def test_it_takes_what_is_no_command_and_echoes_heartbeats_and_votes():
    member = Member("a", log=(1,), term=1)
    leave_room(member, 0)

    assert member.hear(Heartbeat("b", 2, 1)) == [("b", HeartbeatEcho("a", 2, 1, 0))]
    (accepted,) = member.hear(Append("b", 2, 1, 1, 1, (Entry(2, 2, NOOP, b""),)))
    assert accepted == ("b", AppendAccepted("a", 2, 2, round=1))


def test_a_conflict_truncates_only_if_there_is_room_for_what_follows():
    member = Member("a", log=(1, 1, 1), term=1)
    leave_room(member, SIZE_BYTES)
    member.hear(Append("b", 2, 1, 1, 1, (Entry(2, 2, COMMAND, TEN),)))
    assert (member.node.log.last_index, member.node.log.last_term) == (2, 2)

    member.hear(Append("c", 3, 1, 1, 1, (Entry(2, 3, COMMAND, TEN),)))
    assert member.node.log.last_term == 2


def test_entries_that_never_reached_a_write_give_their_room_back():
    member = Member("a", log=(1,), term=1)
    leave_room(member, SIZE_BYTES)
    node = member.node
    node.step(Append("b", 2, 1, 1, 1, (Entry(2, 2, COMMAND, TEN),)), member.now)
    node.step(Append("c", 3, 1, 1, 1, (Entry(2, 3, NOOP, b""),)), member.now)
    assert node.log.taken_bytes == OVERHEAD_BYTES
    member.effects()
    member.hear(Append("d", 4, 1, 1, 1, (Entry(2, 4, NOOP, b""),)))
    assert node.log.taken_bytes == 2 * OVERHEAD_BYTES, "what was handed to the disk counts for ever"


def test_it_obeys_no_order_to_lead():
    member = Member("a", log=(1,), term=1)
    member.hear(Heartbeat("b", 1, 1))
    leave_room(member, 0)
    assert member.hear(TimeoutNow("b", 1, 1)) == []
    leave_room(member, 0, is_full=False)
    member.hear(TimeoutNow("b", 1, 1))
    assert member.role == "candidate"


def test_it_waits_longer_before_it_campaigns():
    node = Node("a", Configuration(("a", "b", "c")), Config(election_timeout_ms=ELECTION_TIMEOUT_MS))
    node.room.note(0, True)
    drawn = [node.restraint.draw_timeout() for _ in range(200)]
    assert min(drawn) >= 2 * ELECTION_TIMEOUT_MS and max(drawn) < 3 * ELECTION_TIMEOUT_MS


# Who leads


def test_a_follower_without_room_is_left_alone_for_a_while_and_shown():
    member = leading()
    last_index = member.node.log.last_index
    member.hear(AppendAccepted("b", member.node.term, last_index), AppendAccepted("c", member.node.term, last_index))
    member.propose(TEN)
    assert member.hear(NoRoom("b", member.node.term, last_index)) == []
    assert [follower.no_room for follower in member.node.status().followers] == [True, False]

    appends = []
    for _ in range(20):
        sent = member.wait(ELECTION_TIMEOUT_MS // 10) + member.echo("bc")
        appends += [message for to, message in sent if to == "b" and isinstance(message, Append)]
        if appends:
            break
    assert [message.prev_index for message in appends] == [last_index]

    member.hear(AppendAccepted("b", member.node.term, last_index + 1))
    assert not member.node.status().followers[0].no_room


def test_a_late_refusal_of_what_was_taken_since_changes_nothing():
    member = leading()
    last_index = member.node.log.last_index
    member.hear(AppendAccepted("b", member.node.term, last_index))
    member.hear(NoRoom("b", member.node.term, last_index - 1))
    assert not member.node.status().followers[0].no_room


def test_a_leader_with_a_full_disk_hands_over_to_one_with_room():
    member = leading("abc")
    last_index = member.node.log.last_index
    member.hear(*[AppendAccepted(follower, member.node.term, last_index) for follower in "bc"])
    member.propose(TEN)
    member.hear(AppendAccepted("c", member.node.term, last_index + 1), NoRoom("b", member.node.term, last_index))
    leave_room(member, 0)

    told = []
    for _ in range(30):
        sent = member.echo("bc") + member.wait(ELECTION_TIMEOUT_MS // 10)
        told += [to for to, message in sent if isinstance(message, TimeoutNow)]
        if told:
            break
    assert set(told) == {"c"}

import pytest

from raft.errors import CommittedEntryConflict, InvalidRestore
from raft.membership import Configuration
from raft.messages import (
    Append,
    AppendAccepted,
    AppendRejected,
    Heartbeat,
    HeartbeatEcho,
    SnapshotChunk,
    SnapshotReceived,
)
from raft.progress import REPLICATE, SNAPSHOT
from raft.ready import Restored
from raft.snapshot import ChunkRequest, Download, Snapshot
from raft.snapshots import FIRST_CHUNK_BYTES, PATIENCE
from tests.raft.keeper import Keeper
from tests.raft.member import ELECTION_TIMEOUT_MS, entries, only, terms

ABC = Configuration(("a", "b", "c"))


def asked(member):
    """What chunks are wanted since last asked: (receiver, index, offset)."""
    wanted = [(request.receiver, request.snapshot.index, request.offset) for request in member.requests]
    member.requests = []
    return wanted


def leader(**settings):
    """A leader of term 2 whose log is cut off at entry 4, a no-op; b has all of it, c nothing and said so."""
    member = Keeper("a", by_hand=True, term=1, log=(1, 1, 1), **{"snapshot_tail_entries": 0, **settings})
    member.lead()
    member.hear(AppendAccepted("b", 2, 4))
    member.save()
    member.effects()
    assert (member.node.log.base_index, member.node.log.applied_index) == (4, 4)
    member.hear(AppendRejected("c", 2, 3, 0, 0))
    return member


def echo(member, follower="c", commit=0):
    """The follower echoes the newest round."""
    return member.hear(HeartbeatEcho(follower, 2, member.node.role.round, commit))


def progress(member, follower="c"):
    return member.node.role.progress[follower]


# When a snapshot is due, and what it is of (contract N1, N4)


def test_a_snapshot_is_due_after_so_many_entries():
    member = Keeper(by_hand=True, term=1, log=[1] * 9, snapshot_entries=4)
    for commit, due in ((3, False), (4, True)):
        member.hear(Append("b", 1, 9, 1, commit, ()))
        assert member.node.snapshots.is_due is due


def test_a_snapshot_is_due_after_so_many_bytes():
    size = entries(1)[0].size_bytes
    member = Keeper(by_hand=True, term=1, log=[1] * 9, snapshot_bytes=3 * size)
    for commit, due in ((2, False), (3, True)):
        member.hear(Append("b", 1, 9, 1, commit, ()))
        assert member.node.snapshots.is_due is due
    member.save()

    for commit, due in ((5, False), (6, True)):
        member.hear(Append("b", 1, 9, 1, commit, ()))
        assert member.node.snapshots.is_due is due


def write_while_c_receives(member, count):
    for _ in range(count):
        member.propose(b"x")
        member.hear(AppendAccepted("b", 2, member.node.log.last_index))
        received = progress(member).snapshot_offset
        member.hear(SnapshotReceived("c", 2, 4, received, received + 1))


@pytest.mark.contract("N6")
def test_while_a_follower_receives_one_the_next_is_due_later_but_not_never():
    member = leader(snapshot_entries=4)

    write_while_c_receives(member, 4 * PATIENCE - 1)
    assert (progress(member).state, member.node.snapshots.is_due) == (SNAPSHOT, False)

    write_while_c_receives(member, 1)
    assert member.node.snapshots.is_due


@pytest.mark.contract("N6")
def test_no_snapshot_waits_for_a_follower_that_gets_no_further():
    member = leader(snapshot_entries=4)
    write_while_c_receives(member, 4)
    assert not member.node.snapshots.is_due

    member.now += member.node.config.election_timeout_ms
    member.hear(AppendAccepted("b", 2, member.node.log.last_index))

    assert member.node.snapshots.is_due


def test_no_snapshot_is_due_before_anything_is_applied():
    assert not Keeper(term=1, log=[1] * 9, snapshot_entries=1, snapshot_bytes=1).node.snapshots.is_due


def test_a_snapshot_is_of_the_applied_entry_its_log_time_and_the_configuration():
    member = Keeper(by_hand=True, voters="a", learners="d")
    member.lead()
    member.now += 70
    member.propose(b"x")
    member.stalled = True
    member.propose(b"not applied")

    snapshot = member.node.snapshots.describe()

    assert (snapshot.index, snapshot.term, snapshot.stamp_ms) == (2, 1, 70)
    assert snapshot.configuration == member.node.configuration


def test_a_saved_snapshot_cuts_off_the_log_but_for_the_tail():
    member = Keeper(by_hand=True, term=1, log=[1] * 9, snapshot_tail_entries=3)
    member.hear(Append("b", 1, 9, 1, 8, ()))

    snapshot = member.save()

    assert member.node.snapshots.newest == snapshot
    assert (snapshot.index, member.node.log.base_index, member.node.log.last_index) == (8, 5, 9)
    assert member.node.ready().write.base == (5, 1)


def test_an_older_snapshot_saved_later_changes_nothing():
    member = Keeper(by_hand=True, term=1, log=[1] * 9, snapshot_tail_entries=0)
    member.hear(Append("b", 1, 9, 1, 8, ()))
    newest = member.save()

    member.node.snapshots.saved(Snapshot(5, 1, 0, ABC))

    assert (member.node.snapshots.newest, member.node.log.base_index) == (newest, 8)


@pytest.mark.contract("N1")
@pytest.mark.parametrize("settings", [{"snapshot_entries": 10}, {"snapshot_bytes": 10 * 40}])
def test_snapshots_repeat_for_ever_and_the_log_stays_bounded(settings):
    member = Keeper(voters="a", snapshot_tail_entries=5, **settings)
    member.lead()
    bases = []
    for number in range(1000):
        member.propose(b"%08d" % number)
        bases.append(member.node.log.base_index)

    gaps = [later.index - earlier.index for earlier, later in zip(member.taken, member.taken[1:], strict=False)]
    assert len(gaps) > 90
    assert set(gaps) == {10}
    assert member.longest_log <= 5 + 10
    assert bases[-1] > 980
    assert len(member.node.log._entries) <= 15


# A log without beginning (contract R1)


@pytest.mark.parametrize(
    ("prev", "sent", "verified"), [(1, (1,), 2), (1, (1, 1, 1, 1), 5), (3, (), 3), (0, (1,) * 6, 6), (4, (1, 1), 6)]
)
def test_an_append_from_before_the_base_counts_as_matching(prev, sent, verified):
    # Taken for a conflict, such an append would cut off committed entries.
    member = Keeper(by_hand=True, term=1, log=[1] * 5, snapshot_tail_entries=0)
    member.hear(Append("b", 1, 5, 1, 4, ()))
    member.save()
    member.effects()

    answer = member.hear(Append("b", 1, prev, 1 if prev else 0, 4, entries(*sent, first=prev + 1)))

    assert answer == [("b", AppendAccepted("a", 1, verified))]
    assert (member.node.log.base_index, member.node.log.last_index) == (4, max(5, verified))
    assert terms(member.node.log) == [1] * (max(5, verified) - 4)


def test_a_conflict_at_the_base_itself_is_fatal():
    member = Keeper(by_hand=True, term=2, log=[1] * 5, snapshot_tail_entries=0)
    member.hear(Append("b", 2, 5, 1, 4, ()))
    member.save()

    with pytest.raises(CommittedEntryConflict):
        member.hear(Append("b", 2, 4, 2, 4, ()))


# The leader sends (contract N2)


@pytest.mark.contract("N2")
def test_a_follower_that_needs_what_was_cut_off_is_sent_the_snapshot():
    member = leader()

    assert (progress(member).state, progress(member, "b").state) == (SNAPSHOT, REPLICATE)
    [request] = member.requests
    assert (request.receiver, request.term, request.offset) == ("c", 2, 0)
    assert request.snapshot == member.node.snapshots.newest
    assert request.limit_bytes == FIRST_CHUNK_BYTES < member.node.config.snapshot_chunk_bytes


@pytest.mark.contract("N2")
def test_the_first_chunk_is_small_since_much_may_be_there_already():
    member = leader()
    asked_first = member.requests[0].limit_bytes
    asked(member)

    member.hear(SnapshotReceived("c", 2, 4, 0, 5000))

    [request] = member.requests
    assert (asked_first, request.offset) == (FIRST_CHUNK_BYTES, 5000)
    assert request.limit_bytes == member.node.config.snapshot_chunk_bytes
    assert leader(snapshot_chunk_bytes=8).requests[0].limit_bytes == 8


@pytest.mark.contract("N2")
def test_each_chunk_is_answered_before_the_next_goes():
    member = leader()
    assert asked(member) == [("c", 4, 0)]

    member.propose(b"x")
    member.hear(AppendAccepted("b", 2, 5))
    assert asked(member) == []

    member.hear(SnapshotReceived("c", 2, 4, 0, 10))
    assert asked(member) == [("c", 4, 10)]
    member.propose(b"y")
    assert asked(member) == []


@pytest.mark.contract("N2")
def test_an_answer_that_comes_twice_does_not_send_a_chunk_twice():
    member = leader()
    member.hear(SnapshotReceived("c", 2, 4, 0, 10))
    asked(member)

    member.hear(SnapshotReceived("c", 2, 4, 0, 10))

    assert asked(member) == [], "the chunk at 10 is on its way already; a second one would be answered twice, for ever"


@pytest.mark.contract("N2")
def test_heartbeats_and_the_others_go_on_while_a_snapshot_is_sent():
    member = leader()

    sent = member.propose(b"x")
    assert [(to, type(message)) for to, message in sent] == [("b", Append)]

    sent = member.time_out()
    assert [to for to, message in sent if isinstance(message, Heartbeat)] == ["b", "c"]


@pytest.mark.contract("N2")
def test_a_lost_chunk_is_sent_again_after_a_while():
    member = leader()
    member.hear(SnapshotReceived("c", 2, 4, 0, 10))
    asked(member)

    member.time_out()
    echo(member)
    echo(member, "b")
    assert asked(member) == [], "too early"
    member.time_out()
    echo(member, "b")
    echo(member)

    assert asked(member) == [("c", 4, 10)]


@pytest.mark.contract("N2")
def test_chunks_that_are_answered_late_are_not_taken_for_lost():
    member = leader()
    asked(member)
    for _ in range(4):  # the first chunk takes 400 ms there and back
        member.time_out()
        echo(member, "b")
    member.hear(SnapshotReceived("c", 2, 4, 0, 10))
    asked(member)

    for _ in range(3):
        member.time_out()
        echo(member, "b")
        echo(member)

    assert asked(member) == [], "the next one is given the time that the one before took"


@pytest.mark.contract("N2")
@pytest.mark.parametrize("size", [0, 7, 30])
def test_it_goes_on_from_what_the_follower_says_it_has(size):
    member = leader()
    member.hear(SnapshotReceived("c", 2, 4, 0, 10))
    asked(member)

    member.hear(SnapshotReceived("c", 2, 4, 10, size))

    assert asked(member) == [("c", 4, size)]


def test_an_answer_about_another_snapshot_is_ignored():
    member = leader()
    asked(member)

    member.hear(SnapshotReceived("c", 2, 3, 0, 10), SnapshotReceived("b", 2, 4, 0, 10))

    assert asked(member) == []


@pytest.mark.contract("N2")
def test_a_snapshot_that_is_gone_is_begun_anew_with_the_newest():
    member = leader()
    member.hear(SnapshotReceived("c", 2, 4, 0, 10))
    member.propose(b"x")
    member.hear(AppendAccepted("b", 2, 5))
    member.save()
    member.effects()
    asked(member)

    first = member.node.role.progress["c"].snapshot
    newest = member.node.snapshots.newest
    member.node.snapshots.chunk_read(ChunkRequest("c", 1, first, 0, 10), 0, None, False)
    member.node.snapshots.chunk_read(ChunkRequest("b", 2, first, 0, 10), 0, None, False)
    member.node.snapshots.chunk_read(ChunkRequest("c", 2, newest, 0, 10), 0, None, False)
    member.effects()
    assert asked(member) == []

    member.node.snapshots.chunk_read(ChunkRequest("c", 2, first, 0, 10), 0, None, False)
    member.effects()
    assert asked(member) == [("c", 5, 0)]


@pytest.mark.contract("N2")
def test_a_newer_snapshot_does_not_disturb_the_one_on_its_way():
    member = leader()
    member.propose(b"x")
    member.hear(AppendAccepted("b", 2, 5))
    member.save()
    asked(member)

    member.hear(SnapshotReceived("c", 2, 4, 0, 10))
    assert asked(member) == [("c", 4, 10)]

    member.hear(AppendAccepted("c", 2, 4))
    assert asked(member) == [("c", 5, 0)], "what follows the older one is cut off too"


@pytest.mark.contract("N2", "N6")
def test_after_the_snapshot_replication_goes_on_behind_it():
    member = leader()
    member.propose(b"x")

    sent = member.hear(AppendAccepted("c", 2, 4))

    assert [(to, message.prev_index, message.prev_term, len(message.entries)) for to, message in sent] == [
        ("c", 4, 2, 1)
    ]
    assert progress(member).state == REPLICATE
    assert progress(member).snapshot is None


def test_a_leader_takes_no_chunks_of_its_own_term():
    member = leader()

    assert member.hear(SnapshotChunk("b", 2, Snapshot(9, 2, 0, ABC), 5, 0, b"x", True)) == []
    assert member.role == "leader"
    assert member.node.dropped == {"second leader": 1}


# The follower receives (contract N3)

NINE = Snapshot(9, 2, 33, ABC)


def chunk(offset, data, last=False, snapshot=NINE, sender="b", term=2, fingerprint=5):
    return SnapshotChunk(sender, term, snapshot, fingerprint, offset, data, last)


def follower(log=(1, 1, 1), commit=2, **arguments):
    member = Keeper("a", term=2, log=log, **arguments)
    member.hear(Append("b", 2, len(log), log[-1], commit, ()))
    return member


@pytest.mark.contract("N2")
def test_chunks_are_stored_in_order_and_each_is_answered():
    member = follower()

    assert member.hear(chunk(0, b"abc")) == [("b", SnapshotReceived("a", 2, 9, 0, 3))]
    assert member.hear(chunk(3, b"de")) == [("b", SnapshotReceived("a", 2, 9, 3, 5))]
    assert member.received == b"abcde"
    assert member.node.snapshots.download.size_bytes == 5


@pytest.mark.contract("N2")
@pytest.mark.parametrize("offset", [0, 1, 4, 100])
def test_a_chunk_with_the_wrong_offset_is_answered_with_the_right_one(offset):
    member = follower()
    member.hear(chunk(0, b"abc"))

    assert member.hear(chunk(offset, b"zz", last=True)) == [("b", SnapshotReceived("a", 2, 9, offset, 3))]
    assert member.received == b"abc"
    assert member.node.snapshots.installing is None


@pytest.mark.contract("N2")
def test_a_follower_that_was_restarted_and_has_nothing_asks_for_the_beginning():
    assert follower().hear(chunk(3, b"de", last=True)) == [("b", SnapshotReceived("a", 2, 9, 3, 0))]


@pytest.mark.contract("N2")
@pytest.mark.parametrize("sender", ["b", "c"])
def test_a_follower_that_was_restarted_goes_on_from_what_its_storage_has(sender):
    member = Keeper("a", restored=Restored(2, None, download=Download(NINE, 5, 3)))
    member.received = b"abc"

    assert member.hear(chunk(0, b"a", sender=sender)) == [(sender, SnapshotReceived("a", 2, 9, 0, 3))]
    assert member.hear(chunk(3, b"de", sender=sender, last=True)) == [(sender, AppendAccepted("a", 2, 9))]
    assert (member.installs, member.state) == ([NINE], [b"abcde"])


@pytest.mark.contract("N2")
def test_nothing_but_the_end_may_be_missing_after_a_restart():
    member = Keeper("a", restored=Restored(2, None, download=Download(NINE, 5, 3)))
    member.received = b"abc"
    member.hear(chunk(0, b"a"))

    assert member.hear(chunk(3, b"", last=True)) == [("b", AppendAccepted("a", 2, 9))]
    assert member.state == [b"abc"]


@pytest.mark.contract("N2", "N3")
def test_what_has_another_content_than_was_sent_is_not_installed_but_sent_anew():
    member = follower()
    member.fits = False
    member.hear(chunk(0, b"abc"))

    assert member.hear(chunk(3, b"de", last=True)) == []
    assert (member.installs, member.node.snapshots.installing, member.node.snapshots.download) == ([], None, None)

    member.fits = True
    assert member.hear(chunk(3, b"de", last=True)) == [], "the next one may not fit either: that takes its time"
    member.now += ELECTION_TIMEOUT_MS
    assert member.hear(chunk(3, b"de", last=True)) == [("b", SnapshotReceived("a", 2, 9, 3, 0))]
    assert member.hear(chunk(0, b"abcde", last=True)) == [("b", AppendAccepted("a", 2, 9))]
    assert member.state == [b"abcde"]


@pytest.mark.contract("N2", "D2")
def test_a_download_without_space_is_dropped_and_begins_anew_later():
    member = follower()
    member.hear(chunk(0, b"abc"))
    member.node.snapshots.checked(Snapshot(12, 2, 33, ABC), False)
    assert member.node.snapshots.download is not None, "that was another one"

    member.node.snapshots.checked(NINE, False)
    assert member.node.snapshots.download is None
    assert member.hear(chunk(3, b"de"), chunk(0, b"abc")) == []
    assert member.hear(Heartbeat("b", 2, 1)) == [("b", HeartbeatEcho("a", 2, 1, 2))]
    assert member.hear(Append("b", 2, 3, 1, 3, entries(2, first=4))) == [("b", AppendAccepted("a", 2, 4, round=1))]

    member.now += ELECTION_TIMEOUT_MS
    assert member.hear(chunk(3, b"de")) == [("b", SnapshotReceived("a", 2, 9, 3, 0))]
    assert member.hear(chunk(0, b"abcde", last=True)) == [("b", AppendAccepted("a", 2, 9, round=1))]


@pytest.mark.contract("N2", "N3")
def test_nothing_is_installed_before_its_content_was_looked_at():
    member = follower()
    member.fits = None
    member.hear(chunk(0, b"abc", last=True))
    member.node.snapshots.checked(Snapshot(12, 2, 33, ABC), True)
    member.effects()

    assert (member.installs, member.node.snapshots.installing) == ([], NINE)
    assert member.hear(Append("b", 2, 3, 1, 3, entries(2, first=4))) == [], "the log waits to be replaced"

    member.node.snapshots.checked(NINE, True)
    member.effects()
    assert member.installs == [NINE]


@pytest.mark.contract("N2")
def test_the_download_goes_on_after_a_term_without_another_leader():
    member = follower()
    member.hear(chunk(0, b"abc"))

    assert member.hear(chunk(3, b"de", term=4)) == [("b", SnapshotReceived("a", 4, 9, 3, 5))]


@pytest.mark.contract("N2")
def test_the_download_goes_on_with_another_leader_that_has_the_same_bytes():
    member = follower()
    member.hear(chunk(0, b"abc"))

    answers = [member.hear(chunk(offset, b"de", sender="c", term=3)) for offset in (0, 3)]

    assert answers == [
        [("c", SnapshotReceived("a", 3, 9, 0, 3))],
        [("c", SnapshotReceived("a", 3, 9, 3, 5))],
    ]
    assert member.received == b"abcde"


@pytest.mark.contract("N2")
@pytest.mark.parametrize(
    "other",
    [
        {"sender": "c", "term": 3, "fingerprint": 6},
        {"fingerprint": 6},
        {"snapshot": Snapshot(12, 2, 33, ABC)},
        {"snapshot": Snapshot(9, 2, 34, ABC)},
    ],
    ids=["other bytes of another leader", "other bytes", "a newer snapshot", "another of the same entry"],
)
def test_chunks_of_other_bytes_or_another_snapshot_start_over(other):
    member = follower()
    member.hear(chunk(0, b"abc"))

    answer = member.hear(chunk(3, b"de", **other))
    assert answer[0][1].size_bytes == 0
    assert member.node.snapshots.download == Download(NINE, 5, 3), "only a first chunk begins another download"
    answer = member.hear(chunk(0, b"xy", **other))

    assert answer[0][1].size_bytes == 2
    assert member.received == b"xy"


@pytest.mark.contract("N3")
def test_a_snapshot_is_acknowledged_only_when_installed_durable_and_restored():
    member = follower(by_hand=True, stalled=True)
    member.hear(chunk(0, b"abc"))

    assert member.hear(chunk(3, b"de", last=True)) == []
    assert (member.installs, member.restores) == ([NINE], [])
    assert member.node.snapshots.installing == NINE
    assert member.node.log.last_index == 3

    assert member.complete() == []
    assert member.restores == [NINE]

    member.restore()
    assert member.effects() == [("b", AppendAccepted("a", 2, 9))]
    log = member.node.log
    assert (log.base_index, log.base_term, log.applied_index, log.last_index) == (9, 2, 9, 9)
    assert (member.node.snapshots.newest, member.node.snapshots.installing) == (NINE, None)
    assert member.node.status().commit_index == 9
    assert member.installs == [NINE]


def test_appends_and_chunks_during_installation_are_not_taken():
    member = follower(by_hand=True, stalled=True)
    member.hear(chunk(0, b"abc", last=True))

    for message in (
        Append("b", 2, 3, 1, 3, entries(2, first=4)),
        Append("b", 2, 99, 2, 3, ()),
        chunk(0, b"abc", last=True),
        chunk(0, b"abc", snapshot=Snapshot(12, 2, 0, ABC)),
    ):
        assert member.hear(message) == []
    assert member.node.log.last_index == 3
    assert not member.node.snapshots.is_due


def test_heartbeats_are_echoed_during_installation():
    member = follower(by_hand=True, stalled=True)
    member.hear(chunk(0, b"abc", last=True))

    assert only(HeartbeatEcho, member.hear(Heartbeat("b", 2, 5))) != []


@pytest.mark.contract("N3")
def test_installing_over_a_conflicting_suffix_discards_it():
    member = follower(log=[1] * 12)

    answer = member.hear(chunk(0, b"abc", last=True))

    assert answer == [("b", AppendAccepted("a", 2, 9))]
    assert (member.node.log.base_index, member.node.log.last_index) == (9, 9)
    assert member.state == [b"abc"]


@pytest.mark.contract("N3")
def test_an_entry_with_the_same_index_and_term_keeps_the_log_behind_it():
    member = follower(log=[1] * 8 + [2, 2, 2])

    answer = member.hear(chunk(0, b"abc"))

    assert answer == [("b", AppendAccepted("a", 2, 9))]
    log = member.node.log
    assert (log.base_index, log.commit_index, log.applied_index, log.last_index) == (0, 9, 9, 11)
    assert (member.installs, member.node.snapshots.download) == ([], None)


@pytest.mark.contract("N3")
@pytest.mark.parametrize("index", [1, 3, 4])
def test_a_snapshot_at_or_below_the_commit_index_is_acknowledged_and_changes_nothing(index):
    member = follower(log=[1] * 6, commit=4)
    applied = list(member.applied)

    answer = member.hear(chunk(0, b"abc", last=True, snapshot=Snapshot(index, 1, 0, ABC)))

    assert answer == [("b", AppendAccepted("a", 2, index))]
    assert (member.installs, member.restores, member.applied) == ([], [], applied)
    assert (member.node.log.applied_index, member.node.log.last_index) == (4, 6)


@pytest.mark.contract("N3")
def test_a_snapshot_that_was_installed_is_not_downloaded_again():
    member = follower()
    member.hear(chunk(0, b"abc", last=True))

    for again in (chunk(0, b"abc", last=True), chunk(0, b"ab")):
        assert member.hear(again) == [("b", AppendAccepted("a", 2, 9))]
    assert (member.installs, member.restores) == ([NINE], [NINE])


@pytest.mark.contract("N3")
def test_entries_committed_before_are_not_applied_again_and_later_ones_follow_the_snapshot():
    member = follower()
    member.hear(chunk(0, b"abc", last=True))

    member.hear(Append("b", 2, 9, 2, 10, entries(2, first=10)))

    assert [entry.index for entry in member.applied] == [1, 2, 10]
    assert member.state == [b"abc", b"10.2"]


def test_the_leader_of_another_term_is_told_of_the_installation():
    member = follower(by_hand=True)
    member.hear(chunk(0, b"abc", last=True))
    member.hear(Heartbeat("c", 5, 1))

    member.restore()

    assert member.effects() == [("c", AppendAccepted("a", 5, 9, 1))]


def test_a_campaign_during_installation_is_no_harm():
    member = follower(by_hand=True)
    member.hear(chunk(0, b"abc", last=True))
    member.time_out()

    member.restore()

    assert member.effects() == []
    assert member.node.log.last_index == 9


def test_entries_and_installation_in_one_turn():
    member = follower(by_hand=True, stalled=True)

    sent = member.hear(Append("b", 2, 3, 1, 2, entries(2, first=4)), chunk(0, b"abc", last=True))
    assert sent == []
    assert [write.install for write in member.writes] == [None, NINE]
    member.complete()
    member.restore()

    assert member.effects() == [("b", AppendAccepted("a", 2, 9))]
    assert (member.node.log.base_index, member.node.log.durable_index) == (9, 9)


# Restart (contract N3)


@pytest.mark.contract("N3")
@pytest.mark.parametrize(
    ("stored", "base", "kept"),
    [
        pytest.param(entries(*[1] * 8, 2, 2), (0, 0), 10, id="same entry"),
        pytest.param(entries(*[1] * 10), (0, 0), 9, id="conflict"),
        pytest.param(entries(1, 1), (0, 0), 9, id="short"),
        pytest.param(entries(2, 2, first=9), (8, 1), 10, id="tail"),
        pytest.param((), (9, 2), 9, id="cut"),
    ],
)
def test_a_node_goes_on_from_its_snapshot(stored, base, kept):
    member = Keeper(restored=Restored(2, None, stored, base, NINE))

    status = member.node.status()
    assert (status.applied_index, status.commit_index, status.last_index) == (9, 9, kept)
    assert member.node.snapshots.newest == NINE
    member.effects()
    assert member.applied == []
    answer = member.hear(Append("b", 2, 9, 2, 9, ()))
    assert answer == [("b", AppendAccepted("a", 2, 9))]


def test_a_log_with_a_base_but_without_snapshot_is_refused():
    with pytest.raises(InvalidRestore, match="there is no snapshot"):
        Keeper(restored=Restored(2, None, entries(2, first=9), (8, 1)))


# Several members


class Fleet:
    """Keepers and the messages between them; every message travels for 10 ms, every chunk too."""

    def __init__(self, **settings):
        self.members = {id: Keeper(id, seed=ord(id), **settings) for id in "abc"}
        self.links = []
        self.down = ""
        self.chunks = 0
        self.lose = lambda message: False

    def post(self, sender, sent):
        sent = sent + self.members[sender].read()
        self.links += [(sender, to, message) for to, message in sent]

    def run(self, steps=1):
        for _ in range(steps):
            arriving, self.links = self.links, []
            for id, member in self.members.items():
                member.now += 10
                if member.node.deadline <= member.now and id not in self.down:
                    self.post(id, member.wait(0))
            for sender, to, message in arriving:
                self.chunks += isinstance(message, SnapshotChunk)
                if to not in self.down and sender not in self.down and not self.lose(message):
                    self.post(to, self.members[to].hear(message))

    def propose(self, data):
        for id, member in self.members.items():
            if member.role == "leader" and id not in self.down:
                self.post(id, member.propose(data))
                return


@pytest.mark.contract("N1", "N6")
@pytest.mark.parametrize("loss", [0, 5], ids=["no loss", "every fifth chunk or answer is lost"])
def test_a_slow_follower_catches_up_by_snapshot_while_writes_go_on(loss):
    settings = {"snapshot_entries": 20, "snapshot_tail_entries": 5, "snapshot_chunk_bytes": 150}
    fleet = Fleet(**settings)
    fleet.run(400)
    [slow] = [id for id in "abc" if fleet.members[id].role != "leader"][:1]
    fleet.down = slow
    written = 0
    for written in range(1, 201):
        fleet.propose(b"%d" % written)
        fleet.run()
    assert fleet.members[slow].node.log.last_index < 5
    counter = [0]

    def lose(message):
        if loss and isinstance(message, (SnapshotChunk, SnapshotReceived)):
            counter[0] += 1
            return counter[0] % loss == 0
        return False

    fleet.lose = lose
    fleet.down = ""
    late = fleet.members[slow]
    caught_up = False
    for written in range(201, 1001):
        fleet.propose(b"%d" % written)
        fleet.run(5)
        status = late.node.status()
        caught_up = caught_up or (late.installs != [] and status.applied_index >= written - 10)
    fleet.run(50)

    assert caught_up, "it did not catch up while writes went on"
    assert fleet.chunks > 3
    everything = [b"%d" % number for number in range(1, 1001)]
    for member in fleet.members.values():
        assert member.state == everything
        assert member.longest_log < 100
    assert len(late.installs) < 10, "it downloads again and again"

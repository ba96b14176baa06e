"""What a node tells whoever watches: the events of each level, their content, and that watching changes nothing."""

from collections import deque

import pytest

from raft.actor import Persisted, Propose, RaftActor, RoomLeft, StorageBroke, Tick
from raft.changes import REMOVED, VOTER, Change
from raft.errors import InvalidConfig, StorageFailed
from raft.membership import Configuration
from raft.messages import (
    Append,
    AppendAccepted,
    AppendRejected,
    Heartbeat,
    HeartbeatEcho,
    HigherTerm,
    PreVoteReply,
    PreVoteRequest,
    SnapshotChunk,
    VoteReply,
    VoteRequest,
    WrongIncarnation,
)
from raft.node import Node
from raft.observer import (
    DEBUG,
    ESSENTIAL,
    EVENTS,
    INFO,
    TRACE,
    Applied,
    CampaignBegun,
    CampaignLost,
    CampaignWon,
    CaughtUp,
    ChangeBegun,
    ChangeEnded,
    Committed,
    ConfigurationChanged,
    DownloadBegun,
    DownloadRefused,
    FollowerHealth,
    LeadershipLost,
    MessageDropped,
    MessageReceived,
    MessageSent,
    ReadServed,
    Refused,
    RoleChanged,
    SnapshotInstalled,
    SnapshotOffered,
    SnapshotTaken,
    StorageFault,
    TransferBegun,
    TransferEnded,
    Truncated,
    VoteAnswered,
    WriteBegun,
    WriteCompleted,
)
from raft.snapshot import Snapshot
from tests.raft.keeper import Keeper
from tests.raft.member import ELECTION_TIMEOUT_MS, Member, entries

LEVELS = (None, ESSENTIAL, INFO, DEBUG, TRACE)


class Alone:
    """The only voter of a cluster, as an actor that is all of its ports itself."""

    def __init__(self, level):
        self.level = level
        self.now = 0
        self.events = []
        self.mailbox = deque()
        self.effects = []
        self.actor = RaftActor(Node("a", Configuration(("a",)), seed=1), self, self, self, self, self, self)
        self.actor.on_start()

    def now_ms(self):
        return self.now

    def set(self, deadline_ms):
        self.alarm = deadline_ms

    def send(self, messages):
        self.effects.append(messages)

    def write(self, write):
        self.effects.append(write)
        self.mailbox.append(Persisted(write.number))

    def apply(self, entry):
        self.effects.append(entry)

    def observe(self, event):
        self.events.append(event)

    def run(self, *messages):
        self.mailbox.extend(messages)
        while self.mailbox:
            self.actor.on_receive(self.mailbox.popleft())
            self.actor.on_drained()


def watched(level, kind=Member, **arguments):
    member = kind(**arguments)
    member.node.watch.listen(level)
    return member


def follow_and_vote(level):
    """A follower takes entries, drops some of them for another leader's, refuses what it must, and votes."""
    member = watched(level, term=1)
    member.hear(Append("b", 1, 0, 0, 1, entries(1, 1, 1)))
    member.hear(PreVoteRequest("c", 2, 7, 9, 9), VoteRequest("c", 2, 9, 9))
    member.wait(2 * ELECTION_TIMEOUT_MS + 1)
    member.hear(VoteRequest("c", 2, 3, 1), VoteRequest("b", 2, 3, 1))
    member.hear(Append("c", 2, 1, 1, 2, entries(2, first=2)))
    member.hear(WrongIncarnation("b", 2, 0xAB), HeartbeatEcho("z", 2, 1, 0))
    return [member]


def campaign_in_vain(level):
    """A node loses a campaign in each of its steps."""
    member = watched(level)
    member.time_out()
    member.time_out()
    member.campaign()
    member.hear(VoteReply("b", 1, False), VoteReply("c", 1, False))
    return [member]


def lead(level):
    """A leader commits, serves reads, changes the members, hands over in vain, misses a follower, and is deposed."""
    member = watched(level, term=1, log=(1,), lease_promise_ms=0)
    member.lead()
    member.acknowledge("bc")
    member.propose(b"x")
    member.acknowledge("bc")
    member.read()
    member.echo("bc")
    member.change(Change("d", VOTER))
    for _ in range(3):
        member.acknowledge("bcd")
    member.change(Change("d", REMOVED))
    member.acknowledge("bcd")
    member.echo("bc")
    member.transfer("b")
    for _ in range(2 * ELECTION_TIMEOUT_MS // 100):
        member.wait(100)
        member.echo("bc")
    member.propose(b"y")
    for _ in range(2 * ELECTION_TIMEOUT_MS // 100):
        member.wait(100)
        member.acknowledge("b")
        member.echo("bc")
    member.hear(HigherTerm("c", 9))
    return [member]


def send_a_snapshot(level):
    member = watched(level, Keeper, by_hand=True, term=1, log=(1, 1, 1), snapshot_tail_entries=0)
    member.lead()
    member.hear(AppendAccepted("b", 2, 4))
    member.save()
    member.hear(AppendRejected("c", 2, 3, 0, 0))
    return [member]


def install_a_snapshot(level):
    member = watched(level, Keeper, term=2)
    snapshot = Snapshot(9, 2, 0, Configuration(tuple("abc")))
    member.hear(SnapshotChunk("b", 2, snapshot, 5, 0, b"1\n2", True))
    return [member]


def refuse_a_snapshot(level):
    member = watched(level, Keeper, term=2)
    member.fits = False
    member.hear(SnapshotChunk("b", 2, Snapshot(9, 2, 0, Configuration(tuple("abc"))), 5, 0, b"1\n2", True))
    return [member]


def raise_the_feature_level(level):
    member = watched(level, voters="a", program=2)
    member.campaign()
    return [member]


def notice_a_loss(level):
    member = watched(level, term=1, log=(1,))
    member.lead()
    member.acknowledge("bc")
    member.wait(100)
    member.hear(AppendRejected("b", 2, 2, 1, 1, 2))
    return [member]


def break_the_disk(level):
    alone = Alone(level)
    alone.now = alone.alarm
    alone.run(Tick(), RoomLeft(0, True), Propose(b"x", lambda error, result: None))
    with pytest.raises(StorageFailed):
        alone.run(StorageBroke("no space left"))
    return [alone]


SCRIPTS = (
    follow_and_vote,
    campaign_in_vain,
    lead,
    send_a_snapshot,
    install_a_snapshot,
    refuse_a_snapshot,
    raise_the_feature_level,
    notice_a_loss,
    break_the_disk,
)


def events(level, *scripts):
    return [event for script in scripts or SCRIPTS for watched in script(level) for event in watched.events]


def shown(told, *kinds):
    return [repr(event) for event in told if isinstance(event, kinds)]


# The levels


def test_every_kind_of_event_is_seen_and_has_one_level():
    assert {type(event) for event in events(TRACE)} == set(EVENTS)
    assert {kind.level for kind in EVENTS} == {ESSENTIAL, INFO, DEBUG, TRACE}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
def test_each_level_shows_exactly_its_events_in_the_same_order(script, level):
    told = [repr(event) for event in events(level, script)]

    assert told == [repr(event) for event in events(TRACE, script) if event.level <= (level or 0)]


def test_nothing_is_made_until_somebody_listens(monkeypatch):
    def refuse(event, *_):
        raise AssertionError(f"{type(event).__name__} was made although nobody listens")

    for kind in EVENTS:
        monkeypatch.setattr(kind, "__init__", refuse)

    assert events(None) == []
    member = Member()
    assert Node("a", member.node.configuration).watch.level == 0


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("script", SCRIPTS[:-1], ids=lambda script: script.__name__)
def test_watching_changes_nothing(script, level):
    for watched, unwatched in zip(script(level), script(None), strict=True):
        assert watched.sent == unwatched.sent
        assert repr(watched.node.status()) == repr(unwatched.node.status())
        assert watched.node.prng.draw() == unwatched.node.prng.draw()
        assert watched.node.deadline == unwatched.node.deadline


@pytest.mark.parametrize("level", [0, 5, True, "debug", 1.0])
def test_a_level_that_is_none_is_refused(level):
    with pytest.raises(InvalidConfig, match="level is"):
        Member().node.watch.listen(level)


def test_an_actor_reads_the_level_of_its_observer_once():
    alone = Alone(None)
    alone.level = TRACE
    alone.now = alone.alarm
    alone.run(Tick())

    assert (alone.actor.node.role.name, alone.events) == ("leader", [])


def test_an_actor_tells_what_a_turn_has_brought_in_the_same_turn():
    alone = Alone(DEBUG)
    alone.now = alone.alarm
    alone.run(Tick())

    assert shown(alone.events[-1:], Applied) == ["Applied('a', 1, 1)"]
    assert alone.actor.node.watch.events == []


def test_the_storage_fault_is_told_before_the_actor_stops_and_after_what_was_before_it():
    told = events(ESSENTIAL, break_the_disk)

    assert [type(event) for event in told[-2:]] == [RoleChanged, StorageFault]
    assert repr(told[-1]) == "StorageFault('a', 'no space left')"


# What they say


def test_what_a_follower_tells():
    told = events(DEBUG, follow_and_vote)

    assert shown(told, MessageDropped) == [
        "MessageDropped('a', 'leader is heard', 'c')",
        "MessageDropped('a', 'stranger', 'z')",
    ]
    assert shown(told, VoteAnswered) == [
        "VoteAnswered('a', 'c', 2, True, False, 'leader is heard')",
        "VoteAnswered('a', 'c', 2, False, True, '')",
        "VoteAnswered('a', 'b', 2, False, False, 'voted for another')",
    ]
    assert shown(told, Committed, Applied) == [
        "Committed('a', 1)",
        "Applied('a', 1, 1)",
        "Committed('a', 2)",
        "Applied('a', 2, 2)",
    ]
    assert shown(told, Truncated) == ["Truncated('a', 2, 'c')"]
    assert shown(told, Refused) == ["Refused('a', 'b', ab)"]
    assert shown(told, WriteBegun, WriteCompleted)[:2] == ["WriteBegun('a', 1, 3, False)", "WriteCompleted('a', 1)"]
    assert shown(told, WriteBegun)[-2:] == ["WriteBegun('a', 2, 0, True)", "WriteBegun('a', 3, 1, False)"]


@pytest.mark.parametrize(
    ("arguments", "messages", "answer"),
    [
        ({"term": 5}, [PreVoteRequest("c", 5, 7, 9, 9)], "'c', 5, True, False, 'the term is not higher'"),
        ({"term": 5, "lease_promise_ms": 500}, [PreVoteRequest("c", 6, 7, 9, 9)], "'promised to elect nobody'"),
        ({"term": 1, "log": (1,)}, [PreVoteRequest("c", 2, 7, 0, 0)], "'c', 2, True, False, 'its log is behind'"),
        ({"term": 1, "log": (1,)}, [VoteRequest("c", 2, 0, 0)], "'c', 2, False, False, 'its log is behind'"),
        ({"term": 1}, [Heartbeat("b", 2, 1), VoteRequest("c", 2, 9, 9)], "False, 'the term has a leader'"),
        ({"term": 1}, [PreVoteRequest("c", 2, 7, 9, 9)], "'c', 2, True, True, ''"),
    ],
)
def test_a_refused_vote_says_why(arguments, messages, answer):
    member = Member(**arguments)
    member.hear(*messages)

    (told,) = shown(member.events, VoteAnswered)
    assert told.endswith(answer + ")")


def test_what_a_campaign_tells():
    assert shown(events(INFO, campaign_in_vain), CampaignBegun, CampaignWon, CampaignLost) == [
        "CampaignBegun('a', 1, 'pre-vote')",
        "CampaignLost('a', 1, 'no majority answered in time')",
        "CampaignBegun('a', 1, 'pre-vote')",
        "CampaignLost('a', 1, 'no majority answered in time')",
        "CampaignBegun('a', 1, 'pre-vote')",
        "CampaignBegun('a', 1, 'vote')",
        "CampaignLost('a', 1, 'a majority is out of reach')",
    ]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (Heartbeat("b", 1, 1), "another leads"),
        (VoteRequest("b", 2, 0, 0), "a higher term"),
        (PreVoteReply("b", 4, 0, False), None),
    ],
)
def test_a_candidate_that_gives_way_says_to_what(message, reason):
    member = Member()
    member.campaign()
    member.hear(message)

    lost = [] if reason is None else [f"CampaignLost('a', 1, {reason!r})"]
    assert shown(member.events, CampaignLost) == lost


def test_a_pre_candidate_that_votes_for_another_says_so():
    member = Member(term=1)
    member.time_out()
    member.hear(VoteRequest("b", 1, 0, 0))

    assert shown(member.events, CampaignLost) == ["CampaignLost('a', 2, 'voted for another')"]


def test_a_campaign_of_a_transfer_is_told_as_one():
    member = Member(term=1)
    member.hear(Heartbeat("b", 1, 1))
    member.node.become_candidate(member.now, transfer=True)

    assert shown(member.events + member.node.watch.events, CampaignBegun) == ["CampaignBegun('a', 2, 'transfer')"]


def test_what_a_leader_tells():
    told = events(DEBUG, lead)

    assert shown(told, CampaignWon, LeadershipLost) == [
        "CampaignWon('a', 2, ('a', 'b'))",
        "LeadershipLost('a', 2, 'a higher term')",
    ]
    assert shown(told, ReadServed) == ["ReadServed('a', 1, 3, False)"]
    assert shown(told, TransferBegun, TransferEnded) == [
        "TransferBegun('a', 2, 'b')",
        "TransferEnded('a', 'b', 'a', False)",
    ]
    assert shown(told, CaughtUp, ChangeEnded) == [
        "CaughtUp('a', 'd', 4)",
        "ChangeEnded('a', 5, '')",
        "ChangeEnded('a', 6, '')",
    ]
    assert [event.target.voters for event in told if isinstance(event, ChangeBegun)] == [tuple("abcd"), tuple("abc")]
    assert [event.index for event in told if isinstance(event, ConfigurationChanged)] == [4, 5, 6]
    assert shown(told, FollowerHealth) == ["FollowerHealth('a', 'c', True)"]


def test_a_change_that_fails_says_why():
    member = Member(term=1, log=(1,))
    member.lead()
    member.acknowledge("bc")
    member.change(Change("d", VOTER))
    member.hear(HigherTerm("c", 9))

    (told,) = shown(member.events, ChangeEnded)
    assert told.startswith("ChangeEnded('a', 0, 'the outcome is unknown: leadership was lost")


@pytest.mark.parametrize(("stalled", "reason"), [(False, "no quorum is heard"), (True, "the own disk stands still")])
def test_a_leader_that_steps_down_by_itself_says_why(stalled, reason):
    member = Member(term=1, log=(1,))
    member.lead()
    member.acknowledge("bc")
    member.stalled = stalled
    member.propose(b"x")
    for _ in range(3 * ELECTION_TIMEOUT_MS // 100):
        member.wait(100)
        if stalled and member.role == "leader":
            member.echo("bc")

    assert shown(member.events, LeadershipLost) == [f"LeadershipLost('a', 2, {reason!r})"]


def test_a_removed_leader_says_that_it_is_no_voter_any_more():
    member = Member(term=1, log=(1,))
    member.lead()
    member.acknowledge("bc")
    member.change(Change("a", REMOVED))
    for _ in range(2 * ELECTION_TIMEOUT_MS // 100):
        if member.role == "leader":
            member.acknowledge("bc")
        if member.role == "leader":
            member.echo("bc")
        member.wait(100)

    assert shown(member.events, LeadershipLost) == ["LeadershipLost('a', 2, 'it is no voter any more')"]


def test_a_read_by_lease_says_so():
    member = Member(term=1, log=(1,), lease_promise_ms=900)
    member.wait(900)
    member.lead()
    member.acknowledge("bc")
    member.echo("bc", promise_ms=900)
    member.read(by_lease=True)

    assert shown(member.events, ReadServed) == ["ReadServed('a', 1, 2, True)"]


def test_what_is_told_of_snapshots():
    assert shown(events(INFO, send_a_snapshot), SnapshotTaken, SnapshotOffered) == [
        "SnapshotTaken('a', 4, 2)",
        "SnapshotOffered('a', 'c', 4)",
    ]
    assert shown(events(INFO, install_a_snapshot), DownloadBegun, SnapshotInstalled) == [
        "DownloadBegun('a', 'b', 9, 0)",
        "SnapshotInstalled('a', 9, 2)",
    ]
    assert shown(events(INFO, refuse_a_snapshot), DownloadRefused) == ["DownloadRefused('a', 9)"]


def test_a_trace_has_every_message():
    member = watched(TRACE)
    received = [Heartbeat("b", 1, 1), Append("b", 1, 0, 0, 0, entries(1)), HeartbeatEcho("z", 1, 1, 0)]
    member.hear(*received, "no message")

    assert [event.message for event in member.events if isinstance(event, MessageReceived)] == [*received, "no message"]
    assert [(event.receiver, event.message) for event in member.events if isinstance(event, MessageSent)] == member.sent
    assert len(member.sent) == 2

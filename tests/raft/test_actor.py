import pytest

from raft.actor import Backup, Persisted, Propose, RaftActor, StorageBroke, Tick
from raft.config import Config
from raft.entries import COMMAND, Entry
from raft.errors import InvalidCommand, NotLeader, OutcomeUnknown, Overloaded, ReadFailed, StorageFailed
from raft.membership import Configuration, Configurations
from raft.messages import Append, AppendAccepted, Heartbeat, HeartbeatEcho, HigherTerm, PreVoteReply, VoteReply
from raft.node import Node
from raft.observer import ESSENTIAL, RoleChanged
from raft.ready import Restored
from tests.raft.member import entries


class Surroundings:
    """All six ports at once, in memory; they record what the actor did with them, in order."""

    level = ESSENTIAL

    def __init__(self):
        self.now = 0
        self.readings = 0
        self.alarms = []
        self.sent = []
        self.batches = 0
        self.writes = []
        self.applied = []
        self.events = []
        self.calls = []

    def now_ms(self):
        self.readings += 1
        return self.now

    def set(self, deadline_ms):
        self.alarms.append(deadline_ms)

    def send(self, messages):
        self.calls.append("send")
        self.batches += 1
        self.sent += messages

    def write(self, write):
        self.calls.append("write")
        self.writes.append(write)

    def apply(self, entry):
        command = entry.data
        self.calls.append("apply")
        self.applied.append(command)
        if command == b"explode":
            raise ZeroDivisionError
        return b"done: " + command

    def observe(self, event):
        self.events.append(event)


class QuickDisk(Surroundings):
    """Surroundings with a disk that has everything at once."""

    def write(self, write):
        super().write(write)
        return True


class Stage:
    """An actor and its surroundings; `turn` is what a runtime does with one mailbox full of messages."""

    def __init__(self, voters="abc", restored=None, ports=None, witnesses=(), **settings):
        self.ports = Surroundings() if ports is None else ports
        config = Config(**{"commit_delay_ms": 0, **settings})
        self.node = Node("a", Configuration(tuple(voters), witnesses=witnesses), config, restored, seed=1)
        ports = self.ports
        self.actor = RaftActor(self.node, ports, ports, ports, ports, ports, ports)
        self.replies = []
        self.actor.on_start()

    def turn(self, *messages):
        for message in messages:
            self.actor.on_receive(message)
        self.actor.on_drained()

    def propose(self, data):
        return Propose(data, lambda error, result: self.replies.append((data, error, result)))

    def persist(self):
        self.turn(*[Persisted(write.number) for write in self.ports.writes])

    def tick_when_due(self):
        self.ports.now = self.ports.alarms[-1]
        self.turn(Tick())

    def lead(self):
        """Win an election by the votes of the others, and have everything so far on disk and acknowledged."""
        while self.node.role.name == "follower":
            self.tick_when_due()
        if self.node.role.name == "pre-candidate":
            self.turn(PreVoteReply("b", self.node.term, self.node.role.campaign, True))
        self.persist()
        if self.node.role.name == "candidate":
            self.turn(VoteReply("b", self.node.term, True))
        self.persist()
        if len(self.node.configuration.members) > 1:
            self.acknowledge()

    def acknowledge(self):
        last = self.node.log.last_index
        self.turn(AppendAccepted("b", self.node.term, last), AppendAccepted("c", self.node.term, last))


# Turns


@pytest.mark.contract("E9")
def test_the_clock_is_read_once_a_turn():
    stage = Stage()
    before = stage.ports.readings

    stage.turn(Heartbeat("b", 1, 1), Persisted(1), Heartbeat("b", 1, 2), Tick(), stage.propose(b"x"))

    assert stage.ports.readings == before + 1


@pytest.mark.contract("E9")
def test_each_turn_reads_the_clock_anew():
    stage = Stage()
    deadline = stage.node.deadline
    stage.turn(Heartbeat("b", 1, 1))
    stage.ports.now = 600

    stage.turn(Heartbeat("b", 1, 2))

    assert stage.node.deadline == deadline + 600


def test_a_turn_without_messages_does_nothing():
    stage = Stage()
    before = stage.ports.readings

    stage.turn()

    assert stage.ports.readings == before
    assert stage.ports.calls == []


def test_a_mailbox_full_of_messages_makes_one_write_and_one_batch_of_messages():
    stage = Stage()
    stage.turn(Heartbeat("b", 1, 1))
    stage.persist()
    stage.ports.calls.clear()

    stage.turn(
        Append("b", 1, 0, 0, 0, entries(1)),
        Append("b", 1, 1, 1, 0, entries(1, first=2)),
        Heartbeat("b", 1, 2),
        Append("b", 1, 2, 1, 0, entries(1, first=3)),
        Heartbeat("b", 1, 3),
    )

    assert stage.ports.calls == ["send", "write"]
    assert stage.ports.writes[-1].entries == entries(1, 1, 1)


def test_many_proposals_of_one_turn_make_one_write_and_one_append_a_follower():
    stage = Stage()
    stage.lead()
    stage.ports.calls.clear()
    stage.ports.sent.clear()

    stage.turn(*[stage.propose(b"%d" % number) for number in range(50)])

    assert stage.ports.calls == ["send", "write"]
    assert [(to, len(message.entries)) for to, message in stage.ports.sent] == [("b", 50), ("c", 50)]


def test_time_passes_at_the_end_of_each_turn_even_without_a_tick():
    stage = Stage()
    stage.ports.now = 5000

    stage.turn(Persisted(1))

    assert stage.node.role.name == "pre-candidate"


def test_a_message_that_waits_behind_a_suspension_counts_before_the_deadline_does():
    stage = Stage()
    stage.ports.now = 5000

    stage.turn(Heartbeat("b", 1, 1))

    assert stage.node.role.name == "follower"


def test_events_reach_the_observer():
    stage = Stage()

    stage.turn(Heartbeat("b", 1, 1))

    assert [type(event) for event in stage.ports.events] == [RoleChanged]


def test_what_is_no_message_is_dropped_and_counted():
    stage = Stage()

    stage.turn("hello", None, 7)

    assert stage.node.dropped == {"malformed": 3}


# The alarm


def test_the_first_alarm_is_the_nodes_first_deadline():
    stage = Stage()

    assert stage.ports.alarms == [stage.node.deadline]


def test_a_deadline_that_moves_away_leaves_the_alarm_alone():
    stage = Stage()
    first = stage.ports.alarms[-1]

    for round in range(1, 10):
        stage.ports.now += 100
        stage.turn(Heartbeat("b", 1, round))

    assert stage.ports.alarms == [first]


def test_an_alarm_that_comes_too_early_is_set_anew():
    stage = Stage()
    stage.ports.now = 900
    stage.turn(Heartbeat("b", 1, 1))

    stage.tick_when_due()

    assert stage.node.role.name == "follower"
    assert stage.ports.alarms[1:] == [stage.node.deadline]
    assert stage.ports.alarms[-1] > stage.ports.now


def test_a_deadline_that_comes_closer_moves_the_alarm():
    stage = Stage()
    stage.lead()

    assert stage.ports.alarms[-1] == stage.node.deadline == stage.ports.now + 100


def test_every_alarm_leads_to_the_next_so_that_a_node_never_falls_asleep():
    stage = Stage()

    for _ in range(50):
        asked = len(stage.ports.sent)
        while len(stage.ports.sent) == asked:
            before = stage.ports.now
            stage.tick_when_due()
            assert stage.ports.now > before or len(stage.ports.sent) > asked


# Proposals


def test_a_proposer_gets_the_result_of_its_command_once_it_is_applied():
    stage = Stage()
    stage.lead()

    stage.turn(stage.propose(b"x"), stage.propose(b"y"))
    assert stage.replies == []
    stage.persist()
    assert stage.replies == [], "no quorum yet"
    stage.acknowledge()

    assert stage.replies == [(b"x", None, b"done: x"), (b"y", None, b"done: y")]
    assert stage.ports.applied == [b"x", b"y"]


@pytest.mark.contract("S7")
def test_a_leader_answers_only_what_is_on_its_own_disk():
    stage = Stage()
    stage.lead()

    stage.turn(stage.propose(b"x"))
    stage.acknowledge()
    assert stage.node.log.commit_index == stage.node.log.last_index
    assert stage.replies == []

    stage.persist()
    assert stage.replies == [(b"x", None, b"done: x")]


def test_a_lone_voter_answers_after_its_disk():
    stage = Stage("a")
    stage.lead()

    stage.turn(stage.propose(b"x"))
    assert stage.replies == []

    stage.persist()
    assert stage.replies == [(b"x", None, b"done: x")]


# A disk that is waited for


def test_a_follower_acknowledges_in_the_same_turn_what_its_disk_has_at_once_and_before_it_applies():
    stage = Stage(ports=QuickDisk())
    stage.turn(Append("b", 1, 0, 0, 0, entries(1)))
    stage.ports.calls.clear()
    stage.ports.sent.clear()

    stage.turn(Append("b", 1, 1, 1, 1, entries(1, first=2)))

    assert stage.ports.calls == ["write", "send", "apply"]
    assert [(type(message), message.match_index) for _, message in stage.ports.sent] == [(AppendAccepted, 2)]


def test_others_are_sent_entries_before_the_leader_writes_them():
    stage = Stage(ports=QuickDisk())
    stage.lead()
    stage.ports.calls.clear()

    stage.turn(stage.propose(b"x"))

    assert stage.ports.calls == ["send", "write"]


@pytest.mark.contract("M8")
def test_a_witness_is_sent_what_the_leaders_disk_has_at_once_in_the_same_turn_while_a_full_voter_is_silent():
    stage = Stage(ports=QuickDisk(), witnesses=("c",))
    stage.lead()
    stage.tick_when_due()
    assert stage.node.leading.witness_mode.degraded
    stage.ports.sent.clear()

    stage.turn(stage.propose(b"x"))

    assert [len(message.entries) for receiver, message in stage.ports.sent if receiver == "c"] == [1]


def test_a_lone_voter_whose_disk_is_waited_for_answers_in_the_same_turn():
    stage = Stage("a", ports=QuickDisk())
    stage.lead()

    stage.turn(stage.propose(b"x"))

    assert stage.replies == [(b"x", None, b"done: x")]
    assert stage.node.log.writes.waiting_since_ms is None


@pytest.mark.contract("C1")
def test_what_replaced_a_proposal_and_is_committed_in_the_turn_that_deposed_the_leader_is_not_its_result():
    stage = Stage(ports=QuickDisk())
    stage.lead()
    stage.turn(stage.propose(b"x"))
    index = stage.node.log.last_index
    other = Entry(index, 9, COMMAND, b"other")

    stage.turn(Append("c", 9, index - 1, stage.node.log.term_at(index - 1), index, (other,)))

    assert stage.ports.applied == [b"other"]
    assert [(data, type(error), result) for data, error, result in stage.replies] == [(b"x", OutcomeUnknown, None)]


def test_a_refusal_is_answered_at_once():
    stage = Stage()
    stage.turn(Heartbeat("b", 1, 1), stage.propose(b"x"))

    [(data, error, result)] = stage.replies
    assert (data, type(error), error.leader, result) == (b"x", NotLeader, "b", None)


def test_each_refusal_has_its_name():
    stage = Stage(max_uncommitted_bytes=1)
    stage.lead()

    stage.turn(stage.propose(b"x"), stage.propose(b"y"), stage.propose("text"))

    assert [(data, type(error)) for data, error, _ in stage.replies] == [(b"y", Overloaded), ("text", InvalidCommand)]


@pytest.mark.parametrize(
    "message",
    [HigherTerm("c", 9), Append("c", 9, 1, 1, 1, entries(9, first=2)), Heartbeat("c", 9, 1)],
    ids=lambda m: m.handler,
)
def test_when_leadership_is_lost_the_outcome_is_unknown_and_never_failed(message):
    stage = Stage()
    stage.lead()
    stage.turn(stage.propose(b"x"), stage.propose(b"y"))

    stage.turn(HeartbeatEcho("b", 1, 1, 0), message)

    assert [(data, type(error), result) for data, error, result in stage.replies] == [
        (b"x", OutcomeUnknown, None),
        (b"y", OutcomeUnknown, None),
    ]


def test_a_leader_that_steps_down_for_want_of_a_quorum_tells_its_proposers():
    stage = Stage()
    stage.lead()
    stage.turn(stage.propose(b"x"))

    while stage.node.role.name == "leader":
        stage.tick_when_due()

    assert [type(error) for _, error, _ in stage.replies] == [OutcomeUnknown]


def test_a_command_of_a_lost_term_is_not_mistaken_for_that_of_the_next():
    # x is proposed in term 1 and lost; y takes its index in term 3, under the same leader.
    stage = Stage()
    stage.lead()
    stage.turn(stage.propose(b"x"))
    index = stage.node.log.last_index
    stage.persist()
    stage.turn(Append("c", 2, 1, 1, 1, entries(2, first=2)))
    stage.persist()
    assert [(data, type(error)) for data, error, _ in stage.replies] == [(b"x", OutcomeUnknown)]

    stage.replies.clear()
    stage.ports.now += 5000
    stage.turn(Tick())
    stage.lead()
    stage.turn(stage.propose(b"y"))
    stage.persist()
    stage.acknowledge()

    assert stage.node.log.last_index > index
    assert stage.replies == [(b"y", None, b"done: y")]


def test_losing_and_regaining_leadership_within_one_turn_still_tells_the_proposers_of_the_first_term():
    stage = Stage("a")
    stage.lead()
    stage.turn(stage.propose(b"x"))
    # A lone voter cannot be deposed by messages: move its term by hand, as a runtime never could.
    stage.node.become_follower(stage.node.term + 1, None, stage.ports.now)
    stage.node.become_candidate(stage.ports.now)
    stage.node.become_leader(stage.ports.now, {"a": 0})

    stage.turn(stage.propose(b"y"))

    assert [(data, type(error)) for data, error, _ in stage.replies] == [(b"x", OutcomeUnknown)]
    stage.persist()
    assert stage.replies[1:] == [(b"y", None, b"done: y")]


def test_every_proposer_is_answered_exactly_once():
    stage = Stage()
    stage.lead()
    stage.turn(stage.propose(b"x"))
    stage.persist()
    stage.acknowledge()

    stage.turn(HigherTerm("c", 9))
    stage.actor.abandon("the node stops")

    assert [data for data, _, _ in stage.replies] == [b"x"]


# Application


def test_no_ops_are_not_shown_to_the_state_machine():
    stage = Stage()
    stage.lead()

    assert stage.node.status().applied_index == 1
    assert stage.ports.applied == []


def test_a_follower_applies_the_same_commands_and_answers_nobody():
    stage = Stage()
    stage.turn(Append("b", 1, 0, 0, 2, entries(1, 1)))
    assert stage.ports.applied == []

    stage.persist()

    assert stage.ports.applied == [b"1.1", b"2.1"]
    assert stage.node.status().applied_index == 2


def test_a_long_backlog_is_applied_in_portions_with_turns_between_them():
    stage = Stage(restored=Restored(1, None, entries(*[1] * 10)), max_apply_entries=4)

    stage.turn(Append("b", 1, 10, 1, 10, ()))
    assert len(stage.ports.applied) == 4
    assert stage.ports.alarms[-1] == stage.ports.now

    stage.tick_when_due()
    stage.tick_when_due()
    assert stage.ports.applied == [b"%d.1" % index for index in range(1, 11)]
    stage.tick_when_due()
    assert stage.ports.alarms[-1] == stage.node.deadline > stage.ports.now


# Crash-stop


def test_broken_storage_stops_the_node():
    stage = Stage()
    stage.lead()
    stage.turn(stage.propose(b"x"))

    with pytest.raises(StorageFailed, match="disk full"):
        stage.turn(StorageBroke("disk full"))
    stage.actor.abandon("the node stops")

    assert [(data, type(error)) for data, error, _ in stage.replies] == [(b"x", OutcomeUnknown)]


def test_a_state_machine_that_raises_stops_the_node_and_the_outcome_is_unknown():
    stage = Stage("a")
    stage.lead()
    stage.turn(stage.propose(b"fine"), stage.propose(b"explode"), stage.propose(b"never"))

    with pytest.raises(ZeroDivisionError):
        stage.persist()
    stage.actor.abandon("the node stops")

    assert [(data, type(error)) for data, error, _ in stage.replies] == [
        (b"fine", type(None)),
        (b"explode", OutcomeUnknown),
        (b"never", OutcomeUnknown),
    ]
    assert stage.ports.applied == [b"fine", b"explode"]


def test_an_unknown_outcome_says_why_and_what_to_do():
    assert str(OutcomeUnknown("the node stops")) == "the outcome is unknown: the node stops; read before you retry"


# Backups


class Kept(Surroundings):
    """A state machine that takes snapshots."""

    def snapshot(self):
        self.calls.append("snapshot")
        return (b"".join(self.applied),)


@pytest.mark.contract("L1")
def test_a_copy_of_the_state_machine_waits_until_a_quorum_has_confirmed_the_leader():
    stage = Stage(ports=Kept())
    stage.lead()
    stage.turn(stage.propose(b"x"))
    stage.persist()
    stage.acknowledge()
    replies = []
    stage.turn(Backup(lambda error, result: replies.append((error, result))))
    assert replies == []
    assert "snapshot" not in stage.ports.calls

    (number,) = {message.round for _, message in stage.ports.sent[-2:]}
    stage.turn(HeartbeatEcho("b", stage.node.term, number, stage.node.log.last_index))

    ((error, (snapshot, chunks)),) = replies
    assert (error, tuple(chunks)) == (None, (b"x",))
    assert (snapshot.index, snapshot.term) == (stage.node.log.applied_index, stage.node.term)
    assert snapshot.configuration == stage.node.configuration


def test_a_machine_without_snapshots_gives_no_copy():
    stage = Stage("a")
    stage.lead()
    replies = []
    stage.turn(Backup(lambda error, result: replies.append((error, result))))

    ((error, result),) = replies
    assert (type(error), result) == (ReadFailed, None)


def test_whoever_waits_for_a_copy_is_told_when_the_node_stops():
    stage = Stage(ports=Kept())
    replies = []
    stage.turn(Backup(lambda error, result: replies.append((error, result))))
    stage.actor.abandon("it was killed")

    ((error, result),) = replies
    assert (type(error), result) == (ReadFailed, None)


def test_a_node_that_does_not_know_who_takes_part_gives_no_copy():
    """What says so may be cut off already at the others; a backup that names nobody could not be read."""
    stage = Stage("a", ports=Kept())
    stage.lead()
    stage.node.log.configurations = Configurations(0, Configuration.unknown())
    replies = []
    backup = Backup(lambda error, result: replies.append((error, result)))
    stage.actor._serve(backup, None)

    ((error, result),) = replies
    assert (type(error), result) == (ReadFailed, None)
    assert "does not know yet who takes part" in str(error)

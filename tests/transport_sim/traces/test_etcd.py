"""The translation for etcd's trace validation, held against the published lists of names and fields."""

import json
import os
import subprocess

import pytest
from click.testing import CliRunner

from tests.transport_sim.traces import sample
from transport_sim.commands.convert import command
from transport_sim.traces.etcd import NAMES, translate
from transport_sim.traces.reading import opened

# The names that state_trace.go of etcd-io/raft can write.
PUBLISHED = {
    "InitState",
    "BecomeCandidate",
    "BecomeFollower",
    "BecomeLeader",
    "Commit",
    "Replicate",
    "ChangeConf",
    "ApplyConfChange",
    "Ready",
    "SendAppendEntriesRequest",
    "ReceiveAppendEntriesRequest",
    "SendAppendEntriesResponse",
    "ReceiveAppendEntriesResponse",
    "SendRequestVoteRequest",
    "ReceiveRequestVoteRequest",
    "SendRequestVoteResponse",
    "ReceiveRequestVoteResponse",
    "SendSnapshot",
    "ReceiveSnapshot",
}
# The types of messages that tla/Traceetcdraft.tla maps, and by which pair of events each travels.
TYPES = {
    "MsgApp": "AppendEntriesRequest",
    "MsgHeartbeat": "AppendEntriesRequest",
    "MsgSnap": "AppendEntriesRequest",
    "MsgAppResp": "AppendEntriesResponse",
    "MsgHeartbeatResp": "AppendEntriesResponse",
    "MsgVote": "RequestVoteRequest",
    "MsgVoteResp": "RequestVoteResponse",
}
MESSAGE = {
    "type": str,
    "term": int,
    "from": str,
    "to": str,
    "entries": int,
    "logTerm": int,
    "index": int,
    "commit": int,
    "vote": str,
    "reject": bool,
    "rejectHint": int,
}
ROLES = {"StateFollower", "StateCandidate", "StateLeader"}
HEADER = {
    "trace": "quorate",
    "version": 1,
    "kind": "run",
    "seed": 1,
    "members": [{"id": id, "part": "voter"} for id in ("a", "b", "c")],
}
START = {"term": 0, "vote": None, "role": "follower", "leader": None, "last_index": 0, "last_term": 0, "base_index": 0}
START |= {"commit_index": 0, "applied_index": 0, "durable_index": 0}
CONFIGURATION = {"index": 0, "voters": ["a", "b", "c"], "outgoing": [], "learners": [], "witnesses": []}


@pytest.fixture(scope="module")
def translated(trace):
    with opened(trace) as reader:
        return [json.loads(line) for line in translate(reader)]


@pytest.fixture
def story(tmp_path):
    """Translates events that happen to node a, after its start; returns what etcd would have written of them."""

    def tell(
        *events,
        after=({"event": "start", "node": "a"} | START, {"event": "configuration", "node": "a"} | CONFIGURATION),
    ):
        lines = [HEADER]
        for place, event in enumerate([*after, *events]):
            lines.append({"at": 0 if place < len(after) else 10, **event})
        lines.append({"at": 10, "event": "end", "events": 1, "digest": "00"})
        path = tmp_path / "run.ndjson"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        with opened(path) as reader:
            return [json.loads(line)["event"] for line in translate(reader)]

    return tell


def names(events):
    return [event["name"] for event in events]


def test_every_name_is_published(translated):
    found = {line["event"]["name"] for line in translated}

    assert set(NAMES) <= PUBLISHED
    assert found == set(NAMES) - {"ChangeConf", "ApplyConfChange"}  # the sample changes no configuration


def test_every_line_has_the_published_fields(translated):
    for line in translated:
        assert list(line) == ["level", "ts", "tag", "event"]
        assert line["tag"] == "trace"
        event = line["event"]
        assert [*event][:6] == ["name", "nid", "state", "role", "log", "conf"]
        assert set(event) <= {"name", "nid", "state", "role", "log", "conf", "msg", "prop"}
        assert event["nid"] in {"1", "2", "3", "4", "5"}
        assert {field: type(value) for field, value in event["state"].items()} == {
            "term": int,
            "vote": str,
            "commit": int,
        }
        assert event["role"] in ROLES
        assert len(event["conf"]) == 2
        assert all(isinstance(half, list) for half in event["conf"])


def test_messages_have_the_published_fields_and_travel_as_their_type_does(translated):
    messages = [line["event"] for line in translated if "msg" in line["event"]]

    assert len(messages) > 500
    for event in messages:
        assert {field: type(value) for field, value in event["msg"].items()} == MESSAGE
        assert event["name"] in {f"Send{TYPES[event['msg']['type']]}", f"Receive{TYPES[event['msg']['type']]}"}
        assert event["nid"] == event["msg"]["from" if event["name"].startswith("Send") else "to"]


def test_all_but_messages_have_none(translated):
    for line in translated:
        assert ("msg" in line["event"]) == line["event"]["name"].startswith(("Send", "Receive"))


def test_what_is_received_was_sent_and_handed_over_before(translated):
    sent, waiting = [], {}
    for line in translated:
        event = line["event"]
        if event["name"].startswith("Send"):
            waiting.setdefault(event["nid"], []).append(event["msg"])
        elif event["name"] == "Ready":
            sent += waiting.pop(event["nid"], [])
        elif event["name"].startswith("Receive"):
            assert event["msg"] in sent


def test_the_scripts_of_etcd_keep_the_order(translated, trace, tmp_path):
    with opened(trace) as reader:
        lines = list(translate(reader))
    path = tmp_path / "etcd.ndjson"
    path.write_text("".join(lines), encoding="utf-8")

    # tla/validate.sh sorts so.
    ran = subprocess.run(["sort", "-t:", "-k", "3", str(path)], capture_output=True, text=True, check=True)

    assert ran.stdout.splitlines(keepends=True) == lines


def test_a_start_waits_for_its_configuration(story):
    (first,) = story()

    assert first["name"] == "InitState"
    assert first["conf"] == [["1", "2", "3"], []]
    assert first["state"] == {"term": 0, "vote": "0", "commit": 0}


def test_a_candidate_votes_for_itself_once_that_is_durable(story):
    events = story(
        {"event": "state", "node": "a", "term": 1, "vote": "a", "role": "candidate"},
        {"event": "durable", "node": "a", "write": 1, "term": 1, "vote": "a"},
    )

    assert names(events)[:3] == ["InitState", "BecomeCandidate", "SendRequestVoteResponse"]
    assert "ReceiveRequestVoteResponse" in names(events)
    assert events[2]["msg"]["from"] == events[2]["msg"]["to"] == "1"
    assert events[1]["state"] == {"term": 1, "vote": "1", "commit": 0}


def test_a_pre_candidate_is_a_follower_and_its_questions_are_left_out(story):
    message = {"type": "PreVoteRequest", "term": 1, "campaign": 9, "last_index": 0, "last_term": 0}

    events = story(
        {"event": "state", "node": "a", "role": "pre-candidate"},
        {"event": "send", "node": "a", "to": "b", "id": 1, "message": message},
        {"event": "state", "node": "a", "role": "follower"},
    )

    assert names(events) == ["InitState"]


def test_a_leader_replicates_entry_by_entry_from_the_log_before(story):
    events = story(
        {"event": "state", "node": "a", "term": 1, "vote": "a", "role": "leader", "leader": "a"},
        {"event": "state", "node": "a", "last_index": 2, "last_term": 1},
    )

    assert names(events)[1:] == ["BecomeLeader", "Replicate", "Replicate", "SendAppendEntriesResponse", "Ready"]
    assert [event["log"] for event in events[1:4]] == [0, 0, 1]
    assert events[4]["msg"]["index"] == 2


def test_only_a_leader_says_what_is_committed(story):
    follower = story({"event": "state", "node": "a", "commit_index": 1, "last_index": 1})
    leader = story({"event": "state", "node": "a", "role": "leader", "commit_index": 1})

    assert "Commit" not in names(follower)
    assert [event["state"]["commit"] for event in leader if event["name"] == "Commit"] == [1]


def test_a_change_of_members_is_told_with_what_changes(story):
    changed = CONFIGURATION | {"index": 1, "voters": ["a", "b"], "learners": ["c"]}

    events = story(
        {"event": "state", "node": "a", "term": 1, "role": "leader"},
        {"event": "configuration", "node": "a"} | changed,
        {"event": "state", "node": "a", "last_index": 1},
    )

    (change,) = [event for event in events if event["name"] == "ChangeConf"]
    (applied,) = [event for event in events if event["name"] == "ApplyConfChange"]
    assert change["prop"] == {"cc": {"changes": [{"nid": "3", "action": "AddLearner"}]}}
    assert applied["prop"] == {"cc": {"newconf": ["1", "2"]}}
    assert applied["conf"] == [["1", "2", "3"], []]
    assert "Replicate" not in names(events)


SENT = {
    "VoteRequest": (
        {"last_index": 4, "last_term": 2, "transfer": False},
        {"type": "MsgVote", "index": 4, "logTerm": 2},
    ),
    "VoteReply": ({"granted": False}, {"type": "MsgVoteResp", "reject": True}),
    "Append": (
        {"prev_index": 3, "prev_term": 2, "commit": 1, "entries": [{"index": 4, "term": 2}]},
        {"type": "MsgApp", "index": 3, "logTerm": 2, "commit": 1, "entries": 1},
    ),
    "AppendAccepted": ({"match_index": 4}, {"type": "MsgAppResp", "index": 4, "reject": False}),
    "AppendRejected": (
        {"prev_index": 9, "hint_index": 4, "hint_term": 2},
        {"type": "MsgAppResp", "index": 9, "reject": True, "rejectHint": 4, "logTerm": 2},
    ),
    "HigherTerm": ({}, {"type": "MsgAppResp", "reject": False}),
    "Heartbeat": ({"round": 1, "commit": 1}, {"type": "MsgHeartbeat", "commit": 1}),
    "HeartbeatEcho": ({"round": 1, "commit": 1}, {"type": "MsgHeartbeatResp"}),
    "SnapshotChunk": (
        {"snapshot": {"index": 7, "term": 2}, "offset": 0, "last": True},
        {"type": "MsgSnap", "entries": 7},
    ),
}


@pytest.mark.parametrize(("kind", "fields", "expected"), [(kind, *pair) for kind, pair in SENT.items()], ids=SENT)
def test_a_message_maps_field_by_field(story, kind, fields, expected):
    message = {"type": kind, "term": 3, **fields}

    events = story({"event": "send", "node": "a", "to": "b", "id": 1, "message": message})

    msg = events[1]["msg"]
    assert msg == {field: kind() for field, kind in MESSAGE.items()} | {
        "term": 3,
        "from": "1",
        "to": "2",
        "vote": "0",
        **expected,
    }


@pytest.mark.parametrize(
    "kind", ["PreVoteReply", "TimeoutNow", "ReadRequest", "ReadReply", "WrongIncarnation", "SnapshotReceived"]
)
def test_what_the_specification_does_not_know_is_left_out(story, kind):
    message = {"type": kind, "term": 3}

    assert names(story({"event": "send", "node": "a", "to": "b", "id": 1, "message": message})) == ["InitState"]


# The command


def test_the_command_writes_the_translation(trace, translated, tmp_path):
    output = tmp_path / "etcd.ndjson"

    ran = CliRunner().invoke(command, [str(trace), "--to", "etcd-tla", "--output", str(output), "--json"])

    assert ran.exit_code == 0, ran.output
    expected = {"output": str(output), "format": "etcd-tla", "events": len(translated)}
    assert json.loads(ran.stdout.splitlines()[-1]) == expected
    assert len(output.read_text(encoding="utf-8").splitlines()) == len(translated)


def test_a_bad_trace_is_named_and_nothing_is_left_behind(tmp_path):
    trace = tmp_path / "run.ndjson"
    trace.write_text("\n".join([*sample.lines(events=50)[:20], ""]), encoding="utf-8")

    ran = CliRunner().invoke(command, [str(trace), "--to", "etcd-tla", "--output", str(tmp_path / "etcd.ndjson")])

    assert ran.exit_code == 2
    assert ran.stderr.startswith(f"quorate sim convert: {trace}:20: the trace ends without")
    assert [path.name for path in tmp_path.iterdir()] == ["run.ndjson"]


def test_an_output_that_cannot_be_written_is_named(trace, tmp_path):
    output = tmp_path / "none" / "etcd.ndjson"

    ran = CliRunner().invoke(command, [str(trace), "--to", "etcd-tla", "--output", str(output)])

    assert ran.exit_code == 2
    assert f"{output} cannot be written: No such file or directory" in ran.stderr


def test_an_output_takes_the_place_of_no_device_and_no_folder(trace, tmp_path):
    pipe, file = tmp_path / "pipe", tmp_path / "file"
    os.mkfifo(pipe)
    file.touch()
    for output, told in ((pipe, "it is no regular file"), (file / "etcd.ndjson", "Not a directory")):
        ran = CliRunner().invoke(command, [str(trace), "--to", "etcd-tla", "--output", str(output)])

        assert ran.exit_code == 2
        assert ran.stderr == f"quorate sim convert: {output} cannot be written: {told}\n"
    assert pipe.is_fifo()


def test_an_unknown_format_is_refused(trace, tmp_path):
    ran = CliRunner().invoke(command, [str(trace), "--to", "poetry", "--output", str(tmp_path / "out")])

    assert ran.exit_code == 2
    assert "etcd-tla" in ran.stderr

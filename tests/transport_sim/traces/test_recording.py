"""What a real run records: all that docs/trace.md describes, and it adds up."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from transport_sim import Simulation
from transport_sim.traces.reading import opened
from transport_sim.traces.recording import STATE
from transport_sim.traces.writing import trace_file

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "trace.md"
SEEDS = range(5)
MOST_SEEDS = 60  # until every event was seen; rare ones take some


def described():
    """The fields that the document describes, by event."""
    table = DOCUMENT.read_text(encoding="utf-8").split("## Events")[1].split("## Reading")[0]
    rows = re.findall(r"^\| `([\w-]+)` \|([^|]*)\|", table, re.MULTILINE)
    return {event: set(re.findall(r"`([\w-]+)`", fields)) for event, fields in rows}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Runs of several seeds with all faults: simulation, result, file, header, events and end of each."""
    folder = tmp_path_factory.mktemp("recorded")
    found = []
    for seed in SEEDS:
        path = folder / f"{seed}.ndjson"
        with trace_file(path) as write:
            simulation = Simulation(seed, seconds=5, trace=write)
            result = simulation.run()
        with opened(path) as trace:
            events = list(trace.events())
        found.append((simulation, result, path, trace.header, events, trace.end))
    return found


def test_recording_does_not_change_a_run(runs):
    for seed, (_, result, *_) in zip(SEEDS, runs, strict=True):
        assert Simulation(seed, seconds=5).run() == result


def test_the_header_tells_what_decides_the_run(runs):
    for seed, (*_, header, _, _) in zip(SEEDS, runs, strict=True):
        told = {name: header.fields[name] for name in ("kind", "seed", "nodes", "seconds", "only")}
        assert told == {"kind": "run", "seed": seed, "nodes": 5, "seconds": 5.0, "only": None}
        assert [member["id"] for member in header.fields["members"]] == [f"n{number}" for number in range(1, 8)]


def test_the_end_tells_the_digest_and_the_events(runs):
    for _, result, _, _, _, end in runs:
        assert (end["digest"], end["events"]) == (result.digest, result.events)


def test_every_event_of_the_document_is_reached_and_no_other(runs):
    wanted = set(described()) - {"violation"}
    seen = {event["event"] for *_, events, end in runs for event in [*events, end]}
    for seed in range(len(SEEDS), MOST_SEEDS):
        if seen == wanted:
            break
        Simulation(seed, seconds=3, trace=lambda line: seen.add(line.get("event", "end"))).run()
    assert seen == wanted


def test_every_field_is_described(runs):
    fields = described()
    for *_, events, end in runs:
        for event in [*events, end]:
            known = fields[event["event"]] | (set(STATE) if event["event"] in ("start", "state") else set())
            assert set(event) <= known | {"at", "event"}, event


def test_a_violation_is_the_line_before_the_end():
    lines = []
    simulation = Simulation(1, seconds=2, trace=lines.append)
    simulation.scheduler.at(500_000, lambda: 1 // 0)
    result = simulation.run()
    assert result.violation.invariant == "failure"
    assert "ZeroDivisionError" in result.violation.message
    assert result.violation.place.startswith("ZeroDivisionError at ")
    assert [line["event"] for line in lines[-2:]] == ["violation", "end"]
    assert lines[-2]["promise"] == "failure"
    assert lines[-2]["message"] == result.violation.message


def test_changes_of_state_add_up_to_the_final_state(runs):
    for simulation, *_, events, _ in runs:
        states = {}
        for event in events:
            if event["event"] == "start":
                states[event["node"]] = {name: event[name] for name in STATE}
            elif event["event"] == "state":
                changes = {name: value for name, value in event.items() if name in STATE}
                assert changes, "a state without a change"
                assert all(states[event["node"]][name] != value for name, value in changes.items())
                states[event["node"]].update(changes)
        started = [host for host in simulation.hosts if host.starts]
        assert set(states) == {host.id for host in started}
        for host in started:
            log = host.node.log
            now = states[host.id]
            assert (now["term"], now["vote"], now["role"]) == (host.node.term, host.node.vote, host.node.role.name)
            assert (now["last_index"], now["base_index"]) == (log.last_index, log.base_index)
            assert (now["commit_index"], now["applied_index"]) == (log.commit_index, log.applied_index)
            assert now["durable_index"] == log.durable_index


def test_every_message_that_arrives_or_is_lost_was_sent(runs):
    for *_, events, _ in runs:
        sent, left = {}, Counter()
        for event in events:
            link = (event.get("node"), event.get("to"))
            if event["event"] == "send":
                assert event["id"] not in sent
                sent[event["id"]] = link
                left[event["id"]] += 1
            elif event["event"] == "duplicate":
                assert sent[event["id"]] == link
                left[event["id"]] += 1
            elif event["event"] == "drop":
                assert sent[event["id"]] == link
                left[event["id"]] -= 1
            elif event["event"] == "deliver":
                assert sent[event["id"]] == (event["from"], event["node"])
                left[event["id"]] -= 1
        assert min(left.values()) >= 0, "a message arrives more often than it was sent"


def test_every_answer_belongs_to_one_request(runs):
    for *_, events, _ in runs:
        asked = {}
        answered = set()
        for event in events:
            if event["event"] in ("propose", "read", "change", "transfer"):
                assert event["request"] not in asked
                asked[event["request"]] = event
            elif event["event"] == "answer":
                question = asked[event["request"]]
                assert event["request"] not in answered
                answered.add(event["request"])
                assert (event["node"], event["what"]) == (question["node"], question["event"])
                assert event.get("command") == question.get("command")
        assert answered


def test_commits_are_told_once_and_in_order(runs):
    for _, result, *_, events, _ in runs:
        commits = [event["index"] for event in events if event["event"] == "commit"]
        assert commits == list(range(1, result.commits + 1))


def test_decisions_are_those_of_the_run_and_marked_faults_follow_theirs(runs):
    for simulation, *_, events, _ in runs:
        heal = next(number for number, event in enumerate(events) if event["event"] == "heal")
        keys = [event["key"] for event in events[:heal] if event["event"] == "decision"]
        assert keys == simulation.decisions
        for before, event in zip(events, events[1:], strict=False):
            if event["event"] == "fault":
                assert (before["event"], before["kind"], before["key"]) == ("decision", event["fault"], event["key"])


def test_lines_come_back_from_json_as_they_went(runs):
    for seed, (_, _, path, *_) in zip(SEEDS, runs, strict=True):
        lines = []
        Simulation(seed, seconds=5, trace=lines.append).run()
        assert [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()] == lines

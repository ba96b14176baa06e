"""docs/trace.md and the reader say the same."""

import re
from pathlib import Path

from transport_sim.traces import reading
from transport_sim.traces.reading import opened

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "trace.md").read_text(encoding="utf-8")
EXAMPLE = TEXT.split("```\n")[1]


def test_the_example_can_be_read(tmp_path):
    path = tmp_path / "run.ndjson"
    path.write_text(EXAMPLE + '{"at":328204,"event":"end","events":8,"digest":"00"}\n', encoding="utf-8")

    with opened(path) as trace:
        assert len(list(trace.events())) == 8


def test_every_event_and_every_field_that_is_checked_is_described():
    table = TEXT.split("## Events")[1].split("## Reading")[0]
    described = dict(re.findall(r"^\| `(\w[\w-]*)` \|(.*)$", table, re.MULTILINE))
    state = set(re.findall(r"`(\w+)`", table.split("The fields of a state:")[1]))

    for event, checks in reading._FIELDS.items():
        fields = set(re.findall(r"`([\w-]+)`", described[event]))
        assert {field for field, _, _ in checks} <= fields | (state if event in ("start", "state") else set()), event


def test_every_limit_is_named_with_its_value():
    for name in ("LONGEST_LINE_BYTES", "MOST_EVENTS"):
        assert f"`{name}`" in TEXT
    assert reading.LONGEST_LINE_BYTES == 4 * 1024 * 1024
    assert f"({reading.MOST_EVENTS:,})" in TEXT

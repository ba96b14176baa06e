"""`quorate demo --processes`: what it tells programs and people, and that it leaves nothing behind."""

import json
import re
import signal
from pathlib import Path

from tests.transport_zmq.daemon.daemons import quorate, until


def test_three_daemons_lose_their_leader_and_no_write(tmp_path):
    process = quorate("demo", "--processes", "--json", stdout=-1, stderr=-1, environment={"TMPDIR": str(tmp_path)})
    out, errors = process.communicate(timeout=90)

    found = json.loads(out)
    assert (process.returncode, errors) == (0, ""), out
    assert found["passed"] is True
    assert [check["claim"] for check in found["checks"] if not check["held"]] == []
    assert len(found["checks"]) == 7
    assert found["acknowledged"] >= 400
    assert found["lost"] == 0
    assert 0 < found["failover_ms"] < 30_000
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_demonstration_has_told_its_pages_and_leaves_no_daemons(tmp_path):
    process = quorate("demo", "--processes", stdout=-1, stderr=-1, environment={"TMPDIR": str(tmp_path)})
    logs = until(lambda: [*tmp_path.glob("*/n3.log")])
    until(lambda: "for clients at" in logs[0].read_text(encoding="utf-8"))
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=30)

    assert (process.returncode, errors.strip()) == (130, "quorate: interrupted")
    pages = re.findall(r"^    http://(127\.0\.0\.1:\d+)/$", out, re.MULTILINE)
    assert len(pages) == 3
    assert (
        out.replace("\n", " ").count("--http-peers " + ",".join(f"n{i + 1}={page}" for i, page in enumerate(pages)))
        == 3
    )
    assert list(tmp_path.iterdir()) == []
    assert not [daemon for daemon in Path("/proc").glob("[0-9]*/cmdline") if str(tmp_path) in _words(daemon)]


def _words(file):
    try:
        return file.read_bytes().decode(errors="replace")
    except OSError:  # it has ended meanwhile
        return ""


def test_json_goes_with_processes():
    process = quorate("demo", "--json", stdout=-1, stderr=-1)
    _, errors = process.communicate(timeout=30)

    assert process.returncode == 2
    assert "--json goes with --processes" in errors

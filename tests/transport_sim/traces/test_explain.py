import base64
import hashlib
import json
import os
import re
from collections import Counter
from importlib import resources

import pytest
from click.testing import CliRunner

from tests.transport_sim.traces import sample
from transport_sim.commands.explain import command
from transport_sim.traces.explain import bundle, explain

PAGE = resources.files("transport_sim.traces") / "page"
MODULES = sorted((part for part in PAGE.iterdir() if part.name.endswith(".js")), key=lambda part: part.name)
MOST_LINES = 400


def between(text, before, after):
    return text.split(before, 1)[1].split(after, 1)[0]


@pytest.fixture(scope="module")
def page(trace, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "run.html"
    explain(trace, path)
    return path.read_text(encoding="utf-8")


def test_the_page_holds_the_whole_trace(page):
    held = json.loads(between(page, '<script type="application/json" id="trace">', "</script>"))

    assert [held["header"], *held["events"], held["end"]] == [json.loads(line) for line in sample.lines(events=2_000)]


def test_nothing_in_a_trace_is_markup(page):
    # The sample's violation tries: "</script><b>& that is no markup".
    assert page.count("</script>") == 2
    assert "that is no markup" in page
    assert "<" not in between(page, 'id="trace">', "</script>")


def test_the_title_is_no_markup_either(tmp_path):
    header, *events = sample.lines(events=50)
    path = tmp_path / "run.ndjson"
    header = header.replace('"seed":7', '"seed":"</title><script>alert(1)</script>"')
    path.write_text("\n".join([header, *events, ""]), encoding="utf-8")

    explain(path, tmp_path / "run.html")

    assert "<script>alert" not in (tmp_path / "run.html").read_text(encoding="utf-8")


def test_the_page_allows_itself_its_own_script_and_style_and_no_network(page):
    policy = between(page, 'http-equiv="Content-Security-Policy" content="', '"')
    script = between(page, '<script type="module">', "</script>")
    style = between(page, "<style>", "</style>")

    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (script, style)]
    expected = f"default-src 'none'; script-src 'sha256-{hashes[0]}'; style-src 'sha256-{hashes[1]}'; base-uri 'none'"
    assert policy == expected
    assert not re.search(r"https?://|url\(|@import|\bimport\(", script + style)


def test_the_script_has_every_module_once_behind_what_it_imports():
    script = bundle()
    first_lines = [part.read_text(encoding="utf-8").splitlines()[0] for part in MODULES]

    assert [script.count(line) for line in first_lines] == [1] * len(MODULES)
    assert not re.search(r"^(import|export) ", script, re.MULTILINE)


def test_names_at_the_top_of_the_modules_are_unique():
    names = re.findall(r"^(?:const|let|class|function\*?) (\w+)", bundle(), re.MULTILINE)

    assert {name: count for name, count in Counter(names).items() if count > 1} == {}


@pytest.mark.parametrize("module", MODULES, ids=lambda part: part.name)
def test_modules_are_small(module):
    assert module.read_text(encoding="utf-8").count("\n") <= MOST_LINES


def palettes():
    """The colours of the style sheet: the light ones, and the dark ones that replace them."""
    style = (PAGE / "explain.css").read_text(encoding="utf-8")
    light, dark = style.split("@media (prefers-color-scheme: dark)", 1)
    found = [
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", part.split("* { box-sizing", 1)[0])) for part in (light, dark)
    ]
    assert all(len(colours) > 20 for colours in found)
    return found


def luminance(colour):
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


TEXTS = [("ink", "paper"), ("ink", "panel"), ("soft", "paper"), ("soft", "panel"), ("violation", "violation-soft")]
TEXTS += [("ink", "changed"), ("good", "panel"), ("cut-ink", "panel"), ("paper", "leader")]
LINES = [
    (line, "panel") for line in ("vote", "append", "heartbeat", "snapshot", "read", "other", "violation", "leader")
]


@pytest.mark.parametrize("colours", palettes(), ids=["light", "dark"])
def test_texts_and_lines_stand_out(colours):
    texts = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in TEXTS}
    lines = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in LINES}

    assert {pair: ratio for pair, ratio in texts.items() if ratio < 4.5} == {}
    assert {pair: ratio for pair, ratio in lines.items() if ratio < 2.9} == {}


# The command


def test_the_command_writes_the_page(trace, tmp_path):
    page = tmp_path / "run.html"

    ran = CliRunner().invoke(command, [str(trace), "--output", str(page), "--json"])

    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout.splitlines()[-1]) == {"page": str(page), "events": 2000, "bytes": page.stat().st_size}


def test_without_output_the_page_lies_beside_the_trace(tmp_path):
    trace = sample.write(tmp_path / "run.ndjson", events=50)

    assert CliRunner().invoke(command, [str(trace)]).exit_code == 0
    assert (tmp_path / "run.html").exists()


def test_a_bad_trace_is_named_and_leaves_the_old_page_alone(tmp_path):
    trace = tmp_path / "run.ndjson"
    trace.write_text("\n".join([*sample.lines(events=50)[:20], ""]), encoding="utf-8")
    (tmp_path / "run.html").write_text("old", encoding="utf-8")

    ran = CliRunner().invoke(command, [str(trace)])

    assert ran.exit_code == 2
    assert ran.stderr.startswith(f"quorate sim explain: {trace}:20: the trace ends without")
    assert (tmp_path / "run.html").read_text(encoding="utf-8") == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.html", "run.ndjson"]


def test_a_page_that_cannot_be_written_is_named(trace, tmp_path):
    ran = CliRunner().invoke(command, [str(trace), "--output", str(tmp_path / "none" / "run.html")])

    assert ran.exit_code == 2
    assert "run.html cannot be written: No such file or directory" in ran.stderr


def test_a_page_takes_the_place_of_no_device_and_no_folder(trace, tmp_path):
    pipe, file = tmp_path / "pipe", tmp_path / "file"
    os.mkfifo(pipe)
    file.touch()
    for output, told in ((pipe, "it is no regular file"), (file / "run.html", "Not a directory")):
        ran = CliRunner().invoke(command, [str(trace), "--output", str(output)])

        assert ran.exit_code == 2
        assert ran.stderr == f"quorate sim explain: {output} cannot be written: {told}\n"
    assert pipe.is_fifo()


def test_the_trace_itself_is_no_output(trace):
    ran = CliRunner().invoke(command, [str(trace), "--output", str(trace)])

    assert ran.exit_code == 2
    assert "would replace the trace" in ran.stderr

"""`quorate completion`: the scripts, and what a real bash makes of its own when somebody presses Tab."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from quorate import SHELLS, cli

ROOT = Path(__file__).resolve().parents[1]
T = 60
TAB = "\t"


class Bash:
    """A bash that somebody types into, with the command on its path."""

    def __init__(self, folder):
        programs = folder / "bin"
        programs.mkdir()
        command = programs / "quorate"
        command.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m quorate "$@"\n', encoding="utf-8")
        command.chmod(0o755)
        environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("QUORATE_")},
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PS1": "> ",
            "TERM": "dumb",
            "INPUTRC": "/dev/null",
        }
        self._terminal, other = pty.openpty()
        self._process = subprocess.Popen(
            ["bash", "--norc", "--noprofile", "-i"],
            **dict.fromkeys(("stdin", "stdout", "stderr"), other),
            env=environment,
            cwd=folder,
            start_new_session=True,
        )
        os.close(other)
        self._shown = ""

    def type(self, text):
        self._shown = ""
        os.write(self._terminal, text.encode())

    def wait_for(self, text):
        deadline = time.monotonic() + T
        while text not in self._shown:
            assert time.monotonic() < deadline, f"no {text!r} in {self._shown!r}"
            if select.select([self._terminal], [], [], 1)[0]:
                self._shown += os.read(self._terminal, 65536).decode(errors="replace")

    def close(self):
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)


@pytest.fixture
def bash(tmp_path):
    bash = Bash(tmp_path)
    yield bash
    bash.close()


@pytest.mark.parametrize("shell", SHELLS)
def test_there_is_a_script_for_every_shell(shell):
    result = CliRunner().invoke(cli, ["completion", shell])

    assert result.exit_code == 0
    assert f"_QUORATE_COMPLETE={shell}_complete" in result.output


def test_another_shell_is_refused_and_those_that_there_are_told():
    result = CliRunner().invoke(cli, ["completion", "tcsh"])

    assert result.exit_code == 2
    assert all(f"'{shell}'" in result.output for shell in SHELLS)


def test_bash_completes_commands_options_words_and_directories(bash, tmp_path):
    (tmp_path / "somewhere").mkdir()
    bash.type("source <(quorate completion bash) && echo re''ady\n")
    bash.wait_for("ready")

    for begun, completed in (
        ("quorate stat", "quorate status "),
        ("quorate member prom", "quorate member promote "),
        ("quorate serve --log-level w", "quorate serve --log-level warning "),
        ("quorate serve --data-dir some", "quorate serve --data-dir somewhere/"),
    ):
        bash.type(f"{begun}{TAB}")
        bash.wait_for(completed)
        bash.type("\x15")  # take the line back

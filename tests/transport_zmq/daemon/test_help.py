"""What the commands of the daemon teach."""

import pytest
from click.testing import CliRunner

from quorate import cli
from transport_zmq.daemon.errors import variable
from transport_zmq.daemon.options import OPTIONS

COMMANDS = [
    "serve",
    "config",
    "config show",
    "keys",
    *(f"keys {name}" for name in ("generate", "show", "allow", "revoke")),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_keeps_its_examples_in_lines(command):
    result = CliRunner().invoke(cli, [*command.split(), "--help"])

    assert result.exit_code == 0
    assert "\\b" not in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("command", ["serve", "config show"])
def test_every_option_is_told_with_its_variable_and_default(command):
    result = CliRunner().invoke(cli, [*command.split(), "--help"])

    text = "".join(result.output.split())  # lines are broken at hyphens, too
    for option in (*OPTIONS,):
        assert f"--{option.name}" in text
        assert variable(option.name) in text
        if option.default not in (None, "", "false"):
            assert f"{variable(option.name)};default{option.default}]" in text


def test_exit_codes_are_told():
    result = CliRunner().invoke(cli, ["serve", "--help"])

    codes = result.output.partition("Exit codes:\n")[2].partition("\n\n")[0]
    assert [line.split()[0] for line in codes.splitlines()] == ["0", "1", "2", "3", "4", "130,"]

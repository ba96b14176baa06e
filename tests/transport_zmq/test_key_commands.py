"""`quorate keys`: what it writes where, what it prints, and what it refuses. It never shows a secret."""

import json
import stat

import pytest
from click.testing import CliRunner

from transport_zmq import InvalidAllowList, allow_list_file
from transport_zmq.allow_list import AllowList
from transport_zmq.commands.keys import command
from transport_zmq.keys import KeyPair


@pytest.fixture
def keys(tmp_path, monkeypatch):
    """Calls the command in an empty folder: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        result = CliRunner().invoke(command, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        secrets = [file.read_text().strip() for file in tmp_path.glob("*.key")]
        assert not [secret for secret in secrets if secret in result.output]
        return result.exit_code, result.stdout, result.stderr

    return call


def public(path):
    return KeyPair.load(path).public


def test_a_key_is_made_for_its_owner_alone_and_never_overwritten(keys, tmp_path):
    code, out, _ = keys("generate", "n1.key")

    assert code == 0
    assert stat.S_IMODE((tmp_path / "n1.key").stat().st_mode) == 0o600
    assert f"public key: {public(tmp_path / 'n1.key')}\n" in out
    assert "quorate keys allow LIST NAME --role peer --key '" in out
    before = (tmp_path / "n1.key").read_bytes()
    assert keys("generate", "n1.key")[::2] == (
        2,
        "quorate: n1.key is there already, and a key is never overwritten; name another file\n",
    )
    assert (tmp_path / "n1.key").read_bytes() == before
    assert keys("generate", "nowhere/n1.key")[::2] == (2, "quorate: nowhere/n1.key: No such file or directory\n")
    assert json.loads(keys("generate", "n2.key", "--json")[1])["public_key"] == public(tmp_path / "n2.key")


def test_who_is_allowed_can_be_added_and_taken_away_and_comments_stay(keys, tmp_path):
    for name in ("n1", "n2", "ann"):
        keys("generate", f"{name}.key")
    list_file = tmp_path / "allowed"

    assert keys("allow", "allowed", "n1", "--role", "peer", "--key-file", "n1.key")[0] == 0
    assert stat.S_IMODE(list_file.stat().st_mode) == 0o600
    list_file.write_text(list_file.read_text() + "\n# clients\n")
    list_file.chmod(0o640)
    ann = public(tmp_path / "ann.key")
    assert keys("allow", "allowed", "ann", "--role", "client", "--key", ann)[0] == 0
    assert keys("allow", "allowed", "n1", "--role", "peer", "--key", public(tmp_path / "n2.key"))[0] == 0

    assert stat.S_IMODE(list_file.stat().st_mode) == 0o640
    assert "# clients" in list_file.read_text()
    allowed = AllowList(list_file)
    assert allowed.keys_of("n1", "peer") == [public(tmp_path / "n1.key"), public(tmp_path / "n2.key")]
    assert json.loads(keys("show", "allowed", "--json")[1])[1] == {
        "name": "ann",
        "roles": ["client"],
        "public_key": ann,
    }
    assert ann in keys("show", "allowed")[1]

    keys("allow", "allowed", "ann", "--role", "client", "--role", "admin", "--key", ann)
    assert AllowList(list_file).keys_of("ann", "admin") == [ann]
    assert keys("revoke", "allowed", "--", ann)[0] == 0
    assert keys("revoke", "allowed", "n1")[0] == 0
    assert AllowList(list_file).grants == {}
    assert list(tmp_path.glob("allowed.*")) == [], "nothing is left of the writing"


def test_what_a_file_holds_is_shown_but_for_secrets(keys, tmp_path):
    keys("generate", "n1.key")

    assert keys("show", "n1.key")[1] == f"public key: {public(tmp_path / 'n1.key')}\n"
    assert json.loads(keys("show", "n1.key", "--json")[1]) == {"public_key": public(tmp_path / "n1.key")}
    (tmp_path / "n1.key").chmod(0o644)
    assert "others than its owner may read this secret key (mode 644)" in keys("show", "n1.key")[2]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["allow", "allowed", "n2", "--role", "peer", "--key-file", "n1.key"], "this key is n1's; revoke it first"),
        (["allow", "allowed", "n2", "--role", "king", "--key-file", "n1.key"], "'king' is not one of"),
        (["allow", "allowed", "n2", "--key-file", "n1.key"], "Missing option '--role'"),
        (["allow", "allowed", "n2", "--role", "peer"], "say which key"),
        (["allow", "allowed", "n2", "--role", "peer", "--key", "abc"], "40 letters of Z85"),
        (["allow", "allowed", "n2", "--role", "peer", "--key-file", "n3.key"], "n3.key: No such file"),
        (["allow", "broken", "n2", "--role", "peer", "--key-file", "n1.key"], "line 1: it has not three parts"),
        (["revoke", "allowed", "tom"], "neither a name nor a key on it is 'tom'; on it are n1"),
        (["revoke", "missing", "tom"], "missing: No such file"),
        (["show", "missing"], "missing: No such file"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(keys, tmp_path, arguments, complaint):
    keys("generate", "n1.key")
    keys("allow", "allowed", "n1", "--role", "peer", "--key-file", "n1.key")
    (tmp_path / "broken").write_text("no list\n", encoding="utf-8")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    code, out, errors = keys(*arguments)

    assert (code, out) == (2, "")
    assert complaint in errors
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_name_that_would_be_a_comment_is_refused(tmp_path):
    path = tmp_path / "allowed"
    with pytest.raises(InvalidAllowList, match="does not begin with #"):
        allow_list_file.allow(path, "#c", ["peer"], KeyPair.generate().public)
    assert not path.exists()

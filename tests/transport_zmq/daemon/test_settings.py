"""Which value of an option counts, where it came from, and what is said of one that cannot be."""

from pathlib import Path

import pytest

from transport_zmq.address import Address
from transport_zmq.daemon.errors import (
    ConflictingSettings,
    InvalidSetting,
    MissingSetting,
    SettingsError,
    SettingsFileError,
    UnknownSetting,
)
from transport_zmq.daemon.options import OPTIONS
from transport_zmq.daemon.settings import gather, settle

NEEDED = {"name": "n1", "data-dir": "d1"}
# Of every option three values that it can have, none of them its default (but the one feature level that there is).
VALUES = {
    "name": ("a", "b", "c"),
    "data-dir": ("d1", "d2", "d3"),
    "listen": ("127.0.0.1:1", "127.0.0.1:2", "[::1]:3"),
    "client-listen": ("127.0.0.1:1", "127.0.0.1:2", "db.example:3"),
    "http": ("127.0.0.1:1", "off", "127.0.0.1:3"),
    "peers": ("a=h:1,b=h:2", "a=h:1", "a=[::1]:1"),
    "witnesses": ("a", "a,b", "c"),
    "witness": ("true", "yes", "1"),
    "join": ("true", "yes", "1"),
    "advertise": ("h:1", "h:2", "h:3"),
    "client-peers": ("a=h:1", "b=h:1", "c=h:1"),
    "http-peers": ("a=h:1", "b=h:1", "c=h:1"),
    "key-file": ("k1", "k2", "k3"),
    "allow-list": ("l1", "l2", "l3"),
    "insecure-bind": ("true", "on", "True"),
    "sync": ("never", "interval(5)", "interval(6)"),
    "election-timeout-ms": ("900", "901", "902"),
    "heartbeat-interval-ms": ("90", "91", "92"),
    "feature-level": ("1", "1", "1"),
    "lease-promise-ms": ("10", "11", "12"),
    "snapshot-entries": ("7", "8", "9"),
    "snapshot-bytes": ("7", "8", "9"),
    "snapshot-tail-entries": ("7", "8", "9"),
    "machine": ("a:A", "b.c:B", "c:C"),
    "stop-timeout-ms": ("1", "2", "3"),
    "log-level": ("debug", "trace", "error"),
    "log-format": ("json", "json", "json"),
}


@pytest.mark.parametrize(
    ("in_flag", "in_environment", "in_file", "counts"),
    [
        (True, True, True, "flag"),
        (True, True, False, "flag"),
        (True, False, True, "flag"),
        (True, False, False, "flag"),
        (False, True, True, "environment"),
        (False, True, False, "environment"),
        (False, False, True, "file"),
        (False, False, False, "default"),
    ],
)
def test_a_flag_counts_before_the_environment_before_the_file_before_the_default(
    tmp_path, in_flag, in_environment, in_file, counts
):
    file = tmp_path / "node.toml"
    for option in OPTIONS:
        of_flag, of_environment, of_file = VALUES[option.name]
        variable = "QUORATE_" + option.name.upper().replace("-", "_")
        file.write_text(f'{option.name} = "{of_file}"\n' if in_file else "", encoding="utf-8")
        flags = {"config": str(file)} | ({option.name: of_flag} if in_flag else {})
        environment = {variable: of_environment} if in_environment else {}

        given = gather(flags, environment)[option.name]

        assert (
            given
            == {
                "flag": (of_flag, f"flag --{option.name}"),
                "environment": (of_environment, f"environment {variable}"),
                "file": (of_file, f"file {file}"),
                "default": (option.default, "not set" if option.default is None else "default"),
            }[counts]
        )


def test_all_values_of_the_table_can_be():
    for option in OPTIONS:
        for text in VALUES[option.name]:
            option.read(text)


def settled(environment=(), **flags):
    texts = NEEDED | {name.replace("_", "-"): text for name, text in flags.items()}
    return settle(gather({name: text for name, text in texts.items() if text is not None}, dict(environment)))


def test_values_are_of_their_kinds():
    settings = settled(
        peers="n1=127.0.0.1:1, n2=db.example:2",
        http="off",
        election_timeout_ms="900",
        insecure_bind="yes",
        client_listen="[::1]:0",
    )

    assert settings.data_dir == Path("d1")
    assert settings.peers == {"n1": "127.0.0.1:1", "n2": "db.example:2"}
    assert settings.http is None
    assert settings.client_listen == Address("::1", 0)
    assert settings.config.election_timeout_ms == 900
    assert settings.insecure_bind is True
    assert settings.sync.text == "always"


@pytest.mark.parametrize(
    "peers", ['"n1=h:1,n2=h:2"', '["n1=h:1", "n2=h:2"]', '{ n1 = "h:1", n2 = "h:2" }'], ids=["text", "array", "table"]
)
def test_a_file_may_have_kinds_of_its_own(tmp_path, peers):
    file = tmp_path / "node.toml"
    file.write_text(f"peers = {peers}\njoin = false\nsnapshot-entries = 5000\n", encoding="utf-8")

    settings = settled(config=str(file))

    assert settings.peers == {"n1": "h:1", "n2": "h:2"}
    assert (settings.join, settings.snapshot_entries) == (False, 5000)


def test_the_file_is_named_by_the_environment_too(tmp_path):
    file = tmp_path / "node.toml"
    file.write_text('name = "n7"\n', encoding="utf-8")

    assert settled({"QUORATE_CONFIG": str(file)}, name=None).name == "n7"


@pytest.mark.parametrize(
    ("option", "text", "bound"),
    [
        ("name", "", "1 to 64 characters"),
        ("name", "a" * 65, "1 to 64 characters"),
        ("name", "a,b", "without spaces, commas and '='"),
        ("data-dir", "", "a path"),
        ("listen", "127.0.0.1", "host:port"),
        ("listen", "127.0.0.1:65536", "host:port"),
        ("http", "no", "host:port, for instance 127.0.0.1:7101 or [::1]:7101, or off"),
        ("peers", "n1", "which 'n1' is not"),
        ("peers", "n1=h:0", "which 'n1=h:0' is not"),
        ("peers", "n1=h:1,n1=h:2", "n1 is there twice"),
        ("peers", "n2=h:1", "a list in which this member, n1, is too"),
        ("peers", ",".join(f"m{i}=h:1" for i in range(65)), "at most 64 members"),
        ("advertise", "0.0.0.0:1", "others can connect to"),
        ("join", "maybe", "true or false"),
        ("sync", "sometimes", "always, never, or interval(ms)"),
        ("election-timeout-ms", "9", "an integer from 10 to 3,600,000"),
        ("election-timeout-ms", "1.5", "an integer"),
        ("heartbeat-interval-ms", "334", "at most a third of election-timeout-ms (1000)"),
        ("lease-promise-ms", "1001", "at most election-timeout-ms (1000)"),
        ("snapshot-entries", "0", "an integer from 1"),
        ("machine", "KeyValue", "package.module:Class"),
        ("log-level", "loud", "one of error, warning, info, debug, trace"),
        ("log-format", "xml", "one of human, json"),
    ],
)
def test_what_cannot_be_is_refused_with_option_value_bound_and_source(option, text, bound):
    with pytest.raises(InvalidSetting) as caught:
        settled({"QUORATE_" + option.upper().replace("-", "_"): text}, **{option.replace("-", "_"): None})

    error = caught.value
    assert error.option == option
    assert str(error.value) == text
    assert bound in error.bound
    assert error.source == "environment QUORATE_" + option.upper().replace("-", "_")
    assert all(part in str(error) for part in (option, repr(error.value), error.bound, error.source))


def test_at_most_half_of_the_founders_are_witnesses_and_all_founders_name_them():
    three = "n1=h:1,n2=h:2,n3=h:3"
    assert settled(peers=three, witnesses="n3").witnesses == ("n3",)
    assert settled(join="true", witness="true").witness is True
    assert settled(peers=three, witnesses="n1", witness="true").witness is True

    for witnesses in ("n2,n3", "n4"):
        with pytest.raises(InvalidSetting) as caught:
            settled(peers=three, witnesses=witnesses)
        assert "at most half of the members in peers" in str(caught.value)
    with pytest.raises(ConflictingSettings, match="set witnesses"):
        settled(peers=three, witness="true")


@pytest.mark.parametrize(
    ("key", "nearest"), [("lisen", "listen"), ("data_dir", "data-dir"), ("Peers", "peers"), ("zz", None)]
)
def test_a_key_that_is_no_option_is_refused_and_the_nearest_one_named(tmp_path, key, nearest):
    file = tmp_path / "node.toml"
    file.write_text(f'{key} = "x"\n', encoding="utf-8")

    with pytest.raises(UnknownSetting) as caught:
        gather({"config": str(file)}, {})

    assert (caught.value.key, caught.value.nearest) == (key, nearest)
    assert (f"did you mean {nearest!r}?" if nearest else "there are advertise, allow-list") in str(caught.value)


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe", b"a = 1\n" * 200_000], ids=["cut off", "no text", "huge"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, content):
    file = tmp_path / "node.toml"
    file.write_bytes(content)

    for path in (file, tmp_path / "missing.toml", tmp_path):
        with pytest.raises(SettingsFileError) as caught:
            gather({"config": str(path)}, {})
        assert str(path) in str(caught.value)


def test_a_value_of_a_kind_that_no_option_has_is_refused(tmp_path):
    file = tmp_path / "node.toml"
    file.write_text("snapshot-entries = [1]\n", encoding="utf-8")

    with pytest.raises(InvalidSetting, match="a text, a number, or true or false"):
        gather({"config": str(file)}, {})


@pytest.mark.parametrize("option", ["name", "data-dir"])
def test_what_must_be_told_is_missed(option):
    with pytest.raises(MissingSetting) as caught:
        settled(**{option.replace("-", "_"): None})

    variable = "QUORATE_" + option.upper().replace("-", "_")
    assert f"--{option}, {variable}, or {option} = …" in str(caught.value)


@pytest.mark.parametrize(
    ("flags", "options"),
    [
        ({"key_file": "k"}, ("key-file", "allow-list")),
        ({"allow_list": "l"}, ("allow-list", "key-file")),
        ({"join": "true", "peers": "n1=h:1"}, ("peers", "join")),
    ],
)
def test_what_does_not_go_together_is_refused(flags, options):
    with pytest.raises(ConflictingSettings) as caught:
        settled(**flags)

    assert caught.value.options == options


def test_a_key_in_the_place_of_its_path_is_not_repeated():
    key = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"

    with pytest.raises(SettingsError) as caught:
        settled(key_file=key, allow_list="l")

    assert key not in str(caught.value)
    assert "never the key itself" in str(caught.value)


def test_the_options_are_those_of_the_table():
    assert [option.name for option in OPTIONS] == list(VALUES)

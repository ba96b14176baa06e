"""The settings of a daemon: flag before environment before file before default, and where each value came from."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from actors.storage.policy import SyncPolicy
from raft.config import Config
from raft.errors import InvalidConfig
from raft.membership import Configuration

from ..address import Address
from .errors import (
    ConflictingSettings,
    InvalidSetting,
    MissingSetting,
    SettingsFileError,
    UnknownSetting,
    variable,
)
from .options import BY_NAME, OPTIONS, Option, Unreadable

DEFAULT = "default"
NOWHERE = "not set"
FILE_VARIABLE = variable("config")
MAX_FILE_BYTES = 1024 * 1024
LISTS = ("peers", "witnesses", "client-peers", "http-peers")  # in a file they may be tables or arrays

_CONFIG_FIELDS = (
    "election_timeout_ms",
    "heartbeat_interval_ms",
    "feature_level",
    "lease_promise_ms",
    "snapshot_entries",
    "snapshot_bytes",
    "snapshot_tail_entries",
)


class Given(NamedTuple):
    """What an option was set to.

    Attributes:
        text: the value as text; None when it is not set.
        source: where: a flag, an environment variable, a file, or "default".
    """

    text: str | None
    source: str


@dataclass(frozen=True)
class Settings:
    """All options of a daemon, read and checked; see `options.OPTIONS` for what each is."""

    name: str
    data_dir: Path
    listen: Address
    client_listen: Address
    http: Address | None
    peers: dict[str, str]
    witnesses: tuple[str, ...]
    witness: bool
    join: bool
    advertise: str
    client_peers: dict[str, str]
    http_peers: dict[str, str]
    key_file: Path | None
    allow_list: Path | None
    insecure_bind: bool
    sync: SyncPolicy
    election_timeout_ms: int
    heartbeat_interval_ms: int
    feature_level: int
    lease_promise_ms: int
    snapshot_entries: int
    snapshot_bytes: int
    snapshot_tail_entries: int
    machine: str
    stop_timeout_ms: int
    log_level: str
    log_format: str
    config: Config
    machine_source: str


def gather(flags: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, Given]:
    """Return what every option is set to, and where, unread.

    Args:
        flags: texts by option; "config" is the file.
        environment: of the process.

    Raises:
        SettingsFileError: the file cannot be read.
        UnknownSetting: it has a key that is no option.
        InvalidSetting: it has a value that is no text, number, truth value, list or table.
    """
    file = flags.get("config") or environment.get(FILE_VARIABLE, "")
    in_file = _read(Path(file)) if file else {}
    return {option.name: _given(option, flags, environment, in_file, file) for option in OPTIONS}


def settle(given: Mapping[str, Given]) -> Settings:
    """Return the settings that were gathered.

    Raises:
        SettingsError: something is missing, or is not what it must be; it says what, and where it was given.
    """
    values = {option.attribute: _value(option, given[option.name]) for option in OPTIONS}
    for name, what in (("name", "the id of this member"), ("data-dir", "the directory of its data")):
        if values[BY_NAME[name].attribute] is None:
            raise MissingSetting(name, what)
    _check(values, given)
    return Settings(**values, config=_config(values, given), machine_source=given["machine"].source)


def _given(
    option: Option, flags: Mapping[str, str], environment: Mapping[str, str], in_file: Mapping[str, str], file: str
) -> Given:
    if option.name in flags:
        return Given(flags[option.name], f"flag --{option.name}")
    if variable(option.name) in environment:
        return Given(environment[variable(option.name)], f"environment {variable(option.name)}")
    if option.name in in_file:
        return Given(in_file[option.name], f"file {file}")
    return Given(option.default, NOWHERE if option.default is None else DEFAULT)


def _read(file: Path) -> dict[str, str]:
    """Return the options of a file, as texts."""
    try:
        with open(file, "rb") as opened:
            content = opened.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise SettingsFileError(file, f"it has more than {MAX_FILE_BYTES:,} bytes, too many for settings")
        found = tomllib.loads(content.decode())
    except OSError as error:
        raise SettingsFileError(file, f"{error.strerror or error}; name another file with --config") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsFileError(file, f"it is no TOML: {error}") from None
    for key in found:
        if key not in BY_NAME:
            raise UnknownSetting(key, file, BY_NAME)
    return {key: _as_text(key, value, file) for key, value in found.items()}


def _as_text(key: str, value: Any, file: Path) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int)):
        return str(value)
    if key in LISTS and isinstance(value, dict):
        return ",".join(f"{id}={address}" for id, address in value.items())
    if key in LISTS and isinstance(value, list):
        return ",".join(str(part) for part in value)
    raise InvalidSetting(key, value, "a text, a number, or true or false", f"file {file}")


def _value(option: Option, given: Given) -> Any:
    if given.text is None:
        return None
    try:
        return option.read(given.text)
    except Unreadable as error:
        raise InvalidSetting(option.name, error.shown, error.bound, given.source) from None


def _check(values: Mapping[str, Any], given: Mapping[str, Given]) -> None:
    """Check what no option can say alone."""
    if (values["key_file"] is None) != (values["allow_list"] is None):
        has, lacks = ("key-file", "allow-list") if values["allow_list"] is None else ("allow-list", "key-file")
        problem = f"{has} is set ({given[has].source}) and {lacks} is not; set both, see quorate keys --help"
        raise ConflictingSettings((has, lacks), problem)
    peers = values["peers"]
    if peers and values["join"]:
        raise ConflictingSettings(
            ("peers", "join"),
            f"peers ({given['peers'].source}) found a new cluster, and join ({given['join'].source}) waits to be added "
            "to one that runs; set one of them",
        )
    if peers and values["name"] not in peers:
        bound = f"a list in which this member, {values['name']}, is too"
        raise InvalidSetting("peers", given["peers"].text, bound, given["peers"].source)
    if values["witness"] and peers and values["name"] not in values["witnesses"]:
        raise ConflictingSettings(
            ("witness", "peers"),
            f"witness ({given['witness'].source}) is for a member that joins; of those that found a cluster, peers "
            f"({given['peers'].source}), all must be told who the witnesses are: set witnesses",
        )
    if values["witnesses"] and peers:
        try:
            Configuration(tuple(peers), witnesses=values["witnesses"])
        except InvalidConfig:
            bound = f"at most half of the members in peers ({given['peers'].source}), and nobody else"
            raise InvalidSetting("witnesses", given["witnesses"].text, bound, given["witnesses"].source) from None


def _config(values: Mapping[str, Any], given: Mapping[str, Given]) -> Config:
    try:
        return Config(**{field: values[field] for field in _CONFIG_FIELDS})
    except InvalidConfig as error:
        name = error.field.replace("_", "-")
        raise InvalidSetting(name, error.value, error.bound.replace("_", "-"), given[name].source) from None

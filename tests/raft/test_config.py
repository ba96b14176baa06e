import pytest

from raft.config import Config
from raft.errors import InvalidConfig
from raft.features import BASE_LEVEL, FEATURE_LEVEL
from tests.raft.member import ProgramToCome

LIMIT = 2**30 - 1

# field, default, smallest, largest
FIELDS = [
    ("election_timeout_ms", 1000, 10, 3_600_000),
    ("heartbeat_interval_ms", 100, 1, 3_600_000),
    ("max_append_entries", 1024, 1, 2**20),
    ("commit_delay_ms", 5, 0, 1000),
    ("max_append_bytes", 256 * 1024, 1, LIMIT),
    ("window_messages", 64, 1, 65_536),
    ("window_bytes", 4 * 1024 * 1024, 1, LIMIT),
    ("max_entry_bytes", 8 * 1024 * 1024, 1, LIMIT),
    ("max_uncommitted_bytes", 64 * 1024 * 1024, 1, LIMIT),
    ("max_apply_entries", 4096, 1, 2**20),
    ("max_pending_reads", 4096, 1, 2**20),
    ("lease_promise_ms", 0, 0, 3_600_000),
    ("max_clock_drift_ppm", 10_000, 0, 500_000),
    ("quiescent_timeouts", 0, 0, 1000),
    ("snapshot_entries", 10_000, 1, LIMIT),
    ("snapshot_bytes", 64 * 1024 * 1024, 1, LIMIT),
    ("snapshot_tail_entries", 1000, 0, LIMIT),
    ("snapshot_chunk_bytes", 256 * 1024, 1, LIMIT),
    ("feature_level", FEATURE_LEVEL, BASE_LEVEL, FEATURE_LEVEL),
    ("may_lose_acknowledged", 0, 0, 1),
]
EACH_FIELD = pytest.mark.parametrize(("field", "default", "smallest", "largest"), FIELDS)


def config_with(field, value):
    """A config with one field set, and what it is bounded by such that they fit each other."""
    if field == "election_timeout_ms":
        return Config(election_timeout_ms=value, heartbeat_interval_ms=1)
    if field == "heartbeat_interval_ms":
        return Config(heartbeat_interval_ms=value, election_timeout_ms=3_600_000)
    if field == "lease_promise_ms":
        return Config(lease_promise_ms=value, election_timeout_ms=3_600_000)
    return Config(**{field: value})


@EACH_FIELD
def test_every_field_has_a_default(field, default, smallest, largest):
    assert getattr(Config(), field) == default


def test_no_field_is_missing_from_this_table():
    assert sorted(vars(Config())) == sorted(field for field, *_ in FIELDS)


@EACH_FIELD
def test_the_bounds_themselves_are_allowed(field, default, smallest, largest):
    if field == "heartbeat_interval_ms":
        largest = 1_200_000  # a third of the largest election timeout

    assert getattr(config_with(field, smallest), field) == smallest
    assert getattr(config_with(field, largest), field) == largest


@EACH_FIELD
def test_a_value_out_of_bounds_is_refused_by_name_and_bound(field, default, smallest, largest):
    for value in (smallest - 1, largest + 1, -default - 1, 10**30, float(default), str(default), None, True, [default]):
        with pytest.raises(InvalidConfig) as refusal:
            config_with(field, value)

        assert refusal.value.field == field
        assert refusal.value.value is value
        assert refusal.value.bound == f"an integer from {smallest} to {largest}"
        assert str(refusal.value) == f"{field} is {value!r}; it must be an integer from {smallest} to {largest}"


def test_a_heartbeat_interval_is_at_most_a_third_of_the_election_timeout():
    assert Config(election_timeout_ms=300, heartbeat_interval_ms=100).heartbeat_interval_ms == 100

    with pytest.raises(InvalidConfig) as refusal:
        Config(election_timeout_ms=299, heartbeat_interval_ms=100)

    assert refusal.value.field == "heartbeat_interval_ms"
    assert refusal.value.bound == "at most a third of election_timeout_ms (299)"


def test_a_promise_lasts_at_most_an_election_timeout():
    assert Config(election_timeout_ms=300, lease_promise_ms=300).lease_promise_ms == 300

    with pytest.raises(InvalidConfig) as refusal:
        Config(election_timeout_ms=300, lease_promise_ms=301)

    assert refusal.value.field == "lease_promise_ms"
    assert refusal.value.bound == "at most election_timeout_ms (300)"


def test_a_misspelt_field_is_refused_with_the_list_of_fields():
    with pytest.raises(InvalidConfig) as refusal:
        Config(heartbeat_ms=100)

    assert refusal.value.field == "heartbeat_ms"
    assert all(field in refusal.value.bound for field, *_ in FIELDS)


def test_an_append_is_sent_again_after_two_heartbeats():
    assert Config(heartbeat_interval_ms=70).retry_ms == 140


def test_settings_can_be_had_with_others_in_place_of_some():
    config = Config(election_timeout_ms=300, heartbeat_interval_ms=70)

    replaced = config.replaced(may_lose_acknowledged=1, heartbeat_interval_ms=50)

    assert vars(replaced) == {**vars(config), "may_lose_acknowledged": 1, "heartbeat_interval_ms": 50}
    with pytest.raises(InvalidConfig):
        config.replaced(election_timeout_ms=200)


@pytest.mark.contract("M10")
def test_settings_with_others_in_place_of_some_are_of_the_same_program_and_hold_the_level_down():
    replaced = ProgramToCome(feature_level=3).replaced(may_lose_acknowledged=1)

    assert (type(replaced), replaced.feature_level) == (ProgramToCome, 3)

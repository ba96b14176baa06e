"""The load: every command is answered, never are more in flight than asked for, and faults are counted or raised."""

import pytest

from actors import Config, EntryTooLarge, LocalCluster
from actors.kv_commands import put
from bench.load import feed

T = 30.0


def commands(count):
    return iter([put(b"key %03d" % number, b"value") for number in range(count)])


@pytest.mark.parametrize("in_flight", [1, 7, 500])
def test_every_command_is_applied_and_answered_once(in_flight):
    answers = []
    with LocalCluster(3) as cluster:
        leader = cluster.wait_for_leader(T)

        unknown = feed(cluster, commands(100), in_flight, lambda: answers.append(len(cluster.machine(leader))))

        assert unknown == 0
        assert len(cluster.machine(leader)) == len(answers) == 100
        # The n-th answer comes when n commands are applied, and at most as many again as were in flight with it.
        assert all(number <= applied < number + in_flight for number, applied in enumerate(answers, start=1))


def test_what_a_lost_leader_had_taken_has_an_unknown_outcome_and_the_load_goes_on():
    answers = []
    with LocalCluster(3) as cluster:
        cut_off = cluster.wait_for_leader(T)
        cluster.partition([cut_off])

        unknown = feed(cluster, commands(100), 20, lambda: answers.append(1))

        assert unknown == 20
        assert len(answers) == 100
        assert len(cluster.machine(cluster.wait_for_leader(T))) == 80


def test_a_refusal_for_good_ends_the_load_and_is_raised():
    answers = []
    with LocalCluster(
        1, config=Config(election_timeout_ms=100, heartbeat_interval_ms=20, max_entry_bytes=20)
    ) as cluster:
        cluster.wait_for_leader(T)
        with pytest.raises(EntryTooLarge):
            feed(
                cluster,
                iter([put(b"k", b""), put(b"k", b"x" * 100), *[put(b"k", b"")] * 100]),
                1,
                lambda: answers.append(1),
            )

    assert answers == [1]

"""The key-value store with transactions and leases under faults: no transaction is ever seen half done, every lease
ends on all members at once, and a machine whose time is its own is found out."""

import pytest

from actors import OutcomeUnknown, Unavailable, kv_leases, kv_transactions
from actors.kv import DONE, KeyValue
from actors.kv_commands import GET, PUT
from actors.kv_transactions import ABSENT, VALUE
from transport_sim import Simulation

SEEDS = range(3)
TOTAL = 100


def transfer(client):
    """Moves money between two accounts, if they hold what was read, and both or neither."""
    yield client.call(kv_transactions.encode(
        [(ABSENT, b"a", None)], [(PUT, b"a", b"%d" % TOTAL, 0), (PUT, b"b", b"0", 0)], [])
    )  # fmt: skip
    while True:
        try:
            read = yield client.call(kv_transactions.encode([], [(GET, b"a", None, 0), (GET, b"b", None, 0)], []))
            a, b = (int(item[1]) for item in read.value[2])
            moved = client.chance.between(-5, 5)
            conditions = [(VALUE, b"a", b"%d" % a), (VALUE, b"b", b"%d" % b)]
            puts = [(PUT, b"a", b"%d" % (a - moved), 0), (PUT, b"b", b"%d" % (b + moved), 0)]
            yield client.call(kv_transactions.encode(conditions, puts, []))
        except (OutcomeUnknown, Unavailable):
            pass
        yield client.sleep(0.05)


def lock(client):
    """Takes a lock with a lease, keeps it for a while and lets it go, or forgets to."""
    while True:
        try:
            granted = yield client.call(kv_leases.grant(client.chance.between(100, 600)))
            lease = granted.value[0]
            name = f"{lease}".encode()
            taken = yield client.call(
                kv_transactions.encode([(ABSENT, b"lock", None)], [(PUT, b"lock", name, lease)], [])
            )
            if taken.outcome == DONE and taken.value[0]:
                yield client.call(kv_leases.keep_alive(lease))
            if client.chance.happens(0.3):
                yield client.call(kv_leases.revoke(lease))
        except (OutcomeUnknown, Unavailable):
            pass
        yield client.sleep(0.2)


def sound(store):
    held = dict(store.items())
    assert int(held.get(b"a", TOTAL)) + int(held.get(b"b", 0)) == TOTAL, held
    if b"lock" in held:
        assert int(held[b"lock"]) in store._leases, "the lock outlives its lease"


def simulation(seed, machine=KeyValue, **settings):
    return Simulation(
        seed, 3, seconds=5, machine=machine, clients=(transfer, transfer, lock), invariant=sound, **settings
    )


@pytest.mark.contract("C1", "S5")
def test_transactions_and_leases_hold_under_faults():
    for seed in SEEDS:
        result = simulation(seed).run()
        assert result.violation is None, result.violation


class LongMemory(KeyValue):
    """A store that lets leases live longer when it was restored."""

    def restore(self, chunks):
        super().restore(chunks)
        for id, ttl_ms, until_ms in self._leases.items():
            self._leases._leases[id].until_ms = until_ms + ttl_ms


def test_a_lease_that_a_restored_member_keeps_longer_is_found():
    assert any(simulation(seed, LongMemory).run().violation is not None for seed in range(40))


class HalfDone(KeyValue):
    """A store whose transactions may end in the middle."""

    def _operate(self, operation, key, value, lease):
        if (operation, key) == (PUT, b"b") and value != b"0":
            return self.revision
        return super()._operate(operation, key, value, lease)


def test_a_transaction_that_is_half_done_is_found():
    assert "sound does not hold" in str(simulation(1, HalfDone).run().violation)


class HalfLocked(KeyValue):
    """A store that keeps the keys of leases which end by themselves."""

    def pass_time(self, now_ms):
        self._now_ms = now_ms
        self._leases.expire(now_ms)


def test_a_lock_that_outlives_its_lease_is_found():
    assert "the lock outlives its lease" in str(simulation(1, HalfLocked).run().violation)


def test_leases_end_in_simulated_runs():
    """What the tests above are about does come about."""
    ended = []

    class Counting(KeyValue):
        def pass_time(self, now_ms):
            before = len(self._leases)
            super().pass_time(now_ms)
            ended.append(before - len(self._leases))

    assert simulation(2, Counting).run().violation is None
    assert sum(ended) >= 3

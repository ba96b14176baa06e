"""The store that counts: transactions, leases and changes behave like a simple model, also across snapshots."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors import kv_commands, kv_contents, kv_history, kv_leases, kv_order, kv_transactions
from actors.kv import COMPACTED, CROWDED, DONE, INVALID, NO_LEASE, KeyValue, Result
from actors.kv_commands import DELETE, GET, MAX_VALUE_BYTES, PUT, MalformedCommand, OutOfBounds, cas, delete, get, put
from actors.kv_transactions import ABSENT, PRESENT, REVISION, VALUE, encode

BEGIN = encode([], [], [])

keys = st.sampled_from([b"a", b"ab", b"b", b"\xff", b"\xff\xff"])
values = st.sampled_from([b"", b"1", b"2"])
lease_ids = st.integers(0, 4)
conditions = st.one_of(
    st.tuples(st.just(VALUE), keys, values),
    st.tuples(st.sampled_from([ABSENT, PRESENT]), keys, st.none()),
    st.tuples(st.just(REVISION), keys, st.integers(0, 30)),
)
operations = st.one_of(
    st.tuples(st.just(PUT), keys, values, lease_ids),
    st.tuples(st.sampled_from([GET, DELETE]), keys, st.none(), st.just(0)),
)
steps = st.one_of(
    st.tuples(st.just("put"), keys, values),
    st.tuples(st.just("delete"), keys),
    st.tuples(st.just("cas"), keys, st.none() | values, values),
    st.tuples(
        st.just("transaction"),
        st.lists(conditions, max_size=2),
        st.lists(operations, max_size=4),
        st.lists(operations, max_size=2),
    ),
    st.tuples(st.just("grant"), st.sampled_from([100, 300])),
    st.tuples(st.sampled_from(["keep_alive", "revoke"]), lease_ids),
    st.tuples(st.just("time"), st.sampled_from([1, 99, 100, 101, 250])),
    st.tuples(st.just("snapshot"), st.integers(1, 50)),
)


class Model:
    """What the store should do, written as simply as can be."""

    def __init__(self):
        self.items = {}  # key: value, revision, lease
        self.leases = {}  # id: ttl, end
        self.revision = 0
        self.changes = []  # revision, key, value
        self.now = 0
        self.granted = 0

    def change(self, key, value, lease=0):
        if self.revision:
            self.revision += 1
            self.changes.append((self.revision, key, value))
        if value is None:
            del self.items[key]
        else:
            self.items[key] = (value, self.revision, lease)

    def item(self, key):
        value, revision, lease = self.items[key]
        return key, value, revision or (1 if self.revision else 0), lease

    def value(self, key):
        return self.items[key][0] if key in self.items else None

    def end(self, id):
        del self.leases[id]
        for key in sorted(key for key, item in self.items.items() if item[2] == id):
            self.change(key, None)

    def holds(self, kind, key, operand):
        return {
            VALUE: lambda: self.value(key) == operand,
            ABSENT: lambda: key not in self.items,
            PRESENT: lambda: key in self.items,
            REVISION: lambda: (self.item(key)[2] if key in self.items else 0) == operand,
        }[kind]()

    def do(self, what, *arguments):
        return getattr(self, what)(*arguments)

    def put(self, key, value):
        self.change(key, value)
        return Result(DONE)

    def delete(self, key):
        held = self.value(key)
        if held is not None:
            self.change(key, None)
        return Result(DONE, held)

    def cas(self, key, expected, value):
        held = self.value(key)
        if held != expected:
            return Result("conflict", held)
        return self.put(key, value)

    def transaction(self, conditions, then, otherwise):
        self.revision = self.revision or 1
        holds = all(self.holds(*condition) for condition in conditions)
        chosen = then if holds else otherwise
        for _, _, _, lease in chosen:
            if lease and lease not in self.leases:
                return Result(NO_LEASE, lease)
        done = []
        for operation, key, value, lease in chosen:
            if operation == GET:
                done.append(self.item(key) if key in self.items else None)
            elif operation == DELETE:
                done.append(key in self.items)
                if key in self.items:
                    self.change(key, None)
            else:
                self.change(key, value, lease)
                done.append(self.revision)
        return Result(DONE, (holds, self.revision, done))

    def grant(self, ttl):
        self.revision = self.revision or 1
        self.granted += 1
        self.leases[self.granted] = (ttl, self.now + ttl)
        return Result(DONE, (self.granted, ttl))

    def keep_alive(self, id):
        self.revision = self.revision or 1
        if id not in self.leases:
            return Result(NO_LEASE, id)
        ttl, _ = self.leases[id]
        self.leases[id] = (ttl, self.now + ttl)
        return Result(DONE, (id, ttl))

    def revoke(self, id):
        self.revision = self.revision or 1
        is_there = id in self.leases
        if is_there:
            self.end(id)
        return Result(DONE, is_there)

    def time(self, passed):
        self.now += passed
        for _, id in sorted((end, id) for id, (_, end) in self.leases.items() if end < self.now):
            self.end(id)


ENCODERS = {
    "put": put,
    "delete": delete,
    "cas": cas,
    "transaction": encode,
    "grant": kv_leases.grant,
    "keep_alive": kv_leases.keep_alive,
    "revoke": kv_leases.revoke,
}


def in_pieces(whole, size):
    return [whole[at : at + size] for at in range(0, len(whole), size)]


def range_of(store, start=b"", end=None, limit=1000):
    result = store.read(kv_order.between(start, end, limit))
    assert result.outcome == DONE, result
    return result.value


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=200)
@given(st.lists(steps, max_size=30), keys, keys)
def test_it_behaves_like_the_model_on_every_member(sequence, start, end):
    """One member applies everything; the other is restored from snapshots now and then, cut into pieces."""
    store, other, model = KeyValue(), KeyValue(), Model()
    for what, *arguments in sequence:
        if what == "time":
            model.time(*arguments)
            store.pass_time(model.now)
            other.pass_time(model.now)
        elif what == "snapshot":
            taken = store.snapshot()
            whole = b"".join(taken)
            other = KeyValue()
            other.restore(in_pieces(whole, *arguments))
            other.pass_time(model.now)
        else:
            command = ENCODERS[what](*arguments)
            result = model.do(what, *arguments)
            assert store.apply(command) == result
            assert other.apply(command) == result
            assert store.decode_result(store.encode_result(result)) == result
        earliest = min((end for _, end in model.leases.values()), default=None)
        for member in (store, other):
            assert member.due_ms() == (None if earliest is None else earliest + 1)
            assert member.revision == model.revision
            everything = range_of(member)
            assert everything == (model.revision, [model.item(key) for key in sorted(model.items)], None)
            within = [item for item in everything[1] if start <= item[0] < end]
            assert range_of(member, start, end)[1] == within
    assert b"".join(store.snapshot()) == b"".join(other.snapshot())
    for member in (store, other):
        told = member.watcher(kv_history.changes(b"", True, 1))()
        assert (told.value if told else (2, [])) == ((model.revision or 1) + 1, model.changes)
        told = member.watcher(kv_history.changes(b"a", False, 3))()
        wanted = [change for change in model.changes if change[1] == b"a" and change[0] >= 3]
        assert (told.value[1] if told else []) == wanted


def test_members_of_old_snapshots_agree_with_those_that_applied_everything():
    everything, restored = KeyValue(), KeyValue()
    for command in (put(b"a", b"1"), put(b"a", b"2"), delete(b"a"), put(b"b", b"3")):
        everything.apply(command)
    old = b"".join(everything.snapshot())
    assert old == b"\x00\x01b\x00\x00\x00\x013", "as earlier programs write it"
    restored.restore([old])

    for command in (encode([(REVISION, b"b", 1)], [(PUT, b"c", b"", 0)], []), put(b"b", b"4")):
        assert everything.apply(command) == restored.apply(command)
    assert everything.revision == 3
    assert b"".join(everything.snapshot()) == b"".join(restored.snapshot())


# Ranges

some_keys = st.lists(st.binary(min_size=1, max_size=3), max_size=30)


@given(some_keys, some_keys, some_keys, st.binary(max_size=2), st.integers(1, 5))
def test_pages_of_a_prefix_are_all_of_it_in_order(first, gone, second, prefix, limit):
    store = KeyValue()
    for written, removed in ((first, gone), (second, first[:5]), (first[3:], [])):
        for key in written:
            store.apply(put(key, key))
        for key in removed:
            store.apply(delete(key))
        found, at = [], prefix
        while at is not None:
            _, items, at = range_of(store, at, kv_order.after_prefix(prefix), limit)
            assert len(items) <= limit
            found += [item[0] for item in items]
        assert found == [key for key, _ in store.items() if key.startswith(prefix)]


def test_few_that_come_and_go_among_many_are_in_their_place_once():
    store = KeyValue()
    names = [b"%03d" % number for number in range(200)]
    for name in names:
        store.apply(put(name, b""))
    assert [item[0] for item in range_of(store)[1]] == names
    for name in names[50:60]:
        store.apply(delete(name))
        store.apply(put(name, b""))
    store.apply(put(b"0555", b""))
    assert [item[0] for item in range_of(store)[1]] == sorted([*names, b"0555"])

    for name in names[:150]:
        store.apply(delete(name))
    assert len(range_of(store)[1]) == 51
    assert len(store._order._sorted) == 51, "what is gone is not kept in order for ever"


def test_a_page_ends_with_the_mebibyte():
    store = KeyValue()
    for number in range(5):
        store.apply(put(b"%d" % number, bytes(MAX_VALUE_BYTES // 2)))

    _, items, rest = range_of(store)

    assert [item[0] for item in items] == [b"0", b"1"]
    assert rest == b"2"


@pytest.mark.parametrize(
    ("prefix", "after"), [(b"", None), (b"\xff\xff", None), (b"a", b"b"), (b"a\xff", b"b"), (b"\x00\xff", b"\x01")]
)
def test_what_comes_after_a_prefix(prefix, after):
    assert kv_order.after_prefix(prefix) == after


# Transactions


def test_a_transaction_that_would_tell_too_much_does_nothing():
    store = KeyValue()
    store.apply(put(b"large", bytes(MAX_VALUE_BYTES)))

    told = store.apply(encode([], [(PUT, b"a", b"1", 0), *[(GET, b"large", None, 0)] * 2], []))
    assert (told.outcome, told.value) == (INVALID, None)
    assert "at most 2097152 are allowed" in told.problem
    assert store.items() == [(b"large", bytes(MAX_VALUE_BYTES))]
    small = [(PUT, b"large", b"1", 0), *[(GET, b"large", None, 0)] * 100]
    assert store.apply(encode([], small, [])).outcome == DONE, "what they return counts, not what was there before"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (([], [(GET, b"k", None, 0)] * 129, []), "the operations is 129; it must be at most 128"),
        (([(ABSENT, b"k", None)] * 129, [], []), "the conditions is 129; it must be at most 128"),
        (([], [(PUT, b"k", bytes(MAX_VALUE_BYTES), 0)] * 2, []), "it must be at most 2097152 bytes"),
        (([(REVISION, b"k", -1)], [], []), "the revision is -1; it must be an integer from 0 to 2"),
        (([(REVISION, b"k", True)], [], []), "the revision is True"),
        (([], [(PUT, b"k", b"", "1")], []), "the lease is '1'"),
        (([(VALUE, b"k", None)], [], []), "the expected is NoneType"),
        (([], [(GET, b"", None, 0)], []), "the key is 0 bytes"),
    ],
)
def test_a_transaction_out_of_bounds_is_not_encoded(arguments, text):
    with pytest.raises(OutOfBounds) as caught:
        encode(*arguments)
    assert text in str(caught.value)


@given(st.lists(conditions, max_size=3), st.lists(operations, max_size=3), st.lists(operations, max_size=3))
def test_a_transaction_comes_back_and_nothing_may_be_missing_or_follow(asked, then, otherwise):
    data = encode(asked, then, otherwise)

    assert kv_transactions.decode(data) == (asked, then, otherwise)
    for end in range(1, len(data)):
        with pytest.raises(MalformedCommand):
            kv_transactions.decode(data[:end])
    with pytest.raises(MalformedCommand, match="follow"):
        kv_transactions.decode(data + b"!")


@pytest.mark.parametrize(
    "command",
    [
        b"\x05\x01\x05\x00\x01k\x00\x00",  # no such condition
        b"\x05\x00\x01\x04\x00\x01k\x00",  # no cas within one
        b"\x05\x81",
        b"\x05\x00\x01\x01\x00\x01k\x00\x00\x00\x00" + b"\xff" * 8 + b"\x00",
        b"\x05" + bytes(kv_transactions.MAX_TRANSACTION_BYTES),
        b"\x06" + bytes(8),
        b"\x06" + b"\xff" * 8,
        b"\x07",
        b"\x07" + b"\xff" * 8,
        b"\x08" + bytes(9),
        b"\x0b",
    ],
)
def test_what_is_malformed_changes_nothing_and_does_not_begin_the_count(command):
    store = KeyValue()

    assert store.apply(command).outcome == INVALID
    assert store.revision == 0


@given(st.builds(lambda head, tail: bytes([head]) + tail, st.integers(5, 11), st.binary(max_size=40)))
def test_no_bytes_make_it_raise(data):
    store = KeyValue()

    assert store.apply(data).outcome in (DONE, INVALID, NO_LEASE)
    assert store.read(data).outcome in (DONE, INVALID)
    told = store.watcher(data)()
    assert told is None or told.outcome in (DONE, INVALID)


def test_the_bytes_are_as_documented():
    conditions = [(VALUE, b"k", b"v"), (ABSENT, b"l", None), (PRESENT, b"l", None), (REVISION, b"l", 258)]
    assert encode(conditions, [(PUT, b"k", b"v", 3), (GET, b"k", None, 0)], [(DELETE, b"k", None, 0)]) == (
        b"\x05"
        b"\x04" + b"\x01\x00\x01k\x00\x00\x00\x01v" + b"\x02\x00\x01l" + b"\x03\x00\x01l"
        b"\x04\x00\x01l\x00\x00\x00\x00\x00\x00\x01\x02"
        b"\x02" + b"\x01\x00\x01k\x00\x00\x00\x01v\x00\x00\x00\x00\x00\x00\x00\x03" + b"\x02\x00\x01k"
        b"\x01" + b"\x03\x00\x01k"
    )
    assert kv_leases.grant(1000) == b"\x06\x00\x00\x00\x00\x00\x00\x03\xe8"
    assert kv_leases.keep_alive(1) == b"\x07\x00\x00\x00\x00\x00\x00\x00\x01"
    assert kv_leases.revoke(1) == b"\x08\x00\x00\x00\x00\x00\x00\x00\x01"
    assert kv_order.between(b"a", None, 1000) == b"\x09\x00\x01a\x00\x03\xe8"
    assert kv_order.between(b"", b"b", 1) == b"\x09\x00\x00\x01\x00\x01b\x00\x01"
    assert kv_history.changes(b"k", True, 2) == b"\x0a\x00\x01k\x01\x00\x00\x00\x00\x00\x00\x00\x02"
    store = KeyValue()
    store.apply(kv_leases.grant(1000))
    store.apply(encode([], [(PUT, b"k", b"v", 1), (DELETE, b"k", None, 0), (PUT, b"l", b"", 1)], []))
    eight = [number.to_bytes(8, "big") for number in range(5)]
    assert b"".join(store.snapshot()) == (
        b"\x00\x00\x01" + eight[1] + eight[1] + eight[1] + (1000).to_bytes(8, "big") * 2
        + eight[2] + eight[3] + b"\x00\x01k\x01\x00\x00\x00\x01v" + b"\x00\x01k\x00" + b"\x00\x01l\x01\x00\x00\x00\x00"
        + eight[1] + b"\x00\x01l\x00\x00\x00\x00" + eight[4] + eight[1]
    )  # fmt: skip


# Snapshots


def test_a_snapshot_is_of_the_moment_it_was_asked_for():
    store = KeyValue()
    store.apply(kv_leases.grant(100))
    store.apply(encode([], [(PUT, b"a", b"1", 1), (PUT, b"b", b"1", 0)], []))
    whole = b"".join(store.snapshot())

    taken = store.snapshot()
    store.pass_time(1000)
    store.apply(put(b"b", b"2"))
    store.apply(kv_leases.grant(100))

    assert b"".join(taken) == whole


def test_a_key_that_is_put_in_its_place_while_a_snapshot_is_read_is_not_in_it():
    store = KeyValue()
    for number in range(10_000):
        store.apply(put(b"%06d" % number, b"1"))
    whole = b"".join(store.snapshot())

    taken = iter(store.snapshot())
    begin = next(taken)
    store.apply(put(b"0000001", b"2"))
    assert range_of(store, b"0000001", b"0000002")[1] == [(b"0000001", b"2", 0, 0)]

    assert begin + b"".join(taken) == whole


changes = st.lists(
    st.one_of(
        st.builds(put, keys, values),
        st.builds(delete, keys),
        st.builds(lambda key, lease: encode([], [(PUT, key, b"l", lease)], []), keys, lease_ids),
        st.builds(kv_leases.grant, st.sampled_from([100, 300])),
        st.builds(kv_leases.revoke, lease_ids),
    ),
    max_size=20,
)


@given(st.booleans(), changes, changes, st.sampled_from([1, 150, 1000]))
def test_nothing_that_is_applied_while_a_snapshot_is_read_is_in_it(counted, before, meanwhile, passed_ms):
    store = KeyValue()
    for command in [BEGIN, *before] if counted else [command for command in before if command[0] in (PUT, DELETE)]:
        store.apply(command)
    whole = b"".join(store.snapshot())

    taken = iter(store.snapshot())
    begin = next(taken, b"")
    for command in meanwhile:
        store.apply(command)
    store.pass_time(passed_ms)

    assert begin + b"".join(taken) == whole
    again = KeyValue()
    again.restore([whole])
    assert b"".join(again.snapshot()) == whole


def test_half_a_snapshot_is_refused_and_changes_nothing():
    full = KeyValue()
    full.apply(kv_leases.grant(100))
    full.apply(encode([], [(PUT, b"a", b"1", 1), (PUT, b"b", b"1", 0)], []))
    whole = b"".join(full.snapshot())
    store = KeyValue()
    store.apply(put(b"kept", b"1"))
    before = b"".join(store.snapshot())

    for end in range(2, len(whole)):
        with pytest.raises(MalformedCommand):
            store.restore([whole[:end]])
    for wrong in (whole + b"!", b"\x00\x00\x02" + whole[3:], whole[:-8] + bytes(7) + b"\x09"):
        with pytest.raises(MalformedCommand):
            store.restore([wrong])
    assert b"".join(store.snapshot()) == before
    assert whole[:3] == kv_contents.MARK


# History


def test_the_history_is_bounded_in_number_and_bytes():
    store, restored = KeyValue(), KeyValue()
    store.apply(BEGIN)
    for number in range(kv_history.MAX_CHANGES):
        store.apply(put(b"k", b"%d" % number))
    assert store.history.first == 2
    restored.restore(store.snapshot())
    for member in (store, restored):
        member.apply(put(b"k", b"last"))
        first = 2 + 1 + kv_history.MAX_CHANGES // 16
        assert member.history.first == first, "a sixteenth is forgotten at once, on every member at the same time"
        told = member.watcher(kv_history.changes(b"k", False, first - 1))()
        assert (told.outcome, told.value) == (COMPACTED, first)
        assert member.watcher(kv_history.changes(b"k", False, first))().value[1][0][:2] == (first, b"k")

    for _ in range(10):
        store.apply(put(b"large", bytes(MAX_VALUE_BYTES)))
    assert [key for key, _ in store.history.items()] == [b"large"] * 3
    assert store.history.next == store.revision + 1


def test_one_answer_tells_so_much_and_where_to_go_on():
    store = KeyValue()
    store.apply(BEGIN)
    for _ in range(kv_history.MAX_TOLD + 1):
        store.apply(put(b"k", b""))
    next_revision, changes = store.watcher(kv_history.changes(b"k", False, 1))().value
    assert (next_revision, len(changes)) == (2 + kv_history.MAX_TOLD, kv_history.MAX_TOLD)
    assert len(store.watcher(kv_history.changes(b"k", False, next_revision))().value[1]) == 1

    for _ in range(3):
        store.apply(put(b"large", bytes(MAX_VALUE_BYTES)))
    next_revision, changes = store.watcher(kv_history.changes(b"large", False, 1))().value
    assert len(changes) == 1
    assert next_revision == changes[0][0] + 1


def test_who_waits_for_what_never_changes_is_told_before_it_falls_behind():
    store = KeyValue()
    store.apply(BEGIN)
    asked = 0
    tell = store.watcher(kv_history.changes(b"never", False, 1))
    for _ in range(5 * kv_history.MAX_CHANGES):
        store.apply(put(b"k", b""))
        told = tell()
        if told is not None:
            assert told.outcome == DONE
            next_revision, changes = told.value
            assert changes == []
            asked += 1
            tell = store.watcher(kv_history.changes(b"never", False, next_revision))
    assert 5 < asked < 50


# Leases


def test_leases_are_bounded(monkeypatch):
    monkeypatch.setattr(kv_leases, "MAX_LEASES", 3)
    store = KeyValue()
    granted = [store.apply(kv_leases.grant(100)).value[0] for _ in range(3)]

    assert granted == [1, 2, 3]
    assert store.apply(kv_leases.grant(100)) == Result(CROWDED, 3)
    store.apply(kv_leases.revoke(2))
    assert store.apply(kv_leases.grant(100)).value == (4, 100)


def test_leases_that_come_and_go_leave_nothing_behind():
    leases = kv_leases.Leases()
    for _ in range(1000):
        id = leases.grant(kv_leases.MAX_TTL_MS, 0)
        leases.attach(b"k", id)
        assert leases.end(id) == [b"k"]
    assert len(leases._by_end) < 100
    assert (leases.of, len(leases), leases.due_ms) == ({}, 0, None)


def test_a_put_without_a_lease_lets_the_key_stay():
    store = KeyValue()
    for number in range(1, 4):
        store.apply(kv_leases.grant(100))
        store.apply(encode([], [(PUT, b"%d" % number, b"", number)], []))
    store.apply(put(b"1", b"stays"))
    store.apply(encode([], [(PUT, b"2", b"stays", 0)], []))
    store.apply(delete(b"3"))
    store.apply(put(b"3", b"stays"))

    store.pass_time(1000)

    assert [key for key, _ in store.items()] == [b"1", b"2", b"3"]


def test_the_keys_of_a_lease_go_in_order_and_on_a_restored_member_too():
    store, restored = KeyValue(), KeyValue()
    store.apply(kv_leases.grant(200))
    store.apply(kv_leases.grant(100))
    names = [b"%d" % number for number in (3, 1, 2)]
    store.apply(encode([], [(PUT, b"later", b"", 1), *[(PUT, name, b"", 2) for name in (*names, b"gone")]], []))
    store.apply(delete(b"gone"))
    restored.restore(store.snapshot())

    for member in (store, restored):
        begin = member.revision
        member.pass_time(201)
        told = member.watcher(kv_history.changes(b"", True, begin + 1))()
        assert [change[1] for change in told.value[1]] == [b"1", b"2", b"3", b"later"]
        assert member.items() == []
    assert b"".join(store.snapshot()) == b"".join(restored.snapshot())


def test_a_lease_that_is_kept_alive_lives_its_whole_time_again():
    store = KeyValue()
    store.apply(kv_leases.grant(100))
    store.pass_time(90)
    assert store.apply(kv_leases.keep_alive(1)) == Result(DONE, (1, 100))

    store.pass_time(190)
    assert store.apply(kv_leases.keep_alive(1)) == Result(DONE, (1, 100))
    store.pass_time(291)
    assert store.apply(kv_leases.keep_alive(1)) == Result(NO_LEASE, 1)


@pytest.mark.parametrize("ttl", [99, kv_leases.MAX_TTL_MS + 1, 100.0, True, None])
def test_a_time_to_live_out_of_bounds_is_not_encoded(ttl):
    with pytest.raises(OutOfBounds, match="it must be 100 to 31536000000 ms"):
        kv_leases.grant(ttl)


def test_queries_change_nothing_and_commands_are_no_queries():
    store = KeyValue()
    for query in (BEGIN, kv_leases.grant(100), put(b"k", b"v"), kv_history.changes(b"k", False, 1)):
        assert store.read(query).outcome == INVALID
    for command in (kv_order.between(b"", None, 1), kv_history.changes(b"k", False, 1)):
        assert store.apply(command).outcome == INVALID
    told = store.watcher(get(b"k"))()
    assert told.outcome == INVALID
    assert store.revision == 0
    assert kv_commands.CHANGES == 10

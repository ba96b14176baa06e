"""What is asyncio's of the asyncio client, against real nodes; test_client.py has what it does like the other one."""

import asyncio

import gevent
import pytest
from gevent._hub_local import get_hub_if_exists

from actors import kv_history
from actors.errors import LeaseExpired, Unavailable
from actors.kv_commands import OutOfBounds
from actors.session_table import SessionLimits
from raft.errors import OutcomeUnknown
from tests.transport_zmq.front_ends import InAsyncio
from tests.transport_zmq.keyring import Keyring
from tests.transport_zmq.machines import CountingStore
from tests.transport_zmq.nodes import wait_until
from tests.transport_zmq.served import cluster, endpoints_of, leading
from transport_zmq import AsyncClient, ClientClosed, Unauthorized, WrongLoop
from transport_zmq.errors import NotAdmitted

WINDOW = 4


@pytest.fixture
def nodes(tmp_path, closing):
    return cluster(closing, tmp_path, machine=CountingStore, session_limits=SessionLimits(window=WINDOW))


@pytest.fixture
def front(nodes, closing):
    return closing(InAsyncio(endpoints_of(nodes), machine=CountingStore))


def sessions_of(front):
    return front.client._calls._session


def restart(nodes):
    for node in nodes:
        if node.actor is None:
            node.start(None)


@pytest.mark.contract("C1")
def test_512_calls_at_once_travel_together_and_each_counts_once(tmp_path, closing):
    nodes = cluster(closing, tmp_path, machine=CountingStore)
    front = closing(InAsyncio(endpoints_of(nodes), machine=CountingStore))
    front.put("k", "0")
    statistics = front.client._calls._network.statistics
    before = statistics.frames_sent

    async def count():
        return await asyncio.gather(*[front.client.propose(b"+total") for _ in range(512)])

    async def read():
        return await asyncio.gather(*[front.client.get("total") for _ in range(512)])

    counted = front.run(count())
    assert sorted(int(result.value) for result in counted) == list(range(1, 513))
    assert front.run(read()) == [b"512"] * 512
    assert statistics.frames_sent - before < 50


def test_the_loop_runs_while_calls_wait_and_nothing_of_gevent_runs_in_its_thread(front):
    async def use():
        ticks, done = 0, asyncio.Event()

        async def tick():
            nonlocal ticks
            while not done.is_set():
                ticks += 1
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        for number in range(20):
            await front.client.put("k", str(number))
        done.set()
        await ticking
        return ticks, get_hub_if_exists()

    ticks, hub = front.run(use())
    assert ticks > 100
    assert hub is None


@pytest.mark.contract("C1", "C2")
def test_cancelled_tasks_leave_room_in_the_window_and_take_effect_once_at_most(nodes, front):
    counted = [int(front.propose(b"+total").value)]
    followers = [node for node in nodes if node is not leading(nodes)]
    for node in followers:
        node.stop()

    async def cancel():
        tasks = [asyncio.create_task(front.client.propose(b"+total", 30)) for _ in range(3 * WINDOW)]
        reads = [asyncio.create_task(front.client.get("total", 30)) for _ in range(3)]
        await asyncio.sleep(0.1)  # some are before a node, some wait for room
        under_way = len(sessions_of(front)._session._under_way)
        for task in [*tasks, *reads]:
            task.cancel()
        ended = await asyncio.gather(*tasks, *reads, return_exceptions=True)
        return under_way, {type(end) for end in ended}

    assert front.run(cancel()) == (WINDOW, {asyncio.CancelledError})
    assert not sessions_of(front)._session._under_way
    restart(nodes)

    async def count():
        return await asyncio.gather(*[front.client.propose(b"+total", 30) for _ in range(3 * WINDOW)])

    counted += sorted(int(result.value) for result in front.run(count()))
    assert len(set(counted)) == len(counted)
    assert counted[-1] <= len(counted) + WINDOW, "none of those who waited for room was sent"


def test_who_is_cancelled_while_the_session_opens_or_a_leader_is_looked_for_holds_up_nobody(nodes, front):
    wait_until(lambda: front.status()[0].node is not None)
    for node in nodes:
        node.port.close()  # nobody can be asked

    async def cancel():
        tasks = [asyncio.create_task(front.client.propose(b"+total", 30)) for _ in range(5)]
        await asyncio.sleep(0.1)
        for task in tasks:
            task.cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    assert {type(end) for end in front.run(cancel())} == {asyncio.CancelledError}
    assert front.client._calls.links._waiting == 0
    for node in nodes:
        node.port.open(node.actor, node.machine)
    assert int(front.propose(b"+total", 30).value) == 1


def test_a_timeout_of_asyncios_ends_a_call_like_a_cancellation(nodes, front):
    front.put("k", "1")
    for node in nodes:
        if node is not leading(nodes):
            node.stop()

    async def put():
        async with asyncio.timeout(0.1):
            await front.client.put("k", "2", 30)

    with pytest.raises(TimeoutError):
        front.run(put())
    assert not sessions_of(front)._session._under_way
    restart(nodes)
    front.put("k", "3", 30)
    assert front.get("k") == b"3"


@pytest.mark.contract("C2")
def test_what_is_under_way_when_it_is_closed_is_in_doubt(front):
    front.put("k", "1")

    async def close():
        calls = [asyncio.create_task(call) for call in (front.client.put("k", "2"), front.client.get("k"))]
        await asyncio.sleep(0)
        await front.client.close()
        await front.client.close()
        return await asyncio.gather(*calls, return_exceptions=True)

    written, read = front.run(close())
    assert type(written) is OutcomeUnknown
    assert type(read) is ClientClosed
    for call in (lambda: front.put("k", "1"), lambda: front.get("k"), front.status, front.transfer):
        with pytest.raises(ClientClosed):
            call()
    assert "closed" in repr(front.client)


def test_it_belongs_to_its_loop(front):
    with pytest.raises(WrongLoop, match="made where none runs"):
        AsyncClient("127.0.0.1:1")

    async def elsewhere():
        with pytest.raises(WrongLoop, match="used in another one"):
            await front.client.put("k", "1")
        with pytest.raises(WrongLoop):
            await front.client.close()

    gevent.get_hub().threadpool.apply(asyncio.run, (elsewhere(),))
    coroutine = front.client.put("k", "1")
    with pytest.raises(WrongLoop, match="used where none runs"):
        coroutine.send(None)


@pytest.mark.contract("C4")
def test_keys_that_are_not_allowed_get_nowhere_and_roles_count(tmp_path, closing):
    ring = Keyring(tmp_path, ("n1",))
    ring.add("alice", "alice", "client")
    ring.add("stranger", None)
    ring.write()
    (node,) = nodes = cluster(closing, tmp_path, ids=("n1",), ring=ring)

    def client_of(label, server="n1"):
        return closing(InAsyncio(endpoints_of(nodes), keys=ring.keys[label], server_keys=ring.keys[server].public))

    alice = client_of("alice")
    alice.put("k", "1", 30)
    with pytest.raises(Unauthorized):
        alice.transfer()
    with pytest.raises(NotAdmitted):
        client_of("stranger").put("k", "2", 30)
    with pytest.raises((NotAdmitted, Unavailable)):  # a node with another key cannot say why, and hangs up
        client_of("alice", server="stranger").put("k", "2", 0.3)
    assert dict(node.machine.items())[b"k"] == b"1"


def test_transactions_batches_ranges_and_leases(front):
    async def use(client):
        first = await client.txn().if_absent("a").put("a", "1").otherwise().get("a").commit()
        second = await client.txn().if_absent("a").put("a", "2").otherwise().get("a").commit()
        assert (first.succeeded, second.succeeded) == (True, False)
        assert second.results[0].value == b"1"
        assert second.results[0].revision == first.revision
        async with client.batch() as batch:
            batch.put("b", "1")
            batch.delete("a")
        assert batch.outcome.succeeded
        with pytest.raises(ZeroDivisionError):
            async with client.batch() as batch:
                batch.put("b", "2")
                raise ZeroDivisionError
        assert batch.outcome is None
        assert [item.value for item in (await client.range("a", "c")).items] == [b"1"]

        lease = await client.grant(60)
        await client.put("p/1", "x", lease=lease)
        await client.txn().put("p/2", "y", lease=lease).commit()
        await lease.keep_alive()
        assert [item.lease for item in (await client.prefix("p/")).items] == [lease.id] * 2
        assert await lease.revoke()
        assert not await client.revoke(lease)
        assert (await client.prefix("p/")).items == []
        with pytest.raises(LeaseExpired):
            await lease.keep_alive()
        with pytest.raises(LeaseExpired):
            await client.put("p/1", "x", lease=lease.id)
        with pytest.raises(OutOfBounds):
            await client.grant(0)

    front.run(use(front.client))


def test_a_watch_goes_on_after_a_cancellation_a_killed_leader_and_loses_nothing(nodes, front):
    async def begin():
        watch = await front.client.watch(prefix="k")
        assert await watch.next(0.05) is None
        waiting = asyncio.create_task(watch.next())
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return watch

    async def take(watch, count):
        found = []
        async for event in watch:
            found.append((event.key, event.value))
            if len(found) == count:
                break
        return found

    watch = front.run(begin())
    front.put("k1", "1")
    front.put("other", "1")
    front.delete("k1")
    killed = leading(nodes)
    killed.stop()
    front.put("k2", "2", 30)
    assert front.run(take(watch, 3)) == [(b"k1", b"1"), (b"k1", None), (b"k2", b"2")]
    killed.start(None)

    async def close():
        ended = asyncio.create_task(take(watch, 1))
        await asyncio.sleep(0.05)
        async with watch:
            pass
        assert await ended == []
        assert await watch.next() is None
        with pytest.raises(OutOfBounds):
            await front.client.watch()
        async with await front.client.watch("k2", from_revision=1) as old:
            assert (await old.next(30)).value == b"2"

    async def wait():
        waiter = await front.client.waiter()
        return await waiter.answer(kv_history.changes(b"k1", False, 1), 30)

    front.run(close())
    assert [change[1:] for change in front.run(wait()).value[1]] == [(b"k1", b"1"), (b"k1", None)]

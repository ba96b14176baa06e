"""What goes wrong: each kind of fault begins, lasts, and ends, and tells what has come of it.

A fault is a function of the cluster, of how long it lasts in seconds, and of the chance that it draws from. Several may
be under way at once. It returns a text that says what was done, or raises `NotDone` when it could not be.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from itertools import permutations

import gevent

from raft.errors import RaftError
from tests.faults.cluster import CLIENT_HOSTS, DISK
from tests.transport_zmq.daemon.daemons import CALM, CHECKOUT

WITHIN_S = 30.0  # what needs a majority waits so long for one: other faults may be in the way
FLOOD_BYTES = 1 << 20
FLOODS = 200
SLACK_BYTES = 1 << 16


class NotDone(Exception):
    """A fault did not come about."""


def kill(cluster, lasts_s, chance):
    """kill -9, sometimes of all at once, and a restart."""
    running = [member for member in cluster.members.values() if member.shall_run]
    how = chance.random()
    if how < 0.5:
        victims = [cluster.leader() or chance.choice(running)]
    elif how < 0.7:
        victims = [chance.choice(running)]
    else:
        victims = chance.sample(running, len(running) if how > 0.85 else max(1, len(running) - 1))
    free = [member for member in victims if member.busy.acquire(blocking=False)]
    try:
        hit = [member for member in free if member.shall_run]
        if not hit:
            raise NotDone("others are at work on them")
        for member in hit:
            member.kill()
        gevent.sleep(lasts_s * chance.random())
        for member in hit:
            member.start()
            gevent.sleep(chance.uniform(0, 0.3))
    finally:
        for member in free:
            member.busy.release()
    return f"kill -9 of {_names(hit)}"


def freeze(cluster, lasts_s, chance):
    """SIGSTOP for longer than an election timeout can be, and SIGCONT."""
    member = _leader_or_any(cluster, chance)
    with cluster.held(member) as held:
        if not held or not member.shall_run:
            raise NotDone("others are at work on it")
        member.signal(signal.SIGSTOP)
        gevent.sleep(max(lasts_s, 2.5))
        member.signal(signal.SIGCONT)
    return f"{member.id} was frozen"


def partition(cluster, lasts_s, chance):
    """Two sides that do not hear each other; rather the leader than others is on the smaller one, with some clients."""
    hosts = [*cluster.members, *CLIENT_HOSTS]
    side = {
        _leader_or_any(cluster, chance).id,
        chance.choice(CLIENT_HOSTS),
        *chance.sample(hosts, chance.randint(0, 1)),
    }
    pairs = [(a, b) for a, b in permutations(hosts, 2) if (a in side) != (b in side)]
    return _lose(cluster, pairs, lasts_s, "+".join(sorted(side)))


def one_way(cluster, lasts_s, chance):
    """A member is not heard by the others, or does not hear them."""
    member = _leader_or_any(cluster, chance).id
    others = [other for other in (*cluster.members, *CLIENT_HOSTS) if other != member]
    others = others if chance.random() < 0.5 else chance.sample(others, chance.randint(2, len(others)))
    if chance.random() < 0.5:
        return _lose(cluster, [(member, other) for other in others], lasts_s, f"from {member}")
    return _lose(cluster, [(other, member) for other in others], lasts_s, f"to {member}")


def bridge(cluster, lasts_s, chance):
    """Two groups of members reach one in the middle, and not each other."""
    members = sorted(cluster.counted)
    if len(members) < 3:
        raise NotDone("it takes three members")
    middle, *others = chance.sample(members, len(members))
    left = others[: len(others) // 2]
    pairs = [(a, b) for a, b in permutations(others, 2) if (a in left) != (b in left)]
    return _lose(cluster, pairs, lasts_s, f"{'+'.join(left)} | {middle} | the others")


def loss(cluster, lasts_s, chance):
    """30 % of the packets are lost: of one member, or of all."""
    hosts = [*cluster.members, *CLIENT_HOSTS]
    member = chance.choice([None, *cluster.counted])
    pairs = [(a, b) for a, b in permutations(hosts, 2) if member in (None, a, b)]
    return _lose(cluster, pairs, lasts_s, f"of {member or 'all'}", percent=30)


def delay(cluster, lasts_s, chance):
    """What two members say to each other comes late: by a large part of an election timeout."""
    pair = chance.sample(sorted(cluster.counted), 2)
    delay_ms = chance.choice((50, 200, 500, 900))
    diversions, relays = [], []
    for sender, receiver in (pair, pair[::-1]):
        host, _, port = cluster.members[receiver].address.rpartition(":")
        command = [*cluster.lan.within(sender), sys.executable, "-m", "tests.faults.relay", host, port, str(delay_ms)]
        environment = {**CALM, "PYTHONPATH": str(CHECKOUT)}
        relays.append(subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, text=True))
    try:
        for relay, (sender, receiver) in zip(relays, (pair, pair[::-1]), strict=True):
            _line(relay)
            port = cluster.members[receiver].address.rpartition(":")[2]
            diversions.append(cluster.lan.divert(sender, receiver, port))
        gevent.sleep(lasts_s)
    finally:
        for diversion in diversions:
            diversion.remove()
        for relay in relays:
            relay.terminate()
    passed = [int(_line(relay)) for relay in relays]
    for relay in relays:
        relay.wait()
        relay.stdout.close()
    if not all(passed):
        raise NotDone(f"the relays passed on {passed} bytes")
    return f"{'-'.join(pair)} by {delay_ms} ms, {sum(passed)} bytes"


def full_disk(cluster, lasts_s, chance):
    """The disk of one member fills up, under large values; later there is space again."""
    member = cluster.small
    if member.id not in cluster.counted:
        raise NotDone("who has the small disk is no member")
    with cluster.held(member, WITHIN_S) as held:
        if not held:
            raise NotDone("others are at work on it")
        cluster.resize(cluster.used_bytes() + SLACK_BYTES)
        try:
            deadline_s, floods = time.monotonic() + WITHIN_S, 0
            while not _disk_full(cluster, member):
                if time.monotonic() > deadline_s or floods == FLOODS:
                    raise NotDone(f"it was not full after {floods} MiB")
                with suppress(RaftError):
                    cluster.client.put("flood", os.urandom(FLOOD_BYTES), 5)
                    floods += 1
            gevent.sleep(lasts_s)
        finally:
            cluster.resize(DISK)
    return f"the disk of {member.id} was full after {floods} MiB"


def rolling(cluster, lasts_s, chance):
    """SIGTERM for one member after the other, each of which is ready before the next one's turn comes."""
    done = []
    for member in chance.sample(sorted(cluster.members.values(), key=lambda each: each.id), len(cluster.members)):
        with cluster.held(member, WITHIN_S) as held:
            if not held or not member.shall_run:
                continue
            member.stop()
            member.start()
            done.append(member)
            deadline_s = time.monotonic() + WITHIN_S
            while member.id in cluster.counted and time.monotonic() < deadline_s:
                if cluster.statuses().get(member.id, {}).get("ready"):
                    break
                gevent.sleep(0.1)
    if len(done) < len(cluster.counted):
        raise NotDone(f"only {_names(done)} were restarted")
    return f"{_names(done)} were restarted in good order"


def churn(cluster, lasts_s, chance):
    """A member is added if there are only three; one is removed, loses its disk, and is added again."""
    deadline_s = time.monotonic() + WITHIN_S
    told = []
    for member in [member for member in cluster.members.values() if member.id not in cluster.counted]:
        with cluster.held(member, WITHIN_S) as held:
            if held:
                _added(cluster, member, deadline_s, chance, told)
    member = _leader_or_any(cluster, chance)
    with cluster.held(member, WITHIN_S) as held:
        if not held:
            raise NotDone(f"others are at work on {member.id}; {', '.join(told)}")
        try:
            cluster.remove(member, deadline_s)
        except RaftError as error:
            raise NotDone(f"{member.id} was not removed: {error}") from error
        member.kill()
        member.wipe()
        member.start()
        told.append(f"{member.id} was removed")
        _added(cluster, member, deadline_s + WITHIN_S, chance, told)
    return ", ".join(told)


def _added(cluster, member, deadline_s, chance, told):
    learner_first = chance.random() < 0.5
    try:
        cluster.add(member, deadline_s, learner_first)
    except RaftError as error:
        raise NotDone(f"{', '.join([*told, member.id])} was not added: {error}") from error
    told.append(f"{member.id} was added{' and promoted' if learner_first else ''}")


KINDS = {
    each.__name__: each
    for each in (kill, freeze, partition, one_way, bridge, loss, delay, full_disk, rolling, churn)
}  # fmt: skip
ALONE = ("full_disk", "rolling", "churn", "delay")  # at first: others could prevent them


def _lose(cluster, pairs, lasts_s, what, percent=100):
    lost = cluster.lan.lose(pairs, percent)
    try:
        gevent.sleep(lasts_s)
    finally:
        packets = lost.remove()
    if not packets:
        raise NotDone("no packet was lost")
    return f"{what}: {packets} packets lost"


def _leader_or_any(cluster, chance):
    """The leader rather than others."""
    draw, other = chance.random(), chance.choice(sorted(cluster.counted))
    return (cluster.leader() if draw < 0.6 else None) or cluster.members[other]


def _disk_full(cluster, member):
    return cluster.statuses().get(member.id, {}).get("disk_full", False)


def _line(process):
    """The next line that a process says; greenlets run meanwhile."""
    return gevent.get_hub().threadpool.apply(process.stdout.readline)


def _names(members):
    return ", ".join(member.id for member in members)

"""The verdict in the end, when all that was broken is whole again: what was acknowledged is there, everywhere, once."""

import time

from gevent.pool import Pool

from actors.errors import Unavailable
from tests.faults.cluster import CLIENT_HOSTS, read_log
from tests.faults.schedule import LASTS_S
from tests.faults.store import DIGEST
from transport_sim.histories import COUNTER, GET, KV, Recorder, check, read_history, write_history

READERS = 16
CHECK_S = 120.0
SAID = ("Refused",)  # events that are errors, and are meant to be seen here: of those who were removed
# How much older than its age a stale read may be: a heartbeat can travel for as long as a fault lasts, the pauses of
# TCP double meanwhile, and a deposed leader does not know it for two election timeouts.
ALLOWANCE_S = 3 * LASTS_S[1] + 2


def histories(cluster):
    """Whether what clients saw is linearizable, with what everybody finds in the end: (problems, figures)."""
    problems, figures = [], {}
    for model in (KV, COUNTER):
        files = [cluster.folder / f"{model}-{100 * (number + 1)}.ndjson" for number in range(len(CLIENT_HOSTS))]
        operations = [operation for file in files for operation in read_history(file, model)]
        figures[model] = {
            "operations": len(operations),
            "unknown": sum(operation.end is None for operation in operations),
            "stale": sum(operation.is_stale for operation in operations),
            "keys": len({operation.key for operation in operations}),
        }
        operations += _read_all(cluster.client, sorted({operation.key for operation in operations}), model)
        everything = cluster.folder / f"{model}.ndjson"
        write_history(everything, operations)
        verdict = check(read_history(everything, model), model, CHECK_S, ALLOWANCE_S)
        figures[model]["check_s"] = round(verdict.seconds, 2)
        if not verdict.linearizable:
            keys = ", ".join((verdict.violated or verdict.undecided)[:5])
            what = "not linearizable" if verdict.violated else "undecided"
            again = f"quorate sim check {everything} --model {model} --allowance {ALLOWANCE_S}"
            problems.append(f"C3: the history is {what} for {keys}: {again}")
    return problems, figures


def contents(cluster):
    """What every member holds, by id: all must be the same."""
    positions = {id: position for position, id in enumerate(cluster.members) if id in cluster.counted}
    return {
        id: cluster.client.read_stale(DIGEST, 10, node=position).value.value.decode()
        for id, position in positions.items()
    }


def logs(cluster, watcher):
    """What members have said that they should not have."""
    problems = []
    for member in cluster.members.values():
        records, strange = read_log(member.log)
        problems += [f"{member.id} said: {line}" for line in strange[:3]]
        for record in records:
            event = record.get("event")
            if event == "RoleChanged" and record["role"] == "leader":
                watcher.note_leader(member.id, record["term"])
            if event == "AcknowledgedLost" or (record["level"] == "error" and event not in SAID):
                problems.append(f"{member.id} said: {record['message']}")
        problems += [f"{member.id} ended with {code}" for code in member.ends]
    for host in CLIENT_HOSTS:
        told = (cluster.folder / f"{host}.log").read_text(encoding="utf-8")
        problems += [f"the clients on {host} said: {told[-2000:]}"] if told else []
    return problems


def _read_all(client, keys, model):
    """What everybody finds in the end, as operations of processes that did nothing else."""
    recorder = Recorder(time.monotonic, model)

    def read(numbered):
        number, key = numbered
        pending = recorder.begin(1_000_000 + number, GET, key)
        found = client.get(key, 30)
        pending.end(None if found is None else int(found) if model == COUNTER else found.decode())

    try:
        list(Pool(READERS).imap_unordered(read, enumerate(keys)))
    except Unavailable as error:
        raise AssertionError(f"not all can be read in the end: {error}") from error
    return recorder.operations

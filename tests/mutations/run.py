"""Apply each deliberate bug to a copy of the sources and hunt for it with the simulator, or with the test it names.

    python tests/mutations/run.py             every mutation
    python tests/mutations/run.py stickiness  those whose name contains a word
    python tests/mutations/run.py --record    and remember which seed found each, for the tests to try first

Exit code 0 only if every mutation was found.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.mutations.mutations import MUTATIONS, Mutation  # noqa: E402

SEEDS = 200
HUNT_TIMEOUT_S = 900
REMEMBERED = Path(__file__).with_name("seeds.json")
PACKAGES = ("raft", "storage", "actors", "transport_sim", "transport_zmq", "tests")
SEED_TIMEOUT_S = 20  # of processor time: a bug may make a run go on without end, and the next seed find it at once
HUNT = f"""
import json, signal, sys
from transport_sim import Simulation

class EndlessError(BaseException):
    pass

def give_up(*_):
    raise EndlessError

signal.signal(signal.SIGPROF, give_up)
for seed in json.loads(sys.argv[1]):
    signal.setitimer(signal.ITIMER_PROF, {SEED_TIMEOUT_S})
    try:
        violation = Simulation(seed).run().violation
    except EndlessError:
        continue
    if violation is not None:
        print(json.dumps([seed, violation.invariant, violation.message]))
        break
"""


@dataclass(frozen=True)
class Catch:
    """What the hunt for a mutation came to.

    Attributes:
        seed: the one that found it, or None when none did. Seeds are tried from 0 on, so it took one more than that.
            When a test found it, 0.
        invariant, message: the promise that it broke; or "test", and the first test that failed.
    """

    mutation: Mutation
    seed: int | None
    invariant: str = ""
    message: str = ""


def apply(mutation: Mutation, folder: Path) -> None:
    """Copy the sources to a folder and put the bug in.

    Raises:
        ValueError: when an edit does not fit exactly once.
    """
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for file, before, after in mutation.edits:
        path = folder / file
        source = path.read_text()
        if source.count(before) != 1:
            raise ValueError(
                f"mutation {mutation.name!r} fits {source.count(before)} times in {file}: bring it up to date"
            )
        path.write_text(source.replace(before, after))


def hunt(mutation: Mutation, seeds: Iterable[int]) -> Catch:
    """Simulate the mutated sources, seed after seed, until a promise is broken; or run the test that the bug names."""
    if mutation.test:
        return _hunt_by_test(mutation)
    ran = _run(mutation, ["-P", "-c", HUNT, json.dumps(list(seeds))])
    if ran.returncode:
        raise RuntimeError(f"the hunt for {mutation.name!r} failed:\n{ran.stderr}")
    return Catch(mutation, *json.loads(ran.stdout)) if ran.stdout else Catch(mutation, None)


def _hunt_by_test(mutation: Mutation) -> Catch:
    ran = _run(mutation, ["-P", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", mutation.test])
    if ran.returncode not in (0, 1):
        raise RuntimeError(f"the hunt for {mutation.name!r} failed:\n{ran.stdout}{ran.stderr}")
    failed = [line.removeprefix("FAILED ") for line in ran.stdout.splitlines() if line.startswith("FAILED ")]
    return Catch(mutation, 0, "test", failed[0][:200]) if ran.returncode else Catch(mutation, None)


def _run(mutation: Mutation, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Run Python with the mutated sources."""
    with tempfile.TemporaryDirectory() as folder:
        apply(mutation, Path(folder))
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": folder},
            capture_output=True,
            text=True,
            check=False,
            timeout=HUNT_TIMEOUT_S,
        )


def remembered() -> dict[str, int]:
    """Return which seed has found each mutation the last time that was recorded."""
    return dict(json.loads(REMEMBERED.read_text()))


def main() -> int:
    """Hunt for the mutations named on the command line and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="only mutations whose name contains one of these words")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"how many seeds to try (default {SEEDS})")
    parser.add_argument("--record", action="store_true", help=f"write the seeds to {REMEMBERED.name}")
    options = parser.parse_args()
    chosen = [m for m in MUTATIONS if not options.words or any(word in m.name for word in options.words)]
    table = Table("mutation", "seeds", "broke", "seen as", title="deliberate bugs in the core")
    catches = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(lambda mutation: hunt(mutation, range(options.seeds)), chosen)
        for catch in track(found, total=len(chosen), console=Console(stderr=True), transient=True):
            catches.append(catch)
            seeds = "[red]not found[/red]" if catch.seed is None else str(catch.seed + 1)
            table.add_row(catch.mutation.name, seeds, catch.invariant, catch.message)
    Console().print(table)
    if options.record:
        by_seeds = [catch for catch in catches if catch.seed is not None and not catch.mutation.test]
        found_by = {catch.mutation.name: catch.seed for catch in by_seeds}
        known = {mutation.name for mutation in MUTATIONS}
        kept = {name: seed for name, seed in {**remembered(), **found_by}.items() if name in known}
        REMEMBERED.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
    return 1 if any(catch.seed is None for catch in catches) else 0


if __name__ == "__main__":
    sys.exit(main())

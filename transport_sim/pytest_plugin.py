"""The pytest plugin: a test gives its state machine and clients to many seeds, and learns how to see a failure again.

    @pytest.mark.simulation(seeds=50, nodes=5)
    def test_account(simulation):
        simulation(machine=Account, clients=[spend, spend], invariant=never_negative)

pytest loads this module wherever Quorate is installed, so it imports nothing of the simulator until a test asks for it.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Generator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .result import Result, SimulationFailed

MARKER = "simulation"
SECTION = "simulation"

_FAILURE = pytest.StashKey[str]()
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class Settings:
    """What the marker may set.

    Attributes:
        seeds: how many are run, 1 or more; 0, 1, 2, …
        nodes, faults, seconds: see `transport_sim.Simulation`.
    """

    seeds: int = 20
    nodes: int = 3
    faults: Any = "all"
    seconds: float = 10


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("quorate", "simulation of replicated state machines")
    group.addoption(
        "--sim-seed",
        type=int,
        metavar="N",
        help="in tests that use the fixture `simulation`: run this seed only",
    )
    group.addoption(
        "--sim-trace",
        type=Path,
        metavar="DIR",
        help="in tests that use the fixture `simulation`: record failing runs there, for `quorate sim explain`",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(seeds=20, nodes=3, faults='all', seconds=10): what the fixture `simulation` runs",
    )


@pytest.fixture
def simulation(request: pytest.FixtureRequest) -> Callable[..., list[Result]]:
    """Run a state machine and its clients under the seeds and faults that the marker `simulation` sets.

    Call it with the arguments `machine`, `clients`, `invariant` and `at_end` of `transport_sim.Simulation`; it returns
    the results of all runs. The test fails with the first run in which something is wrong.
    """
    settings = _settings(request.node)
    seed = request.config.getoption("--sim-seed")
    folder = request.config.getoption("--sim-trace")

    def run(**trial: Any) -> list[Result]:
        __tracebackhide__ = True
        seeds = range(settings.seeds) if seed is None else [seed]
        return [_run(request.node, settings, number, trial, folder) for number in seeds]

    return run


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to the report of a failure how to see it again."""
    report = yield
    told = item.stash.get(_FAILURE, "")
    if told and report.when == "call" and report.failed:
        report.sections.append((SECTION, told))
    return report


def _settings(item: pytest.Item) -> Settings:
    marker = item.get_closest_marker(MARKER)
    if marker is None:
        return Settings()
    try:
        settings = Settings(*marker.args, **marker.kwargs)
    except TypeError:
        raise pytest.UsageError(
            f"{item.nodeid}: the marker {MARKER} takes seeds, nodes, faults and seconds; "
            f"it was given {marker.args}, {marker.kwargs}"
        ) from None
    if type(settings.seeds) is not int or settings.seeds < 1:
        raise pytest.UsageError(f"{item.nodeid}: seeds is {settings.seeds!r}; it must be an integer, 1 or more")
    return settings


def _run(item: pytest.Item, settings: Settings, seed: int, trial: dict[str, Any], folder: Path | None) -> Result:
    __tracebackhide__ = True
    from .simulation import Simulation, SimulationFailed
    from .traces.writing import trace_file

    item.stash[_FAILURE] = ""  # a failure that the test expected says nothing of the one to come
    path = None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{_UNSAFE.sub('-', item.nodeid).strip('-')}-{seed}.ndjson"
    with nullcontext() if path is None else trace_file(path) as write:
        result = Simulation(seed, settings.nodes, settings.faults, settings.seconds, trace=write, **trial).run()
    result.replay = _command(item, seed)
    try:
        result.check()
    except SimulationFailed as failure:
        item.stash[_FAILURE] = _told(failure, path)
        raise
    if path is not None:
        path.unlink()
    return result


def _command(item: pytest.Item, seed: int) -> str:
    """Return what a shell in the folder in which pytest was started needs to run one seed of a test again."""
    path = os.path.relpath(item.path, item.config.invocation_params.dir)
    test = "::".join([path, *item.nodeid.split("::")[1:]])
    hash_seed = os.environ.get("PYTHONHASHSEED", "random")
    environment = "" if hash_seed == "random" else f"PYTHONHASHSEED={shlex.quote(hash_seed)} "
    return f"{environment}pytest {shlex.quote(test)} --sim-seed {seed}"


def _told(failure: SimulationFailed, path: Path | None) -> str:
    result = failure.result
    violation = result.violation
    assert violation is not None
    lines = [f"replay: {result.replay}", f"seed {violation.seed}: {violation.invariant}: {violation.message}"]
    if path is not None:
        lines.append(f"trace: {path}; quorate sim explain {shlex.quote(str(path))} --output run.html draws it")
    if violation.invariant == "machine":
        lines.append(
            "what is not deterministic need not show again; PYTHONHASHSEED=0 pytest ... fixes the order of sets"
        )
    return "\n".join(lines)

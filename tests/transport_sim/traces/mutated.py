"""Runs programs on copies of the sources with a bug in them: what is loaded here is not."""

import json
import os
import subprocess
import sys

from tests.mutations.mutation import in_core
from tests.mutations.mutations import MUTATIONS
from tests.mutations.run import ROOT, apply

# Two errors that differ in their place only; with few members it is another one.
RAISES = in_core(
    "an error in the core",
    "node",
    "        if isinstance(self.role, Follower):\n",
    "        if term > 1 and len(self.configuration.voters) > 3:\n            raise ValueError('oh no')\n"
    "        if term > 1:\n            raise ValueError('oh no')\n"
    "        if isinstance(self.role, Follower):\n",
)

SEARCH = """
import sys
from transport_sim import Simulation
for seed in range(1000):
    simulation = Simulation(seed, int(sys.argv[1]), seconds=float(sys.argv[2]))
    if simulation.run().violation is not None and 100 < len(simulation.decisions) < 600:
        print(seed)
        break
"""


def mutation(name):
    """The deliberate bug of that name."""
    if name == RAISES.name:
        return RAISES
    return next(mutation for mutation in MUTATIONS if mutation.name == name)


def sources(name, folder):
    """A copy of the sources with the bug in them, the command included."""
    apply(mutation(name), folder)
    (folder / "quorate.py").write_bytes((ROOT / "quorate.py").read_bytes())
    return folder


def python(folder, *arguments, hash_seed="0", **settings):
    """Run Python on the sources in a folder."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONHASHSEED": hash_seed, "COLUMNS": "120"}
    command = [sys.executable, "-P", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, **settings)


def quorate(folder, *arguments, **settings):
    """Run the command with the sources in a folder."""
    return python(folder, "-m", "quorate", *arguments, **settings)


def told(ran):
    """The JSON object that is the last line of what a program printed."""
    assert ran.stdout, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def failing_seed(folder, nodes, seconds):
    """The first seed that breaks a promise with these sources, after enough decisions to have something to shrink."""
    return told(python(folder, "-c", SEARCH, nodes, seconds))

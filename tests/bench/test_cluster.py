import json
import subprocess
import sys


def test_a_cluster_is_measured_beside_the_floor():
    command = [
        sys.executable,
        "-m",
        "bench.cluster",
        "--rounds",
        "1",
        "--seconds",
        "1",
        "--outstanding",
        "64",
        "--json",
    ]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)

    assert (ran.returncode, ran.stderr) == (0, "")
    (depth,) = json.loads(ran.stdout)["depths"]
    assert depth["outstanding"] == 64
    assert depth["floor_operations_per_second"] > 0
    # How fast the machine is does not matter, but what else runs on it may meet one of the two alone: the bound only
    # tells a cluster that works in batches from one that does not, which would reach a twentieth of it.
    assert depth["ratio"] > 0.08

import json
import subprocess
import sys


def test_a_cluster_is_measured_beside_the_floor():
    command = [
        sys.executable,
        "-m",
        "bench.cluster",
        "--rounds",
        "3",
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
    # The median of three turns, since what else runs on the machine may meet one of the two alone.
    assert depth["ratio"] > 0.2

"""Faults on real processes, by hand: python -m tests.faults [SECONDS [SEED [FOLDER]]]"""

import os
import sys
import tempfile

from tests.faults.namespaces import IN_NAMESPACES

if __name__ == "__main__":
    seconds, seed, folder = (*sys.argv[1:], *("90", "1", "")[len(sys.argv) - 1 :])
    folder = folder or tempfile.mkdtemp(prefix="quorate-faults-")
    os.execvp(IN_NAMESPACES[0], [*IN_NAMESPACES, sys.executable, "-m", "tests.faults.run", seconds, seed, folder])

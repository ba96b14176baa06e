"""What every test of the project shares."""

from pathlib import Path

import pytest
from hypothesis import settings

from tests.micropython.interpreters import micropython

__all__ = ["micropython"]

# A slow machine is no bug: properties fail for what they find, never for how long they took.
settings.register_profile("quorate", deadline=None, print_blob=True)
settings.load_profile("quorate")

# What these folders hold computes, in virtual time or none, unless a test says that it must be alone.
COMPUTING = ("architecture", "golden", "micropython", "packaging", "raft", "storage", "transport_sim")
LOCAL = ("actors",)  # clusters in one process: they mostly wait, and each worker has a processor for its own
TESTS = Path(__file__).parent


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.relative_to(TESTS).parts[0] not in COMPUTING + LOCAL:
            item.add_marker(pytest.mark.alone)

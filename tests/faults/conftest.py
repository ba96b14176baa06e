import pytest

from tests.faults import namespaces


@pytest.fixture(scope="session")
def in_namespaces():
    """What a command is preceded by that shall make a network of its own."""
    return namespaces.in_namespaces()

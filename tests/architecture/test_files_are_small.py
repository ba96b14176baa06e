import pytest

from tests.architecture.sources import name, shipped

MOST_LINES = 450  # about what one can hold in mind: a longer module has more than one reason to exist


@pytest.mark.parametrize("file", shipped(), ids=name)
def test_module_is_small(file):
    lines = file.read_text(encoding="utf-8").count("\n")

    assert lines <= MOST_LINES, f"{name(file)} has {lines} lines: split it by its reasons to exist"

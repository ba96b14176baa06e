"""Every deliberate bug fits the present source: a bug that cannot be put in shows nothing."""

import pytest

from tests.mutations.mutations import MUTATIONS
from tests.mutations.run import ROOT


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_it_fits_exactly_once(mutation):
    for file, before, after in mutation.edits:
        source = (ROOT / file).read_text()
        assert source.count(before) == 1, file
        assert after != before
        compile(source.replace(before, after), file, "exec")


def test_names_are_told_apart():
    names = [mutation.name for mutation in MUTATIONS]
    assert len(set(names)) == len(names)

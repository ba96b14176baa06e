import pytest

from tests.architecture.sources import core, name
from tests.architecture.subset import RULES, violations


def samples(kind):
    return [pytest.param(rule, text, id=f"{rule.name}: {text!r}") for rule in RULES for text in getattr(rule, kind)]


@pytest.mark.parametrize("file", core(), ids=name)
def test_core_keeps_to_the_subset(file):
    assert violations(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(("rule", "text"), samples("bad"))
def test_each_rule_catches_its_bad_samples(rule, text):
    assert violations(text, [rule])


@pytest.mark.parametrize(("rule", "text"), samples("good"))
def test_no_rule_refuses_a_good_sample(rule, text):
    assert violations(text) == []

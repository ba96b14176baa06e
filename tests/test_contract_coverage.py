"""Every promise of the contract has a test, or stands on the visible list of what is not built yet."""

import ast
import re
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
STATEMENT = re.compile(r"^- \*\*([A-Z][0-9]+)\*\* +\S", re.MULTILINE)


def statements(markdown):
    """The ids of a list of statements, in the order of the text."""
    return STATEMENT.findall(markdown)


def marks(source):
    """Every argument of every `pytest.mark.contract(...)` in a source text; None for one that is no literal."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.contract":
            found += [
                argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else None
                for argument in node.args
            ]
    return found


def gaps(contract, not_built, marked):
    """What is wrong between the contract, the list of what is not built, and the marks of the tests."""
    promised = statements(contract)
    listed = statements(not_built)
    the_list = "on the list of what is not built yet"
    return (
        [f"{id} has no test and is not {the_list}" for id in promised if id not in marked + listed]
        + [f"{id} is {the_list}, and has a test" for id in listed if id in marked]
        + [f"{id} is {the_list}, and not in the contract" for id in listed if id not in promised]
        + [f"{id} is marked by a test, and not in the contract" for id in marked if id not in promised]
        + [f"{id} stands in the contract twice" for id in sorted(set(promised)) if promised.count(id) > 1]
    )


def test_every_promise_is_tested_or_listed_as_not_built():
    contract = (CHECKOUT / "docs" / "contract.md").read_text(encoding="utf-8")
    not_built = (CHECKOUT / "docs" / "not-built-yet.md").read_text(encoding="utf-8")
    marked = [
        id for file in sorted((CHECKOUT / "tests").rglob("*.py")) for id in marks(file.read_text(encoding="utf-8"))
    ]

    assert gaps(contract, not_built, marked) == []


def test_the_contract_is_read_whole():
    contract = (CHECKOUT / "docs" / "contract.md").read_text(encoding="utf-8")

    ids = statements(contract)

    groups = {letter: len([id for id in ids if id[0] == letter]) for letter in "SERNMLDC"}
    assert groups == {"S": 8, "E": 12, "R": 10, "N": 6, "M": 10, "L": 4, "D": 6, "C": 4}
    assert len(ids) == sum(groups.values())


# The checker itself: each kind of gap is found.

PROMISES = "- **S1** one leader\n- **S2** append only\n"


def test_no_gap_when_each_promise_is_tested_or_listed():
    assert gaps(PROMISES, "- **S2** needs a log\n", ["S1"]) == []


def test_a_promise_without_test_is_found():
    assert gaps(PROMISES, "", ["S1"]) == ["S2 has no test and is not on the list of what is not built yet"]


def test_a_tested_promise_that_is_still_listed_is_found():
    found = gaps(PROMISES, "- **S2** needs a log\n", ["S1", "S2"])

    assert found == ["S2 is on the list of what is not built yet, and has a test"]


def test_a_listed_promise_that_does_not_exist_is_found():
    found = gaps(PROMISES, "- **S3** needs a dream\n", ["S1", "S2"])

    assert found == ["S3 is on the list of what is not built yet, and not in the contract"]


def test_a_mark_that_names_no_promise_is_found():
    assert gaps(PROMISES, "", ["S1", "S2", "Z9"]) == ["Z9 is marked by a test, and not in the contract"]


def test_a_mark_that_is_no_literal_is_found():
    assert gaps(PROMISES, "", ["S1", "S2", *marks("@pytest.mark.contract(NAME)\ndef test(): pass")]) == [
        "None is marked by a test, and not in the contract"
    ]


def test_a_promise_that_stands_twice_is_found():
    assert gaps(PROMISES + "- **S1** again\n", "", ["S1", "S2"]) == ["S1 stands in the contract twice"]


def test_marks_are_found_wherever_they_stand():
    source = """
pytestmark = pytest.mark.contract("S1")

@pytest.mark.contract("S2", "S3")
def test_one(): pass

@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.contract("S4"))])
def test_two(x): pass

text = '@pytest.mark.contract("S5")'
"""
    assert sorted(marks(source)) == ["S1", "S2", "S3", "S4"]

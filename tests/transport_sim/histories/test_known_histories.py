"""Histories of which everybody can see whether they are linearizable."""

from dataclasses import replace

import pytest

from tests.transport_sim.histories.machines import is_linearizable
from tests.transport_sim.histories.notation import history
from transport_sim.histories import check, checker

GOOD = {
    ("register", "nothing happened"): "",
    ("register", "absent at first"): "0 get = null 0-1",
    ("register", "a read of what was written"): """
        0 put 1 0-1
        1 get = 1 2-3""",
    ("register", "a read that overlaps the write sees it, another one not"): """
        0 put 1 0-10
        1 get = null 1-2
        2 get = 1 3-4""",
    ("register", "operations that touch overlap"): """
        0 put 1 0-1
        1 get = null 1-2""",
    ("register", "an unknown write that takes effect much later"): """
        0 put 1 0-?
        1 get = null 10-11
        1 get = 1 20-21""",
    ("register", "an unknown write that never does"): """
        0 put 1 0-?
        1 get = null 10-11
        1 put 2 20-21
        1 get = 2 30-31""",
    ("register", "an unknown write that takes effect after a later one"): """
        0 put 1 0-?
        1 put 2 10-11
        1 get = 2 20-21
        1 get = 1 30-31""",
    ("register", "two equal unknown writes are seen twice"): """
        0 put 1 0-?
        1 put 1 0-?
        2 get = 1 1-2
        2 put 2 3-4
        2 get = 2 5-6
        2 get = 1 7-8""",
    ("register", "equal values written twice"): """
        0 put 1 0-1
        0 put 2 2-3
        1 put 1 0-9
        2 get = 1 4-5""",
    ("register", "concurrent writes, one order for all readers"): """
        0 put 1 0-9
        1 put 2 0-9
        2 get = 2 1-2
        3 get = 2 1-3
        2 get = 1 4-5
        3 get = 1 4-5""",
    ("register", "a chain of cas, one of them unknown"): """
        0 put 1 0-1
        1 cas 1 2 2-?
        2 cas 2 3 = true 4-5
        3 get = 3 6-7""",
    ("register", "an unknown cas that took effect between two others"): """
        0 cas null 1 = true 0-1
        1 cas 1 2 2-?
        2 cas 2 1 = true 4-5
        3 cas 1 3 = true 6-7""",
    ("register", "a cas that failed since something else was there"): """
        0 put 1 0-1
        1 cas 2 3 = false 2-3
        1 get = 1 4-5""",
    ("register", "a cas that failed because of an unknown write"): """
        0 put 1 0-1
        1 put 9 2-?
        1 cas 1 3 = false 4-5
        1 cas 1 3 = false 6-7""",
    ("register", "unknown writes that nobody sees, one after the other"): """
        0 put 1 0-1
        1 put 7 2-?
        2 put 8 2-?
        3 cas 1 3 = false 4-5
        3 put 1 6-7
        3 cas 1 3 = false 8-9""",
    ("register", "a cas that failed because of a write that nobody sees"): """
        0 put 1 0-1
        1 put 7 0-9
        2 cas 1 3 = false 4-5""",
    ("register", "equal writes that end together, one of them followed up at once"): """
        0 put 1 0-1
        1 put 1 0-1
        1 put 2 1-1
        2 get = 1 2-3""",
    ("register", "an unknown write that is needed later, where an unknown cas would do as well"): """
        0 put 2 0-1
        1 put 1 0-?
        2 cas 2 1 0-?
        3 get = 1 2-3
        0 put 3 4-5
        3 get = 1 6-7""",
    ("register", "deletes tell whether the key was there"): """
        0 delete = false 0-1
        0 put 1 2-3
        0 delete = true 4-5
        0 get = null 6-7
        0 cas null 2 = true 8-9
        0 delete 10-11
        0 delete = false 12-13""",
    ("register", "an unknown delete"): """
        0 put 1 0-1
        1 delete 2-?
        2 get = 1 3-4
        2 cas null 2 = true 5-6""",
    ("register", "unhashable values"): """
        0 put [1,{"a":[]}] 0-1
        1 get = [1,{"a":[]}] 2-3""",
    ("register", "members of objects have no order"): """
        0 put {"a":1,"b":2} 0-1
        1 get = {"b":2,"a":1} 2-3""",
    ("register", "1 and 1.0 are one value"): """
        0 put 1 0-1
        1 get = 1.0 2-3
        1 cas 1.0 2 = true 4-5""",
    ("register", "false is a value"): """
        0 put false 0-1
        1 get = false 2-3""",
    ("kv", "appends to nothing and to a string"): """
        0 append "a" 0-1
        0 append "b" 2-3
        1 get = "ab" 4-5""",
    ("kv", "an unknown append much later, below another one"): """
        0 put "a" 0-1
        1 append "b" 2-?
        2 append "c" 3-4
        3 get = "ac" 5-6
        3 get = "acb" 7-8""",
    ("kv", "an empty string is not absent"): """
        0 append "" 0-1
        1 get = "" 2-3
        1 cas "" "a" = true 4-5
        1 delete = true 6-7""",
    ("kv", "two unknown steps between two known ones"): """
        0 delete 1-?
        1 append "a" 0-1
        2 append "b" 2-?
        3 get = "b" 3-4""",
    ("kv", "two unknown steps before an append that a read waits for"): """
        0 append "a" 7-9
        1 put "ab" 7-?
        2 cas "ab" "b" 4-?
        3 get = "ba" 4-8""",
    ("kv", "an unknown append below another one, as a cas shows by its failure"): """
        0 put "a" 0-1
        1 append "x" 0-?
        2 append "b" 2-3
        3 cas "ab" "c" = false 4-5
        3 cas "abx" "c" = false 6-7""",
    ("kv", "a word that begins anew after an unknown delete"): """
        0 put "a" 0-1
        1 delete 0-?
        2 get = null 2-3
        3 append "a" 4-5
        2 get = "a" 6-7""",
    ("kv", "a word that begins from nothing"): """
        0 append "a" 0-1
        1 get = "a" 2-3
        0 put "z" 4-5""",
    ("kv", "cut differently, the same string"): """
        0 append "ab" 0-9
        1 append "a" 0-9
        2 append "b" 0-9
        3 get = "ab" 1-2
        3 get = "abab" 10-11""",
    ("list", "concurrent appends in either order"): """
        0 append 1 0-9
        1 append 2 0-9
        2 get = [2] 1-2
        2 get = [2,1] 10-11""",
    ("list", "an absent list is empty"): """
        0 get = null 0-1
        0 get = [] 2-3""",
    ("list", "an unknown append between others"): """
        0 append 1 0-?
        1 append 2 2-3
        2 get = [2,1] 4-5""",
    ("list", "the same value twice"): """
        0 append 1 0-1
        0 append 1 2-3
        1 get = [1,1] 4-5""",
    ("counter", "sums"): """
        0 add 5 0-1
        0 add -2 2-3
        1 get = 3 4-5
        1 add 1 = 4 6-7""",
    ("counter", "an absent counter is 0"): """
        0 get = 0 0-1
        0 get = null 2-3
        0 add 0 4-5
        0 get = 0 6-7""",
    ("counter", "some unknown adds"): """
        0 add 1 0-?
        1 add 2 0-?
        2 add 4 0-?
        3 get = 5 2-3
        3 get = 7 4-5""",
    ("counter", "unknown adds that go up and down"): """
        0 add 3 0-?
        1 add -2 0-?
        3 get = -2 2-3
        3 get = 1 4-5""",
}

BAD = {
    ("register", "a stale read after a completed write"): """
        0 put 1 0-1
        0 put 2 2-3
        1 get = 1 4-5""",
    ("register", "a lost write"): """
        0 put 1 0-1
        1 get = null 2-3""",
    ("register", "a value from nowhere"): "0 get = 1 0-1",
    ("register", "a read before the write began"): """
        0 get = 1 0-1
        1 put 1 2-3""",
    ("register", "two reads flip"): """
        0 put 1 0-1
        0 put 2 2-9
        1 get = 2 3-4
        2 get = 1 5-6""",
    ("register", "an unknown write is seen, unseen and seen again"): """
        0 put 1 0-1
        1 put 2 2-?
        2 get = 2 3-4
        2 get = 1 5-6
        2 get = 2 7-8""",
    ("register", "an unknown write is seen before it began"): """
        0 get = 1 0-1
        1 put 1 2-?""",
    ("register", "an unknown write takes effect twice"): """
        0 put 1 0-?
        1 get = 1 1-2
        1 put 2 3-4
        1 get = 1 5-6""",
    ("register", "concurrent writes in both orders"): """
        0 put 1 0-9
        1 put 2 0-9
        2 get = 1 1-2
        2 get = 2 3-4
        3 get = 2 1-2
        3 get = 1 3-4""",
    ("register", "one process reads at one instant, the wrong way round"): """
        0 put 1 0-5
        1 get = 1 1-2
        1 get = null 2-2""",
    ("register", "one cas too many succeeds"): """
        0 put 1 0-1
        1 cas 1 2 = true 2-9
        2 cas 1 3 = true 2-9""",
    ("register", "one unknown cas for two steps"): """
        0 put 1 0-1
        1 cas 1 2 2-?
        2 cas 2 1 = true 4-5
        3 cas 2 3 = true 6-7""",
    ("register", "a cas fails although it could not"): """
        0 put 1 0-1
        1 cas 1 2 = false 2-3""",
    ("register", "one unknown write for two failures of cas"): """
        0 put 1 0-1
        1 put 7 2-?
        2 cas 1 3 = false 4-5
        2 put 1 6-7
        2 cas 1 3 = false 8-9""",
    ("register", "a delete finds what is not there"): "0 delete = true 0-1",
    ("register", "a delete misses what is there"): """
        0 put 1 0-1
        0 delete = false 2-3""",
    ("register", "a deleted value comes back"): """
        0 put 1 0-1
        0 delete 2-3
        1 get = 1 4-5""",
    ("register", "true is not 1"): """
        0 put true 0-1
        1 get = 1 2-3""",
    ("register", "false is neither 0 nor absent"): """
        0 put false 0-1
        1 get = 0 2-3""",
    ("register", "not even within a list"): """
        0 put [1] 0-1
        1 get = [true] 2-3""",
    ("register", "a string is not a list of its letters"): """
        0 put "ab" 0-1
        1 get = ["a","b"] 2-3""",
    ("register", "a list is not what it is made of inside"): """
        0 put ["bool",true] 0-1
        1 get = true 2-3""",
    ("kv", "a lost append"): """
        0 append "a" 0-1
        0 append "b" 2-3
        1 get = "b" 4-5""",
    ("kv", "a duplicated append"): """
        0 append "a" 0-1
        1 get = "aa" 2-3""",
    ("kv", "a put that did not replace"): """
        0 append "a" 0-1
        0 put "b" 2-3
        1 get = "ab" 4-5""",
    ("kv", "an empty string taken for absent"): """
        0 put "" 0-1
        1 get = null 2-3""",
    ("list", "a lost append"): """
        0 append 1 0-1
        1 append 2 2-3
        2 get = [2] 4-5""",
    ("list", "a duplicated append"): """
        0 append 1 0-1
        1 get = [1,1] 2-3""",
    ("list", "an unknown append twice"): """
        0 append 1 0-?
        1 get = [1,1] 2-3""",
    ("list", "a reordered list"): """
        0 append 1 0-1
        0 append 2 2-3
        1 get = [2,1] 4-5""",
    ("list", "readers do not agree about the order"): """
        0 append 1 0-9
        1 append 2 0-9
        2 get = [1,2] 1-9
        3 get = [2] 1-9""",
    ("list", "a list that became shorter"): """
        0 append 1 0-9
        1 get = [1] 1-2
        1 get = null 3-4""",
    ("list", "a value that nobody appended"): """
        0 append 1 0-1
        1 get = [1,2] 2-3""",
    ("counter", "a lost add"): """
        0 add 1 0-1
        1 add 1 0-1
        2 get = 1 2-3""",
    ("counter", "an unknown add that was undone"): """
        0 add 1 0-?
        1 get = 1 2-3
        1 get = 0 4-5""",
    ("counter", "no such sum"): """
        0 add 2 0-?
        1 add 4 0-?
        2 get = 5 2-3""",
    ("counter", "two adds come to the same"): """
        0 add 1 = 1 0-9
        1 add 1 = 1 0-9""",
    ("counter", "absent after an add"): """
        0 add 0 0-1
        1 get = null 2-3""",
}


def cases(table):
    return [pytest.param(model, text, id=f"{model}: {name}") for (model, name), text in table.items()]


@pytest.mark.parametrize(("model", "text"), cases(GOOD))
def test_a_linearizable_history_is_found_to_be(model, text):
    operations = history(text)
    assert is_linearizable(model, operations), "the table is wrong"

    verdict = check(operations, model)

    assert verdict.linearizable is True
    assert verdict.explanation is None


@pytest.mark.parametrize(("model", "text"), cases(BAD))
def test_a_history_that_is_not_linearizable_is_found_not_to_be(model, text):
    operations = history(text)
    assert not is_linearizable(model, operations), "the table is wrong"

    verdict = check(operations, model)

    assert verdict.linearizable is False
    assert verdict.violated == ["x"]
    assert verdict.explanation.is_minimal


def test_keys_are_checked_one_by_one():
    good = history(GOOD["register", "a chain of cas, one of them unknown"], "a")
    bad = history(BAD["register", "two reads flip"], "b")
    late = [replace(each, start=each.start + 100, end=each.end + 100) for each in bad]

    verdict = check([*late, *good], "register")

    assert verdict.linearizable is False
    assert [(key.key, key.linearizable, key.operations) for key in verdict.keys] == [("a", True, 4), ("b", False, 4)]
    assert verdict.operations == 8
    assert verdict.violated == ["b"]


def test_keys_that_take_long_are_decided_after_all_others(monkeypatch):
    monkeypatch.setattr(checker, "FIRST_TRY", 1)
    good = history(GOOD["register", "concurrent writes, one order for all readers"], "a")
    bad = history(BAD["register", "concurrent writes in both orders"], "b")

    others = [replace(each, process=each.process + 10) for each in bad]

    verdict = check([*good, *others], "register")

    assert [key.linearizable for key in verdict.keys] == [True, False]
    assert min(key.configurations for key in verdict.keys) > 1, "the first try was enough"


def test_an_unknown_get_tells_nothing():
    assert check(history("0 get 0-?\n0 get = null 1-2"), "register").linearizable is True

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import results
from actors.results import MAX_DEPTH, MalformedResult, UnsupportedResult

plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
keys = plain | st.tuples(plain, plain)
values = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


def typed(value):
    """The value with the types of all its parts, since 1, 1.0 and True are equal."""
    if isinstance(value, (list, tuple)):
        return type(value), [typed(part) for part in value]
    if isinstance(value, dict):
        return dict, {key: (typed(key), typed(item)) for key, item in value.items()}
    return type(value), value


@given(values)
def test_what_is_encoded_comes_back_with_its_types(value):
    assert typed(results.decode(results.encode(value))) == typed(value)


@given(st.dictionaries(keys, plain), st.randoms())
def test_equal_dicts_have_equal_bytes(items, chance):
    pairs = list(items.items())
    chance.shuffle(pairs)

    assert results.encode(dict(pairs)) == results.encode(items)


@given(st.binary(max_size=30) | values.map(results.encode))
def test_a_result_has_one_encoding(data):
    try:
        value = results.decode(data)
    except MalformedResult:
        return
    assert results.encode(value) == data or "nan" in repr(value)


@given(values, st.binary(min_size=1, max_size=3))
def test_nothing_may_be_missing_and_nothing_follow(value, more):
    data = results.encode(value)
    for end in range(len(data)):
        with pytest.raises(MalformedResult):
            results.decode(data[:end])
    with pytest.raises(MalformedResult, match="follow"):
        results.decode(data + more)


def test_numbers_of_every_size_come_back():
    for number in (0, -1, 1 << 31, -(1 << 63), 10**5000):
        assert results.decode(results.encode(number)) == number
    assert math.isinf(results.decode(results.encode(math.inf)))
    assert math.isnan(results.decode(results.encode(math.nan)))


class Text(str):
    pass


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (object(), "a object is no None, bool, int, float, str, bytes, tuple, list or dict"),
        ({1, 2}, "a set is no None"),
        (Text("a"), "a Text is no None"),
        (bytearray(b"a"), "a bytearray is no None"),
        ([1, (2, {"three": 3j})], "a complex is no None"),
        ({object(): 1}, "a object is no None"),
        ("\ud800", "a str that UTF-8 cannot encode"),
    ],
)
def test_what_has_no_encoding_is_named_by_its_type(value, problem):
    with pytest.raises(UnsupportedResult) as caught:
        results.encode(value)

    assert str(caught.value).startswith(problem)


def test_nesting_ends_at_a_limit_both_ways():
    deep = 1
    for _ in range(MAX_DEPTH):
        deep = [deep]
    assert results.decode(results.encode(deep)) == deep
    deep = [deep]
    with pytest.raises(UnsupportedResult, match="nested more than 16 deep"):
        results.encode(deep)
    with pytest.raises(MalformedResult, match="nested more than 16 deep"):
        results.decode(b"l\x00\x00\x00\x01" * (MAX_DEPTH + 1) + b"n")
    endless = []
    endless.append(endless)
    with pytest.raises(UnsupportedResult, match="nested"):
        results.encode(endless)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "there is no type b''"),
        (b"x", "there is no type b'x'"),
        (b"b\x00\x00\x00\x02a", "it ends too early"),
        (b"s\x00\x00\x00\x01\xff", "a str or an int is none"),
        (b"i\x00\x00\x00\x02zz", "a str or an int is none"),
        (b"i\x00\x00\x00\x0201", "an int has another encoding than its own"),
        (b"m\x00\x00\x00\x02tnfn", "the keys of a dict are out of order"),
        (b"m\x00\x00\x00\x01l\x00\x00\x00\x00n", "a key of a dict is a list or a dict"),
    ],
)
def test_what_is_malformed_is_named(data, problem):
    with pytest.raises(MalformedResult) as caught:
        results.decode(data)

    assert str(caught.value) == problem

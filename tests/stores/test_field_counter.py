"""Counting the fields of BSON documents."""

import math
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from hpnorton.stores.field_statistics import CollectionStatistics
from hpnorton.stores.mongo.field_counter import FieldCounter

Fields = dict[str, tuple[dict[str, int], int]]

NAMES = {
    float: "double",
    str: "string",
    dict: "object",
    list: "array",
    bool: "bool",
    int: "int",
    Int64: "long",
    bytes: "binData",
    type(None): "null",
}
scalars = st.one_of(
    st.integers(-(2**31), 2**31 - 1),
    st.integers(2**31, 2**63 - 1).map(Int64),
    st.floats(),
    st.booleans(),
    st.none(),
    st.text("a\0\x10é", max_size=6),
    st.binary(max_size=20),
)
names = st.sampled_from(["a", "b", "c", "é", "a.b"])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
documents = st.lists(st.dictionaries(names, values, max_size=4), max_size=6)


def plain(found: Sequence[dict[str, Any]]) -> Fields:
    """The types of each field, and in how many documents it is: by a walk through Python values."""
    types: dict[str, Counter[str]] = {}
    records: Counter[str] = Counter()

    def walk(path: str, value: Any, seen: set[str]) -> None:
        types.setdefault(path, Counter())[NAMES[type(value)]] += 1
        seen.add(path)
        if isinstance(value, dict):
            for name, inner in value.items():
                walk(f"{path}.{name}", inner, seen)
        elif isinstance(value, list):
            for inner in value:
                walk(f"{path}[]", inner, seen)

    for document in found:
        seen: set[str] = set()
        for name, value in document.items():
            walk(name, value, seen)
        records.update(seen)
    return {path: (dict(counts), records[path]) for path, counts in types.items()}


def fields_of(statistics: CollectionStatistics) -> Fields:
    """The same of a statistics."""
    return {path: (dict(seen.types), seen.records) for path, seen in statistics.fields.items()}


def statistics_of(
    found: Sequence[dict[str, Any]], batch: int = 1000, number: int = 0
) -> CollectionStatistics:
    """The statistics of documents that come in batches."""
    counter = FieldCounter(number)
    for start in range(0, len(found), batch):
        some = found[start : start + batch]
        assert counter.add(b"".join(map(bson.encode, some))) == len(some)
    return counter.statistics()


@given(documents, st.integers(1, 200), st.integers(1, 50))
@settings(deadline=None, max_examples=60)
def test_fields_are_those_of_a_plain_walk(
    found: list[dict[str, Any]], times: int, batch: int
) -> None:
    """Whatever the documents, however often they are repeated and wherever a batch ends."""
    statistics = statistics_of(found * times, batch)
    assert statistics.records == len(found) * times
    assert fields_of(statistics) == plain(found * times)


@given(documents, documents, documents)
@settings(deadline=None, max_examples=60)
def test_statistics_merge_in_any_order(
    first: list[dict[str, Any]], second: list[dict[str, Any]], third: list[dict[str, Any]]
) -> None:
    """The order of merging changes nothing, examples included, and it is as if it were one."""
    parts = [first, second, third]
    merged = []
    for order in ((0, 1, 2), (2, 0, 1), (1, 2, 0)):
        whole = CollectionStatistics()
        for number in order:
            whole.merge(statistics_of(parts[number], number=number))
        merged.append(whole)
    left = statistics_of(first, number=0)
    right = statistics_of(second, number=1)
    right.merge(statistics_of(third, number=2))
    left.merge(right)
    assert merged[0] == merged[1] == merged[2] == left
    assert fields_of(left) == plain(first + second + third)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_an_example_fits_into_json(number: float) -> None:
    """What is a number, but none that JSON has, is shown as text."""
    example = statistics_of([{"a": number}]).fields["a"].example
    assert example is not None and example.value == str(number)


def test_merging_leaves_the_other_as_it_was() -> None:
    """What is merged into a statistics may be merged into another one too."""
    part = statistics_of([{"a": 1}])
    for _ in range(2):
        whole = CollectionStatistics()
        whole.merge(part)
        whole.merge(part)
        assert whole.fields["a"].types == {"int": 2}
    assert part.fields["a"].types == {"int": 1}


def test_a_text_that_looks_like_fields_misleads_nobody() -> None:
    """A text may hold a NUL, and behind it what looks like the next field."""
    honest = [{"a": "x", "b": n} for n in range(500)]
    forged = {"a": "x\0\x10b\0\x01\x02\x03"}
    assert len(bson.encode(forged)) == len(bson.encode(honest[0]))
    statistics = statistics_of([*honest, forged])
    assert fields_of(statistics) == {"a": ({"string": 501}, 501), "b": ({"int": 500}, 500)}


def test_every_type_of_bson_is_known() -> None:
    """Under the name that MongoDB's operator $type has for it, often repeated or not."""
    document = {
        "double": 1.5,
        "string": "x",
        "object": {},
        "array": [],
        "binData": Binary(b"x" * 16, 4),
        "other": Binary(b"xyz"),
        "objectId": ObjectId(),
        "bool": True,
        "date": datetime(2026, 1, 1, tzinfo=UTC),
        "null": None,
        "regex": Regex("a.*", "i"),
        "javascript": Code("f()"),
        "javascriptWithScope": Code("f()", {"x": 1}),
        "int": 1,
        "timestamp": Timestamp(1, 2),
        "long": Int64(1),
        "decimal": Decimal128("1.5"),
        "minKey": MinKey(),
        "maxKey": MaxKey(),
    }
    for times in (1, 300):
        found = fields_of(statistics_of([document] * times))
        assert found == {
            name: ({"binData" if name == "other" else name: times}, times) for name in document
        }
        without = {name: value for name, value in document.items() if "Scope" not in name}
        assert len(fields_of(statistics_of([without] * times))) == len(document) - 1


def test_elements_of_arrays_count_one_by_one() -> None:
    """`[]` counts elements, and the documents that have any."""
    statistics = statistics_of([{"a": [1, "x", {"b": 1}]}, {"a": []}, {"a": [[2.5]]}])
    assert fields_of(statistics) == {
        "a": ({"array": 3}, 3),
        "a[]": ({"int": 1, "string": 1, "object": 1, "array": 1}, 2),
        "a[].b": ({"int": 1}, 1),
        "a[][]": ({"double": 1}, 1),
    }


def test_our_own_fields_are_left_out() -> None:
    """What HPNorton notes at the top of a document, with all that is in it; not deeper names."""
    document = {"a": {"hpnorton_x": 1}, "hpnorton_run": {"b": [1]}, "c": 1}
    assert sorted(fields_of(statistics_of([document]))) == ["a", "a.hpnorton_x", "c"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("x" * 100, "x" * 57 + "..."),
        (ObjectId("6b01bed0eb09e9bd2cf77abb"), "6b01bed0eb09e9bd2cf77abb"),
        (b"\x01\xff", "01ff"),
        (2.5, 2.5),
        (True, True),
        (DBRef("c", 1).as_doc(), None),
        (None, None),
    ],
)
def test_examples_can_be_shown(value: object, shown: object) -> None:
    """A value as JSON can hold it, not for ever; none of what holds other fields."""
    example = statistics_of([{"a": value}]).fields["a"].example
    assert (example and example.value) == shown


def test_an_example_is_not_null_if_any_value_is_not() -> None:
    """It comes from the first range that has one."""
    whole = CollectionStatistics()
    for number, value in ((2, 7), (0, None), (1, 5)):
        whole.merge(statistics_of([{"a": value}], number=number))
    assert whole.fields["a"].example is not None
    assert whole.fields["a"].example.value == 5


def test_many_shapes_are_counted() -> None:
    """More shapes than are kept, and documents of many fields."""
    many = [{f"f{n}": n, "all": n} for n in range(10_500)]
    statistics = statistics_of(many, 500)
    assert statistics.fields["all"].types == {"int": 10_500}
    assert len(statistics.fields) == 10_501
    wide = [{f"f{n}": n for n in range(300)}] * 150
    assert statistics_of(wide).fields["f299"].types == {"int": 150}

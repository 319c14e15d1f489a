"""Data quality: planted faults of every kind are found, in any chunking and on every store."""

import json
import math
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import pymongo
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpnorton.errors import UnknownCollectionError
from hpnorton.profile.column_quality import QualityCounts, assess_column
from hpnorton.profile.moments import Moments
from hpnorton.profile.quality import Quality, assess
from hpnorton.schema.collection import Collection
from hpnorton.schema.field import Field
from hpnorton.stores import open_store
from hpnorton.stores.base import Document, Mode
from hpnorton.stores.case_variants import folded_case_variants
from tests.helpers.stores import batch_from_documents

CLEAN = QualityCounts()
PACKAGE = {
    "resources": [
        {
            "name": "place",
            "schema": {"fields": [{"name": "place_id"}], "primaryKey": "place_id"},
        },
        {
            "name": "thing",
            "schema": {
                "fields": [
                    {"name": "thing_id", "constraints": {"required": True}},
                    {"name": "code", "constraints": {"unique": True}},
                    {"name": "name", "constraints": {"maxLength": 20}},
                    {"name": "kind", "constraints": {"enum": ["a", "b"], "required": True}},
                    {"name": "size", "type": "integer", "constraints": {"minimum": 0}},
                    {"name": "price", "type": "number"},
                    {"name": "born", "type": "date"},
                    {"name": "is_new", "type": "boolean"},
                    {"name": "place_id"},
                ],
                "primaryKey": "thing_id",
                "foreignKeys": [
                    {
                        "fields": "place_id",
                        "reference": {"resource": "place", "fields": "place_id"},
                    }
                ],
            },
        },
        {
            "name": "pair",
            "schema": {"fields": [{"name": "a"}, {"name": "b"}], "primaryKey": ["a", "b"]},
        },
    ]
}
COLUMNS = ("thing_id", "code", "name", "kind", "size", "price", "born", "is_new", "place_id")
RECORDS = 400


def record(number: int) -> dict[str, Any]:
    """A thing without a fault."""
    return {
        "thing_id": f"T{number:04d}",
        "code": f"c{number}",
        "name": "Zoë\nLee" if number % 9 == 0 else "Ann Lee",
        "kind": "ab"[number % 2],
        "size": 10 + number % 3,
        "price": 1.5 + number % 2,
        "born": "2026-12-01",
        "is_new": number % 2,
        "place_id": f"P{number % 4}",
    }


# Which field of which thing holds what, and what is then wrong with the field, how often.
PLANTED: Sequence[tuple[dict[int, Any], str, QualityCounts]] = (
    ({5: "T0006", 17: "T0006"}, "thing_id", QualityCounts(duplicates=3, lost=12)),
    ({1: "c2", 300: "c2", 301: None, 302: None}, "code", QualityCounts(2, duplicates=3, lost=14)),
    (
        {0: " Ann", 9: "Ann\t", 50: "A\x07nn", 51: "\x85 ", 60: "x" * 21, 61: 7, 62: None, 63: ""},
        "name",
        QualityCounts(2, type_errors=1, constraint_errors=1, untrimmed=3, control=2, lost=14),
    ),
    (
        {0: "c", 1: None, 2: "A", 3: " a"},
        "kind",
        QualityCounts(1, constraint_errors=3, untrimmed=1, lost=16),
    ),
    (
        {10: -1, 11: "12", 12: 1.5, 13: 5000, 14: -5000},
        "size",
        QualityCounts(type_errors=2, constraint_errors=2, outliers=2, lost=17),
    ),
    ({0: 1e6, 1: "x", 399: None}, "price", QualityCounts(1, type_errors=1, outliers=1, lost=6)),
    (
        {3: "01/12/2026", 4: "2026-02-30", 5: 20261201},
        "born",
        QualityCounts(type_errors=3, lost=12),
    ),
    ({3: 2, 4: "true"}, "is_new", QualityCounts(type_errors=2, lost=8)),
    ({0: "P9", 399: "p1", 7: None}, "place_id", QualityCounts(1, orphans=2, lost=9)),
)
EXPECTED = {name: counts for _, name, counts in PLANTED}


def planted() -> list[dict[str, Any]]:
    """All things, with the faults."""
    records = [record(number) for number in range(RECORDS)]
    for values, name, _ in PLANTED:
        for number, value in values.items():
            records[number][name] = value
    return records


Fill = Callable[..., str]


@pytest.fixture(name="fill", params=["sqlite", "mongo"])
def fill_a_database(
    request: pytest.FixtureRequest, tmp_path: Path, mongo_uri: str
) -> Iterator[Fill]:
    """Puts records into a collection as somebody else would: without keys or rules of any kind."""
    made: list[tuple[str, list[dict[str, Any]]]] = []

    def fill(name: str, records: list[dict[str, Any]]) -> str:
        if request.param == "mongo":
            with pymongo.MongoClient[dict[str, Any]](mongo_uri) as client:
                numbered = ({"_id": at, **each} for at, each in enumerate(records))
                client.get_default_database()[name].insert_many(numbered)
            made.append((name, records))
            return mongo_uri
        columns = list(records[0])
        with closing(sqlite3.connect(tmp_path / "x.db")) as connection:
            connection.execute(f"CREATE TABLE {name} ({', '.join(columns)})")
            connection.executemany(
                f"INSERT INTO {name} VALUES ({', '.join('?' * len(columns))})",
                [list(each.values()) for each in records],
            )
            connection.commit()
        return f"sqlite:///{tmp_path}/x.db"

    yield fill
    if made:
        with closing(open_store(mongo_uri)) as store:
            for name, _ in made:
                store.drop_collection(name)


@pytest.fixture(name="folder")
def folder_of_package(tmp_path: Path) -> Path:
    """A folder with the data package."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "datapackage.json").write_text(json.dumps(PACKAGE), "utf-8")
    return folder


@pytest.mark.usefixtures("is_cut")
@pytest.mark.parametrize(("chunk_rows", "workers"), [(11, 1), (37, 1), (100, 2), (10_000, 1)])
def test_planted_faults_are_found(fill: Fill, folder: Path, chunk_rows: int, workers: int) -> None:
    """Of every kind, exactly as many as there are, in any chunking; parts add up to the whole."""
    if chunk_rows == 1:
        chunk_rows = (
            1 if "sqlite" in fill("place", [{"place_id": f"P{n}"} for n in range(4)]) else 60
        )
    else:
        fill("place", [{"place_id": f"P{n}"} for n in range(4)])
    uri = fill("thing", planted())
    parts: list[Quality] = []
    (found,) = assess(
        uri, ["thing"], [folder], chunk_rows=chunk_rows, workers=workers, on_part=parts.append
    )
    assert found.records == RECORDS
    assert found.fields == EXPECTED
    assert sorted(found.fields) == sorted(COLUMNS)
    whole = Quality("thing", 0, {name: QualityCounts() for name in COLUMNS})
    for part in parts:
        whole.merge(part)
    assert (whole.records, whole.fields) == (found.records, found.fields)
    numbers = [part.part.number for part in parts if part.part is not None]
    assert sorted(numbers) == list(range(len(parts)))


def test_a_clean_collection_scores_100(fill: Fill, folder: Path) -> None:
    """Nothing is wrong with it."""
    uri = fill("place", [{"place_id": f"P{n}"} for n in range(4)])
    fill("thing", [record(number) for number in range(RECORDS)])
    place, thing = assess(uri, ["place", "thing"], [folder], chunk_rows=100)
    assert place.score == thing.score == 100
    assert set(map(str, thing.fields.values())) == {str(CLEAN)}


def test_keys_of_several_fields_are_compared_whole(fill: Fill, folder: Path) -> None:
    """A pair is repeated if both fields are; what is null in part is not."""
    pairs = [("x", "y"), ("x", "z"), ("x", "y"), ("x", None), ("x", None), ("y", "x")]
    uri = fill("pair", [{"a": a, "b": b} for a, b in pairs])
    (found,) = assess(uri, ["pair"], [folder], chunk_rows=2)
    assert found.fields == {
        "a": QualityCounts(duplicates=2, lost=8),
        "b": QualityCounts(2, duplicates=2, lost=16),
    }


def test_references_to_a_collection_that_is_not_there(fill: Fill, folder: Path) -> None:
    """All of them are orphaned."""
    uri = fill("thing", [record(number) for number in range(10)])
    (found,) = assess(uri, [], [folder], chunk_rows=100)
    assert found.fields["place_id"] == QualityCounts(orphans=10, lost=40)


def test_only_what_is_described_is_judged(fill: Fill, folder: Path) -> None:
    """Collections without a description are left out, unless they are asked for."""
    uri = fill("other", [{"a": 1}])
    fill("place", [{"place_id": "P1"}])
    assert [each.collection for each in assess(uri, [], [folder], chunk_rows=100)] == ["place"]
    with pytest.raises(UnknownCollectionError, match="no datapackage.json describes 'other'"):
        assess(uri, ["other"], [folder], chunk_rows=100)


def test_a_score_is_rounded_down() -> None:
    """A single fault in a million is seen in the score; no records have none."""
    quality = Quality("c", 1_000_000, {"a": QualityCounts(lost=1), "b": QualityCounts()})
    assert (quality.field_score("a"), quality.field_score("b")) == (99.99, 100.0)
    assert quality.score == 99.99
    assert Quality("c", 4, {"a": QualityCounts(lost=4), "b": QualityCounts()}).score == 87.5
    assert Quality("c", 0, {"a": QualityCounts()}).score is None


floats = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(floats | st.integers(-(2**63), 2**63 - 1)), st.integers(1, 10))
def test_moments_are_the_same_in_any_chunking(numbers: list[float], size: int) -> None:
    """To the last bit, whatever the order; and as exact as can be."""
    whole, merged = Moments(), Moments()
    whole.add(numbers)
    for start in reversed(range(0, len(numbers), size)):
        part = Moments()
        part.add(numbers[start : start + size])
        merged.merge(part)
    assert whole == merged
    low, high = whole.limits()
    if len(set(numbers)) < 2:
        assert (low, high) == (-math.inf, math.inf)
        return
    exact = list(map(Fraction, numbers))
    mean = sum(exact) / len(exact)
    variance = sum((number - mean) ** 2 for number in exact) / len(exact)
    for limit in (low, high):
        if math.isfinite(limit) and abs(limit) > 1e-300:  # rounded like any float
            off = (Fraction(limit) - mean) ** 2 / (9 * variance) - 1
            assert abs(off) < 1e-9 * (1 + mean**2 / variance)


@given(st.lists(st.sampled_from([None, "", "a", " a", "a\x07", 1, 1.0, True, 10**6, "x\ny", [1]])))
def test_columns_are_checked_as_value_by_value(values: list[Any]) -> None:
    """The quick looks at a whole column find what a look at each value finds."""
    for field in (
        Field("f"),
        Field("f", max_length=1),
        Field("f", "integer", minimum=1),
        Field("f", "number", maximum=5.0),
        Field("f", "boolean"),
    ):
        whole, single = QualityCounts(), QualityCounts()
        for column in (values, *([value] for value in values)):
            counts = assess_column(
                field,
                column,
                (-100.0, 100.0),
                is_needed=False,
                duplicates=set(),
                orphans=set(),
            )
            (whole if column is values else single).merge(counts)
        assert whole == single


def test_invisible_characters_are_counted(uri: str) -> None:
    """Blank and invisible characters at the ends, inside, letters in parts, marks, and twins."""
    schema = Collection("odd", (Field("id"), Field("note")), ("id",))
    notes = ["a\u200b", "\ufeffa", "a\u00a0", "a\u200bb", "a\u00a0b", "O\u0308", "#REF!", "'007"]
    ids = ["A", "a", "b ", "\u200bc", "d\u00a0e", "e\u0301", "NULL", "f"]
    documents: list[Document] = [{"id": key, "note": note} for key, note in zip(ids, notes)]
    with closing(open_store(uri, create=True)) as store:
        store.ensure(schema)
        store.write(batch_from_documents(schema, documents), Mode.INSERT)
        assert folded_case_variants(store, schema) == {"a"}
    found = {
        field.name: assess_column(
            field,
            [document[field.name] for document in documents],
            None,
            is_needed=False,
            duplicates=set(),
            orphans=set(),
        )
        for field in schema.fields
    }
    assert found["note"] == QualityCounts(untrimmed=3, control=1, decomposed=1, marks=2, lost=7)
    assert found["id"] == QualityCounts(untrimmed=2, control=1, decomposed=1, marks=1, lost=5)

"""Collections: the names that databases can hold, and the indexes that keys need."""

import pytest

from hpnorton.schema.collection import (
    Collection,
    ForeignKey,
    check_collection_name,
    undescribed_collection,
)
from hpnorton.schema.field import Field


@pytest.mark.parametrize(
    "name", ["things", "my-things_2.old", "två ord", "2026", "_private", "systems", "sqlite"]
)
def test_good_collection_names(name: str) -> None:
    """Both databases take letters, digits, blanks, _, - and dots in a collection's name."""
    check_collection_name(name)
    assert undescribed_collection(name, ["id", "x"]) == Collection(
        name, (Field("id"), Field("x")), ("id",)
    )


@pytest.mark.parametrize(
    ("key", "foreign", "indexes"),
    [
        (("a", "b"), [("a",), ("b",)], (("b",),)),
        (("a", "b"), [("a", "b")], ()),
        (("a", "b"), [("b", "a")], (("b", "a"),)),
        (("a",), [("b",), ("c",), ("b",)], (("b",), ("c",))),
        (("a",), [], ()),
    ],
)
def test_indexes(
    key: tuple[str, ...], foreign: list[tuple[str, ...]], indexes: tuple[tuple[str, ...], ...]
) -> None:
    """Each foreign key has one index, unless the primary key's begins with the same fields."""
    keys = tuple(ForeignKey(fields, "parent", fields) for fields in foreign)
    fields = tuple(Field(name) for name in "abc")
    assert Collection("things", fields, key, keys).indexes == indexes

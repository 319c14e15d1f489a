"""Records typed in by hand: FIELD=VALUE texts are checked as the import checks cells."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hpnorton.errors import HPNortonError, RefusedError, UsageError
from hpnorton.rental.assignments import check_references, complete, read_key, read_values
from hpnorton.schema.collection import Collection, ForeignKey
from hpnorton.schema.field import Field
from hpnorton.schema.layout import make_layout
from hpnorton.schema.validate import validate_rows
from hpnorton.stores import open_store
from hpnorton.stores.base import ChangeStore, Mode
from tests.helpers.stores import batch_from_documents

THING = Collection(
    "thing",
    (
        Field("id", required=True),
        Field("note"),
        Field("size", "integer", minimum=0, maximum=9),
        Field("is_new", "boolean"),
        Field("day", "date", missing_values=("", "-")),
        Field("kind", required=True, enum=("a", "b")),
    ),
    ("id",),
)
KNOWN = "id, note, size, is_new, day, kind"
PAIR = Collection("pair", (Field("left"), Field("n", "integer"), Field("note")), ("left", "n"))


def test_values_have_their_types_and_the_collections_order() -> None:
    """An empty VALUE is none, and a VALUE may hold = and blanks."""
    texts = ["day=2026-12-01", "size=3", "note= a = b ", "is_new=false"]
    assert list(read_values(THING, texts).items()) == [
        ("note", " a = b "),
        ("size", 3),
        ("is_new", False),
        ("day", "2026-12-01"),
    ]
    assert read_values(THING, ["note=", "day=-", "size="]) == {
        "note": None,
        "day": None,
        "size": None,
    }
    assert not read_values(THING, [])


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("note", UsageError, "'note' is not FIELD=VALUE; quote a VALUE that has blanks in it"),
        ("Note=x", UsageError, f"thing has no field 'Note'; it has: {KNOWN}"),
        (" note=x", UsageError, f"thing has no field ' note'; it has: {KNOWN}"),
        ("=x", UsageError, f"thing has no field ''; it has: {KNOWN}"),
        ("hpnorton_stock=1", UsageError, "thing has no field 'hpnorton_stock'; it has: id"),
        ("size=x", RefusedError, "size: 'x' is not a whole number"),
        ("size=1.5", RefusedError, "size: '1.5' is not a whole number"),
        ("size=10", RefusedError, "size: '10' is above the maximum 9"),
        ("size=-1", RefusedError, "size: '-1' is below the minimum 0"),
        ("is_new=maybe", RefusedError, "is_new: 'maybe' is not true or false"),
        ("day=2026-02-30", RefusedError, "day: '2026-02-30' is not a date such as 2026-12-01"),
        ("kind=c", RefusedError, "kind: 'c' is not one of a, b"),
        ("kind=", RefusedError, "kind: '' is empty, but has to be filled in"),
        ("id=", RefusedError, "id: '' is empty, but has to be filled in"),
        ("note=\udcff", RefusedError, "holds bytes that are not UTF-8"),
        ("note=a\0", RefusedError, "holds a NUL character, which is not allowed in text"),
    ],
)  # fmt: skip
def test_bad_texts_are_refused(text: str, error: type[HPNortonError], message: str) -> None:
    """With what is wrong, and what there is."""
    with pytest.raises(error) as raised:
        read_values(THING, [text])
    assert message in str(raised.value)


def test_every_bad_value_is_told() -> None:
    """A line for each, so that nobody has to try again and again."""
    with pytest.raises(RefusedError) as raised:
        read_values(THING, ["kind=c", "size=x", "note=good"])
    assert str(raised.value) == "size: 'x' is not a whole number\nkind: 'c' is not one of a, b"


def test_a_field_given_twice_is_refused() -> None:
    """Also with the same value."""
    with pytest.raises(UsageError, match="^note is given twice; leave one out$"):
        read_values(THING, ["note=x", "note=x"])


def test_an_empty_part_of_a_key_is_refused() -> None:
    """Where the field need not be filled in by itself."""
    with pytest.raises(RefusedError, match="^n: '' is empty, but is part of the key$"):
        read_values(PAIR, ["left=x", "n="])


CELLS = st.sampled_from(
    ["", "-", " ", "a", "b", "c", "0", "7", "10", "1e3", "true", "2026-12-01", "ä"]
)


@given(st.tuples(*[CELLS] * len(THING.fields)))
def test_what_the_import_refuses_is_refused_and_only_that(cells: tuple[str, ...]) -> None:
    """The same texts as a row of a file give the same record, or are faults in the same fields."""
    assume("".join(cells).strip())  # a blank row is left out
    checked = validate_rows(
        make_layout(THING, THING.columns, "thing.csv"), [list(cells)], is_suspicious=True
    )
    texts = [f"{name}={cell}" for name, cell in zip(THING.columns, cells)]
    try:
        record = read_values(THING, texts)
    except RefusedError as error:
        fields = [line.split(":")[0] for line in str(error).splitlines()]
        assert fields == [fault.field for fault in checked.errors]
    else:
        assert not checked.errors
        assert list(record.values()) == [column[0] for column in checked.values]


def test_a_new_record_has_all_fields() -> None:
    """Those that are not given are null, unless they have to be filled in."""
    record = complete(THING, {"id": "x", "kind": "a"})
    assert list(record) == list(THING.columns)
    assert record == {
        "id": "x",
        "kind": "a",
        "note": None,
        "size": None,
        "is_new": None,
        "day": None,
    }
    with pytest.raises(UsageError, match="^thing needs id, kind as well: FIELD=VALUE$"):
        complete(THING, {"note": "x"})
    with pytest.raises(UsageError, match="^pair needs n as well: FIELD=VALUE$"):
        complete(PAIR, {"left": "x"})


@pytest.mark.parametrize(
    ("collection", "text", "key"),
    [
        (THING, "C1", ("C1",)),
        (THING, " C1 ", ("C1",)),
        (THING, "a,b", ("a,b",)),
        (PAIR, "x,1", ("x", 1)),
        (PAIR, " x , 1 ", ("x", 1)),
        (PAIR, '"x,y",-2', ("x,y", -2)),
        (PAIR, '"say ""x""",0', ('say "x"', 0)),
    ],
)
def test_a_key_is_read(collection: Collection, text: str, key: tuple[object, ...]) -> None:
    """Blanks around it do not matter; several fields are separated as in a CSV file."""
    assert read_key(collection, text) == key


@pytest.mark.parametrize(
    ("collection", "text", "message"),
    [
        (PAIR, "x", "the key of pair is left,n; 'x' is not that"),
        (
            PAIR,
            "x,1,2",
            "the key of pair is left,n; 'x,1,2' is not that; put a part that holds a comma in "
            """double quotes, as in '"A,B",C'""",
        ),
        (PAIR, "", "the key of pair is left,n; '' is not that"),
        (PAIR, "x\n,1", "the key of pair is left,n; 'x\\n,1' is not that"),
        (PAIR, "x,1\ny,2", "the key of pair is left,n; 'x,1\\ny,2' is not that"),
        (PAIR, "x,y", "the key 'x,y' is not a whole number"),
        (THING, "", "the key '' is empty, but has to be filled in"),
    ],
)
def test_a_key_that_is_none_is_refused(collection: Collection, text: str, message: str) -> None:
    """With what the key consists of."""
    with pytest.raises(UsageError) as raised:
        read_key(collection, text)
    assert str(raised.value) == message


@pytest.fixture(name="store")
def open_store_with_pairs(uri: str) -> Iterator[ChangeStore]:
    """A store of each kind with one pair."""
    with closing(open_store(uri, create=True)) as store:
        store.ensure(PAIR)
        store.write(batch_from_documents(PAIR, [{"left": "x", "n": 1, "note": None}]), Mode.INSERT)
        yield store


def test_references_have_to_be_there(store: ChangeStore) -> None:
    """As for the import: all fields of a reference together, or none of them."""
    foreign = ForeignKey(("of", "no"), "pair", ("left", "n"))
    fields = (Field("id"), Field("of"), Field("no", "integer"))
    child = Collection("child", fields, ("id",), (foreign,))
    check_references(store, child, {"id": "c", "of": "x", "no": 1})
    check_references(store, child, {"id": "c", "of": None, "no": None})
    check_references(store, child, {"id": "c"})
    with pytest.raises(RefusedError, match="^of, no: 'x, 2' is not in pair; add it there first$"):
        check_references(store, child, {"id": "c", "of": "x", "no": 2})
    with pytest.raises(RefusedError, match="^of, no: 'x, None' is not in pair"):
        check_references(store, child, {"id": "c", "of": "x", "no": None})


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("note=503,kind=a", "note=503 kind=a"),
        ("note=503-1 x, kind=a,size = 4", "'note=503-1 x' kind=a 'size = 4'"),
        ("size=3,day=2026-12-01", "size=3 day=2026-12-01"),
    ],
)
def test_fields_are_not_separated_by_commas(text: str, pieces: str) -> None:
    """Another field behind a comma is no part of a value; the message has the right command."""
    with pytest.raises(UsageError, match="separate them by blanks") as told:
        read_values(THING, [text])
    assert str(told.value).endswith(f"not by commas: {pieces}")


@pytest.mark.parametrize("value", ["a, b", "x,other=1", "kind=a", "a,kind", "a=b,c"])
def test_a_value_may_hold_commas(value: str) -> None:
    """And names of fields, as long as it is none of the collection's behind a comma."""
    assert read_values(THING, [f"note={value}"]) == {"note": value}

"""Rows of a chunk are checked, and those of a file in no order are put in the order of keys."""

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hpnorton.errors import FileError
from hpnorton.importer import blocks
from hpnorton.importer.blocks import Block, batch_from_rows, read_checked, read_to_write
from hpnorton.schema.collection import Collection, ForeignKey
from hpnorton.schema.field import Field
from hpnorton.schema.layout import Layout, make_layout
from hpnorton.schema.validate import ValidatedRows
from hpnorton.stores import open_store
from hpnorton.stores.base import Batch, Mode
from hpnorton.tabular import chunk as chunks
from hpnorton.tabular.chunk import BlockSizes, Chunk
from hpnorton.tabular.reader import CsvFile

ONE = Collection("things", (Field("id", "integer"), Field("stock", "integer", minimum=0)), ("id",))
NAMED_ONE = Collection("things", (Field("id"), ONE.fields[1]), ("id",))
TWO = Collection("pairs", (*ONE.fields, Field("of")), ("of", "id"))
CHILD = Collection(
    "child",
    (Field("id", "integer"), Field("of", "integer")),
    ("id",),
    (ForeignKey(("of",), "things", ("id",)),),
)
FILES = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def layout_of(collection: Collection) -> Layout:
    """The layout of files that have all columns."""
    return make_layout(collection, collection.columns, "x.csv")


def chunk_of(folder: Path, rows: Sequence[Sequence[Any]], header: str) -> Chunk:
    """The only chunk of a file."""
    path = folder / "x.csv"
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    with closing(CsvFile(str(path), "x")) as file:
        (chunk,) = file.chunks(10_000)
    return chunk


def read(layout: Layout, chunk: Chunk, folder: Path, *, has_indexes: bool = False) -> list[Block]:
    """The blocks of a chunk to be written."""
    with closing(open_store(f"sqlite:///{folder}/x.db", create=True)) as store:
        return list(read_to_write(layout, chunk, store, has_indexes=has_indexes, number=None))


def read_both_ways(
    layout: Layout, chunk: Chunk, folder: Path, parsed: int
) -> tuple[list[Block], list[ValidatedRows]]:
    """The blocks of a chunk to be written, and its rows in the file's order, parsed by a few.

    Their good rows are the same, with the same places.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "BLOCK_SIZES", BlockSizes(parsed, parsed))
        patch.setattr(blocks, "_SAMPLE_STEP", 1)
        made = read(layout, chunk, folder)
        with closing(open_store(f"sqlite:///{folder}/x.db")) as store:
            plain = list(read_checked(layout, chunk, store))
    assert sorted(places([block.checked for block in made], layout)) == places(plain, layout)
    return made, plain


def places(parts: Sequence[Any], layout: Layout) -> list[tuple[int, object]]:
    """The good rows of checked parts with their positions, in the order of the parts."""
    pairs: list[tuple[int, object]] = []
    for part in parts:
        batch = batch_from_rows(layout, part)
        pairs += [(place, batch.record(at)) for at, place in enumerate(part.positions)]
    return pairs


@FILES
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 9), st.integers(-1, 3), st.sampled_from("abc")),
        min_size=1,
        max_size=40,
    ),
    collection=st.sampled_from([ONE, TWO]),
    parsed=st.integers(1, 60),
)
def test_rows_in_no_order_come_by_key(
    tmp_path: Path, rows: list[tuple[int, int, str]], collection: Collection, parsed: int
) -> None:
    """They are the same rows with the same places and faults; equal keys keep their order."""
    layout, width = layout_of(collection), len(collection.columns)
    header = ",".join(collection.columns)
    chunk = chunk_of(tmp_path, [row[:width] for row in rows], header)
    made, plain = read_both_ways(layout, chunk, tmp_path, parsed)
    faults = [fault for block in made for fault in block.checked.errors]
    assert faults == [fault for part in plain for fault in part.errors]
    for block in made:
        keyed = list(zip(block.batch.keys, block.checked.positions))
        assert not block.is_scattered or keyed == sorted(keyed)
    if any(block.is_scattered for block in made):
        assert made[-1].is_scattered and not any(block.is_scattered for block in made[:-1])


@FILES
@given(
    rows=st.lists(
        st.tuples(st.sampled_from(["a", "b", "c", "bb", '"b"', ""]), st.integers(-1, 3)),
        min_size=1,
        max_size=40,
    ),
    parsed=st.integers(1, 60),
)
def test_texts_in_no_order_come_by_key_too(
    tmp_path: Path, rows: list[tuple[str, int]], parsed: int
) -> None:
    """A key that is the first cell is sorted before it is parsed, with the same outcome."""
    layout = layout_of(NAMED_ONE)
    chunk = chunk_of(tmp_path, rows, "id,stock")
    made, plain = read_both_ways(layout, chunk, tmp_path, parsed)
    faults = [fault for block in made for fault in block.checked.errors]
    assert sorted(faults, key=str) == sorted((f for part in plain for f in part.errors), key=str)
    keyed = [pair for b in made for pair in zip(b.batch.keys, b.checked.positions)]
    for key in {key for key, _ in keyed}:  # the first of one key stays the first
        same = [at for other, at in keyed if other == key]
        assert same == sorted(same)
    is_quoted = any(name.startswith('"') for name, _ in rows)
    if any(block.is_scattered for block in made) and not is_quoted:
        assert keyed == sorted(keyed)


def test_rows_in_order_stay_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fits into the processor's cache is written as it was checked."""
    monkeypatch.setattr(chunks, "BLOCK_SIZES", BlockSizes(bytes=1000))
    layout = layout_of(ONE)
    made = read(
        layout, chunk_of(tmp_path, [(n, 1) for n in range(1000, 3000)], "id,stock"), tmp_path
    )
    assert len(made) > 5 and not any(block.is_scattered for block in made)
    made = read(
        layout, chunk_of(tmp_path, [(-n, 1) for n in range(1000, 3000)], "id,stock"), tmp_path
    )
    assert [block.is_scattered for block in made] == [True]
    assert [key for (key,) in made[0].batch.keys] == list(range(-2999, -999))


PARENTS = Collection("parents", (Field("a"), Field("b", "integer")), ("a", "b"))
GRANDCHILD = Collection(
    "grandchild",
    (Field("id", "integer"), Field("of", "integer"), Field("a"), Field("b", "integer")),
    ("id",),
    (ForeignKey(("of",), "things", ("id",)), ForeignKey(("a", "b"), "parents", ("a", "b"))),
)


@FILES
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["", 1, 5, 9]),
            st.sampled_from(["", "x", "y"]),
            st.sampled_from(["", 1]),
        ),
        min_size=1,
        max_size=40,
    ),
    parsed=st.integers(1, 60),
)
def test_each_reference_is_held_against_its_parents(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Any, Any, Any]], parsed: int
) -> None:
    """However few rows are parsed at a time: what is empty refers to nobody, a half key to none."""
    folder = tmp_path_factory.mktemp("references")
    chunk = chunk_of(folder, [(at, *row) for at, row in enumerate(rows)], "id,of,a,b")
    with closing(open_store(f"sqlite:///{folder}/x.db", create=True)) as store:
        for parent in (ONE, PARENTS):
            store.ensure(parent)
        store.write(Batch(ONE, ONE.columns, [[1, 9], [0, 0]]), Mode.INSERT)
        store.write(Batch(PARENTS, PARENTS.columns, [["x"], [1]]), Mode.INSERT)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(chunks, "BLOCK_SIZES", BlockSizes(bytes=parsed))
            parts = list(read_checked(layout_of(GRANDCHILD), chunk, store))
    expected = {
        (at, fields)
        for at, (of, a, b) in enumerate(rows)
        for fields, is_there in (("of", of in ("", 1, 9)), ("a, b", (a, b) in [("", ""), ("x", 1)]))
        if not is_there
    }
    assert {(fault.position, fault.field) for part in parts for fault in part.errors} == expected
    assert sum(len(part.errors) for part in parts) == len(expected)
    good = [at for part in parts for at in part.positions]
    assert good == [at for at in range(len(rows)) if at not in {at for at, _ in expected}]


@pytest.mark.parametrize("has_indexes", [False, True])
def test_an_index_in_no_order_is_told(tmp_path: Path, has_indexes: bool) -> None:
    """Rows whose keys ascend stay where they are, whatever the other indexes get."""
    ids = range(1000, 2000)
    chunk = chunk_of(tmp_path, [(n, 2999 - n) for n in ids], "id,of")
    with closing(open_store(f"sqlite:///{tmp_path}/x.db", create=True)) as store:
        store.ensure(ONE)
        store.write(Batch(ONE, ONE.columns, [ids, ids]), Mode.INSERT)
    made = read(layout_of(CHILD), chunk, tmp_path, has_indexes=has_indexes)
    assert [block.is_scattered for block in made] == [has_indexes] * len(made)
    assert [place for block in made for place in block.checked.positions] == list(range(1000))


def test_a_file_that_has_changed_is_told_of(tmp_path: Path) -> None:
    """Rows that are gone since the chunk was cut are an error, in any order."""
    chunk = chunk_of(tmp_path, [(9 - n, 1) for n in range(9)], "id,stock")
    change: Callable[[str], int] = (tmp_path / "x.csv").write_text
    change("id,stock\n" + "1\n" * 99)
    with pytest.raises(FileError, match="has changed while it was read"):
        read(layout_of(ONE), chunk, tmp_path)

"""What the database remembers of imports, on every store."""

import dataclasses
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpnorton.importer.rejects import Reason, RejectedRow, pack, unpack
from hpnorton.importer.sources import parse_source
from hpnorton.stores import journal, open_store
from hpnorton.stores.base import Store
from hpnorton.stores.counts import Counts, Ending
from hpnorton.stores.journal import (
    ChunkEntry,
    ImportEntry,
    StartedChunk,
    has_bit,
    pack_bits,
    unpack_bits,
)
from hpnorton.tabular.chunk import Span

LONGEST = 8 * 2**20


@pytest.fixture(name="store")
def open_prepared_store(uri: str) -> Iterator[Store]:
    """A store of each kind that is ready for notes."""
    with closing(open_store(uri, create=True)) as store:
        journal.prepare(store)
        yield store


def import_note(run: str, **more: str) -> ImportEntry:
    """An import of which nothing is known but its beginning."""
    known = {"started": "2026-12-01T17:30:00+00:00", "collection": "things", "file": "/x.csv"}
    return ImportEntry(
        id=run,
        mode="insert",
        is_ordered=True,
        was_empty=False,
        **known | more,  # type: ignore[arg-type]
    )


def chunk_note(run: str, first_row: int, rows: int = 10, **more: Any) -> ChunkEntry:
    """A chunk whose rows were inserted, all but three of them."""
    return ChunkEntry(
        run=run,
        first_row=first_row,
        rows=rows,
        first_line=first_row + 1,
        lines=rows + 2,
        offset=100 * first_row,
        length=100 * rows,
        inserted=rows - 3,
        updated=0,
        unchanged=1,
        conflicts=1,
        rejected=1,
        **more,
    )


def test_an_import_is_noted_with_all_that_is_known(store: Store) -> None:
    """What is noted comes back, each value with its type, and the same note can be made twice."""
    note = ImportEntry(
        id="20261201-173000-00ff",
        started="2026-12-01T17:30:00+00:00",
        ended="2026-12-01T17:31:00+00:00",
        status=Ending.DONE,
        collection="things",
        file="/data/Zoë's things.csv",
        mode="upsert",
        size=2**40,
        modified=1_700_000_000_123_456_789,
        checksum="crc32:00c0ffee",
        is_ordered=False,
        was_empty=True,
        read=15,
        inserted=1,
        updated=2,
        unchanged=3,
        conflicts=4,
        rejected=5,
        elapsed=0.25,
        rejects_file="/data/rejected/things.csv",
    )
    for _ in range(2):
        journal.save_import(store, note)
        (found,) = journal.imports(store)
        assert found == note
        assert found.is_ordered is False and found.was_empty is True
        assert found.status == "done"


def test_an_import_that_has_only_begun(store: Store) -> None:
    """What is not known yet is null; later notes of the same import replace earlier ones."""
    note = import_note("20261201-173000-0000")
    journal.save_import(store, note)
    assert list(journal.imports(store)) == [note]
    assert (note.status, note.ended, note.size) == ("running", None, None)
    note.status, note.ended, note.elapsed = Ending.FAILED, journal.utc_now(), 1.0
    note.was_empty = True
    journal.save_import(store, note)
    assert list(journal.imports(store)) == [note]


def test_imports_come_in_the_order_of_time(store: Store) -> None:
    """The oldest is the first, in whatever order they were noted."""
    runs = [f"202612{day:02}-173000-{255 - day:04x}" for day in (3, 1, 31, 2)]
    for run in runs:
        journal.save_import(store, import_note(run))
    assert [note.id for note in journal.imports(store)] == sorted(runs)


def test_the_latest_import_of_a_file(store: Store) -> None:
    """It is that of the same file into the same collection; other imports do not count."""
    assert journal.latest_import(store, "/x.csv", "things") is None
    for run, more in {
        "20261201-000000-0000": {},
        "20261203-000000-0000": {},
        "20261202-000000-0000": {},
        "20261204-000000-0000": {"file": "/y.csv"},
        "20261205-000000-0000": {"collection": "others"},
    }.items():
        journal.save_import(store, import_note(run, **{"started": run[:8], **more}))
    found = [
        journal.latest_import(store, file, collection)
        for file, collection in (("/x.csv", "things"), ("/y.csv", "things"), ("/x.csv", "others"))
    ]
    assert [note and note.id[:8] for note in found] == ["20261203", "20261204", "20261205"]
    assert journal.latest_import(store, "/y.csv", "others") is None


def test_chunks_come_in_the_order_of_the_file(store: Store) -> None:
    """The notes of an import's chunks are sorted by number, and no others are among them."""
    notes = [chunk_note("r1", row) for row in (1002, 2, 10_002, 92)]
    journal.save_chunks(store, notes[:2])
    journal.save_chunks(store, [chunk_note("r2", 2), chunk_note("r", 2), chunk_note("r1|2", 2)])
    journal.save_chunks(store, notes[2:])
    journal.save_chunks(store, [])
    assert journal.chunks(store, "r1") == sorted(notes, key=lambda note: note.first_row)
    assert journal.chunks(store, "r3") == []


def test_a_chunk_that_is_repeated_is_noted_anew(store: Store) -> None:
    """What became of a chunk the last time is what counts."""
    journal.save_chunks(store, [chunk_note("r1", 2, refused=pack([]), taken=pack_bits([3], 10))])
    again = dataclasses.replace(chunk_note("r1", 2), inserted=0, unchanged=8)
    journal.save_chunks(store, [again])
    assert journal.chunks(store, "r1") == [again]


def test_a_note_says_where_its_chunk_is_and_what_became_of_it() -> None:
    """Its place is that of the chunk, and its counts add up to the chunk's rows."""
    note = chunk_note("r1", 102)
    assert isinstance(note, Span) and (note.first_row, note.offset) == (102, 10_200)
    assert note.counts == Counts(10, inserted=7, unchanged=1, conflicts=1, rejected=1)
    note.counts.check()


def test_refused_rows_are_kept_until_they_are_told(store: Store) -> None:
    """They survive the process that found them; when an import is done only the counts stay."""
    rows = [
        RejectedRow(5, 7, b"caf\xe9,\0\n", [Reason("x", "type-error", "caf\udce9", "no")], ("k", 1))
    ]
    taken = pack_bits([0, 4, 9], 10)
    notes = [
        chunk_note("r1", 2, refused=pack(rows)),
        chunk_note("r1", 12, taken=taken),
        chunk_note("r1", 22),
    ]
    journal.save_chunks(store, [*notes, chunk_note("r2", 2, taken=taken)])
    found = journal.chunks(store, "r1")
    assert found == notes
    assert found[0].refused is not None
    assert list(unpack(found[0].refused)) == rows
    journal.forget_rows(store, "r1")
    assert journal.chunks(store, "r1") == [
        dataclasses.replace(note, refused=None, taken=None) for note in notes
    ]
    assert [note.taken for note in journal.chunks(store, "r2")] == [taken]
    journal.forget_rows(store, "nobody")


def test_what_was_noted_when_a_chunk_began_stays(store: Store) -> None:
    """Once its rows are written, nobody can see any more which keys were taken before."""
    notes = [
        StartedChunk(run="r1", first_row=2, rows=10, taken=pack_bits([3], 10)),
        StartedChunk(run="r1", first_row=1002, rows=10, taken=None),
        StartedChunk(run="r1", first_row=12, rows=10, taken=None),
    ]
    other = StartedChunk(run="r2", first_row=2, rows=10, taken=pack_bits([3], 10))
    for run in (notes[:2], notes[2:], [other], []):
        journal.save_started(store, run)
    again = [dataclasses.replace(note, taken=pack_bits(range(10), 10)) for note in notes]
    journal.save_started(store, again)
    assert journal.started_chunks(store, "r1") == [notes[0], notes[2], notes[1]]
    journal.forget_rows(store, "r1")
    assert [note.taken for note in journal.started_chunks(store, "r1")] == [None] * 3
    assert journal.started_chunks(store, "r2") == [other]


def test_what_no_document_can_hold_is_not_noted(store: Store) -> None:
    """A chunk with too many refused rows counts as not done; the others of its group are noted."""
    notes = [
        chunk_note("r1", 2, refused="x" * LONGEST),
        chunk_note("r1", 12, refused="x" * (LONGEST + 1)),
        chunk_note("r1", 22),
    ]
    journal.save_chunks(store, notes)
    found = journal.chunks(store, "r1")
    assert [note.first_row for note in found] == [2, 22]
    assert len(found[0].refused or "") == LONGEST


def test_notes_are_no_collections_of_the_user(store: Store) -> None:
    """To prepare for notes, once or again, makes nothing that is listed."""
    journal.prepare(store)
    journal.save_import(store, import_note("r1"))
    assert store.collections() == []
    records = {each.name: store.count(each.name) for each in journal.OWN_COLLECTIONS}
    assert all(name.startswith("hpnorton_") for name in records)
    assert {name for name, number in records.items() if number} == {journal.IMPORTS.name}


def test_ids_sort_by_time() -> None:
    """An id tells when the import began; it is what names of rejected rows are known by."""
    now = datetime(2026, 12, 1, 9, 5, 59, tzinfo=UTC)
    one, other = journal.new_import_id(now), journal.new_import_id(now)
    assert re.fullmatch("20261201-090559-[0-9a-f]{21}", one)
    assert max(one, other) < journal.new_import_id(now + timedelta(microseconds=1))
    assert one != other
    source = parse_source(f"rejected/my-things-{one}.csv")
    assert (source.collection, source.run) == ("my-things", one)


def test_times_are_utc() -> None:
    """A time says to the second when it was, and that it is in UTC."""
    before = datetime.now(UTC).replace(microsecond=0)
    assert before <= datetime.fromisoformat(journal.utc_now()) <= datetime.now(UTC)
    assert journal.utc_now().endswith("+00:00")


@given(size=st.integers(1, 300), data=st.data())
def test_positions_are_packed(size: int, data: st.DataObject) -> None:
    """Every position that was packed is found again, and no other one, near or far."""
    positions = data.draw(st.lists(st.integers(0, size - 1), unique=True))
    text = pack_bits(positions, size)
    assert (text is None) is (not positions)
    bits = unpack_bits(text)
    assert [at for at in range(size + 50) if has_bit(bits, at)] == sorted(positions)


def test_many_positions_pack_small() -> None:
    """A chunk all of whose keys were taken needs no list of its rows."""
    text = pack_bits(range(10_000), 10_000)
    assert text is not None and text.isascii() and len(text) < 100

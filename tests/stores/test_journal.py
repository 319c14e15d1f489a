"""The journal of imports, on every store."""

import dataclasses
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hpnorton.importer.rejects import Reason, RejectedRow, from_entry, to_entry
from hpnorton.importer.sources import parse_source
from hpnorton.stores import journal, open_store
from hpnorton.stores.base import Store
from hpnorton.stores.counts import Counts, Ending
from hpnorton.stores.format import SETTINGS
from hpnorton.stores.journal import (
    ChunkEntry,
    ImportEntry,
    RejectedEntry,
    StartedChunk,
)
from hpnorton.tabular.chunk import Span

LONGEST = 8 * 2**20


@pytest.fixture(name="store")
def open_prepared_store(uri: str) -> Iterator[Store]:
    """A store of each kind that has a journal."""
    with closing(open_store(uri, create=True)) as store:
        journal.prepare(store)
        yield store


def import_entry(run: str, **more: str) -> ImportEntry:
    """An import that has just begun."""
    known = {"started": "2026-12-01T17:30:00+00:00", "collection": "things", "file": "/x.csv"}
    return ImportEntry(
        id=run,
        mode="insert",
        is_ordered=True,
        was_empty=False,
        **known | more,  # type: ignore[arg-type]
    )


def chunk_entry(run: str, first_row: int, rows: int = 10, **more: Any) -> ChunkEntry:
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


def rejected(run: str, row: int, raw: bytes = b"x\n") -> RejectedEntry:
    """A rejected row whose reasons are not known."""
    return RejectedEntry(run=run, row=row, line=row, raw=raw, reasons="[]")


def save(store: Store, *chunks: ChunkEntry) -> None:
    """Save chunks without rejected rows."""
    for chunk in chunks:
        journal.save_chunk(store, chunk, [])


def test_an_import_is_saved_with_all_that_is_known(store: Store) -> None:
    """Each value comes back with its type, and the same entry can be saved twice."""
    entry = ImportEntry(
        id="20261201-173000-00ff",
        started="2026-12-01T17:30:00+00:00",
        ended="2026-12-01T17:31:00+00:00",
        status=Ending.DONE,
        collection="things",
        file="/data/Zoë's things.csv",
        mode="upsert",
        size=2**40,
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
        journal.save_import(store, entry)
        (found,) = journal.imports(store)
        assert found == entry
        assert found.is_ordered is False and found.was_empty is True
        assert found.status == "done"


def test_an_import_that_has_only_begun(store: Store) -> None:
    """What is not known yet is null; later entries of the same import replace earlier ones."""
    entry = import_entry("20261201-173000-0000")
    journal.save_import(store, entry)
    assert list(journal.imports(store)) == [entry]
    assert (entry.status, entry.ended, entry.size) == ("running", None, None)
    entry.status, entry.ended, entry.elapsed = Ending.FAILED, journal.utc_now(), 1.0
    entry.was_empty = True
    journal.save_import(store, entry)
    assert list(journal.imports(store)) == [entry]


def test_imports_come_in_the_order_of_time(store: Store) -> None:
    """The oldest is the first, in whatever order they were saved."""
    runs = [f"202612{day:02}-173000-{255 - day:04x}" for day in (3, 1, 31, 2)]
    for run in runs:
        journal.save_import(store, import_entry(run))
    assert [entry.id for entry in journal.imports(store)] == sorted(runs)


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
        journal.save_import(store, import_entry(run, **{"started": run[:8], **more}))
    found = [
        journal.latest_import(store, file, collection)
        for file, collection in (("/x.csv", "things"), ("/y.csv", "things"), ("/x.csv", "others"))
    ]
    assert [entry and entry.id[:8] for entry in found] == ["20261203", "20261204", "20261205"]
    assert journal.latest_import(store, "/y.csv", "others") is None


def test_chunks_come_in_the_order_of_the_file(store: Store) -> None:
    """The entries of an import's chunks are sorted by row, and no others are among them."""
    entries = [chunk_entry("r1", row) for row in (1002, 2, 10_002, 92)]
    save(store, *entries[:2])
    save(store, chunk_entry("r2", 2), chunk_entry("r", 2), chunk_entry("r1|2", 2))
    save(store, *entries[2:])
    assert journal.chunks(store, "r1") == sorted(entries, key=lambda entry: entry.first_row)
    assert journal.chunks(store, "r3") == []


def test_a_chunk_that_is_repeated_is_saved_anew(store: Store) -> None:
    """The last result of a chunk counts, and so do the rows that were rejected then."""
    first = chunk_entry("r1", 12, taken=b"\x08")
    others = chunk_entry("r1", 2), chunk_entry("r1", 22), chunk_entry("r2", 12)
    for each in (*others, first):
        rows = each.first_row, each.first_row + 9
        journal.save_chunk(store, each, [rejected(each.run, row) for row in rows])
    again = dataclasses.replace(chunk_entry("r1", 12), inserted=0, unchanged=8)
    journal.save_chunk(store, again, [rejected("r1", 13)])
    assert journal.chunks(store, "r1") == [others[0], again, others[1]]
    found = [entry.row for entry in journal.rejected_rows(store, again)]
    assert found == [13]
    for each in others:
        found = [entry.row for entry in journal.rejected_rows(store, each)]
        assert found == [each.first_row, each.first_row + 9]


def test_an_entry_has_the_span_and_the_counts_of_its_chunk() -> None:
    """Its counts add up to the chunk's rows."""
    entry = chunk_entry("r1", 102)
    assert isinstance(entry, Span) and (entry.first_row, entry.offset) == (102, 10_200)
    assert entry.counts == Counts(10, inserted=7, unchanged=1, conflicts=1, rejected=1)
    entry.counts.check()


def test_rejected_rows_are_kept_until_the_import_is_done(store: Store) -> None:
    """They survive the process that found them; then only the counts stay."""
    row = RejectedRow(
        5, 7, b"caf\xe9,\0\n", [Reason("x", "type-error", "caf\udce9", "no")], ("k", 1)
    )
    bits = b"\x11\x02"
    entries = [chunk_entry("r1", 2), chunk_entry("r1", 12, taken=bits), chunk_entry("r1", 22)]
    journal.save_chunk(store, entries[0], [to_entry("r1", row)])
    save(store, *entries[1:])
    other = chunk_entry("r2", 2, taken=bits)
    journal.save_chunk(store, other, [rejected("r2", 3)])
    assert journal.chunks(store, "r1") == entries
    assert [from_entry(each) for each in journal.rejected_rows(store, entries[0])] == [row]
    assert journal.rejected_rows(store, entries[1]) == []
    journal.forget_rows(store, "r1")
    assert journal.chunks(store, "r1") == [dataclasses.replace(e, taken=None) for e in entries]
    assert journal.rejected_rows(store, entries[0]) == []
    assert journal.chunks(store, "r2") == [other]
    assert journal.rejected_rows(store, other) == [rejected("r2", 3)]
    journal.forget_rows(store, "nobody")


def test_what_was_saved_when_a_chunk_was_started_stays(store: Store) -> None:
    """Once its rows are written, nobody can see any more which keys were taken before."""
    entries = [
        StartedChunk(run="r1", first_row=2, rows=10, taken=b"\x08\0"),
        StartedChunk(run="r1", first_row=1002, rows=10, taken=None),
        StartedChunk(run="r1", first_row=12, rows=10, taken=None),
    ]
    other = StartedChunk(run="r2", first_row=2, rows=10, taken=b"\x08\0")
    for run in (entries[:2], entries[2:], [other], []):
        journal.save_started(store, run)
    again = [dataclasses.replace(entry, taken=b"\xff\x03") for entry in entries]
    journal.save_started(store, again)
    assert journal.started_chunks(store, "r1") == [entries[0], entries[2], entries[1]]
    journal.forget_rows(store, "r1")
    assert [entry.taken for entry in journal.started_chunks(store, "r1")] == [None] * 3
    assert journal.started_chunks(store, "r2") == [other]


def test_what_no_document_can_hold_is_not_saved(store: Store) -> None:
    """A chunk with such a rejected row counts as not done; others have many large ones."""
    long = [rejected("r1", row, raw=b"x" * (LONGEST - 2)) for row in (2, 3)]
    journal.save_chunk(store, chunk_entry("r1", 2), long)
    journal.save_chunk(store, chunk_entry("r1", 12), [rejected("r1", 12, raw=b"x" * (LONGEST - 1))])
    save(store, chunk_entry("r1", 22))
    chunks = journal.chunks(store, "r1")
    assert [chunk.first_row for chunk in chunks] == [2, 22]
    assert journal.rejected_rows(store, chunks[0]) == long


def test_the_journal_is_no_collection_of_the_user(store: Store) -> None:
    """To make it, once or again, makes nothing that is listed."""
    journal.prepare(store)
    journal.save_import(store, import_entry("r1"))
    assert store.collections() == []
    records = {each.name: store.count(each.name) for each in journal.OWN_COLLECTIONS}
    assert all(name.startswith("hpnorton_") for name in records)
    assert {name for name, number in records.items() if number} == {
        journal.IMPORTS.name,
        SETTINGS.name,
    }


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

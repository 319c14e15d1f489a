"""A chunk is read, checked and written, and a note says what became of each row."""

import csv
import dataclasses
import gc
import io
import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpnorton.errors import FileError, HPNortonError, StoreLostError
from hpnorton.importer.bitmap import bitmap, has_bit
from hpnorton.importer.chunk_result import hash_of
from hpnorton.importer.load import FoundRow, find_rows, hash_keys, load_chunks
from hpnorton.importer.options import Commit, ImportSpec, Resume
from hpnorton.importer.rejects import RejectedRow, from_entry
from hpnorton.schema.collection import Collection, ForeignKey
from hpnorton.schema.field import Field
from hpnorton.schema.layout import make_layout
from hpnorton.schema.validate import Record, validate_rows
from hpnorton.stores import close_process_stores, journal, open_store, process_store
from hpnorton.stores.base import Batch, Document, Mode
from hpnorton.stores.journal import ChunkEntry, StartedChunk
from hpnorton.tabular import chunk as chunks_module
from hpnorton.tabular.chunk import BlockSizes, Chunk, Span
from hpnorton.tabular.reader import CsvFile
from hpnorton.workers import open_workers
from tests.helpers.properties import costly
from tests.helpers.stores import BOTH, INSERT, UPSERT, Model
from tests.servers import Server

Write = Callable[..., Path]
THINGS = Collection(
    "things",
    (Field("id"), Field("stock", "integer", minimum=0), Field("sold", "boolean")),
    ("id",),
)
PARTS = Collection(
    "parts",
    (Field("thing"), Field("number", "integer"), Field("maker"), Field("year", "year")),
    ("thing", "number"),
    (
        ForeignKey(("thing",), "things", ("id",)),
        ForeignKey(("maker", "year"), "makers", ("name", "year")),
    ),
)
MAKERS = Collection("makers", (Field("name"), Field("year", "year")), ("name", "year"))


@pytest.fixture(autouse=True)
def close_stores() -> Iterator[None]:
    """Every test opens the stores of this process anew."""
    yield
    close_process_stores()


def job_for(uri: str, collection: Collection = THINGS, **more: Any) -> ImportSpec:
    """A spec for files that have all columns, whose database is ready."""
    spec = ImportSpec(
        uri, make_layout(collection, collection.columns, "x.csv"), import_id="r", **more
    )
    store = process_store(uri, spec.scratch)
    store.ensure(collection)
    if spec.scratch is None:
        journal.prepare(store)
    return spec


def chunks_of(path: Path, rows: int = 100) -> list[Chunk]:
    """The chunks of a file."""
    with closing(CsvFile(str(path), "x")) as file:
        return list(file.chunks(rows))


def load(spec: ImportSpec, path: Path, rows: int = 100) -> list[ChunkEntry]:
    """What became of a file's chunks, loaded together."""
    return [outcome.entry for outcome in load_chunks(spec, chunks_of(path, rows))]


def rejected_in(uri: str, notes: Sequence[ChunkEntry]) -> list[RejectedRow]:
    """The rejected rows of some chunks, as the journal keeps them."""
    store = process_store(uri)
    return [from_entry(row) for note in notes for row in journal.rejected_rows(store, note)]


def taken_of(notes: Sequence[ChunkEntry]) -> list[int]:
    """The numbers of the rows whose keys were taken."""
    return [
        note.first_row + at for note in notes for at in range(note.rows) if has_bit(note.taken, at)
    ]


def stored(uri: str, collection: str, key: str = "id") -> list[Document]:
    """All records of a collection, as another connection sees them."""
    with closing(open_store(uri)) as store:
        return list(store.find(collection, (key,), sort=(key,)))


@pytest.mark.parametrize("commit", Commit)
def test_good_rows_are_written_and_noted(csv_file: Write, uri: str, commit: Commit) -> None:
    """The records are there, and the note has the place of the chunk and its counts."""
    path = csv_file("things.csv", "id,stock,sold", "1,5,true", "2,,", "3,0,false")
    spec = job_for(uri, commit=commit)
    (chunk,) = chunks_of(path)
    (outcome,) = load_chunks(spec, [chunk])
    note = outcome.entry
    assert (note.run, note.rows, note.inserted, note.taken) == ("r", 3, 3, None)
    assert not outcome.rejected
    for field in dataclasses.fields(Span):
        assert getattr(note, field.name) == getattr(chunk, field.name)
    assert outcome.hashes == b""
    assert stored(uri, "things") == [
        {"id": "1", "stock": 5, "sold": True},
        {"id": "2", "stock": None, "sold": None},
        {"id": "3", "stock": 0, "sold": False},
    ]
    assert journal.chunks(spec.open_store(), "r") == [note]


def test_rejected_rows_are_in_the_journal(csv_file: Write, uri: str) -> None:
    """Each with its place in the file, how it stood there, why, and the key if that is taken."""
    path = csv_file(
        "things.csv",
        "id,stock,sold",
        "1,5,true",
        '2,"\n",true',
        b"caf\xe9,x,true",
        "",
        "1,6,true",
        "1,5,true",
        "4,-1",
    )
    notes = load(job_for(uri), path)
    assert [
        (refused.row, refused.line, refused.raw, refused.key) for refused in rejected_in(uri, notes)
    ] == [
        (3, 3, b'2,"\n",true\n', None),
        (4, 5, b"caf\xe9,x,true\n", None),
        (6, 7, b"1,6,true\n", ("1",)),
        (8, 9, b"4,-1\n", None),
    ]
    assert [str(fault) for each in rejected_in(uri, notes) for fault in each.faults("x")] == [
        r'x, row 3, stock: "\n" is not a whole number [type-error]',
        r'x, row 4 (line 5), id: "caf\xe9" holds bytes that are not UTF-8; they look like '
        + "Windows-1252 (cp1252): save the file as CSV UTF-8 [encoding-error]",
        'x, row 6 (line 7), id: "1" is there already, with another stock: 5 is kept, not 6 '
        + "[primary-key]",
        "x, row 8 (line 9): the row has 2 cells, the header 3 [missing-cell]",
    ]
    (note,) = notes
    assert (note.inserted, note.unchanged, note.conflicts, note.rejected) == (1, 1, 1, 3)
    assert (note.counts.read, note.blank, note.blank_end) == (6, 1, 0)
    assert taken_of(notes) == [6, 7]


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ("1,,true", "1,,false", "another sold: true is kept, not false"),
        ("1,,false", "1,,", "another sold: false is kept, not empty"),
        ("1,,", "1,7,", "another stock: empty is kept, not 7"),
    ],
)
def test_conflicts_are_told_in_the_words_of_a_clerk(
    csv_file: Write, uri: str, first: str, second: str, reason: str
) -> None:
    """Which value is kept and which is not is told alike, whatever database holds it."""
    spec = job_for(uri)
    load(spec, csv_file("things.csv", "id,stock,sold", first))
    (refused,) = rejected_in(uri, load(spec, csv_file("things.csv", "id,stock,sold", second)))
    assert [reason.message for reason in refused.reasons] == [f"is there already, with {reason}"]


def test_a_conflict_names_the_whole_key(csv_file: Write, uri: str) -> None:
    """Texts are in quotes, and a key of several fields is told with all its values."""
    path = csv_file("makers.csv", "name,year,town", "a,1999,Bonn", "a,1999,Köln")
    town = Collection("makers", (*MAKERS.fields, Field("town")), MAKERS.key)
    (refused,) = rejected_in(uri, load(job_for(uri, town), path))
    (reason,) = refused.reasons
    assert (reason.field, reason.code, reason.value) == ("name, year", "primary-key", "a, 1999")
    assert reason.message.endswith('with another town: "Bonn" is kept, not "Köln"')
    assert refused.key == ("a", 1999)


def test_an_upsert_refuses_no_key(csv_file: Write, uri: str) -> None:
    """Rows with taken keys replace what is stored, and are counted as updated or unchanged."""
    path = csv_file("things.csv", "id,stock,sold", "1,5,true", "1,6,true", "1,6,true", "2,x,")
    (note,) = notes = load(job_for(uri, mode=UPSERT), path)
    assert (note.inserted, note.updated, note.unchanged) == (1, 1, 1)
    assert (note.conflicts, note.rejected) == (0, 1)
    assert taken_of(notes) == [3, 4]
    assert [document["stock"] for document in stored(uri, "things")] == [6]


@BOTH
def test_a_chunk_can_be_repeated(csv_file: Write, uri: str, mode: Mode) -> None:
    """The second time its rows are unchanged; its note is replaced, not doubled."""
    path = csv_file("things.csv", "id,stock,sold", "1,5,true", "2,6,", "3,x,")
    spec = job_for(uri, mode=mode)
    (first,) = load(spec, path)
    before = stored(uri, "things")
    (second,) = load(spec, path)
    assert (first.inserted, first.unchanged) == (2, 0)
    assert (second.inserted, second.updated, second.unchanged, second.rejected) == (0, 0, 2, 1)
    assert taken_of([second]) == [2, 3]
    assert stored(uri, "things") == before
    assert journal.chunks(spec.open_store(), "r") == [second]


def test_keys_that_are_taken_are_noted_when_a_chunk_begins(csv_file: Write, uri: str) -> None:
    """Of good rows whose keys were there before; when it is repeated, the first note stays."""
    load(job_for(uri), csv_file("things.csv", "id,stock,sold", "b,1,", "d,1,"))
    path = csv_file("things.csv", "id,stock,sold", "a,1,", "b,2,", "d,x,", "a,1,", "d,1,", "e,1,")
    spec = dataclasses.replace(job_for(uri, resume=Resume.STARTED), import_id="r2")
    wanted = [
        StartedChunk(run="r2", first_row=2, rows=4, taken=bitmap([1], 4)),
        StartedChunk(run="r2", first_row=6, rows=2, taken=bitmap([0], 2)),
    ]
    for taken in ([3, 5, 6], [2, 3, 5, 6, 7]):
        assert taken_of(load(spec, path, rows=4)) == taken
        assert journal.started_chunks(spec.open_store(), "r2") == wanted
    assert journal.started_chunks(spec.open_store(), "r") == []


def test_rows_that_refer_to_nobody_are_rejected(csv_file: Write, uri: str) -> None:
    """Each reference is checked; one that is empty as a whole refers to nobody, and is fine."""
    load(job_for(uri), csv_file("things.csv", "id,stock,sold", "1,5,true", "2,6,"))
    load(job_for(uri, MAKERS), csv_file("makers.csv", "name,year", "a,1999", "b,2000"))
    path = csv_file(
        "parts.csv",
        "thing,number,maker,year",
        "1,1,a,1999",
        "9,2,b,1999",
        "2,3,,",
        "2,4,b,",
        "x,y,z,1999",
        "1,5,b,2000",
    )
    (note,) = notes = load(job_for(uri, PARTS), path)
    reasons = [
        (each.row, reason.field, reason.code, reason.value)
        for each in rejected_in(uri, notes)
        for reason in each.reasons
    ]
    assert reasons == [
        (3, "thing", "foreign-key", "9"),
        (3, "maker, year", "foreign-key", "b, 1999"),
        (5, "maker, year", "foreign-key", "b, "),
        (6, "number", "type-error", "y"),
    ]
    assert (
        rejected_in(uri, notes)[0].reasons[0].message == "is not in things; import it there first"
    )
    assert (note.inserted, note.rejected) == (3, 3)
    assert [document["number"] for document in stored(uri, "parts", "number")] == [1, 3, 5]


def test_a_reference_that_is_not_in_the_file_is_none(csv_file: Write, sqlite_uri: str) -> None:
    """A file may lack the columns of a reference, or of a part of it."""
    load(job_for(sqlite_uri), csv_file("things.csv", "id,stock,sold", "1,5,true"))
    path = csv_file("parts.csv", "number,thing,maker", "1,1,nobody", "2,9,")
    layout = make_layout(PARTS, ["number", "thing", "maker"], "parts.csv")
    spec = dataclasses.replace(job_for(sqlite_uri, PARTS), layout=layout)
    (note,) = load(spec, path)
    assert (note.inserted, note.rejected) == (1, 1)


def test_keys_in_order_are_not_scattered(csv_file: Write, sqlite_uri: str) -> None:
    """Whether rows belong all over an index is told by the keys and by the references."""
    for name in ("ordered", "others"):
        collection = Collection(name, THINGS.fields, THINGS.key)
        numbers = range(1000, 3000)[:: 1 if name == "ordered" else -1]
        path = csv_file(f"{name}.csv", "id,stock,sold", *[f"{n},," for n in numbers])
        (outcome,) = load_chunks(job_for(sqlite_uri, collection), chunks_of(path, 2000))
        assert outcome.is_scattered is (name == "others")
    parent = Collection("ordered", THINGS.fields, THINGS.key)
    foreign = (ForeignKey(("of",), parent.name, ("id",)),)
    child = Collection("child", (Field("id"), Field("of")), ("id",), foreign)
    rows = [f"{n},{999 + 7 * n % 1999}" for n in range(1000, 2000)]
    path = csv_file("child.csv", "id,of", *rows)
    (outcome,) = load_chunks(job_for(sqlite_uri, child), chunks_of(path, 2000))
    assert outcome.is_scattered


def test_hashes_are_those_of_the_good_rows(csv_file: Write, uri: str) -> None:
    """Loading tells the sorted hashes of keys, in conflict or not; hashing alone gives the same."""
    path = csv_file("things.csv", "id,stock,sold", "b,5,", "a,x,", "a,5,", "b,6,", "c,1,")
    (chunk,) = chunks_of(path)
    spec = job_for(uri, wants_hashes=True)
    (outcome,) = load_chunks(spec, [chunk])
    wanted = sorted(hash_of((key,)) for key in ["b", "a", "b", "c"])
    assert array("I", outcome.hashes).tolist() == wanted
    assert hash_keys(spec, chunk) == outcome.hashes


def test_rows_are_found_by_the_hashes_of_their_keys(csv_file: Write, uri: str) -> None:
    """All good rows with such a key are given with their places, and no others."""
    path = csv_file(
        "things.csv", "id,stock,sold", 'a,"5",', "b,6,", "", "a,x,", '"a",7,true', "c,1,"
    )
    first, second = chunks_of(path, 4)
    spec = job_for(uri)
    hashes = frozenset(map(hash_of, [("a",), ("nobody",)]))
    assert find_rows(spec, first, hashes) == [FoundRow(("a",), 2, 2, b'a,"5",\n', ("a", 5, None))]
    assert find_rows(spec, second, hashes) == [
        FoundRow(("a",), 6, 6, b'"a",7,true\n', ("a", 7, True))
    ]
    assert find_rows(spec, first, frozenset()) == []


@pytest.fixture(name="executor", scope="module")
def open_one_worker() -> Iterator[Executor]:
    """Another process."""
    with open_workers(1, None) as executor:
        yield executor


@pytest.mark.parametrize("key", [("a",), ("é|", 1), (1.5,), (True,), (2**63 - 1, "")], ids=repr)
def test_a_hash_is_the_same_in_every_process(executor: Executor, key: tuple[Any, ...]) -> None:
    """Processes compare hashes, so nothing in them may depend on the process."""
    assert executor.submit(hash_of, key).result(30) == hash_of(key)
    assert 0 <= hash_of(key) < 2**32


def test_parts_of_keys_are_hashed_apart() -> None:
    """What stands in which field makes a difference."""
    keys = [("ab", "c"), ("a", "bc"), ("abc", ""), ("", "abc"), ("c", "ab")]
    assert len(set(map(hash_of, keys))) == len(keys)


@pytest.mark.parametrize("commit", Commit)
def test_chunks_are_loaded_together_or_not_at_all(
    csv_file: Write, sqlite_uri: str, commit: Commit
) -> None:
    """If one of them fails, nothing of the others is there, not even a note."""
    path = csv_file("things.csv", "id,stock,sold", *[f"{n},1," for n in range(10)])
    spec = job_for(sqlite_uri, commit=commit)
    chunks = chunks_of(path, 5)
    path.write_bytes(path.read_bytes().replace(b"9,1,\n", b"9\n1,\n"))
    with pytest.raises(FileError, match="has changed while it was read"):
        load_chunks(spec, chunks)
    assert not stored(sqlite_uri, "things")
    assert not journal.chunks(spec.open_store(), "r")


@BOTH
def test_a_dry_run_writes_nothing(
    csv_file: Write, sqlite_uri: str, tmp_path: Path, mode: Mode
) -> None:
    """It tells what would become of the rows, chunk after chunk, and keeps no notes."""
    load(job_for(sqlite_uri), csv_file("things.csv", "id,stock,sold", "1,5,true"))
    before = stored(sqlite_uri, "things")
    path = csv_file("more.csv", "id,stock,sold", "1,6,true", "2,6,", "2,6,", "1,6,true", "3,x,")
    spec = job_for(sqlite_uri, mode=mode, scratch=str(tmp_path / "scratch.db"))
    notes = load(spec, path, rows=2)
    told = [(note.inserted, note.updated, note.unchanged, note.conflicts) for note in notes]
    if mode is INSERT:
        assert told == [(1, 0, 0, 1), (0, 0, 1, 1), (0, 0, 0, 0)]
    else:
        assert told == [(1, 1, 0, 0), (0, 0, 2, 0), (0, 0, 0, 0)]
    assert len(journal.chunks(job_for(sqlite_uri).open_store(), "r")) == 1  # of the first file
    assert stored(sqlite_uri, "things") == before


@pytest.mark.parametrize("was_enabled", [False, True])
def test_the_garbage_collector_is_left_as_it_was(
    csv_file: Write, sqlite_uri: str, was_enabled: bool
) -> None:
    """It rests while a chunk is loaded, and goes on afterwards, also after an error."""
    path = csv_file("things.csv", "id,stock,sold", "1,5,true")
    spec, (chunk,) = job_for(sqlite_uri), chunks_of(path)
    before = gc.isenabled()
    try:
        (gc.enable if was_enabled else gc.disable)()
        load_chunks(spec, [chunk])
        assert gc.isenabled() is was_enabled
        path.unlink()
        with pytest.raises(HPNortonError):
            load_chunks(spec, [chunk])
        assert gc.isenabled() is was_enabled
        with pytest.raises(HPNortonError):
            hash_keys(spec, chunk)
        assert gc.isenabled() is was_enabled
    finally:
        (gc.enable if before else gc.disable)()


LINES = st.tuples(
    st.sampled_from(["a", "b", "c", '"d\n"', "", "\0"]),
    st.sampled_from(["", "0", "1", "-1", "x"]),
    st.sampled_from(["", "true", "false", "false,", '"tr\r\nue"']),
).map(",".join)


@costly(100)
@given(
    lines=st.lists(LINES | st.just(""), max_size=20),
    rows=st.integers(1, 8),
    block=st.integers(1, 6),
    mode=st.sampled_from(Mode),
    commit=st.sampled_from(Commit),
)
def test_every_row_is_accounted_for(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[str],
    rows: int,
    block: int,
    mode: Mode,
    commit: Commit,
) -> None:
    """Contents, counts, refused rows and taken keys are those of one row after the other."""
    folder = tmp_path_factory.mktemp("loading")
    path, uri = folder / "things.csv", f"sqlite:///{folder}/store.db"
    text = "".join(f"{line}\n" for line in ["id,stock,sold", *lines])
    path.write_text(text, "utf-8", newline="")
    spec = job_for(uri, mode=mode, commit=commit)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks_module, "BLOCK_SIZES", BlockSizes(block, block))
        notes = load(spec, path, rows)
    wanted = _one_by_one(spec, text)
    assert [
        (each.row, each.line, each.raw, [reason.code for reason in each.reasons])
        for each in rejected_in(uri, notes)
    ] == wanted.refused
    assert taken_of(notes) == wanted.taken
    assert sum(note.rows for note in notes) == wanted.rows
    assert sum(note.inserted for note in notes) == wanted.inserted
    assert sum(note.updated for note in notes) == wanted.updated
    for note in notes:
        note.counts.check()
    assert [tuple(found.values()) for found in stored(uri, "things")] == wanted.records
    close_process_stores()


@dataclasses.dataclass
class Wanted:
    """What has to become of a file's rows."""

    rows: int = 0
    inserted: int = 0
    updated: int = 0
    taken: list[int] = dataclasses.field(default_factory=list)
    refused: list[tuple[int, int, bytes, list[str]]] = dataclasses.field(default_factory=list)
    records: list[Record] = dataclasses.field(default_factory=list)


def _one_by_one(spec: ImportSpec, text: str) -> Wanted:
    """Reads, checks and writes row after row, with the model of a store."""
    made, model = Wanted(), Model(THINGS)
    lines = io.StringIO(text, newline="").readlines()
    reader = csv.reader(lines)
    next(reader)
    start = reader.line_num
    for number, row in enumerate(reader, 2):
        raw = "".join(lines[start : reader.line_num]).encode()
        checked = validate_rows(spec.layout, [row], is_suspicious=True)
        codes = [fault.code for fault in checked.errors]
        if not codes:
            written = model.write(Batch(THINGS, THINGS.columns, checked.values), spec.mode)
            made.inserted += written.inserted
            made.updated += written.updated
            made.taken += [number for _ in written.taken]
            codes = ["primary-key" for _ in written.conflicts]
        if codes:
            made.refused.append((number, start + 1, raw, codes))
        start = reader.line_num
        made.rows += 1
    made.records = model.records
    return made


def test_no_chunk_overtakes_one_that_was_lost(csv_file: Write, server: Server) -> None:
    """What was on its way when the server went waits for what was before it: the last row wins."""
    path = csv_file("things.csv", "id,stock,sold", "1,5,true", "1,6,true")
    uri = f"{server.uri}/shop?serverSelectionTimeoutMS=2000"
    spec = job_for(uri, mode=Mode.UPSERT, is_ordered=True)
    first, second = chunks_of(path, 1)
    server.stop()
    with pytest.raises(StoreLostError) as lost:
        load_chunks(spec, [first])
    server.start()
    with pytest.raises(StoreLostError, match=re.escape(str(lost.value))):
        load_chunks(spec, [second])
    (one,), (other,) = load_chunks(spec, [first]), load_chunks(spec, [second])
    assert (one.entry.inserted, other.entry.updated) == (1, 1)
    assert [record["stock"] for record in stored(uri, "things")] == [6]

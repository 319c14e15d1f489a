"""The import as a whole: one pipeline, whichever executor does the work."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpnorton.errors import FileError, HPNortonError, SchemaError, StoreAccessError
from hpnorton.importer import stages
from hpnorton.importer.chunk_result import ChunkResult
from hpnorton.importer.load import load_chunks
from hpnorton.importer.options import ImportSpec, Options, Resume
from hpnorton.importer.report import FileReport
from hpnorton.importer.runner import run_import
from hpnorton.importer.sources import Source, dataset_sources, parse_source
from hpnorton.schema.collection import undescribed_collection
from hpnorton.schema.layout import make_layout
from hpnorton.stores import close_process_stores, journal, open_store
from hpnorton.stores.base import Document, Mode
from hpnorton.stores.sqlite import batches
from hpnorton.stores.sqlite.sql import quote
from hpnorton.tabular import chunk as chunks
from hpnorton.tabular.reader import CsvFile
from tests.helpers.any_order import in_any_order
from tests.helpers.imports import package, started_import
from tests.helpers.properties import costly

Write = Callable[..., Path]


def run(uri: str, *sources: str | Path, rows: int = 3, **how: Any) -> list[FileReport]:
    """An import in small chunks."""
    options = Options(chunk_rows=rows, **how)
    return run_import(uri, [parse_source(str(source)) for source in sources], options)


def stored(uri: str, collection: str, key: str) -> list[Document]:
    """All records of a collection."""
    with closing(open_store(uri)) as store:
        return list(store.find(collection, (key,)))


def counts(report: FileReport) -> tuple[int, int, int, int, int]:
    """read, inserted, unchanged, conflicts, rejected."""
    c = report.counts
    return c.read, c.inserted, c.unchanged, c.conflicts, c.rejected


@pytest.mark.parametrize("parallel", [False, True])
def test_a_file_is_imported_chunk_by_chunk(csv_file: Write, uri: str, parallel: bool) -> None:
    """The counts of all chunks add up to those of the file, and row numbers are the file's."""
    lines = [f"k{n},{n}" for n in range(20)]
    lines[7] = lines[2]  # the same row again, in a later chunk
    lines[11] = "k1,other"  # another row with the key of an earlier chunk
    lines[17] = "short"
    path = csv_file("thing.csv", "id,a", *lines)
    (report,) = run(uri, path, is_parallel=parallel)
    assert counts(report) == (20, 17, 1, 1, 1)
    assert [(fault.row, fault.code) for fault in report.faults] == [
        (13, "primary-key"),
        (19, "missing-cell"),
    ]
    assert report.total_records == 17
    assert report.failure is None


@pytest.mark.parametrize("parallel", [False, True])
def test_parents_go_first_whatever_the_order(
    csv_file: Write, uri: str, tmp_path: Path, parallel: bool
) -> None:
    """A chain of references is imported from its end, and reports keep the order given."""
    package(tmp_path, grandchild="child", child="parent", parent="")
    files = [
        csv_file("grandchild.csv", "id,of", "g1,c1", "g2,c9"),
        csv_file("child.csv", "id,of", "c1,p1", "c2,"),
        csv_file("parent.csv", "id,of", "p1,"),
    ]
    reports = run(uri, *files, is_parallel=parallel)
    assert [report.collection for report in reports] == ["grandchild", "child", "parent"]
    assert [counts(report) for report in reports] == [
        (2, 1, 0, 0, 1),
        (2, 2, 0, 0, 0),
        (1, 1, 0, 0, 0),
    ]
    assert stored(uri, "grandchild", "id") == [{"id": "g1", "of": "c1"}]


@pytest.mark.parametrize("parallel", [False, True])
def test_foreign_keys_are_indexed_when_all_rows_are_there(
    csv_file: Write, sqlite_uri: str, tmp_path: Path, parallel: bool
) -> None:
    """An index that would slow down every row is made at the end; a later import finds it there."""
    package(tmp_path, child="parent", parent="")
    files = [csv_file("child.csv", "id,of", "c1,p1"), csv_file("parent.csv", "id,of", "p1,")]
    run(sqlite_uri, *files, is_parallel=parallel)
    with closing(sqlite3.connect(sqlite_uri.removeprefix("sqlite:///"))) as connection:
        statement = "SELECT name FROM pragma_index_list('child') WHERE origin = 'c'"
        ((index,),) = connection.execute(statement).fetchall()
        connection.execute(f"DROP INDEX {quote(index)}")  # as if the first import had been killed
        run(sqlite_uri, csv_file("child.csv", "id,of", "c2,p1"), is_parallel=parallel)
        assert connection.execute(statement).fetchall() == [(index,)]


def test_a_reference_may_be_null(csv_file: Write, uri: str, tmp_path: Path) -> None:
    """A row may refer to nobody: an optional field may be empty, or not in the file at all."""
    package(tmp_path, child="parent", parent="")
    empty, absent = csv_file("child.csv", "id,of", "c1,"), csv_file("more.csv", "id", "c2")
    reports = run(uri, empty, f"child={absent}")
    assert [counts(report) for report in reports] == [(1, 1, 0, 0, 0)] * 2
    assert stored(uri, "child", "id") == [{"id": "c1", "of": None}, {"id": "c2", "of": None}]


def test_references_in_a_circle_are_refused(
    csv_file: Write, sqlite_uri: str, tmp_path: Path
) -> None:
    """Nothing can go first there, and the message names the collections."""
    package(tmp_path, one="two", two="one")
    files = [csv_file("one.csv", "id,of", "1,2"), csv_file("two.csv", "id,of", "2,1")]
    with pytest.raises(SchemaError, match="one, two form a circle"):
        run(sqlite_uri, *files)


@pytest.mark.parametrize("parallel", [False, True])
def test_a_child_of_a_failed_parent_is_not_imported(
    csv_file: Write, sqlite_uri: str, tmp_path: Path, parallel: bool
) -> None:
    """Its rows would all seem to lack their parents; a file of another family is imported."""
    package(tmp_path, parent="", child="parent", other="")
    broken = ["id,of", *[f"p{n}," for n in range(9)], '"' + "x" * 17_000_000]
    files = [
        csv_file("child.csv", "id,of", "c1,p1"),
        csv_file("parent.csv", *broken),
        csv_file("other.csv", "id,of", "o1,"),
    ]
    child, parent, other = run(sqlite_uri, *files, is_parallel=parallel)
    assert parent.failure is not None and "is a closing quote missing?" in parent.failure
    assert (
        child.failure is not None
        and f"because {files[1]} was not imported completely" in child.failure
    )
    assert (child.counts.read, parent.counts.read) == (0, 9)
    assert (other.failure, other.counts.inserted) == (None, 1)


def test_a_file_that_changes_under_way_is_told(csv_file: Write, sqlite_uri: str) -> None:
    """A file cut short while it is imported fails, and keeps what was done before."""
    path = csv_file("thing.csv", "id,a", *[f"k{n},{n}" for n in range(100_000)])

    def cut(report: FileReport, done: int, size: int | None) -> None:
        if done and size and path.stat().st_size == size:
            path.write_bytes(path.read_bytes()[: size // 2])
        assert report.file == str(path)

    sources = [Source(str(path), "thing")]
    (report,) = run_import(sqlite_uri, sources, Options(chunk_rows=20_000), on_progress=cut)
    assert report.failure is not None and "while it was read; start again" in report.failure
    assert 0 < report.counts.read < 100_000
    assert report.counts.inserted == report.total_records == report.counts.read


def test_a_single_process_reads_a_chunk_once(
    csv_file: Write, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read to be cut is not read again to be loaded, or to tell what was rejected."""
    monkeypatch.setattr(chunks, "read_part", _fail)
    path = csv_file("thing.csv", "id,a", *[f"k{-n % 20},{n}" for n in range(20)], "k99")
    (report,) = run(uri, path)
    assert report.failure is None and counts(report) == (21, 20, 0, 0, 1)


@pytest.mark.parametrize("most", [1, 50])
def test_a_transaction_holds_only_so_many_bytes(
    csv_file: Write, sqlite_uri: str, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """Very long rows are not gathered in memory until there are many of them."""
    seen: list[int] = []

    def load(spec: ImportSpec, some: Sequence[chunks.Chunk]) -> list[ChunkResult]:
        seen.append(sum(chunk.length for chunk in some[:-1]))
        return load_chunks(spec, some)

    monkeypatch.setattr(stages, "load_chunks", load)
    monkeypatch.setattr(stages, "_MAX_BYTES", most)
    path = csv_file("thing.csv", "id,a", *[f"k{n:02},{n:02}" for n in range(40)])
    (report,) = run(sqlite_uri, path, rows=2)
    assert counts(report) == (40, 40, 0, 0, 0)
    assert len(seen) == (20 if most == 1 else 5) and max(seen) <= most


def _fail(*_: object) -> NoReturn:
    raise ZeroDivisionError("nobody foresaw this")


def test_an_unforeseen_error_names_the_rows(
    csv_file: Write, sqlite_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug in a worker ends the file, not the program, and the report says where it was."""
    monkeypatch.setattr(stages, "load_chunks", _fail)
    path = csv_file("thing.csv", "id", *"abcde")
    for parallel, last in ((False, 6), (True, 4)):
        (report,) = run(sqlite_uri, path, is_parallel=parallel)
        assert report.failure == f"rows 2 to {last}: ZeroDivisionError: nobody foresaw this"


def test_progress_reaches_the_whole_size(csv_file: Write, uri: str) -> None:
    """on_progress is called at the start and after every chunk, with the bytes that are done."""
    path = csv_file("thing.csv", "id,a", *[f"k{n},{n}" for n in range(10)])
    seen: list[tuple[int, int | None]] = []
    run_import(
        uri,
        [Source(str(path), "thing")],
        Options(chunk_rows=4, is_parallel=True),
        on_progress=lambda report, done, size: seen.append((done, size)),
    )
    size = path.stat().st_size
    assert seen[0] == (len("id,a\n"), size)
    assert seen[-1] == (size, size)
    assert len(seen) == 4


def test_more_files_than_processes(csv_file: Write, sqlite_uri: str) -> None:
    """Very many files are imported, though not all at once."""
    files = [csv_file(f"thing{n}.csv", "id", f"{n}") for n in range(12)]
    reports = run(sqlite_uri, *files, is_parallel=True)
    assert [counts(report) for report in reports] == [(1, 1, 0, 0, 0)] * 12


def test_a_database_that_fails_is_told_before_any_row_is_read(
    csv_file: Write, tmp_path: Path
) -> None:
    """The database is opened before the first chunk."""
    path = csv_file("thing.csv", "id", "1")
    with pytest.raises(StoreAccessError):
        run(f"sqlite:///{path}/x.db", path, is_parallel=True)
    assert not list(tmp_path.glob("*.db"))


@pytest.mark.parametrize(
    ("text", "path", "collection"),
    [
        ("customers.csv", "customers.csv", "customers"),
        ("a/b/customers.2026.csv", "a/b/customers.2026.csv", "customers.2026"),
        ("customers.csv.gz", "customers.csv.gz", "customers"),
        ("people=a=b.csv", "a=b.csv", "people"),
        ("people=-", "-", "people"),
        ("noending", "noending", "noending"),
    ],
)
def test_sources_are_named(text: str, path: str, collection: str) -> None:
    """COLLECTION=path, or a path whose stem names the collection."""
    assert parse_source(text) == Source(path, collection, is_certain="=" in text)


def test_a_file_with_a_sign_in_its_name_is_a_file(csv_file: Write) -> None:
    """A path that is there is a path, even if it looks like COLLECTION=path."""
    path = csv_file("a=b.csv", "id")
    assert parse_source(str(path)) == Source(str(path), "a=b")


def test_the_sources_of_a_dataset(
    tmp_path: Path, csv_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All CSV files of the folder, compressed ones too, and nothing else."""
    for name in ("b.csv", "a.csv.gz", "notes.txt"):
        csv_file(name)
    assert [source.collection for source in dataset_sources(tmp_path)] == ["a", "b"]
    with pytest.raises(FileError, match="no CSV files in"):
        dataset_sources(tmp_path / "nowhere")
    monkeypatch.chdir(tmp_path.parent)
    assert dataset_sources(tmp_path)[0].path == f"{tmp_path.name}/a.csv.gz"


CELLS = st.sampled_from(["1", "2", "3", "-1", "x", "", "4 ", '"a', "b,c", "é", "two\nlines"])


@costly(60)
@given(
    rows=st.lists(st.tuples(st.sampled_from("abcdef"), CELLS), max_size=30),
    chunk_rows=st.integers(1, 12),
)
def test_chunks_make_no_difference(
    tmp_path_factory: pytest.TempPathFactory,
    rows: Sequence[tuple[str, str]],
    chunk_rows: int,
) -> None:
    """Whatever the chunks, the same rows are in, and the same are told to be wrong."""
    folder = tmp_path_factory.mktemp("chunks")
    fields = [{"name": "id"}, {"name": "n", "type": "integer", "constraints": {"minimum": 0}}]
    schema = {"fields": fields, "primaryKey": "id"}
    resource = {"name": "thing", "path": "thing.csv", "schema": schema}
    (folder / "datapackage.json").write_text(json.dumps({"resources": [resource]}), "utf-8")
    quoted = [f'{key},"{cell.replace(chr(34), chr(34) * 2)}"' for key, cell in rows]
    (folder / "thing.csv").write_text("\n".join(["id,n", *quoted]), "utf-8")
    results = []
    for name, size in (("one", 10_000), ("many", chunk_rows)):
        uri = f"sqlite:///{folder}/{name}.db"
        (report,) = run(uri, folder / "thing.csv", rows=size)
        results.append((counts(report), report.faults, stored(uri, "thing", "id")))
    assert results[0] == results[1]
    assert results[0][0][0] == len(rows)


def _result(folder: Path, report: FileReport, uri: str) -> tuple[object, ...]:
    """What an import leaves behind: records, rejected rows and reasons, and codes."""
    rejects: list[object] = []
    if report.rejects_file:
        path = folder / report.rejects_file
        rejects = [path.read_bytes(), path.with_suffix(".reasons.jsonl").read_bytes()]
    codes = sorted(report.codes.items())
    return stored(uri, "thing", "id"), rejects, codes, report.faults


KEYED_ROWS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["1", "2", "x"])))


@costly(150)
@given(
    before=KEYED_ROWS,
    rows=KEYED_ROWS,
    chunk_rows=st.integers(1, 4),
    mode=st.sampled_from(Mode),
    seed=st.integers(0, 10**6),
)
def test_the_order_of_the_file_decides(
    tmp_path_factory: pytest.TempPathFactory,
    before: Sequence[tuple[str, str]],
    rows: Sequence[tuple[str, str]],
    chunk_rows: int,
    mode: Mode,
    seed: int,
) -> None:
    """Chunks of any size that end in any order leave what one pass leaves, rejects included.

    Also where something was in the database before: that stays, or is replaced, all the same.
    """
    folder = tmp_path_factory.mktemp("order")
    schema = {"fields": [{"name": "id"}, {"name": "n", "type": "integer"}], "primaryKey": "id"}
    resource = {"name": "thing", "path": "thing.csv", "schema": schema}
    (folder / "datapackage.json").write_text(json.dumps({"resources": [resource]}), "utf-8")
    for name, content in (("before", before), ("thing", rows)):
        text = "".join(f"{key},{n}\n" for key, n in content)
        (folder / f"{name}.csv").write_text(f"id,n\n{text}", "utf-8")
    results, counts_of = [], []
    for name in ("straight", "mixed"):
        uri = f"sqlite:///{folder}/{name}.db"
        run(uri, f"thing={folder}/before.csv", rows=100)
        how = {"mode": mode, "rejects": folder / name}
        if name == "straight":
            (report,) = run(uri, folder / "thing.csv", rows=100, **how)
        else:
            with in_any_order(Random(seed).randrange), pytest.MonkeyPatch.context() as patch:
                patch.setattr(batches, "_ROWS_PER_STATEMENT", seed % 3 + 1)
                (report,) = run(
                    uri, folder / "thing.csv", rows=chunk_rows, is_parallel=True, workers=4, **how
                )
        assert report.failure is None
        results.append(_result(folder, report, uri))
        counts_of.append(counts(report))
    assert results[0] == results[1]
    if mode is Mode.INSERT:
        assert counts_of[0] == counts_of[1]


def test_chunks_that_are_repeated_do_not_hide_the_first_row(
    csv_file: Write, mongo_uri: str
) -> None:
    """Where rows and notes are not written at once, what was noted at the beginning counts.

    The later of two rows with one key was first, and the import was killed before any note.
    """
    run(mongo_uri, f"thing={csv_file('before.csv', 'id,a', 'other,before')}")
    path = csv_file("thing.csv", "id,a", "k,first", "k,second")
    layout = make_layout(undescribed_collection("thing", ["id", "a"]), ["id", "a"], str(path))
    with closing(open_store(mongo_uri)) as store:
        note = started_import(path, was_empty=False)
        journal.save_import(store, note)
        spec = ImportSpec(mongo_uri, layout, import_id=note.id, resume=Resume.STARTED)
        with closing(CsvFile(str(path), "thing")) as file:
            for chunk in reversed(list(file.chunks(1))):
                load_chunks(spec, [chunk])
        store.drop_collection(journal.CHUNKS.name)
    close_process_stores()
    how = {"is_resuming": True, "is_parallel": True, "workers": 2}
    (report,) = run(mongo_uri, path, rows=1, **how)
    assert report.failure is None and report.counts.conflicts == 1
    assert stored(mongo_uri, "thing", "id")[0] == {"id": "k", "a": "first"}


def test_reports_that_do_not_add_up_are_refused(csv_file: Write, sqlite_uri: str) -> None:
    """read = inserted + updated + unchanged + conflicts + rejected is asserted in every report."""
    (report,) = run(sqlite_uri, csv_file("thing.csv", "id", "1", "2"))
    assert report.as_document()["read"] == 2
    report.counts.inserted -= 1
    with pytest.raises(HPNortonError, match="do not add up"):
        report.as_document()

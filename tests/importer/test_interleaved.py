"""Two imports at the same time: neither replaces a record that the other one has inserted."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hpnorton.importer.load import load_chunks
from hpnorton.importer.options import ImportSpec, Options, Resume
from hpnorton.importer.report import FileReport
from hpnorton.importer.runner import run_import
from hpnorton.importer.sources import parse_source
from hpnorton.schema.collection import undescribed_collection
from hpnorton.schema.layout import make_layout
from hpnorton.stores import close_process_stores, journal, open_store
from hpnorton.stores.base import Document
from hpnorton.tabular.reader import CsvFile
from tests.conftest import ROOT, CommandLine
from tests.helpers.imports import started_import

Write = Callable[..., Path]
DATA = ROOT / "data" / "test"
ONE_PROCESS = {"is_parallel": True, "workers": 1}
TWO_PROCESSES = {"is_parallel": True, "workers": 2}
WAYS: tuple[dict[str, Any], ...] = ({}, ONE_PROCESS, TWO_PROCESSES)
PRODUCT = "product_id,description,product_type,quantity_available"


def run(uri: str, source: str, on_progress: Any = None, **how: Any) -> FileReport:
    """An import in chunks of one row."""
    tell = on_progress or (lambda report, done, size: None)
    options = Options(chunk_rows=1, **how)
    (report,) = run_import(uri, [parse_source(source)], options, folders=[DATA], on_progress=tell)
    return report


def stored(uri: str, collection: str, key: str) -> dict[object, Document]:
    """All records of a collection by key."""
    with closing(open_store(uri)) as store:
        return {found[key]: found for found in store.find(collection, (key,))}


def counts(report: FileReport) -> tuple[int, int, int, int]:
    """inserted, unchanged, conflicts, rejected."""
    c = report.counts
    return c.inserted, c.unchanged, c.conflicts, c.rejected


def once(work: Callable[[], object]) -> Callable[[FileReport, int, int | None], None]:
    """Does something when the import has been planned, and before it has written a row."""
    left = [work]

    def on_progress(_report: FileReport, _done: int, _size: int | None) -> None:
        if left:
            left.pop()()

    return on_progress


@pytest.mark.parametrize("how", WAYS)
def test_a_record_of_an_import_that_was_quicker_stays(
    hpnorton: CommandLine, csv_file: Write, uri: str, how: dict[str, Any]
) -> None:
    """Both began on an empty database; the slower one holds the key twice, in different rows."""
    theirs = csv_file("theirs.csv", "id,a", "k,theirs")
    mine = csv_file("mine.csv", "id,a", "k,mine1", "x,1", "k,mine2", "y,2", "y,3")

    def other() -> None:
        assert hpnorton("--linear", f"thing={theirs}", "--quiet", uri=uri).status == 0

    report = run(uri, f"thing={mine}", once(other), **how)
    found = stored(uri, "thing", "id")
    assert {key: record["a"] for key, record in found.items()} == {
        "k": "theirs",
        "x": "1",
        "y": "2",
    }
    assert counts(report) == (2, 0, 3, 0)


@pytest.mark.parametrize("how", WAYS)
def test_a_record_like_a_later_row_stays(
    hpnorton: CommandLine, csv_file: Write, uri: str, how: dict[str, Any]
) -> None:
    """What the other import has inserted is not this one's, though it has such a row too."""
    theirs = csv_file("theirs.csv", "id,a", "k,mine2")
    mine = csv_file("mine.csv", "id,a", "k,mine1", "x,1", "k,mine2")

    def other() -> None:
        assert hpnorton("--linear", f"thing={theirs}", "--quiet", uri=uri).status == 0

    report = run(uri, f"thing={mine}", once(other), **how)
    assert stored(uri, "thing", "id")["k"]["a"] == "mine2"
    assert counts(report) == (1, 1, 1, 0)


@pytest.mark.parametrize("how", WAYS)
def test_products_of_another_import_keep_their_stock(
    hpnorton: CommandLine, csv_file: Write, uri: str, how: dict[str, Any]
) -> None:
    """Also where a clerk has rented one out meanwhile: the books balance."""
    customer = "C1,Ann,Lee,1 High Street,555-0100,ann@example.com,Active,100"
    header = "user_id,Name,Last_name,Home_address,Phone_number,Email_address,Status,Credit_limit"
    assert hpnorton("--linear", csv_file("customers.csv", header, customer), uri=uri).status == 0
    theirs = csv_file("theirs.csv", PRODUCT, "P1,Tent,Camping,7")
    mine = csv_file(
        "mine.csv", PRODUCT, "P1,Tent,Camping,5", "P2,Pan,Camping,1", "P1,Tent,Camping,7"
    )

    def other() -> None:
        assert hpnorton("--linear", f"product={theirs}", "--quiet", uri=uri).status == 0
        assert hpnorton("--rent", "C1", "P1", "--quiet", uri=uri).status == 0

    report = run(uri, f"product={mine}", once(other), **how)
    assert stored(uri, "product", "product_id")["P1"]["quantity_available"] == 6
    assert counts(report) == (1, 0, 2, 0)
    assert hpnorton("--check", uri=uri).status == 0


@pytest.mark.parametrize("how", (ONE_PROCESS, TWO_PROCESSES))
def test_a_resumed_import_leaves_records_of_others(
    hpnorton: CommandLine, csv_file: Write, uri: str, how: dict[str, Any]
) -> None:
    """It had written no row when it was interrupted; another one wrote the key, then it goes on."""
    theirs = csv_file("theirs.csv", "id,a", "k,mine2")
    mine = csv_file("mine.csv", "id,a", "k,mine1", "x,1", "k,mine2")

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(uri, f"thing={mine}", once(interrupt), **how)
    assert hpnorton("--linear", f"thing={theirs}", "--quiet", uri=uri).status == 0
    report = run(uri, f"thing={mine}", is_resuming=True, **how)
    assert stored(uri, "thing", "id")["k"]["a"] == "mine2"
    assert counts(report) == (1, 1, 1, 0)


@pytest.mark.parametrize(
    ("theirs", "kept"), [(None, "first"), ("theirs", "theirs")], ids=["nobody", "somebody"]
)
def test_a_chunk_that_is_repeated_in_an_empty_collection(
    csv_file: Write, mongo_uri: str, theirs: str | None, kept: str
) -> None:
    """Where rows and notes are not written at once, a repeated chunk finds its own rows taken.

    The import was killed before any note: its own later row gives way to the first one; what
    somebody else has inserted stays.
    """
    path = csv_file("thing.csv", "id,a", "k,first", "k,second")
    columns = ["id", "a"]
    layout = make_layout(undescribed_collection("thing", columns), columns, str(path))
    note = started_import(path, was_empty=True)
    with closing(open_store(mongo_uri)) as store:
        journal.prepare(store)
        journal.save_import(store, note)
        if theirs is not None:
            run(mongo_uri, f"thing={csv_file('theirs.csv', 'id,a', f'k,{theirs}')}")
        spec = ImportSpec(
            mongo_uri, layout, import_id=note.id, resume=Resume.STARTED, was_empty=True
        )
        with closing(CsvFile(str(path), "thing")) as file:
            for chunk in reversed(list(file.chunks(1))):
                load_chunks(spec, [chunk])
        store.drop_collection(journal.CHUNKS.name)
    close_process_stores()
    report = run(mongo_uri, f"thing={path}", is_resuming=True, **TWO_PROCESSES)
    assert report.failure is None
    assert stored(mongo_uri, "thing", "id")["k"]["a"] == kept
    assert counts(report) == ((1, 0, 1, 0) if theirs is None else (0, 0, 2, 0))

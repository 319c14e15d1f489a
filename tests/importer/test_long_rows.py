"""A row that is too long to be kept is rejected, and the import goes on with the next one."""

import gzip
import io
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hpnorton.errors import HPNortonError
from hpnorton.importer.options import Options
from hpnorton.importer.report import FileReport
from hpnorton.importer.runner import run_import
from hpnorton.importer.sources import Source
from hpnorton.stores import close_process_stores, open_store
from hpnorton.stores.base import Document, Mode
from hpnorton.stores.counts import Ending
from hpnorton.tabular import reader

Write = Callable[..., Path]
LIMIT = 64
LONG = b"x" * 100
# Rows 4, 6 and 10 are too long, the first two of several lines; row 9 repeats the key of row 3.
LINES = (
    b"id,a",
    b"1,a",
    b"2,b",
    b'3,"' + b"\n".join([LONG] * 3) + b'"',
    b"4,d",
    b'"' + LONG + b'""\n",5',
    b"6,f",
    b'7,"g\ng"',
    b"2,other",
    b"8," + LONG,
    b"9,i",
)
BAD_ROWS = [(4, 4), (6, 8), (10, 14)]  # and their lines
WAYS: tuple[dict[str, Any], ...] = (
    {},
    {"is_parallel": True},
    {"is_parallel": True, "workers": 2},
)


@pytest.fixture(autouse=True)
def set_limit(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Rows may have few bytes. Only this process cuts files, so others need not know."""
    monkeypatch.setattr(reader, "READ_SIZES", reader.ReadSizes(max_record=LIMIT, block=16))
    yield
    close_process_stores()


def _import(uri: str, path: Path | str, rejects: Path, **how: Any) -> FileReport:
    options = Options(rejects=rejects, **how)
    (report,) = run_import(uri, [Source(str(path), "thing")], options)
    return report


def _stored(uri: str) -> list[Document]:
    with closing(open_store(uri)) as store:
        return list(store.find("thing", ("id",)))


def _refused(report: FileReport, folder: Path) -> tuple[list[bytes], list[dict[str, Any]]]:
    """The rows that were written, and the reasons."""
    assert report.rejects_file is not None
    rows = Path(report.rejects_file)
    assert rows.parent == folder
    reasons = rows.with_suffix(".reasons.jsonl").read_text("utf-8").splitlines()
    return rows.read_bytes().splitlines(), [json.loads(line) for line in reasons]


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("chunk_rows", [1, 3, 1000])
@pytest.mark.parametrize("kind", ["csv", "csv.gz", "stdin"])
def test_every_way_leaves_the_same(
    *,
    tmp_path: Path,
    csv_file: Write,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    chunk_rows: int,
    mode: Mode,
) -> None:
    """The rows around it are in, the order of the file decides, and the reasons tell its place."""
    path: Path | str = csv_file("thing.csv", *LINES)
    data = Path(path).read_bytes()
    if kind == "csv.gz":
        path = csv_file("thing.csv.gz")
        Path(path).write_bytes(gzip.compress(data))
    for number, way in enumerate(WAYS):
        if kind == "stdin":
            monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
            path = "-"
        uri, rejects = f"sqlite:///{tmp_path}/{number}.db", tmp_path / f"rejects-{number}"
        report = _import(uri, path, rejects, chunk_rows=chunk_rows, mode=mode, **way)
        counts = report.counts
        assert (report.ending, report.failure) == (Ending.DONE, None)
        is_insert = mode is Mode.INSERT
        assert (counts.read, counts.rejected, counts.conflicts) == (10, 3, 1 if is_insert else 0)
        assert [record["id"] for record in _stored(uri)] == ["1", "2", "4", "6", "7", "9"]
        assert _stored(uri)[1]["a"] == ("b" if is_insert else "other")
        rows, reasons = _refused(report, rejects)
        assert rows == [b"id,a", b"2,other"] if is_insert else [b"id,a"]
        told = [(each["row"], each["line"]) for each in reasons if each["code"] == "too-long"]
        assert told == BAD_ROWS
        conflicts = [(each["row"], each["line"]) for each in reasons if each["row"] == 9]
        assert conflicts == ([(9, 13)] if is_insert else [])
        assert reasons[0]["message"].startswith(
            f"the row has {len(LINES[3]) + 1} bytes, from byte {data.index(LINES[3])} of the file "
            "on; a record can have 15 MiB"
        )


def test_it_is_resumed_behind_it(uri: str, tmp_path: Path, csv_file: Write) -> None:
    """What was passed over is done, so an import that ends later does not look at it again."""
    path = csv_file("thing.csv", *LINES)
    rejects = tmp_path / "rejects"

    def stop(report: FileReport, _done: int, _size: int | None) -> None:
        if report.counts.read >= 5:
            raise HPNortonError("enough")

    options = Options(rejects=rejects, chunk_rows=1, is_parallel=True)
    with pytest.raises(HPNortonError, match="enough"):
        run_import(uri, [Source(str(path), "thing")], options, on_progress=stop)
    close_process_stores()
    again = _import(uri, path, rejects, chunk_rows=2, is_resuming=True)
    counts = again.counts
    assert (counts.read, counts.inserted, counts.rejected, counts.conflicts) == (10, 6, 3, 1)
    assert 0 < again.rows <= 5
    _, reasons = _refused(again, rejects)
    assert [each["row"] for each in reasons] == [4, 6, 9, 10]


def test_a_quote_that_nothing_closes(uri: str, tmp_path: Path, csv_file: Write) -> None:
    """No row follows, so the file ends there; those before it are in."""
    path = csv_file("thing.csv", "id,a", "1,a", b'2,"' + b"\n".join([LONG] * 9))
    report = _import(uri, path, tmp_path / "rejects")
    assert (report.ending, report.can_resume) == (Ending.FAILED, False)
    assert (report.counts.read, report.counts.inserted) == (1, 1)
    assert report.failure is not None
    assert "row 3 (line 3) does not end within" in report.failure
    assert "is a closing quote missing?" in report.failure


def test_a_row_too_long_for_a_dry_run(uri: str, tmp_path: Path, csv_file: Write) -> None:
    """It is counted there too, and nothing is written."""
    path = csv_file("thing.csv", *LINES)
    with closing(open_store(uri, create=True)):
        pass
    report = _import(uri, path, tmp_path / "rejects", is_dry_run=True)
    assert (report.counts.read, report.counts.rejected) == (10, 3)
    assert not _stored(uri)

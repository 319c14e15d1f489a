"""A file that is still being written: its last row, and what changes while it is read."""

import gzip
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hpnorton.errors import ExitStatus, FileError
from hpnorton.importer.options import Options
from hpnorton.importer.report import FileReport
from hpnorton.importer.runner import run_import
from hpnorton.importer.sources import Source
from hpnorton.profile.analysis import analyze
from hpnorton.profile.questions import make_questions
from hpnorton.stores.counts import Ending
from hpnorton.tabular.reader import CsvFile
from tests.conftest import Run
from tests.helpers.webserver import WebServer, serving

ROWS = 300
DATA = b"id,x\n" + b"".join(b"%d,some text\n" % n for n in range(ROWS))
Harm = Callable[[Path], object]


PACKAGE = """{"resources": [{"name": "thing", "path": "thing.csv", "schema": {"primaryKey": "id",
    "fields": [{"name": "id"}, {"name": "x"}]}}]}"""


@pytest.fixture(autouse=True)
def describe(tmp_path: Path) -> None:
    """A data package, without which each import warns that there is none."""
    (tmp_path / "datapackage.json").write_text(PACKAGE, "utf-8")


def grow(path: Path) -> None:
    """The copy goes on."""
    with path.open("ab") as file:
        file.write(gzip.compress(b"new,1\n") if path.suffix == ".gz" else b"new,1\n")


def shrink(path: Path) -> None:
    """Somebody writes it anew."""
    os.truncate(path, path.stat().st_size - 4)


def replace(path: Path) -> None:
    """Another file takes its name, with the same content and the same time."""
    status = path.stat()
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)


def touch(path: Path) -> None:
    """It is written, with as many bytes."""
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))


HARMS: list[tuple[Harm, str]] = [
    (grow, "grew from"),
    (shrink, "(shrank from|has become shorter)"),
    (replace, "was changed or replaced while it was read; wait"),
    (touch, "was changed or replaced while it was read; wait"),
    (Path.unlink, "(was removed while it was read|cannot be read any more)"),
]
OPTIONS = [
    Options(),
    Options(chunk_rows=50),
    Options(is_parallel=True),
    Options(is_parallel=True, workers=2, chunk_rows=50),
    Options(is_dry_run=True),
]


def imported(uri: str, path: Path, options: Options, harm: Harm | None = None) -> FileReport:
    """The report of a file to which something happens when its first rows are in."""
    harms = [harm] if harm else []

    def on_progress(report: FileReport, *_: object) -> None:
        if harms and report.counts.read:
            harms.pop()(path)

    (report,) = run_import(uri, [Source(str(path), "thing")], options, on_progress=on_progress)
    return report


@pytest.mark.parametrize("options", OPTIONS, ids=["linear", "chunks", "parallel", "pool", "dry"])
@pytest.mark.parametrize("name", ["thing.csv", "thing.csv.gz"])
@pytest.mark.parametrize(("harm", "reason"), HARMS, ids=[harm.__name__ for harm, _ in HARMS])
def test_a_file_that_changes_is_not_called_done(
    tmp_path: Path, sqlite_uri: str, name: str, options: Options, harm: Harm, reason: str
) -> None:
    """Its import has failed, says why, and can be done again when the file is complete."""
    path = tmp_path / name
    whole = gzip.compress(DATA) if name.endswith(".gz") else DATA
    path.write_bytes(whole)
    report = imported(sqlite_uri, path, options, harm)
    assert (report.ending, report.status) == (Ending.FAILED, ExitStatus.FAILED)
    assert report.failure is not None and not report.can_resume
    with pytest.raises(FileError, match=f"{name} {reason}"):
        raise FileError(report.failure)
    path.write_bytes(whole)
    again = imported(sqlite_uri, path, Options())
    assert (again.ending, again.counts.read) == (Ending.DONE, ROWS)
    assert again.total_records - ROWS in (0, harm is grow)
    assert not again.warnings


@pytest.mark.parametrize("files", [2, 20])
@pytest.mark.parametrize("harm", [harm for harm, _ in HARMS])
def test_a_file_that_changes_before_its_turn(
    tmp_path: Path, sqlite_uri: str, harm: Harm, files: int
) -> None:
    """It is not called done; of many files it is closed till then, and nothing is imported."""
    paths = [tmp_path / f"part{number}.csv" for number in range(files)]
    for path in paths:
        path.write_bytes(DATA)
    harms = [harm]

    def on_progress(report: FileReport, *_: object) -> None:
        if harms and report.counts.read:
            harms.pop()(paths[-1])

    sources = [Source(str(path), path.stem) for path in paths]
    *done, failed = run_import(sqlite_uri, sources, Options(), on_progress=on_progress)
    assert {report.ending for report in done} == {Ending.DONE}
    assert failed.ending is Ending.FAILED and (failed.total_records == 0) == (files == 20)
    told = failed.failure or ""
    if files == 20:
        assert "since its header was read; start again" in told or "there is no file" in told
    else:
        assert "while it was read; wait until it is complete" in told


def test_a_changed_file_on_the_command_line(
    run: Run, tmp_path: Path, sqlite_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 1 with the numbers and what to do; --resume begins anew, and --analyze says it too."""
    path = tmp_path / "thing.csv"
    path.write_bytes(DATA)
    reads = CsvFile.chunks

    def chunks(self: CsvFile, *arguments: Any, **more: Any) -> object:
        grow(path)
        return reads(self, *arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(CsvFile, "chunks", chunks)
        done = run(f"--linear {path} --quiet", sqlite_uri)
        looked = run(f"--analyze {path} --format json --quiet", sqlite_uri)
    assert done.status == looked.status == 1
    assert done.data[0]["thing"]["status"] == "failed"
    grown = f"{path} grew from {len(DATA):,} to {len(DATA) + 6:,} bytes while it was read; wait"
    assert f"Error: {grown}" in done.err and "Import it again" in done.err
    assert looked.data[0]["rows"] >= ROWS and "bytes while it was read; wait" in looked.err
    resumed = run(f"--linear {path} --resume --quiet", sqlite_uri)
    assert resumed.status == 1 and "import it without --resume" in resumed.err
    assert run(f"--linear {path} --quiet", sqlite_uri).status == 0


def test_analysis_leaves_a_file_alone(tmp_path: Path) -> None:
    """A file that does not change is analyzed without a word."""
    path = tmp_path / "thing.csv"
    path.write_bytes(DATA)
    with closing(CsvFile(str(path), "")) as file:
        analyze(file, make_questions(file, None, ()), 1, None)
        file.check_unchanged()
    assert not file.warnings


@pytest.fixture(name="web")
def serve() -> object:
    """A server that sends byte ranges and an ETag."""
    with serving(is_secure=False) as server:
        server.files = {"thing.csv": DATA}
        yield server


@pytest.mark.parametrize("options", OPTIONS[:2], ids=["linear", "chunks"])
@pytest.mark.parametrize("later", [DATA + b"new,1\n", DATA.replace(b"some", b"more")])
def test_a_url_whose_content_changes(
    web: WebServer, sqlite_uri: str, tmp_path: Path, later: bytes, options: Options
) -> None:
    """Its size or its ETag tells; where the server says nothing any more, a warning says that."""
    source = Source(web.url("thing.csv"), "thing")

    def change(report: FileReport, *_: object) -> None:
        if report.counts.read:
            web.files["thing.csv"] = later

    folders = [tmp_path]
    (report,) = run_import(sqlite_uri, [source], options, folders=folders, on_progress=change)
    assert report.ending is Ending.FAILED
    assert report.failure is not None and "while it was read; wait until" in report.failure
    (report,) = run_import(sqlite_uri, [source], options, folders=folders)
    assert (report.ending, report.warnings) == (Ending.DONE, [])


def test_a_server_that_says_nothing_any_more(
    web: WebServer, sqlite_uri: str, tmp_path: Path
) -> None:
    """All rows are in, so the import is done, with a warning."""

    def refuse(report: FileReport, *_: object) -> None:
        if report.counts.read:
            web.statuses["thing.csv"] = 403

    source = Source(web.url("thing.csv"), "thing")
    folders = [tmp_path]
    (report,) = run_import(sqlite_uri, [source], Options(), folders=folders, on_progress=refuse)
    assert (report.ending, report.counts.read) == (Ending.DONE, ROWS)
    (warning,) = report.warnings
    assert warning.startswith("it is unknown whether the file has changed while it was read: ")


@pytest.mark.parametrize("way", ["--linear", "--parallel --workers 2 --chunk-rows 1", "--analyze"])
@pytest.mark.parametrize("end", ["", '"'])
@pytest.mark.parametrize("name", ["thing.csv", "thing.csv.gz"])
def test_a_last_row_without_a_line_end(
    run: Run, tmp_path: Path, sqlite_uri: str, name: str, way: str, end: str
) -> None:
    """It is imported, and a warning names it: maybe the rest of it is missing."""
    path = tmp_path / name
    data = f"id,x\n1,a\n2,{end}b{end}".encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    flag, _, more = way.partition(" ")
    done = run(f"{flag} {path} {more} --quiet", sqlite_uri)
    assert done.status == 0
    told = "row 3, the last one, has no line end; was the file copied whole?"
    assert done.err == f"{path}: {told}\n"
    if flag != "--analyze":
        assert done.data[0]["thing"]["warnings"] == [told]
        assert done.data[0]["thing"]["inserted"] == 2


def test_a_header_without_a_line_end(run: Run, tmp_path: Path, sqlite_uri: str) -> None:
    """The same is said of a file that has nothing else, and of a feed."""
    path = tmp_path / "thing.csv"
    path.write_bytes(b"id,x")
    done = run(f"--linear {path} --quiet", sqlite_uri)
    assert done.status == 0 and "row 1, the last one, has no line end" in done.err
    path.write_bytes(b"id,x\n1,2")
    feed = run(f"--stream {path} --every 0 0 --quiet", sqlite_uri)
    assert feed.status == 0 and "row 2, the last one, has no line end" in feed.err

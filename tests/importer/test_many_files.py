"""Very many files in one import: their order, and how many of them are open at a time."""

import gzip
import os
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from hpnorton.errors import SchemaError
from hpnorton.importer.options import Options
from hpnorton.importer.report import FileReport
from hpnorton.importer.runner import run_import
from hpnorton.importer.sources import parse_source
from hpnorton.stores import open_store
from hpnorton.stores.counts import Ending
from tests.helpers.commandline import CommandLine
from tests.helpers.imports import package

Write = Callable[..., Path]
WAYS = ("--linear", "--parallel", "--parallel --workers 2")


def run(uri: str, *sources: str, **how: object) -> tuple[list[FileReport], list[str]]:
    """The reports of an import, and the files in the order in which they began."""
    begun: list[str] = []

    def on_progress(report: FileReport, _done: int, _size: int | None) -> None:
        if report.file not in begun:
            begun.append(report.file)

    options = Options(**how)  # type: ignore[arg-type]
    files = [parse_source(source) for source in sources]
    return run_import(uri, files, options, on_progress=on_progress), begun


@pytest.mark.parametrize("parallel", [False, True])
def test_files_of_a_collection_follow_each_other(
    csv_file: Write, sqlite_uri: str, tmp_path: Path, parallel: bool
) -> None:
    """In the order given, and children when all files of their parents are done."""
    package(tmp_path, child="parent", parent="")
    parents = [csv_file(f"p{n}.csv", "id,of", f"p{n},", f"same,from {n}") for n in range(9)]
    children = [csv_file(f"c{n}.csv", "id,of", f"c{n},p{n}") for n in range(9)]
    sources = [f"child={path}" for path in children] + [f"parent={path}" for path in parents]
    reports, begun = run(sqlite_uri, *sources, is_parallel=parallel)
    assert begun == [str(path) for path in (*parents, *children)]
    assert [report.file for report in reports] == [str(path) for path in (*children, *parents)]
    assert all(report.counts.inserted >= 1 for report in reports)
    assert sum(report.counts.conflicts for report in reports) == 8
    assert {report.total_records for report in reports[:9]} == {9}
    assert {report.total_records for report in reports[9:]} == {10}
    with closing(open_store(sqlite_uri)) as store:
        (kept,) = store.find("parent", ("id",), (("id", "=", "same"),))
    assert kept["of"] == "from 0"


def test_a_circle_of_many_files_names_each_collection_once(
    csv_file: Write, sqlite_uri: str, tmp_path: Path
) -> None:
    """Those that wait for the circle are no part of it."""
    package(tmp_path, one="two", two="one", three="two")
    files = [
        f"{name}={csv_file(f'{name}{n}.csv', 'id,of', f'{n},')}"
        for name in ("three", "one", "two")
        for n in range(3)
    ]
    with pytest.raises(SchemaError, match="the foreign keys of one, two form a circle"):
        run(sqlite_uri, *files)


@pytest.mark.parametrize("parallel", [False, True])
def test_many_children_of_a_file_that_failed(
    csv_file: Write, sqlite_uri: str, tmp_path: Path, parallel: bool
) -> None:
    """None of them begins, and each says why; other files are imported."""
    package(tmp_path, child="parent", parent="", other="")
    broken = csv_file("p0.csv", "id,of", 'p0,"' + "x" * 17_000_000)
    children = [csv_file(f"c{n}.csv", "id,of", f"c{n},p1") for n in range(40)]
    sources = [f"child={path}" for path in children]
    more = [f"parent={broken}", f"parent={csv_file('p1.csv', 'id,of', 'p1,')}"]
    reports, _ = run(
        sqlite_uri,
        *sources,
        *more,
        f"other={csv_file('o.csv', 'id,of', '1,')}",
        is_parallel=parallel,
    )
    for report in reports[:40]:
        assert (report.ending, report.counts.read) == (Ending.FAILED, 0)
        assert report.failure is not None and f"because {broken} was not imported" in report.failure
        assert (report.import_id, report.started) == (None, None)
    assert [report.counts.inserted for report in reports[40:]] == [0, 1, 1]


def test_a_child_of_several_files_that_failed(
    csv_file: Write, sqlite_uri: str, tmp_path: Path
) -> None:
    """It names them all."""
    package(tmp_path, child="parent", parent="")
    broken = [csv_file(f"p{n}.csv", "id,of", f'p{n},"' + "x" * 17_000_000) for n in range(2)]
    sources = [f"parent={path}" for path in broken]
    (child, *_), _ = run(sqlite_uri, f"child={csv_file('c.csv', 'id,of', 'c1,p1')}", *sources)
    names = f"{broken[0]}, {broken[1]}"
    assert child.failure == (f"it was not imported, because {names} were not imported completely")


@pytest.mark.parametrize("way", WAYS)
def test_more_files_than_may_be_open(
    hpnorton: CommandLine, tmp_path: Path, sqlite_uri: str, way: str
) -> None:
    """They are opened one after the other, compressed ones too, with standard input among them."""
    folder = tmp_path / "days"
    folder.mkdir()
    for n in range(120):
        text = f"id,a\n{n},x\nshared,{n}\n".encode()
        path = folder / f"{n:03}.csv{'.gz' if n % 3 == 0 else ''}"
        path.write_bytes(gzip.compress(text) if n % 3 == 0 else text)
    sources = [f"thing={path}" for path in sorted(folder.iterdir())]
    sources.insert(60, "thing=-")
    command = hpnorton.command([*way.split(), *sources, "--quiet"], sqlite_uri)
    done = hpnorton.run(
        f"ulimit -n 80; {subprocess.list2cmdline(command)}", stdin=b"id,a\npiped,x\n"
    )
    assert done.status == 3, done.err
    reports = [entry["thing"] for entry in done.data]
    assert {report["status"] for report in reports} == {"done"}
    assert sum(report["inserted"] for report in reports) == 122
    assert {report["total_records"] for report in reports} == {122}


def test_too_few_files_may_be_open(hpnorton: CommandLine, csv_file: Write, sqlite_uri: str) -> None:
    """One line tells what to do, however many files there are."""
    sources = [f"thing={csv_file(f'{n}.csv', 'id', n)}" for n in map(str, range(50))]
    command = hpnorton.command(["--linear", *sources, "--quiet"], sqlite_uri)
    done = hpnorton.run(f"ulimit -n 14; {subprocess.list2cmdline(command)}")
    assert (done.status, done.err.count("\n")) == (1, 1)
    assert "too many files are open" in done.err and "ulimit -n" in done.err


def test_a_file_that_has_changed_before_its_turn(csv_file: Write, sqlite_uri: str) -> None:
    """It had another size when its header was read: it fails, and the others are imported."""
    files = [csv_file(f"{n:02}.csv", "id,a", f"{n},x") for n in range(30)]
    last = files[-1]

    def grow(report: FileReport, _done: int, _size: int | None) -> None:
        if report.file == str(files[0]) and report.counts.read:
            with last.open("a", encoding="utf-8") as file:
                file.write("99,y\n")
                os.fsync(file.fileno())

    sources = [parse_source(f"thing={path}") for path in files]
    reports = run_import(sqlite_uri, sources, Options(), on_progress=grow)
    assert [report.ending for report in reports[:-1]] == [Ending.DONE] * 29
    failure = f"{last} has changed since its header was read; start again"
    assert (reports[-1].ending, reports[-1].failure) == (Ending.FAILED, failure)

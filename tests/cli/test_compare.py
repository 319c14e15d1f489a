"""--compare from outside: its result, its report, and that nothing else remains."""

import re
import signal
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hpnorton.stores import open_store
from tests.helpers.commandline import ROOT, CommandLine, command_line

SPAN = ("--workers", "2", "--chunk-rows", "10", "--repeat", "1")
DEADLINE = 60.0
# Which of them it names for a few rows depends on what else the machine does.
ADVICE = re.compile("Use --(linear|parallel|parallel --workers 2)( --chunk-rows 10)?: ")


@pytest.fixture(name="home", scope="module")
def make_home(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """Return the command line, for tests that only read the results of one comparison."""
    return command_line(tmp_path_factory.mktemp("compare") / "home")


@pytest.fixture(name="report", scope="module")
def compare_with_report(home: CommandLine) -> dict[str, Any]:
    """Return the result of --compare --report for the test dataset, as JSON."""
    done = home("--compare", *SPAN, "--report", "report", "--quiet")
    assert (done.status, done.err) == (0, "The report is at report/index.html\n")
    (made,) = done.data
    return dict(made)


def test_json_has_all_figures(report: dict[str, Any]) -> None:
    """The runs, the samples, start-up and rate, where the time goes, the machine, and advice."""
    assert (report["rows"], report["rows_rejected"]) == (31, 0)
    assert [(run["mode"], run["workers"]) for run in report["runs"]] == [
        ("linear", None),
        ("per file", None),
        ("pool", 2),
    ]
    for run in report["runs"]:
        assert run["seconds_min"] == run["seconds"] == run["seconds_max"] > 0
        assert run["chunk_rows"] == 10
        assert run["rows_per_second"] == pytest.approx(31 / run["seconds"], abs=1)
        assert run["peak_bytes"] > 10_000_000
    assert report["runs"][0]["speed_up"] == 1
    assert ADVICE.match(report["advice"])
    assert {entry["rows"] for entry in report["samples"]} == {3, 7, 16, 31}
    assert len(report["where_the_time_goes"]) == 3
    assert report["machine"]["Database"] == "SQLite, a file"


def test_the_report_is_a_page_with_plots(report: dict[str, Any], home: CommandLine) -> None:
    """The page has the same advice as JSON."""
    text = (home.folder / "report" / "index.html").read_text("utf-8")
    assert report["advice"] in text
    assert text.count("<svg ") == 5


def test_nothing_else_is_left(report: dict[str, Any], home: CommandLine) -> None:
    """No database, no rejects and no folder remain."""
    assert report["rows"] == 31
    assert sorted(path.name for path in home.folder.iterdir()) == ["report", "settings.ini"]


def test_a_table_is_followed_by_the_sentence(hpnorton: CommandLine, tmp_path: Path) -> None:
    """Rejected rows are reported too, and files may follow the numbers."""
    path = tmp_path / "thing.csv"
    path.write_text("id,a\n1,x\n2\n", encoding="utf-8")
    done = hpnorton("--compare", "--format", "table", *SPAN[-2:], *SPAN[:-2], path, "--quiet")
    assert done.status == 0, done.err
    header, _, *rows, blank, advice, refused, caution = done.out.splitlines()
    assert (
        header.split()
        == "mode workers chunk rows seconds (min-max) rows/s speed-up peak MB".split()
    )
    assert [row.split()[0] for row in rows] == ["linear", "per", "pool"]
    assert max(map(len, rows)) <= 80
    assert blank == "" and ADVICE.match(advice)
    assert refused == "1 of 2 rows was rejected, in every run."
    assert caution.endswith("Repeat the runs with --repeat 5 to be sure.")


def test_the_sentence_is_told_beside_csv(hpnorton: CommandLine, tmp_path: Path) -> None:
    """The sentence goes to stderr, so that stdout holds only data; the log names the steps."""
    path = tmp_path / "thing.csv"
    path.write_text("id,a\n1,x\n", encoding="utf-8")
    done = hpnorton("--compare", path, "--format", "csv", *SPAN)
    assert done.status == 0
    assert len(done.out.splitlines()) == 4
    assert any(map(ADVICE.match, done.err.splitlines())) and "run 1 of 1, 3 of 3" in done.err


def test_a_mongodb_server_is_left_as_it_was(hpnorton: CommandLine, mongo_uri: str) -> None:
    """Scratch databases are dropped; a server that cannot keep databases apart has to be empty."""
    done = hpnorton("--compare", *SPAN, "--quiet", uri=mongo_uri)
    assert done.status == 0, done.err
    assert done.data[0]["machine"]["Database"] == f"MongoDB, {mongo_uri}"
    with closing(open_store(mongo_uri)) as store:
        assert store.collections() == []


def test_what_is_on_nx_is_not_touched(hpnorton: CommandLine, nx_server: str) -> None:
    """If all databases are one, the message names the records that are there, and they are kept."""
    uri = f"{nx_server}/shop"
    try:
        assert hpnorton("--linear", uri=uri).status == 0
        done = hpnorton("--compare", *SPAN, "--quiet", uri=uri)
        assert done.status == 1
        assert "keeps all its databases in one" in done.err and "customers" in done.err
        assert "on SQLite: --uri sqlite:///compare.db" in done.err
        assert len(hpnorton("--all-products", uri=uri).data) == 10
        assert len(hpnorton("--history", uri=uri).data) == 3
    finally:
        assert hpnorton("--drop-database", "--yes", uri=uri).status == 0


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--compare", "--mode", "upsert"],
            "--mode goes with --linear, --parallel or --stream, not with",
        ),
        (["--compare", "--resume"], "--resume goes with --linear or --parallel, not with"),
        (["--linear", "--repeat", "2"], "--repeat goes with --compare"),
        (["--all-products", "--report", "x"], "--report goes with --compare"),
        (["--parallel", "--workers", "1", "2"], "--workers takes one number with --parallel"),
        (["--linear", "--chunk-rows", "1", "2"], "--chunk-rows takes one number with --linear"),
        (["--compare", "--workers", "x"], "'x' is not a whole number from 0 to 9999999"),
        (["--compare", "--chunk-rows", "0"], "'0' is not a whole number from 1 to 9999999"),
        (["--compare", "--repeat", "0"], "'0' is not a whole number from 1 to 9999999"),
        (["--compare", "--linear"], "--compare and --linear are two actions"),
        (["--all-products", "--workers", "1", "x.csv"], "unrecognized arguments: x.csv"),
        (["--compare", "customers=-"], "stdin can be read only once"),
    ],
)
def test_flags_that_make_no_sense(hpnorton: CommandLine, flags: list[str], message: str) -> None:
    """The exit status is 2, and the message says what to do instead."""
    done = hpnorton(*flags)
    assert done.status == 2
    assert message in done.err


def test_a_file_may_stand_behind_a_number(hpnorton: CommandLine) -> None:
    """Imports take one number, and a file may follow it."""
    path = ROOT / "data" / "test" / "product.csv"
    for flags in (("--workers", "2"), ("--chunk-rows", "5"), ("--workers=2",)):
        done = hpnorton("--parallel", *flags, path, "--quiet")
        assert done.status == 0, done.err
        assert done.data[0]["product"]["read"] == 10


def test_without_matplotlib_its_name_is_told(hpnorton: CommandLine, tmp_path: Path) -> None:
    """The error comes before anything is measured, with the command that installs it."""
    hide = tmp_path / "hide"
    hide.mkdir()
    # A finder that comes first, and finds no matplotlib: as if it were not installed.
    (hide / "sitecustomize.py").write_text(
        "import importlib.machinery as m\n"
        "find = m.PathFinder.find_spec\n"
        "m.PathFinder.find_spec = classmethod(\n"
        "    lambda cls, name, path=None, target=None:\n"
        "        None if name == 'matplotlib' else find(name, path, target))\n"
    )
    start = time.monotonic()
    done = hpnorton("--compare", "--report", "x", environment={"PYTHONPATH": str(hide)})
    assert done.status == 1
    assert "pip install 'hpnorton[report]'" in done.err
    assert not list(hpnorton.folder.glob("x"))
    assert time.monotonic() - start < DEADLINE


# Interrupted.


def _children_of(pid: int) -> list[int]:
    text = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split() for line in text.splitlines()]
    mine = [int(row[0]) for row in rows if int(row[1]) == pid and row[2][0] != "Z"]
    return [*mine, *(each for child in mine for each in _children_of(child))]


def _is_alive(pid: int) -> bool:
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, check=False)
    return bool(done.stdout.strip()) and not done.stdout.startswith(b"Z")


@pytest.mark.parametrize("runs", [0, 3])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_comparison_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
    hpnorton: CommandLine,
    tmp_path: Path,
    uri: str,
    number: signal.Signals,
    runs: int,
) -> None:
    """No file, collection or process remains after a signal between two runs; the status is 130."""
    before = sorted(path.name for path in tmp_path.iterdir())
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    process = hpnorton.start("--compare", *SPAN, uri=uri)
    assert process.stderr is not None
    assert b"a first run" in process.stderr.readline()
    for _ in range(runs):
        process.stderr.readline()
    deadline = time.monotonic() + DEADLINE
    while len(children := _children_of(process.pid)) < 2:  # the stopwatch and the import
        assert process.poll() is None and time.monotonic() < deadline
    process.send_signal(number)
    _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 130, err
    assert err.decode().endswith("Error: interrupted\n") and b"Traceback" not in err
    assert not any(map(_is_alive, children))
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    with closing(open_store(uri, create=True)) as left:
        assert left.collections() == []

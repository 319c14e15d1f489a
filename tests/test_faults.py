"""Processes that die, and people who press Ctrl+C: nothing hangs, nothing is lost or doubled."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import CommandLine, Outcome

Write = Callable[..., Path]
ROWS = 300_000
DEADLINE = 60.0


@pytest.fixture(name="big")
def write_a_big_file(csv_file: Write) -> Path:
    """A file that takes long enough to be interrupted."""
    return csv_file("thing.csv", "id,a,b", *[f"k{n:07},{n},some more text" for n in range(ROWS)])


def _workers_of(parent: int) -> list[int]:
    """The processes that import files for `parent`: they are forked from a server of its own."""
    return [pid for server in _servers_of(parent) for pid in _servers_of(server)]


def _servers_of(parent: int) -> list[int]:
    """The children of a process that are a fork server, or were forked from it."""
    if Path("/proc/self/task").exists():
        try:
            told = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii")
        except FileNotFoundError:  # it has ended since
            return []
        rows = [(int(pid), _command_of(pid)) for pid in told.split()]
    else:  # macOS
        listing = subprocess.check_output(["ps", "-A", "-o", "pid=,ppid=,command="], text=True)
        split = [line.split(maxsplit=2) for line in listing.splitlines()]
        rows = [(int(row[0]), row[2]) for row in split if int(row[1]) == parent]
    return [pid for pid, command in rows if "forkserver" in command]


def _command_of(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")
    except FileNotFoundError:  # it has ended since
        return ""


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _wait_for(condition: Callable[[], object], process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _rows_in(hpnorton: CommandLine) -> int:
    """How many rows another connection can see."""
    seen = hpnorton("--linear", "thing=-", "--quiet", stdin=b"id,a,b\n").data
    return int(seen[0]["thing"]["total_records"])


def _database(hpnorton: CommandLine) -> Path:
    return hpnorton.folder / "var" / "hpnorton-test.db"


def _has_begun(hpnorton: CommandLine) -> bool:
    """Whether chunks have been committed."""
    if not _database(hpnorton).exists():
        return False
    with closing(sqlite3.connect(_database(hpnorton))) as connection:
        try:
            return connection.execute("SELECT 1 FROM thing LIMIT 1").fetchone() is not None
        except sqlite3.OperationalError:  # there is no table yet
            return False


def _check_resumed(again: Outcome, done_before: int) -> None:
    """The database is complete, and the report is that of an undisturbed import."""
    assert again.status == 0, again.err
    report = again.data[0]["thing"]
    assert report["inserted"] == report["read"] == report["total_records"] == ROWS
    assert report["rows_per_second"] == pytest.approx(
        (ROWS - done_before) / report["elapsed"], rel=0.01
    )


def test_a_killed_worker_ends_the_import_and_is_named(hpnorton: CommandLine, big: Path) -> None:
    """Exit 1 within five seconds, a message that names the file, and a command that goes on."""
    process = hpnorton.start("--parallel", big, "--quiet")
    _wait_for(lambda: _has_begun(hpnorton) and _workers_of(process.pid), process)
    (worker,) = _workers_of(process.pid)
    os.kill(worker, signal.SIGKILL)
    killed = time.monotonic()
    out, err = process.communicate(timeout=DEADLINE)
    assert time.monotonic() - killed < 5
    assert process.returncode == 1
    assert f"Error: {big}: a process that imported it died" in err.decode()
    report = json.loads(out)[0]["thing"]
    done = _rows_in(hpnorton)
    assert 0 < report["read"] <= done < ROWS and done % 10_000 == 0
    assert report["total_records"] == done
    _check_resumed(hpnorton.resume(err), done)


def test_a_killed_worker_leaves_the_other_files_alone(
    hpnorton: CommandLine, big: Path, csv_file: Write
) -> None:
    """Only the file whose process died fails."""
    other = csv_file("other.csv", "id", *map(str, range(20_000)))
    process = hpnorton.start("--parallel", other, big, "--quiet")
    _wait_for(lambda: len(_workers_of(process.pid)) == 1 and _has_begun(hpnorton), process)
    os.kill(_workers_of(process.pid)[0], signal.SIGKILL)
    out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 1
    assert json.loads(out)[0]["other"]["inserted"] == 20_000
    assert str(big) in err.decode() and f"{other}:" not in err.decode()


@pytest.mark.parametrize("way", ["--linear", "--parallel", "--parallel --workers 2"])
def test_ctrl_c_ends_cleanly(hpnorton: CommandLine, big: Path, way: str) -> None:
    """Exit 130, the report of what is done, no traceback; the command that is told completes it."""
    process = hpnorton.start(*way.split(), "--chunk-rows", "2000", "--quiet", big)
    _wait_for(lambda: _has_begun(hpnorton), process)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 130
    assert re.search(r"interrupted; [\d,]+ of its rows are done\n", err.decode())
    assert "Traceback" not in err.decode()
    report = json.loads(out)[0]["thing"]
    assert report["read"] == report["inserted"] == report["total_records"] == _rows_in(hpnorton)
    assert 0 < report["read"] < ROWS
    _check_resumed(hpnorton.resume(err), report["read"])


@pytest.mark.parametrize("way", ["--linear", "--parallel", "--parallel --workers 3"])
def test_a_killed_program_leaves_whole_chunks_and_no_process(
    hpnorton: CommandLine, big: Path, way: str
) -> None:
    """After kill -9 of the program its workers end by themselves, and --resume completes it."""
    process = hpnorton.start(*way.split(), big, "--quiet")
    _wait_for(lambda: _has_begun(hpnorton), process)
    workers = _workers_of(process.pid)
    process.kill()
    process.communicate()
    assert len(workers) == {"--linear": 0, "--parallel": 1}.get(way, 3)
    deadline = time.monotonic() + 10
    while any(map(_is_alive, workers)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    done = _rows_in(hpnorton)
    assert 0 < done < ROWS and done % 10_000 == 0
    _check_resumed(hpnorton(*way.split(), big, "--resume"), done)


def test_a_file_that_has_changed_is_not_resumed(hpnorton: CommandLine, big: Path) -> None:
    """One byte is enough to refuse it; nothing is written then."""
    process = hpnorton.start("--linear", big, "--chunk-rows", "1000", "--quiet")
    _wait_for(lambda: _has_begun(hpnorton), process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    done = _rows_in(hpnorton)
    with big.open("r+b") as file:
        file.seek(-10, os.SEEK_END)
        file.write(b"X")
    again = hpnorton("--linear", big, "--resume")
    assert again.status == 1
    assert f"Error: {big} has changed since its import began" in again.err
    assert "import it without --resume" in again.err
    assert _rows_in(hpnorton) == done


def test_two_imports_of_one_file_at_once(hpnorton: CommandLine, big: Path) -> None:
    """Both end well, and together they insert every row once."""
    processes = [hpnorton.start(way, big, "--quiet") for way in ("--linear", "--parallel")]
    outs = [process.communicate(timeout=DEADLINE) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outs
    reports = [json.loads(out)[0]["thing"] for out, _ in outs]
    assert sum(report["inserted"] for report in reports) == ROWS
    assert [report["read"] for report in reports] == [ROWS, ROWS]
    assert _rows_in(hpnorton) == ROWS

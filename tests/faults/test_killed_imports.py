"""Processes that die, and people who press Ctrl+C: nothing hangs, nothing is lost or doubled."""

import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import ROWS, chunks_in
from tests.faults.processes import DEADLINE, is_alive, wait_for, workers_of
from tests.helpers.commandline import CommandLine, Outcome

Write = Callable[..., Path]


def _rows_in(hpnorton: CommandLine) -> int:
    """How many rows another connection can see."""
    seen = hpnorton("--linear", "thing=-", "--quiet", stdin=b"id,a,b\n").data
    return int(seen[0]["thing"]["total_records"])


def _has_begun(hpnorton: CommandLine) -> bool:
    """Whether chunks have been written, more than can be on their way to be counted."""
    return chunks_in(hpnorton.folder / "var" / "hpnorton-test.db") > 2


def _check_resumed(again: Outcome, done_before: int) -> None:
    """The database is complete, and the report is that of an undisturbed import."""
    assert again.status == 0, again.err
    report = again.data[0]["thing"]
    assert report["inserted"] == report["read"] == report["total_records"] == ROWS
    assert report["rows_per_second"] == pytest.approx(
        (ROWS - done_before) / report["elapsed"], rel=0.01
    )


def test_a_killed_worker_ends_the_import_and_is_named(hpnorton: CommandLine, big: Path) -> None:
    """Exit 1 soon, a message that names the file, and a command that goes on."""
    process = hpnorton.start("--parallel", big, "--quiet")
    wait_for(lambda: _has_begun(hpnorton) and workers_of(process.pid), process)
    (worker,) = workers_of(process.pid)
    os.kill(worker, signal.SIGKILL)
    out, err = process.communicate(timeout=DEADLINE)
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
    wait_for(lambda: len(workers_of(process.pid)) == 1 and _has_begun(hpnorton), process)
    os.kill(workers_of(process.pid)[0], signal.SIGKILL)
    out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 1
    assert json.loads(out)[0]["other"]["inserted"] == 20_000
    errors = [line for line in err.decode().splitlines() if line.startswith("Error: ")]
    assert errors and all(str(big) in line and str(other) not in line for line in errors)


@pytest.mark.parametrize("way", ["--linear", "--parallel", "--parallel --workers 2"])
def test_ctrl_c_ends_cleanly(hpnorton: CommandLine, big: Path, way: str) -> None:
    """Exit 130, the report of what is done, no traceback; the command that is told completes it."""
    process = hpnorton.start(*way.split(), "--chunk-rows", "2000", "--quiet", big)
    wait_for(lambda: _has_begun(hpnorton), process)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 130
    assert re.search(r"interrupted; [\d,]+ of its rows (is|are) done\n", err.decode())
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
    wait_for(lambda: _has_begun(hpnorton), process)
    workers = workers_of(process.pid)
    process.kill()
    process.communicate()
    assert len(workers) == {"--linear": 0, "--parallel": 1}.get(way, 3)
    wait_for(lambda: not any(map(is_alive, workers)))
    done = _rows_in(hpnorton)
    assert 0 < done < ROWS and done % 10_000 == 0
    _check_resumed(hpnorton(*way.split(), big, "--resume"), done)


def test_a_file_that_has_changed_is_not_resumed(hpnorton: CommandLine, big: Path) -> None:
    """One byte is enough to refuse it; nothing is written then."""
    process = hpnorton.start("--linear", big, "--chunk-rows", "1000", "--quiet")
    wait_for(lambda: _has_begun(hpnorton), process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    done = _rows_in(hpnorton)
    with big.open("r+b") as file:
        file.seek(-10, os.SEEK_END)
        file.write(b"X")
    again = hpnorton("--linear", big, "--resume")
    assert again.status == 1
    size = f"{big.stat().st_size:,}"
    told = rf"\d{{4}}-\d\d-\d\d \d\d:\d\d UTC\): its content has changed \({size} bytes then and"
    assert re.search(rf"Error: {re.escape(str(big))} has changed since its .* \({told}", again.err)
    assert "import it without --resume" in again.err
    assert _rows_in(hpnorton) == done

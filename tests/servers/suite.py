"""Runs the tests of the MongoDB store against one server after the other: `make test-servers`.

The servers are those of our own, and those that HPNORTON_TEST_MONGO names. At the end there is a
table: what each server says it is, and what passed. Nothing is left out silently: a server that
cannot be had is named with the reason, and so is each test that was skipped, or that failed as it
is known to (`limits`). The exit status is 1 if anything else failed.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pymongo
import pytest
from pymongo.errors import PyMongoError

from hpnorton.settings import redact
from tests.servers import DIFFERENT, SERVERS, FerretServer, NxServer, plugin, running
from tests.servers.build import build_all

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent
OTHERS = "HPNORTON_TEST_MONGO"
# What the store has to do, and what stands on it; the command line beyond that is the same on all.
CHOSEN = (
    "servers/features.py",
    "stores/test_*.py",
    "importer/test_*.py",
    "cli/test_import.py",
    "rental/test_*.py",
    "profile/test_*.py",
    "test_parallel.py",
)
OWN = [kind.name for kind in SERVERS]
_WAIT_MS = 10_000
_MEMORY = Path("/dev/shm")
_ENOUGH_BYTES = 2 * 2**30
_ENDED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
HEADER = ("server", "version", "passed", "failed", "skipped", "known limits")


@dataclass(frozen=True)
class Tally:
    """What came out of a server's tests. `limits` have a reason, the server's error and tests."""

    passed: int = 0
    failed: Sequence[str] = ()
    skipped: dict[str, str] = field(default_factory=dict)
    limits: Sequence[tuple[str, str, Sequence[str]]] = ()


@dataclass(frozen=True)
class Row:
    """A server in the table; `missing` says why there is none."""

    name: str
    version: str = ""
    missing: str = ""
    tally: Tally = Tally()

    @property
    def is_green(self) -> bool:
        """Whether all that could be run has passed, but for known limits."""
        return bool(self.missing) or (self.tally.passed > 0 and not self.tally.failed)


def main() -> int:
    """Does what the command line asks for, and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.servers.suite")
    parser.add_argument(
        "--server",
        action="append",
        metavar="NAME",
        help="only this, one of ours or a URI; repeatable",
    )
    parser.add_argument("tests", nargs="*", metavar="TEST", help="these, not the chosen ones")
    given = parser.parse_args()
    rows = list(_rows(given.server, given.tests))
    print("", *_report(rows), sep="\n")
    return 0 if rows and all(row.is_green for row in rows) else 1


def _rows(wanted: Sequence[str] | None, tests: Sequence[str]) -> Iterator[Row]:
    """What comes out of each server's tests, one server after the other."""
    unbuilt = build_all()
    for kind in SERVERS:
        if kind.name not in wanted if wanted else kind not in DIFFERENT:
            continue
        if missing := kind.missing():
            yield Row(kind.name, missing=unbuilt.get(kind.program, missing))
            continue
        with tempfile.TemporaryDirectory(prefix="hpnorton-server-", dir=_fast_folder()) as folder:
            with running(kind, Path(folder) / "data") as server:
                # The fixtures start an nx-27017 of their own.
                known_as = kind.name if kind is NxServer else server.uri
                yield _tested(Row(kind.name, kind.release()), server.uri, known_as, tests)
    for uri in filter(None, os.environ.get(OTHERS, "").split(",")):
        if not wanted or redact(uri) in wanted:
            yield _tested(Row(redact(uri)), uri, uri, tests)


def _tested(row: Row, uri: str, known_as: str, tests: Sequence[str]) -> Row:
    """Runs the tests of a server that listens."""
    try:
        with pymongo.MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=_WAIT_MS) as client:
            product, told = _identity(client.server_info())
    except PyMongoError as error:
        # Somebody has named it, so it is no known absence.
        return replace(row, tally=Tally(failed=[f"no answer: {redact(str(error))[:200]}"]))
    row = replace(row, version=", ".join(filter(None, (row.version, told))))
    limits = row.name if row.name in OWN else product
    print(f"\n== {row.name}: {row.version}", flush=True)
    with tempfile.TemporaryDirectory(prefix="hpnorton-tests-", dir=_fast_folder()) as folder:
        file = Path(folder) / "tally.json"
        files = tests or sorted(str(path) for each in CHOSEN for path in TESTS.glob(each))
        options = [
            "--whole",
            "--only-server",
            known_as,
            "--limits-of",
            limits,
            "--tally",
            str(file),
        ]
        command = [sys.executable, "-m", "pytest", "-q", "-p", plugin.__name__, *options, *files]
        others = "" if known_as in OWN else known_as
        environment = os.environ | {OTHERS: others, "TMPDIR": folder}
        done = subprocess.run(command, cwd=ROOT, env=environment, check=False)
        if done.returncode not in _ENDED or not file.exists():
            return replace(row, tally=Tally(failed=["pytest broke off"]))
        found = Tally(**json.loads(file.read_text(encoding="utf-8")))
    idle = [f"no test met the known limit: {why}" for why, _, met in found.limits if not met]
    if idle and not tests:
        found = replace(found, failed=[*found.failed, *idle])
    return replace(row, tally=found)


def _fast_folder() -> Path | None:
    """Where there is memory for the files, since FerretDB and nx wait for the disk at every write.

    None where there is too little of it: then they are where temporary files are.
    """
    if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ENOUGH_BYTES:
        return _MEMORY
    return None


def _identity(info: Mapping[str, Any]) -> tuple[str, str]:
    """The product, and the version of MongoDB that it wants to be, as its buildInfo tells them."""
    product = FerretServer.name if "ferretdbVersion" in info else "MongoDB"
    return product, f"as MongoDB {info['version']}" if "version" in info else ""


def _report(rows: Sequence[Row]) -> Iterator[str]:
    """The table, and what is behind its numbers."""
    yield f"| {' | '.join(HEADER)} |"
    yield f"|{' --- |' * len(HEADER)}"
    for row in rows:
        tally = row.tally
        limited = sum(len(tests) for _, _, tests in tally.limits)
        counts = (tally.passed, len(tally.failed), len(tally.skipped), limited)
        cells = ("-",) * len(counts) if row.missing else tuple(map(str, counts))
        yield f"| {' | '.join((row.name, row.version or '-', *cells))} |"
    for row in rows:
        if row.missing:
            yield f"\n{row.name} cannot be had here: {row.missing}"
        for title, lines in (
            ("failed", row.tally.failed),
            ("skipped", [f"{test}: {why}" for test, why in row.tally.skipped.items()]),
            (
                "known limits",
                [
                    f"{why} ({error or 'not run'}): {', '.join(sorted(tests))}"
                    for why, error, tests in row.tally.limits
                ],
            ),
        ):
            if lines:
                yield f"\n{row.name}, {title}:"
                yield from (f"  {line}" for line in lines)


if __name__ == "__main__":
    sys.exit(main())

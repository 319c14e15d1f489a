"""Fuzzing: any bytes as a CSV file, a description, settings; and files that were found by it."""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.shop import run
from tests.hostile.targets import (
    EVERY_PACKAGE,
    HEADER,
    TARGETS,
    read_csv,
    read_description,
    read_mutated_description,
    read_settings_file,
    read_typed_csv,
)

FOUND = Path(__file__).parent / "found"

# What matters to a CSV reader and to fields, more often than other bytes.
PIECES = st.sampled_from(
    [b",", b'"', b"\n", b"\r", b"\r\n", b'""', b"\0", b"\xff", b"\xef\xbb\xbf", b"1", b"-1", b"1e9"]
    + [b"id", b"2026-12-01", b"17:30:00", b"2026-12-01T17:30:00+01:00", "é\u202e".encode()]
    + [b"9" * 5000, b"0x10", b" 5 ", b"true", b"inf", b"nan", "٣".encode(), b"\x1b[2J"]
)
CSV = st.lists(PIECES | st.binary(max_size=4), max_size=40).map(b"".join)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
WORDS = st.sampled_from(
    ["delete", "", "$", "_id", "hpnorton_x", "../up", "https://h/x", "\0", "%y%y", "%", "(a+", "[["]
    + ["integer", "date", "time", "any", "object", "id", "rental", "customers", "\ud800", "x" * 300]
)
LINES = st.sampled_from(
    ["[hpnorton]", "[log]", "[import]", "[counter]", "[dataset test]", "[dataset production]"]
    + ["[DEFAULT]", "[dataset ]", "[", "level = INFO", "level = \0", "uri = sqlite:///x.db"]
    + ["uri = sqlite:///\0", "uri = mongodb://a:b@c", "data = \0", "data = ../x", "dataset = test"]
    + ["chunk_rows = 0", "chunk_rows = ٣", "rental_days = 9", "=", ":", " more", "dataset"]
)


@pytest.fixture(name="folder", scope="module")
def make_folder() -> Iterator[Path]:
    """A folder for files that are written again and again."""
    with TemporaryDirectory() as folder:
        yield Path(folder)


@settings(deadline=None)
@given(data=CSV)
def test_any_bytes_as_a_csv_file(folder: Path, data: bytes) -> None:
    """It is read or refused; every row is good or has a fault, and no byte is lost."""
    read_csv(folder, data)


@settings(deadline=None)
@given(data=CSV)
def test_any_bytes_as_typed_rows(folder: Path, data: bytes) -> None:
    """The same below a good header, where every row is told about."""
    read_typed_csv(folder, data)


@settings(max_examples=25, deadline=None)
@given(data=CSV, rows=st.integers(1, 4))
def test_any_bytes_are_imported_or_refused(folder: Path, data: bytes, rows: int) -> None:
    """The counts of the import add up, and the rejects have so many rows as are refused."""
    home = folder / "import"
    home.mkdir(exist_ok=True)
    (home / "datapackage.json").write_text(json.dumps(EVERY_PACKAGE), "utf-8")
    path = home / "every.csv"
    path.write_bytes(HEADER + data)
    (report,) = run(f"sqlite:///{home}/store.db", path, rows=rows, rejects=home / "rejects")
    document = report.as_document()
    assert report.failure is None
    counts = report.counts
    assert document["success"] == counts.inserted + counts.unchanged
    assert document["fail"] == counts.conflicts + counts.rejected
    if report.rejects_file:
        reasons = Path(report.rejects_file).with_suffix(".reasons.jsonl").read_text("utf-8")
        told = {json.loads(line)["row"] for line in reasons.splitlines()}
        assert len(told) == report.counts.failed
    else:
        assert report.counts.failed == 0


@settings(deadline=None)
@given(data=st.binary(max_size=200) | JSON.map(json.dumps).map(str.encode))
def test_any_bytes_as_a_description(folder: Path, data: bytes) -> None:
    """It is taken or refused with a message, and what is taken can be used."""
    read_description(folder, data)


@settings(max_examples=400, deadline=None)
@given(at=st.integers(0, 2**16 - 1), value=JSON | WORDS)
def test_a_good_description_with_one_part_changed(folder: Path, at: int, value: Any) -> None:
    """The same of the project's own, in which any part may be anything."""
    read_mutated_description(folder, at.to_bytes(2, "big") + json.dumps(value).encode())


@settings(deadline=None)
@given(data=st.binary(max_size=200) | st.lists(LINES).map("\n".join).map(str.encode))
def test_any_bytes_as_settings(folder: Path, data: bytes) -> None:
    """They are taken or refused with a message."""
    read_settings_file(folder, data)


@pytest.mark.parametrize("found", sorted(FOUND.glob("*")), ids=lambda path: path.name)
def test_what_fuzzing_has_found_stays_mended(folder: Path, found: Path) -> None:
    """Each file is the input of the target that its name begins with."""
    TARGETS[found.name.partition("-")[0]](folder, found.read_bytes())

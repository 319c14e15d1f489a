"""The content of a file: how often its bytes are read, and how a later run recognizes it."""

import gzip
import io
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hpnorton.importer import executors
from hpnorton.importer.options import Options
from hpnorton.importer.runner import run_import
from hpnorton.importer.sources import Source
from hpnorton.stores import journal, open_store
from hpnorton.tabular import location
from hpnorton.tabular.fingerprint import fingerprint
from hpnorton.tabular.reader import CsvFile, ReadSizes
from hpnorton.workers import SerialExecutor

Write = Callable[..., Path]
SMALL = ReadSizes(max_record=2**16, block=2**12)


class CountingReader(io.BufferedReader):
    """A file that adds up the bytes that are read from it."""

    total = 0

    def __init__(self, path: str, _mode: str) -> None:
        super().__init__(io.FileIO(path))

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as always, and count."""
        block = super().read(size)
        CountingReader.total += len(block)
        return block


@pytest.mark.parametrize("is_gzipped", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    "how",
    [{}, {"is_parallel": True}, {"is_parallel": True, "workers": 2}],
    ids=["linear", "per file", "pool"],
)
def test_bytes_are_read_twice_at_most(
    csv_file: Write,
    sqlite_uri: str,
    monkeypatch: pytest.MonkeyPatch,
    how: dict[str, Any],
    is_gzipped: bool,
) -> None:
    """Once for the checksum and once to load the rows, wherever that is done."""
    path = csv_file("thing.csv", "id,a", *[f"k{n:06},{n}" for n in range(200_000)])
    if is_gzipped:
        plain, path = path, path.with_name("thing.csv.gz")
        path.write_bytes(gzip.compress(plain.read_bytes(), 1))
    # Workers read in this process, where the bytes can be counted.
    monkeypatch.setattr(executors, "open_workers", lambda count, level: SerialExecutor())
    monkeypatch.setattr(location, "open", CountingReader, raising=False)
    monkeypatch.setattr(CountingReader, "total", 0)
    (report,) = run_import(sqlite_uri, [Source(str(path), "thing")], Options(**how))
    assert (report.failure, report.counts.inserted) == (None, 200_000)
    size = path.stat().st_size
    assert size < CountingReader.total <= 2 * size


@pytest.mark.parametrize("is_parallel", [False, True])
@pytest.mark.parametrize("name", ["thing.csv", "thing.csv.gz"])
def test_the_journal_knows_the_whole_content(
    csv_file: Write, sqlite_uri: str, name: str, is_parallel: bool
) -> None:
    """The size and the checksum are those of the file, also if it is cut for both."""
    data = "\ufeffid,a\n".encode() + b"".join(b'k%d,"x\n"\n' % n for n in range(5000))
    path = csv_file("other.csv", "id").with_name(name)
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    run_import(
        sqlite_uri, [Source(str(path), "thing")], Options(chunk_rows=7, is_parallel=is_parallel)
    )
    with closing(open_store(sqlite_uri)) as store:
        (entry,) = journal.imports(store)
    expected = fingerprint(str(path))
    assert expected is not None
    assert (entry.size, entry.checksum) == (expected.size, expected.checksum)


def test_a_checksum_covers_rows_that_are_too_long(csv_file: Write) -> None:
    """Their bytes are skipped, but belong to the content."""
    path = csv_file("thing.csv", "id,a", "1,x", "2," + "y" * 300_000, "3,z")
    with closing(CsvFile(str(path), "thing", sizes=SMALL)) as file:
        chunks = list(file.chunks(2, skips_long_rows=True))
        assert [chunk.is_oversized for chunk in chunks] == [False, True, False]
        assert file.checksum == f"crc32:{zlib.crc32(path.read_bytes()):08x}"

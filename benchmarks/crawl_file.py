"""Counts the fields of batches of BSON from a file with HPNorton's workers, and no server at all.

The batches stand in the file as MongoDB sends them. Where they end is in a database beside it,
which is the one that the workers open.
"""

import argparse
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from itertools import pairwise
from pathlib import Path

import bson
from crawl_server import BATCH, RARE, document
from measure import BenchmarkError, exit_status

# The package is importable by what measure does.
from hpnorton.parallel import parallel_map
from hpnorton.settings import SQLITE_PREFIX
from hpnorton.stores.base import ChangeStore
from hpnorton.stores.field_statistics import CollectionStatistics
from hpnorton.stores.mongo.field_counter import FieldCounter
from hpnorton.workers import no_garbage_collection

_RANGES_A_WORKER = 8  # as many as --fields makes

# Its number, and where each of its batches begins and the last one ends.
_Part = tuple[int, list[int]]


def batches(documents: int) -> Iterator[bytes]:
    """So many documents, as BSON."""
    for start in range(0, documents, BATCH):
        numbers = range(start, min(start + BATCH, documents))
        yield b"".join(bson.encode(document(n, documents)) for n in numbers)


def write_batches(path: Path, documents: int) -> None:
    """Makes the file, and the database of where its batches end."""
    ends = [0]
    with path.open("wb") as file:
        for batch in batches(documents):
            file.write(batch)
            ends.append(file.tell())
    with closing(sqlite3.connect(_database(path))) as database:
        database.execute("CREATE TABLE ends (place INTEGER)")
        database.executemany("INSERT INTO ends VALUES (?)", zip(ends))
        database.commit()


def _database(path: Path) -> Path:
    return path.with_suffix(".db")


def _parts(path: Path, workers: int) -> Iterator[_Part]:
    """The batches in some parts for each worker, or in one for a single worker."""
    with closing(sqlite3.connect(_database(path))) as database:
        ends = [place for (place,) in database.execute("SELECT place FROM ends ORDER BY place")]
    parts = workers * _RANGES_A_WORKER if workers > 1 else 1
    for number in range(parts):
        first, last = ((len(ends) - 1) * at // parts for at in (number, number + 1))
        if first < last:
            yield number, ends[first : last + 1]


@no_garbage_collection()
def _look(_store: ChangeStore, part: _Part, *, path: Path) -> CollectionStatistics:
    number, ends = part
    counter = FieldCounter(number)
    with path.open("rb") as file:
        file.seek(ends[0])
        for start, end in pairwise(ends):
            counter.add(file.read(end - start))
    return counter.statistics()


def count(path: Path, workers: int) -> None:
    """Counts the fields, and says of how many documents."""
    found = CollectionStatistics()
    uri = f"{SQLITE_PREFIX}{_database(path)}"
    for statistics in parallel_map(uri, partial(_look, path=path), _parts(path, workers), workers):
        found.merge(statistics)
    if found.fields["rare"].records != RARE:
        raise BenchmarkError("the rare field was not found")
    print(found.records)


def main() -> int:
    """Does what the command line asks for, and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, metavar="FILE", help="as write_batches makes it")
    parser.add_argument("--workers", type=int, default=1, metavar="N")
    given = parser.parse_args()
    return exit_status(lambda: count(given.file, given.workers))


if __name__ == "__main__":
    sys.exit(main())

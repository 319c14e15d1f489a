"""The field crawl: workers with batches from a file, with canned replies, beside pymongo-schema."""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import process_time
from typing import Any

from crawl_file import batches, write_batches
from crawl_server import COLLECTION, RARE, document
from measure import (
    HOME,
    BenchmarkError,
    Contender,
    Run,
    alternate,
    exit_status,
    hpnorton,
    machine,
    markdown_table,
    spread,
    tool,
)
from mongo import NX, connected, real_server, script_server
from shell import positive

from hpnorton.stores.mongo.field_counter import FieldCounter
from hpnorton.workers import no_garbage_collection
from tests.servers import NxServer

CANNED = "canned replies"
FROM_FILE = "a file, no server"
FILE_PROGRAM = HOME / "benchmarks" / "crawl_file.py"
DATABASE = "hpnorton_benchmark"
PYMONGO_SCHEMA = "pymongo-schema"
ONE, TWO, BY_DEFAULT = "--workers 1", "--workers 2", ""
Rows = list[Sequence[str]]
HEADER = ("server", "crawl", "rounds", "docs/s (min - max)", "times the first", "client CPU s")
# What pymongo-schema calls the types.
NAMES = {
    "int": "integer",
    "double": "float",
    "bool": "boolean",
    "object": "OBJECT",
    "array": "ARRAY",
}


def crawls(uri: str, rounds: int, *flags: str) -> list[Contender]:
    """HPNorton with each of these flags."""
    command = hpnorton("--quiet", "--uri", uri, "--fields", COLLECTION)
    return [
        Contender(f"HPNorton {flag}".strip(), [*command, *flag.split()], rounds) for flag in flags
    ]


def counts(path: Path, documents: int, rounds: int) -> list[Contender]:
    """The same work on the batches of a file, with one worker and with two."""
    write_batches(path, documents)
    return [
        Contender(flag, [sys.executable, str(FILE_PROGRAM), str(path), *flag.split()], rounds)
        for flag in (ONE, TWO)
    ]


def found_by_hpnorton(command: Sequence[str]) -> dict[str, Mapping[str, int]]:
    """The types of each field, with counts."""
    done = subprocess.run(command, check=True, capture_output=True)
    return {field["field"]: field["types"] for field in json.loads(done.stdout)[0]["fields"]}


def found_by_pymongo_schema(path: Path) -> dict[str, Mapping[str, int]]:
    """The same of its result, in our names; the null that it gives an empty array left out."""
    found: dict[str, Mapping[str, int]] = {}

    def add(fields: Mapping[str, Any], prefix: str) -> None:
        for name, field in fields.items():
            found[prefix + name] = field["types_count"]
            inner = prefix + name
            if "array_types_count" in field:
                inner += "[]"
                found[inner] = field["array_types_count"]
            add(field.get("object", {}), f"{inner}.")

    add(json.loads(path.read_text("utf-8"))[DATABASE][COLLECTION]["object"], "")
    return found


def compare(command: Sequence[str], path: Path) -> str:
    """Says that both have found the same. Raises BenchmarkError otherwise."""
    mine = {
        field: {NAMES.get(kind, kind): count for kind, count in types.items()}
        for field, types in found_by_hpnorton(command).items()
    }
    theirs = found_by_pymongo_schema(path)
    if mine != theirs:
        raise BenchmarkError(f"HPNorton found {mine}, {PYMONGO_SCHEMA} {theirs}")
    return f"Both found the same {len(mine)} fields, with the same types and counts."


def decoding_speed(documents: int) -> str:
    """How many documents a process counts in a second, of CPU time, with no server at all."""
    made = list(batches(documents))
    start = process_time()
    counter = FieldCounter()
    with no_garbage_collection():  # as a worker does it
        for batch in made:
            counter.add(batch)
    seconds = process_time() - start
    if counter.statistics().fields["rare"].records != RARE:
        raise BenchmarkError("the rare field was not found")
    return f"Decoding alone: {documents / seconds:,.0f} documents/s of CPU time."


def table_rows(
    server: str, runs: Mapping[str, Sequence[Run]], documents: int
) -> Iterator[Sequence[str]]:
    """A row of figures a crawl; ratios are those within a round."""
    first, *_ = runs.values()
    for name, mine in runs.items():
        yield (
            server,
            name,
            str(len(mine)),
            spread(documents / run.wall for run in mine).show(),
            spread(one.wall / run.wall for run, one in zip(mine, first)).show(".2f"),
            f"{spread(run.cpu for run in mine).median:.2f}",
        )


def beside_pymongo_schema(folder: Path, documents: int, rounds: int) -> tuple[Rows, str]:
    """The rows of figures of both on nx-27017, and that they found the same."""
    path = folder / "schema.json"
    program = tool(PYMONGO_SCHEMA, "for example: pip install pymongo-schema")
    with real_server(NxServer, folder) as server:
        uri = f"{server}/{DATABASE}"
        with connected(uri) as client:
            orders = client[DATABASE][COLLECTION]
            for start in range(0, documents, 1000):
                orders.insert_many([document(n, documents) for n in range(start, start + 1000)])
        host, _, port = server.removeprefix("mongodb://").partition(":")
        theirs = [program, "extract", "--host", host, "--port", port, "-d", DATABASE]
        theirs += ["-c", COLLECTION, "-o", str(path)]
        mine = crawls(uri, rounds, ONE, TWO, BY_DEFAULT)
        runs = alternate([Contender(PYMONGO_SCHEMA, theirs, rounds), *mine], rounds)
        return list(table_rows(NX, runs, documents)), compare(mine[0].command, path)


def benchmark(documents: int, few: int, rounds: int) -> None:
    """Measures, and prints what came out."""
    about = machine()
    with script_server("crawl_server.py", "--documents", str(documents)) as server:
        uri = f"{server}/{DATABASE}"
        table: Rows = [
            *table_rows(CANNED, alternate(crawls(uri, rounds, ONE, TWO), rounds), documents)
        ]
        rare = found_by_hpnorton(crawls(uri, 1, TWO)[0].command)["rare"]
        if rare != {"bool": RARE}:
            raise BenchmarkError(f"{rare} was found of the rare field")
    with tempfile.TemporaryDirectory(prefix="hpnorton-benchmark-") as name:
        from_file = counts(Path(name) / "batches.bson", documents, rounds)
        table += table_rows(FROM_FILE, alternate(from_file, rounds), documents)
        rows, same = beside_pymongo_schema(Path(name), few, rounds)
    print(f"{documents:,} documents in canned replies and in a file, {few:,} in {NX}\n")
    print(markdown_table(HEADER, table + rows), same, decoding_speed(few), about, sep="\n\n")


def main() -> int:
    """Does what the command line asks for, and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=positive, default=1_000_000, metavar="N")
    parser.add_argument("--slow-documents", type=positive, default=100_000, metavar="N")
    parser.add_argument("--rounds", type=positive, default=3, metavar="R")
    given = parser.parse_args()
    return exit_status(lambda: benchmark(given.documents, given.slow_documents, given.rounds))


if __name__ == "__main__":
    sys.exit(main())

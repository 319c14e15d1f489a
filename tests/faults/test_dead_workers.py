"""A worker that dies, in every phase of every command that has workers.

A proxy before the server holds the worker at a chosen command, so that it dies where it should.
tests/faults/test_killed_imports.py kills workers of imports into SQLite,
tests/importer/test_cluster.py one of a Dask cluster.
"""

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from hpnorton.stores import open_store
from tests.faults.conftest import Start
from tests.faults.processes import (
    Process,
    children_of,
    end_of,
    kill,
    owners_of,
    wait_for,
    workers_of,
)
from tests.faults.proxy import Command, Fate, Proxy, Rule, after_chunks, at
from tests.helpers.commandline import CommandLine, Outcome
from tests.helpers.shop import write_csv, write_customers, write_products
from tests.servers import Server

Write = Callable[..., Path]
PEOPLE = [f"U{number}" for number in range(100)]
STOCK = {f"P{number}": 1 for number in range(3)}
RENTALS = [(u, "Ann", "", "", "", p) for u in PEOPLE for p in STOCK]
AGAIN = [(u, "Bea", "", "", "", "P0") for u in PEOPLE[:5]]  # in conflict with an earlier row
CHUNK_ROWS = 50
ANALYZED = 300_000  # more than is read at a time, less than is given to a worker
CHUNKS = 2 + 1 + 7  # of customers, product, rental
WORK = ("--workers", "2", "--quiet")


@pytest.fixture(name="files")
def write_the_shop(tmp_path: Path) -> list[Path]:
    """Customers, products and rentals, some of which come twice."""
    return [
        write_customers(tmp_path, PEOPLE),
        write_products(tmp_path, STOCK),
        write_csv(tmp_path, "rental", [*RENTALS, *AGAIN]),
    ]


def kill_the_held_worker(proxy: Proxy, process: Process) -> None:
    """Kills the worker whose command the proxy holds; then nothing is held any more."""
    wait_for(lambda: proxy.stalled, process)
    (worker,) = owners_of(proxy.stalled[0].port, workers_of(process.pid))
    kill(worker)


PHASES: dict[str, Callable[[], Rule]] = {
    "first chunk": lambda: at("insert", "customers"),
    "parents": lambda: at("insert", "product"),
    "children": lambda: at("insert", "rental", 2),
    "note of a chunk": lambda: at("insert", "hpnorton_chunks", 4),
    "duplicate resolution": lambda: after_chunks(CHUNKS, "customers"),
    "late indexes": lambda: at("createIndexes", "rental"),
}


@pytest.mark.parametrize("phase", PHASES)
def test_a_worker_of_an_import(
    hpnorton: CommandLine,
    start: Start,
    proxy: Proxy,
    server: Server,
    files: list[Path],
    phase: str,
) -> None:
    """Exit 1, the file that suffers is named, and the command that is told does the rest."""
    proxy.rule = PHASES[phase]()
    more = (*WORK, "--chunk-rows", str(CHUNK_ROWS))
    process = start("--parallel", *files, *more, uri=f"{proxy.uri}/shop")
    kill_the_held_worker(proxy, process)
    failed = end_of(process)
    assert failed.status == 1
    assert "a process that imported it died (killed, or out of memory?)" in failed.err
    proxy.release()
    check_complete(hpnorton, server, hpnorton.resume(failed.err.encode()))


def check_complete(hpnorton: CommandLine, server: Server, done: Outcome) -> None:
    """Every record is there once, the first of each key; what was done before is not read again."""
    assert done.status == 3, done.err
    customers, products, rentals = (next(iter(report.values())) for report in done.data)
    for parent, rows in ((customers, PEOPLE), (products, STOCK)):
        assert (parent["status"], parent["read"]) in (("done", len(rows)), ("done before", 0))
        assert parent["total_records"] == len(rows)
    assert rentals["read"] == len(RENTALS) + len(AGAIN)
    assert (rentals["total_records"], rentals["conflicts"]) == (len(RENTALS), len(AGAIN))
    with closing(open_store(f"{server.uri}/shop")) as store:
        names = {record["name"] for record in store.find("rental", ("user_id",))}
    assert names == {"Ann"}
    assert hpnorton("--check", "--quiet", uri=f"{server.uri}/shop").status == 0


@pytest.mark.parametrize("note", ["hpnorton_collections", "hpnorton_imports"])
def test_a_worker_that_dies_before_it_has_work(
    hpnorton: CommandLine, start: Start, proxy: Proxy, csv_file: Write, note: str
) -> None:
    """While the first process notes that the import begins: the same."""
    path = csv_file("thing.csv", "id,a", *[f"k{n},{n}" for n in range(1000)])
    proxy.rule = at("insert", note)
    process = start("--parallel", path, *WORK, uri=f"{proxy.uri}/shop")
    wait_for(lambda: proxy.stalled and len(workers_of(process.pid)) == 2, process)
    worker = workers_of(process.pid)[0]
    kill(worker)
    wait_for(lambda: worker not in workers_of(process.pid), process)
    proxy.release()
    failed = end_of(process)
    assert failed.status == 1
    assert f"Error: {path}: a process that imported it died" in failed.err
    done = hpnorton.resume(failed.err.encode())
    assert done.status == 0, done.err
    assert done.data[0]["thing"]["inserted"] == done.data[0]["thing"]["total_records"] == 1000


@pytest.mark.parametrize(
    ("command", "number"),
    [
        ("--fields product customers", 1),
        ("--quality product customers", 1),
        ("--quality product customers", 2),
    ],
    ids=["crawl", "quality, first pass", "quality, second pass"],
)
def test_a_worker_of_a_look(
    hpnorton: CommandLine, start: Start, server: Server, proxy: Proxy, command: str, number: int
) -> None:
    """Exit 1, no half of a result, and what to try, which gives all of it."""
    uri = f"{server.uri}/shop"
    assert hpnorton("--linear", "--quiet", uri=uri).status == 0
    flags = (*command.split(), *WORK)
    process_ids: list[int] = []
    find = at("find", "product", number)

    def rule(command: Command) -> Fate:
        """Only what a worker asks for counts."""
        workers = [pid for parent in process_ids for pid in workers_of(parent)]
        return find(command) if owners_of(command.port, workers) else Fate.PASS

    proxy.rule = rule
    process = start(*flags, uri=f"{proxy.uri}/shop")
    process_ids.append(process.pid)
    kill_the_held_worker(proxy, process)
    failed = end_of(process)
    assert (failed.status, failed.out) == (1, "")
    assert failed.err == (
        "Error: a process that did a part of the work died (killed, or out of memory?); try again "
        "with fewer --workers\n"
    )
    proxy.release()
    again = hpnorton(*command.split(), "--workers", "1", "--quiet", uri=uri)
    assert again.status == 0
    assert again.data == hpnorton(*flags, uri=uri).data


def test_a_worker_of_an_analysis(hpnorton: CommandLine, start: Start, tmp_path: Path) -> None:
    """Exit 1, the file is named, and what to try; a pipe holds the work until the worker died."""
    pipe = tmp_path / "thing.csv"
    os.mkfifo(pipe)
    lines = b"id,a\n" + b"".join(b"%d,x\n" % number for number in range(ANALYZED))
    process = start("--analyze", pipe, *WORK)
    with pipe.open("wb") as out:
        out.write(lines)
        out.flush()
        wait_for(lambda: len(workers_of(process.pid)) == 2, process)
        worker = workers_of(process.pid)[0]
        kill(worker)
        wait_for(lambda: worker not in workers_of(process.pid), process)
    failed = end_of(process)
    assert (failed.status, failed.out) == (1, "")
    assert failed.err == (
        f"Error: {pipe}: a process that analyzed it died (killed, or out of memory?); try again "
        "with fewer --workers\n"
    )
    again = hpnorton("--analyze", "-", "--workers", "1", "--quiet", stdin=lines)
    assert (again.status, again.data[0]["rows"]) == (0, ANALYZED)


def test_a_run_of_a_comparison(start: Start, server: Server, proxy: Proxy, csv_file: Write) -> None:
    """Exit 1, which run it was, and nothing is left of it in the database."""
    path = csv_file("thing.csv", "id,a", *[f"k{n},{n}" for n in range(100)])
    proxy.rule = at("insert", "thing")
    process = start(
        "--compare", path, "--repeat", "1", "--workers", "1", "--chunk-rows", "50", "--quiet",
        uri=f"{proxy.uri}/shop",
    )  # fmt: skip
    wait_for(lambda: proxy.stalled, process)
    runs = [pid for watch in children_of(process.pid) for pid in children_of(watch)]
    (run,) = owners_of(proxy.stalled[0].port, runs)
    kill(run)
    proxy.release()
    failed = end_of(process)
    assert (failed.status, failed.out) == (1, "")
    assert failed.err == (
        "Error: a run with --linear was killed by signal 9 (out of memory?) and its database is "
        "removed; compare again when there is room\n"
    )
    with closing(open_store(f"{server.uri}/shop")) as store:
        assert store.collections() == []

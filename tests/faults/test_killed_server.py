"""A MongoDB server that goes away while it is used, and comes back, or does not."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pymongo
import pytest

from hpnorton.stores import open_store
from tests.faults.conftest import Start
from tests.faults.processes import DEADLINE, end_of, wait_for
from tests.faults.proxy import Proxy, after_chunks, at
from tests.helpers.commandline import CommandLine
from tests.helpers.shop import write_customers, write_products
from tests.servers import Server

Write = Callable[..., Path]
ROWS = 12_000
QUICK = "serverSelectionTimeoutMS=1000"


@pytest.fixture(name="path")
def write_a_file(csv_file: Write) -> Path:
    """A file that takes some seconds to import."""
    return csv_file("thing.csv", "id,a,b", *[f"k{n:07},{n},some more text" for n in range(ROWS)])


def _start(
    hpnorton: CommandLine, server: Server, path: Path, *how: str
) -> "subprocess.Popen[bytes]":
    """Starts an import in small chunks, and waits until some of them are in."""
    process = hpnorton.start(*how, "--chunk-rows", "200", path, uri=f"{server.uri}/shop?{QUICK}")
    deadline = time.monotonic() + DEADLINE
    with pymongo.MongoClient[dict[str, object]](server.uri) as client:
        while client.shop.thing.count_documents({}) < 600:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
    return process


def _records(server: Server) -> int:
    with closing(open_store(f"{server.uri}/shop")) as store:
        return store.count("thing")


WAYS = pytest.mark.parametrize("way", ["--linear", "--parallel", "--parallel --workers 2"])


@WAYS
def test_a_server_that_comes_back(
    hpnorton: CommandLine, server: Server, path: Path, way: str
) -> None:
    """The import goes on where it was, and everything is in once."""
    process = _start(hpnorton, server, path, *way.split(), "--retry-timeout", "50")
    server.stop()
    assert process.stderr is not None
    assert any(b"trying again" in line for line in process.stderr)
    server.start()
    out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, err
    report = json.loads(out)[0]["thing"]
    assert report["read"] == report["total_records"] == _records(server) == ROWS
    assert report["inserted"] + report["unchanged"] == ROWS
    assert report["conflicts"] == report["rejected"] == 0
    assert b"Traceback" not in err


@WAYS
def test_a_server_that_stays_away(
    hpnorton: CommandLine, server: Server, path: Path, way: str
) -> None:
    """Exit 1 after --retry-timeout, and the command that is told completes it later."""
    process = _start(hpnorton, server, path, *way.split(), "--retry-timeout", "0.3", "--quiet")
    server.stop()
    out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 1
    assert b"no MongoDB answers at" in err and b"it was tried again for 0.3 s" in err
    assert 0 < json.loads(out)[0]["thing"]["read"] < ROWS
    server.start()
    again = hpnorton.resume(err)
    assert again.status == 0, again.err
    report = again.data[0]["thing"]
    assert report["read"] == report["total_records"] == _records(server) == ROWS


def test_ctrl_c_is_heard_while_waiting_for_a_server(
    hpnorton: CommandLine, server: Server, path: Path
) -> None:
    """Nobody has to wait for the end of --retry-timeout."""
    process = _start(hpnorton, server, path, "--parallel", "--retry-timeout", "50")
    server.stop()
    assert process.stderr is not None
    for line in process.stderr:
        if b"trying again" in line:
            break
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert b"it was interrupted" in err and b"--resume" in err


def test_a_server_that_is_not_there_is_told_at_once(hpnorton: CommandLine, path: Path) -> None:
    """Before the import has begun nothing is retried; pymongo's options are at their defaults."""
    start = time.monotonic()
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # it does not listen, and nobody else can
        done = hpnorton("--linear", path, uri=f"mongodb://127.0.0.1:{nobody.getsockname()[1]}/shop")
    assert done.status == 1 and "no MongoDB answers" in done.err
    assert time.monotonic() - start < 20


# Where a look at the database is when its server dies: at its how manieth command.
LOOKS = pytest.mark.parametrize(
    ("command", "number"),
    [
        ("--fields rental", 1),
        ("--fields rental product --workers 2", 1),
        ("--quality product", 1),
        ("--quality product customers --workers 2", 2),
    ],
)


@LOOKS
def test_a_server_that_dies_in_a_look_at_the_database(
    hpnorton: CommandLine, start: Start, server: Server, proxy: Proxy, command: str, number: int
) -> None:
    """Exit 1, no half of a result; the same question is answered when the server is back."""
    assert hpnorton("--linear", "--quiet", uri=f"{server.uri}/shop").status == 0
    proxy.rule = at("find", command.split()[1], number)
    process = start(*command.split(), "--quiet", uri=f"{proxy.uri}/shop?{QUICK}")
    wait_for(lambda: proxy.stalled, process)
    server.stop()
    proxy.release()
    failed = end_of(process)
    assert (failed.status, failed.out) == (1, "")
    (line,) = failed.err.splitlines()
    assert line.startswith(f"Error: no MongoDB answers at {proxy.uri}/shop")
    server.start()
    again = hpnorton(*command.split(), "--quiet", uri=f"{proxy.uri}/shop?{QUICK}")
    assert again.status == 0
    assert again.data == hpnorton(*command.split(), "--quiet", uri=f"{server.uri}/shop").data


def test_a_server_that_dies_at_the_end_of_an_import(
    hpnorton: CommandLine, start: Start, server: Server, proxy: Proxy, csv_file: Write
) -> None:
    """The last note is written when it is back, and it says that all is done."""
    path = csv_file("thing.csv", "id,a", "k1,1", "k2,2")
    proxy.rule = at("update", "hpnorton_imports")
    process = start("--linear", path, "--retry-timeout", "50", uri=f"{proxy.uri}/shop?{QUICK}")
    wait_for(lambda: proxy.stalled, process)
    server.stop()
    proxy.release()
    server.start()
    done = end_of(process)
    assert done.status == 0, done.err
    assert "trying again" in done.err
    assert done.data[0]["thing"]["total_records"] == 2
    (told,) = hpnorton("--history", "--quiet", uri=f"{server.uri}/shop").data
    assert (told["file"], told["status"], told["inserted"]) == (str(path), "done", 2)


def test_a_server_that_dies_in_the_duplicate_resolution(
    start: Start, server: Server, proxy: Proxy, csv_file: Write
) -> None:
    """Also what puts a parallel import in order is tried again: of two rows the last is in."""
    rows = 1000
    lines = [f"k{n:05},first" for n in range(rows)] + ["k00000,last", "k00001,last"]
    path = csv_file("thing.csv", "id,a", *lines)
    proxy.rule = after_chunks(2, "thing")
    process = start(
        "--parallel", path, "--workers", "2", "--mode", "upsert", "--chunk-rows", str(rows),
        "--retry-timeout", "50", "--quiet", uri=f"{proxy.uri}/shop?{QUICK}",
    )  # fmt: skip
    wait_for(lambda: proxy.stalled, process)
    with pymongo.MongoClient[dict[str, object]](server.uri) as client:
        assert client.shop.hpnorton_chunks.count_documents({}) == 2
    server.stop()
    server.start()
    proxy.release()
    done = end_of(process)
    assert done.status == 0, done.err
    report = done.data[0]["thing"]
    assert (report["read"], report["total_records"]) == (rows + 2, rows)
    with pymongo.MongoClient[dict[str, object]](server.uri) as client:
        assert client.shop.thing.count_documents({"a": "last"}) == 2


CLERKS = 4
EACH = 2


def test_a_server_that_dies_among_clerks(
    hpnorton: CommandLine, server: Server, proxy: Proxy, tmp_path: Path
) -> None:
    """Whoever does what the messages say rents everything once, and the books balance."""
    people = [f"U{clerk}-{number}" for clerk in range(CLERKS) for number in range(EACH)]
    files = write_customers(tmp_path, people), write_products(tmp_path, {"P1": len(people) + 1})
    assert hpnorton("--linear", *files, "--quiet", uri=f"{server.uri}/shop").status == 0
    proxy.rule = at("insert", "history", 3)

    def serve(clerk: int) -> list[str]:
        """What a clerk heard of rentals that were not done at once."""
        heard: list[str] = []
        for number in range(EACH):
            heard += rent_for_sure(hpnorton, proxy, f"U{clerk}-{number}")
        return heard

    with ThreadPoolExecutor(CLERKS) as clerks:
        working = [clerks.submit(serve, clerk) for clerk in range(CLERKS)]
        wait_for(lambda: proxy.stalled)
        server.stop()
        proxy.release()
        server.start()
        heard = [text for future in working for text in future.result()]
    assert any("It is unknown whether this was done" in text for text in heard)
    uri = f"{server.uri}/shop"
    assert len(hpnorton("--all-rentals", "--quiet", uri=uri).data) == len(people)
    assert hpnorton("--all-products", "--quiet", uri=uri).data["P1"]["quantity_available"] == 1
    checked = hpnorton("--check", uri=uri)
    assert checked.status == 0, checked.err


def rent_for_sure(hpnorton: CommandLine, proxy: Proxy, user_id: str) -> list[str]:
    """Rents a P1, as the messages say; gives what they said."""
    heard: list[str] = []
    while len(heard) < 20:
        done = hpnorton("--rent", user_id, "P1", "--quiet", uri=f"{proxy.uri}/shop?{QUICK}")
        if done.status == 0:
            return heard
        heard.append(done.err)
        assert done.status == 1 and "no MongoDB answers" in done.err, done.err
        if "It is unknown whether this was done" in done.err and is_rented(
            hpnorton, proxy, user_id
        ):
            return heard
    raise AssertionError(heard)


def is_rented(hpnorton: CommandLine, proxy: Proxy, user_id: str) -> bool:
    """Whether the history tells that somebody has a P1; the server may be away for a while yet."""
    for _ in range(20):
        told = hpnorton("--history", "P1", "--quiet", uri=f"{proxy.uri}/shop?{QUICK}")
        if told.status == 0:
            return any(line["kind"] == "rent" and line["user_id"] == user_id for line in told.data)
    raise AssertionError(told.err)

"""A MongoDB server that goes away while an import runs, and comes back, or does not."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pymongo
import pytest

from hpnorton.stores import open_store
from tests.conftest import CommandLine, NxServer, free_port

Write = Callable[..., Path]
ROWS = 12_000
DEADLINE = 60.0


@pytest.fixture(name="path")
def write_a_file(csv_file: Write) -> Path:
    """A file that takes some seconds to import."""
    return csv_file("thing.csv", "id,a,b", *[f"k{n:07},{n},some more text" for n in range(ROWS)])


def _start(
    hpnorton: CommandLine, server: NxServer, path: Path, *how: str
) -> "subprocess.Popen[bytes]":
    """Starts an import in small chunks, and waits until some of them are in."""
    process = hpnorton.start(*how, "--chunk-rows", "200", path, uri=f"{server.uri}/shop")
    deadline = time.monotonic() + DEADLINE
    with pymongo.MongoClient[dict[str, object]](server.uri) as client:
        while client.shop.thing.count_documents({}) < 600:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
    return process


def _records(server: NxServer) -> int:
    with closing(open_store(f"{server.uri}/shop")) as store:
        return store.count("thing")


WAYS = pytest.mark.parametrize("way", ["--linear", "--parallel", "--parallel --workers 2"])


@WAYS
def test_a_server_that_comes_back(
    hpnorton: CommandLine, server: NxServer, path: Path, way: str
) -> None:
    """The import goes on where it was, and everything is in once."""
    process = _start(hpnorton, server, path, *way.split(), "--retry-timeout", "50")
    server.stop()
    server.start()
    out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, err
    report = json.loads(out)[0]["thing"]
    assert report["read"] == report["total_records"] == _records(server) == ROWS
    assert report["inserted"] + report["unchanged"] == ROWS
    assert report["conflicts"] == report["rejected"] == 0
    assert b"trying again" in err and b"Traceback" not in err


@WAYS
def test_a_server_that_stays_away(
    hpnorton: CommandLine, server: NxServer, path: Path, way: str
) -> None:
    """Exit 1 after --retry-timeout, and the command that is told completes it later."""
    process = _start(hpnorton, server, path, *way.split(), "--retry-timeout", "1", "--quiet")
    server.stop()
    out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 1
    assert b"no MongoDB answers at" in err and b"it was tried again for 1 s" in err
    assert 0 < json.loads(out)[0]["thing"]["read"] < ROWS
    server.start()
    again = hpnorton.resume(err)
    assert again.status == 0, again.err
    report = again.data[0]["thing"]
    assert report["read"] == report["total_records"] == _records(server) == ROWS


def test_ctrl_c_is_heard_while_waiting_for_a_server(
    hpnorton: CommandLine, server: NxServer, path: Path
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
    """Before the import has begun nothing is retried."""
    start = time.monotonic()
    done = hpnorton("--linear", path, uri=f"mongodb://127.0.0.1:{free_port()}/shop")
    assert done.status == 1 and "no MongoDB answers" in done.err
    assert time.monotonic() - start < 20

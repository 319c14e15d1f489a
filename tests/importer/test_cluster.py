"""An import on a Dask cluster of separate processes."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hpnorton.errors import ClusterError
from hpnorton.stores import open_store
from hpnorton.workers import open_cluster
from tests.helpers.commandline import CommandLine
from tests.helpers.webserver import serving

Write = Callable[..., Path]
ROWS = 10_000


@pytest.fixture(name="cluster")
def start_a_cluster() -> Iterator[Any]:
    """Two workers, each a process of its own."""
    # pylint: disable=import-outside-toplevel # it takes a second
    import dask
    from distributed import LocalCluster

    start: Any = LocalCluster  # it has no type hints
    # On a busy machine its processes take long to start.
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "120s"}),
        start(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # its default is one port for all
        ) as cluster,
    ):
        yield cluster


def _lines() -> list[str]:
    return ["id,a", *[f"k{n:07},{n}" for n in range(ROWS)], "k0000001,other", "bad,1,2"]


def _check(uri: str, report: dict[str, int]) -> None:
    with closing(open_store(uri)) as store:
        assert store.count("thing") == ROWS
        (first,) = store.find("thing", ("id",), (("id", "=", "k0000001"),))
    assert first["a"] == "1"
    assert (report["read"], report["rejected"], report["conflicts"]) == (ROWS + 2, 1, 1)
    assert report["inserted"] + report["unchanged"] == report["total_records"] == ROWS


def test_a_cluster_imports_chunks(
    hpnorton: CommandLine, csv_file: Write, mongo_uri: str, cluster: Any
) -> None:
    """What comes out is what one process makes, rejects included; Dask prints no warning."""
    path = csv_file("thing.csv", *_lines())
    done = hpnorton(
        "--parallel", path, "--scheduler", cluster.scheduler_address, "--quiet",
        "--chunk-rows", "500", uri=mongo_uri,
    )  # fmt: skip
    assert done.status == 3, done.err
    _check(mongo_uri, done.data[0]["thing"])
    rejected, conflicting, undescribed, where = done.err.splitlines()
    assert "row 10002" in rejected + conflicting and "no datapackage.json" in undescribed
    assert "Reasons: " in where
    reasons = hpnorton.folder / done.data[0]["thing"]["rejects_file"].replace(
        ".csv", ".reasons.jsonl"
    )
    codes = [json.loads(line)["code"] for line in reasons.read_text("utf-8").splitlines()]
    assert codes == ["primary-key", "extra-cell"]


def _kill_a_busy_worker(cluster: Any, process: "subprocess.Popen[bytes]") -> None:
    """Kill a worker in the middle of a chunk, when nobody waits for a result that it holds.

    Dask itself may lose a result whose worker dies while it is fetched. A worker that is stopped
    can finish nothing more; what it had sent before has arrived after a turn of the event loop.
    """
    while True:
        assert process.poll() is None, process.communicate()
        for nanny in cluster.workers.values():
            os.kill(nanny.pid, signal.SIGSTOP)
            cluster.sync(asyncio.sleep, 0.1)
            state = cluster.scheduler.workers[nanny.worker_address]
            if state.processing and not state.has_what:
                os.kill(nanny.pid, signal.SIGKILL)
                return
            os.kill(nanny.pid, signal.SIGCONT)


def test_a_worker_that_dies_is_replaced(
    hpnorton: CommandLine, csv_file: Write, mongo_uri: str, cluster: Any
) -> None:
    """Its chunks are given to another one, and nothing is lost or doubled."""
    path = csv_file("thing.csv", *_lines())
    process = hpnorton.start(
        "--parallel", path, "--scheduler", cluster.scheduler_address, "--quiet",
        "--chunk-rows", "200", uri=mongo_uri,
    )  # fmt: skip
    with closing(open_store(mongo_uri)) as store:
        while store.count("thing") < 600:
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
    _kill_a_busy_worker(cluster, process)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 3, err
    _check(mongo_uri, json.loads(out)[0]["thing"])


@pytest.mark.long
@pytest.mark.parametrize("kind", ["file", "http"])
def test_a_url_is_read_by_byte_ranges(
    hpnorton: CommandLine, csv_file: Write, mongo_uri: str, cluster: Any, kind: str
) -> None:
    """fsspec opens it, here and on the workers."""
    path = csv_file("thing.csv", *_lines())
    with serving(is_secure=False) as server:
        server.files["thing.csv"] = path.read_bytes()
        url = f"file://{path}" if kind == "file" else server.url("thing.csv?sig=1")
        done = hpnorton(
            "--parallel", url, "--scheduler", cluster.scheduler_address, "--quiet",
            "--chunk-rows", "500", uri=mongo_uri,
        )  # fmt: skip
    assert done.status == 3, done.err
    _check(mongo_uri, done.data[0]["thing"])
    if kind == "http":
        assert len(set(server.asked)) > ROWS // 500


def test_sqlite_is_refused(hpnorton: CommandLine, csv_file: Write) -> None:
    """An SQLite file is on one machine: the message names what to do instead."""
    path = csv_file("thing.csv", "id", "1")
    done = hpnorton("--parallel", path, "--scheduler", "tcp://127.0.0.1:1")
    assert done.status == 2
    assert "--scheduler needs MongoDB" in done.err and "--workers N" in done.err


def test_a_scheduler_that_is_not_there() -> None:
    """The message names the address."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # it does not listen, and nobody else can
        address = f"tcp://127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(ClusterError, match=f"no Dask scheduler answers at {address}"):
            open_cluster(address)


def test_a_cluster_without_workers(cluster: Any) -> None:
    """Nobody would ever do the work."""
    cluster.scale(0)
    deadline = time.monotonic() + 30
    while cluster.scheduler.workers:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with pytest.raises(ClusterError, match="has no workers"):
        open_cluster(cluster.scheduler_address)


def test_dask_is_not_needed_by_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for a cluster without the package is told what to install."""
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(ClusterError, match=r"install hpnorton\[dask\]"):
        open_cluster("tcp://127.0.0.1:1")

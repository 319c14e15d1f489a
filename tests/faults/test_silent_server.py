"""A MongoDB server that takes the call and does not answer, freezes, or talks nonsense."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pymongo
import pytest

from tests.faults.conftest import Start
from tests.faults.processes import Process, end_of, wait_for
from tests.faults.proxy import Fate, Proxy, at, from_then_on, once
from tests.helpers.commandline import CommandLine, Outcome
from tests.servers import Server

Write = Callable[..., Path]
ROWS = 3000
MORE_THAN_A_BATCH = 10_001
QUICK = "serverSelectionTimeoutMS=1000&connectTimeoutMS=1000&socketTimeoutMS=1000"
LATE = "took the call and has not answered in time; see what keeps it, or give it longer with"


@pytest.fixture(name="path")
def write_a_file(csv_file: Write) -> Path:
    """A file of some chunks."""
    return csv_file("thing.csv", "id,a,b", *[f"k{n:07},{n},some more text" for n in range(ROWS)])


@pytest.fixture(name="silent")
def listen_and_say_nothing() -> Iterator[str]:
    """The URI of a server that takes every call."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"mongodb://127.0.0.1:{listener.getsockname()[1]}/shop"


@pytest.mark.parametrize(
    ("command", "options"),
    [("--linear", ""), ("--rent C000001 P000001", f"?{QUICK}"), ("--fields", f"?{QUICK}")],
    ids=["an import", "the counter", "a look"],
)
def test_a_server_that_never_answers(
    hpnorton: CommandLine, silent: str, command: str, options: str
) -> None:
    """Exit 1 after three seconds, or sooner with options in the URI, and what to look at."""
    uri = silent + options
    done = hpnorton(*command.split(), "--quiet", uri=uri)
    assert (done.status, done.out) == (1, "")
    assert done.err == (
        f"Error: no MongoDB answers at {uri}; check that it runs and that the address is right\n"
    )


def check_complete(done: Outcome) -> None:
    """Every row is in, once."""
    assert done.status == 0, done.err
    report = done.data[0]["thing"]
    assert report["read"] == report["total_records"] == ROWS
    assert report["inserted"] + report["unchanged"] == ROWS


def begin(start: Start, proxy: Proxy, path: Path, *flags: str) -> Process:
    """Starts an import, and waits until the proxy holds its third chunk, and all that follows."""
    proxy.rule = from_then_on(at("insert", "thing", 3))
    uri = f"{proxy.uri}/shop?{QUICK}"
    process = start("--linear", path, "--chunk-rows", "200", *flags, uri=uri)
    wait_for(lambda: proxy.stalled, process)
    return process


def test_a_server_that_freezes_for_a_while(
    hpnorton: CommandLine, start: Start, server: Server, proxy: Proxy, path: Path
) -> None:
    """It is tried again, said so, and the import ends well; what was held is done late."""
    process = begin(start, proxy, path, "--retry-timeout", "50", "--log-level", "WARNING")
    assert process.stderr is not None
    assert any(b"trying again" in line for line in process.stderr)
    proxy.release()
    check_complete(end_of(process))
    again = hpnorton("--linear", path, "--quiet", uri=f"{server.uri}/shop")
    assert again.data[0]["thing"]["unchanged"] == ROWS


def test_a_server_that_stays_frozen(
    hpnorton: CommandLine, start: Start, proxy: Proxy, path: Path
) -> None:
    """Exit 1 after --retry-timeout, and a command that goes on when it moves again."""
    failed = end_of(begin(start, proxy, path, "--retry-timeout", "0.3"))
    assert failed.status == 1
    assert LATE in failed.err or "no MongoDB answers at" in failed.err
    assert "it was tried again for 0.3 s" in failed.err
    proxy.release()  # what was held comes late
    check_complete(hpnorton.resume(failed.err.encode()))


@pytest.mark.parametrize("way", ["--linear", "--parallel --workers 2"])
def test_ctrl_c_in_an_import_into_a_server_that_freezes(
    hpnorton: CommandLine, start: Start, proxy: Proxy, path: Path, way: str
) -> None:
    """The first one lets the rows in hand come to their end, and says so; a second one does not."""
    proxy.rule = from_then_on(at("insert", "thing", 3))
    # A worker waits until pymongo finds its server gone: longer than for the first Ctrl+C.
    uri = f"{proxy.uri}/shop?connectTimeoutMS=6000&heartbeatFrequencyMS=1000"
    process = start(*way.split(), path, "--chunk-rows", "200", uri=uri)
    wait_for(lambda: proxy.stalled, process)
    os.killpg(process.pid, signal.SIGINT)
    assert process.stderr is not None
    assert any(b"Ctrl+C once more stops at once" in line for line in process.stderr)
    os.killpg(process.pid, signal.SIGINT)
    done = end_of(process)
    assert (done.status, done.out) == (130, "")
    assert "Error: it was interrupted at once; chunks" in done.err
    assert "Traceback" not in done.err
    proxy.release()
    check_complete(hpnorton.resume(done.err.encode()))


def test_a_server_that_freezes_on_a_clerk(
    hpnorton: CommandLine, server: Server, proxy: Proxy
) -> None:
    """The clerk hears that nobody knows whether it was done, and how to find out: late, it was."""
    uri = f"{server.uri}/shop"
    assert hpnorton("--linear", "--quiet", uri=uri).status == 0
    proxy.rule = at("insert", "history")
    rent = ("--rent", "C000001", "P000002", "--quiet")
    failed = hpnorton(*rent, uri=f"{proxy.uri}/shop?{QUICK}")
    assert failed.status == 1
    assert f"{LATE} socketTimeoutMS in the URI" in failed.err
    assert (
        "It is unknown whether this was done: when the server is back, --history P000002"
        in failed.err
    )
    proxy.release()  # the server hears of it when the clerk has gone
    wait_for(lambda: "rent" in kinds(hpnorton("--history", "P000002", "--quiet", uri=uri)))
    again = hpnorton(*rent, uri=uri)
    assert again.status == 1 and "C000001 has P000002 already since" in again.err
    assert hpnorton("--check", "--quiet", uri=uri).status == 0


def kinds(history: Outcome) -> list[str]:
    """What has happened."""
    return [line["kind"] for line in history.data]


def test_ctrl_c_in_a_look_at_a_server_that_freezes(
    start: Start, server: Server, proxy: Proxy
) -> None:
    """It is heard at once, while the next documents are waited for: exit 130, and no result."""
    with pymongo.MongoClient[dict[str, object]](server.uri) as client:
        client.shop.thing.insert_many({"_id": number} for number in range(MORE_THAN_A_BATCH))
    proxy.rule = at("getMore", "thing")
    process = start("--fields", "thing", "--quiet", uri=f"{proxy.uri}/shop")
    wait_for(lambda: proxy.stalled, process)
    process.send_signal(signal.SIGINT)
    done = end_of(process)
    assert (done.status, done.out) == (130, "")
    assert not proxy.harmed and "Traceback" not in done.err


NONSENSE = pytest.mark.parametrize("fate", [Fate.GARBAGE, Fate.ODD_BSON])


@NONSENSE
def test_a_server_that_talks_nonsense_from_the_start(
    hpnorton: CommandLine, proxy: Proxy, fate: Fate
) -> None:
    """Exit 1 and the address, which may be that of something else."""
    proxy.rule = lambda command: fate
    done = hpnorton("--all-products", "--quiet", uri=f"{proxy.uri}/shop?{QUICK}")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("Error: ") and proxy.uri in done.err
    assert "unexpected" not in done.err and "Traceback" not in done.err


@NONSENSE
@pytest.mark.parametrize("way", ["--linear", "--parallel --workers 2"])
def test_a_server_that_talks_nonsense_in_the_middle(
    hpnorton: CommandLine, start: Start, proxy: Proxy, path: Path, way: str, fate: Fate
) -> None:
    """What was answered is unknown, so the chunk is repeated: now, or by what is told."""
    proxy.rule = once(at("insert", "thing", 3, fate))
    process = start(*way.split(), path, "--chunk-rows", "200", uri=f"{proxy.uri}/shop?{QUICK}")
    done = end_of(process)
    assert proxy.harmed
    assert "unexpected" not in done.err and "InvalidBSON" not in done.err
    if done.status != 0:
        assert done.status == 1 and f"MongoDB at {proxy.uri}/shop" in done.err
        done = hpnorton.resume(done.err.encode())
    check_complete(done)


@NONSENSE
@pytest.mark.parametrize("command", ["--fields", "--quality", "--check", "--all-products"])
def test_a_server_that_talks_nonsense_to_a_question(
    hpnorton: CommandLine, server: Server, proxy: Proxy, command: str, fate: Fate
) -> None:
    """Exit 1, no result, and the same question is answered when it is asked again."""
    assert hpnorton("--linear", "--quiet", uri=f"{server.uri}/shop").status == 0
    proxy.rule = at("find", "product", 1, fate)
    failed = hpnorton(command, "--quiet", uri=f"{proxy.uri}/shop?{QUICK}")
    assert (failed.status, failed.out) == (1, "")
    assert failed.err.startswith("Error: ") and f"{proxy.uri}/shop" in failed.err
    assert "unexpected" not in failed.err
    proxy.release()
    assert hpnorton(command, "--quiet", uri=f"{proxy.uri}/shop").status == 0

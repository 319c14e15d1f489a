"""Connections that are cut at random: before the server hears of a command, or before it answers.

The dice are seeded, so a run can be repeated; a failure tells the seed.
"""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.proxy import Proxy, at_random
from tests.helpers.commandline import CommandLine, Outcome
from tests.helpers.shop import write_customers, write_products
from tests.servers import Server

ROWS = 2000
MOST_CUTS = 8
CUSTOMERS = 8
STOCK = 10
SEED = random.randrange(10**6)


@pytest.mark.parametrize(
    ("way", "mode"),
    [
        ("--linear", "insert"),
        ("--parallel", "upsert"),
        ("--parallel --workers 2", "insert"),
        ("--parallel --workers 2", "upsert"),
    ],
)
def test_an_import_goes_on(
    hpnorton: CommandLine,
    server: Server,
    proxy: Proxy,
    csv_file: Callable[..., Path],
    way: str,
    mode: str,
) -> None:
    """Whatever is cut, in the end every row is in once, of two with one key the right one."""
    # Keys come twice, far from each other: a parallel import resolves duplicates.
    lines = [f"k{n:05},{n}" for n in range(ROWS)] + [f"k{n:05},again" for n in range(0, ROWS, 100)]
    path = csv_file("thing.csv", "id,a", *lines)
    proxy.rule = at_random(SEED, 0.1, MOST_CUTS)
    command: list[str | Path] = [
        *way.split(),
        path,
        "--mode",
        mode,
        "--chunk-rows",
        "200",
        "--quiet",
    ]
    done = hpnorton(*command, uri=f"{proxy.uri}/shop")
    for _ in range(MOST_CUTS):
        if done.status != 1:
            break
        assert f"no MongoDB answers at {proxy.uri}/shop" in done.err, f"seed {SEED}: {done.err}"
        done = follow(hpnorton, command, done, f"{proxy.uri}/shop")
    proxy.release()
    assert done.status == (3 if mode == "insert" else 0), f"seed {SEED}: {done.err}"
    assert proxy.harmed, f"seed {SEED}"
    report = done.data[0]["thing"]
    twice = len(lines) - ROWS
    assert (report["read"], report["total_records"]) == (len(lines), ROWS), f"seed {SEED}"
    assert report["conflicts"] == (twice if mode == "insert" else 0), f"seed {SEED}"
    found = hpnorton("--linear", path, "--quiet", uri=f"{server.uri}/shop").data[0]["thing"]
    # The same file again: of a key that comes twice one row is there, and the other is not.
    assert (found["unchanged"], found["conflicts"]) == (ROWS, twice), f"seed {SEED}"
    right = lines[-1 if mode == "upsert" else ROWS - 100]
    kept = hpnorton(
        "--linear", "thing=-", uri=f"{server.uri}/shop", stdin=f"id,a\n{right}\n".encode()
    )
    assert kept.data[0]["thing"]["unchanged"] == 1, f"seed {SEED}"


def follow(hpnorton: CommandLine, command: list[str | Path], failed: Outcome, uri: str) -> Outcome:
    """Does what the message of a failed import says, or what it says of itself: the same again."""
    if "To go on where it stopped" in failed.err:
        return hpnorton.resume(failed.err.encode())
    return hpnorton(*command, "--resume", uri=uri)  # before it began


def test_rentals_are_done_once(
    hpnorton: CommandLine, server: Server, proxy: Proxy, tmp_path: Path
) -> None:
    """A clerk who looks into the history before repeating rents each thing once."""
    uri = f"{server.uri}/shop"
    people = [f"U{number}" for number in range(CUSTOMERS)]
    files = write_customers(tmp_path, people), write_products(tmp_path, {"P1": CUSTOMERS + STOCK})
    assert hpnorton("--linear", *files, "--quiet", uri=uri).status == 0
    proxy.rule = at_random(SEED, 0.1, CUSTOMERS)
    for user_id in people:
        rent(hpnorton, proxy, uri, user_id)
    proxy.release()
    assert proxy.harmed, f"seed {SEED}"
    assert len(hpnorton("--all-rentals", "--quiet", uri=uri).data) == CUSTOMERS
    assert hpnorton("--all-products", "--quiet", uri=uri).data["P1"]["quantity_available"] == STOCK
    checked = hpnorton("--check", uri=uri)
    assert checked.status == 0, f"seed {SEED}: {checked.err}"
    lines = hpnorton("--history", "P1", "--quiet", uri=uri).data
    assert len([line for line in lines if line.get("kind") == "rent"]) == CUSTOMERS, f"seed {SEED}"


def rent(hpnorton: CommandLine, proxy: Proxy, uri: str, user_id: str) -> None:
    """Rents something, and does what the messages say."""
    for _ in range(CUSTOMERS + 1):
        done = hpnorton("--rent", user_id, "P1", "--quiet", uri=f"{proxy.uri}/shop")
        if done.status == 0:
            return
        assert done.status == 1 and "no MongoDB answers" in done.err, f"seed {SEED}: {done.err}"
        if "It is unknown whether this was done" in done.err:
            lines = hpnorton("--history", "P1", "--quiet", uri=uri).data
            if any(line.get("kind") == "rent" and line["user_id"] == user_id for line in lines):
                return
    raise AssertionError(f"seed {SEED}: {user_id} is refused again and again")

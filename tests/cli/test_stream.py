"""--stream on the command line, in processes that are interrupted, follow files and compete."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hpnorton.sanitize import counted
from hpnorton.stores import open_store
from tests.helpers.commandline import ROOT, CommandLine, Outcome
from tests.servers import Server

Write = Callable[..., Path]
DATA = ROOT / "data" / "test"
HEADER = "user_id,Name,Last_name,Status,Credit_limit"
QUICK = "serverSelectionTimeoutMS=1000"
AT_ONCE = ("--every", "0", "0")
DEADLINE = 60.0
REPORTED = re.compile(rb"INFO .*, row (\d+): ([a-z ]+)$", re.MULTILINE)
Feed = subprocess.Popen[bytes]


def customer(number: int) -> str:
    """Return a row of customers.csv."""
    return f"C{number:05},Ann,Lee,Active,{number}"


def wait_for_row(feed: Feed, row: int) -> list[bytes]:
    """Return the results of the rows that a feed reports, up to one of them."""
    fates = []
    assert feed.stderr is not None
    for line in feed.stderr:
        if line.endswith(b" -> customers\n"):  # it begins
            continue
        found = REPORTED.search(line)
        assert found, line
        fates.append(found[2])
        if int(found[1]) == row:
            return fates
    raise AssertionError(f"row {row} was not reported, but the end came: {feed.wait()}")


def interrupt(feed: Feed) -> Outcome:
    """Send Ctrl+C, as a terminal does, and wait for the end."""
    os.killpg(feed.pid, signal.SIGINT)
    out, err = feed.communicate(timeout=DEADLINE)
    return Outcome(feed.returncode, out.decode(), err.decode())


def records(uri: str, collection: str = "customers", key: str = "user_id") -> list[dict[str, Any]]:
    """Return all records of a collection."""
    with closing(open_store(uri)) as store:
        return list(store.find(collection, (key,)))


def test_a_stream_leaves_what_an_import_leaves(
    hpnorton: CommandLine, uri: str, tmp_path: Path
) -> None:
    """The records of all three files, with checked references, are those of --linear."""
    other = f"sqlite:///{tmp_path}/other.db"
    assert hpnorton("--linear", uri=other).status == 0
    for name, key in (("customers", "user_id"), ("product", "product_id"), ("rental", "email")):
        done = hpnorton("--stream", DATA / f"{name}.csv", *AT_ONCE, "--quiet", uri=uri)
        assert (done.status, done.err) == (0, "")
        report = done.data[0][name]
        assert report["read"] == report["inserted"] == report["total_records"] > 0
        streamed, imported = records(uri, name, key), records(other, name, key)
        assert sorted(map(str, streamed)) == sorted(map(str, imported))
    notes = hpnorton("--history", uri=uri).data
    assert [note["status"] for note in notes] == ["done"] * 3


def test_refused_rows_are_told_and_kept(hpnorton: CommandLine, csv_file: Write, uri: str) -> None:
    """The exit status is 3; stderr and the rejects have each row's reason; good rows are stored."""
    bad = ["C9,Ann,Lee,Sleepy,1", "C1,Ann,Lee,Active,2", "C1,Ann", "C1,Ann,Lee,Active,1"]
    path = csv_file("customers.csv", HEADER, "C1,Ann,Lee,Active,1", *bad, customer(5))
    done = hpnorton("--stream", path, *AT_ONCE, uri=uri)
    assert done.status == 3
    (report,) = done.data
    counts = {"read": 6, "inserted": 2, "unchanged": 1, "conflicts": 1, "rejected": 2, "updated": 0}
    assert counts.items() <= report["customers"].items()
    told = [line for line in done.err.splitlines() if "INFO" not in line]
    assert f'{path}, row 3, Status: "Sleepy" is not one of Active, Inactive' in told[0]
    assert "row 4, user_id" in told[1] and "row 5: the row has 2 cells" in told[2]
    assert [fate.decode() for _, fate in REPORTED.findall(done.err.encode())] == (
        "inserted,rejected,in conflict,rejected,unchanged,inserted".split(",")
    )
    rejects = hpnorton.folder / report["customers"]["rejects_file"]
    assert rejects.read_text(encoding="utf-8").splitlines() == [HEADER, *bad[:3]]
    reasons = rejects.with_suffix(".reasons.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(reason)["row"] for reason in reasons] == [3, 4, 5]
    upsert = hpnorton("--stream", path, *AT_ONCE, "--mode", "upsert", uri=uri)
    assert upsert.data[0]["customers"]["updated"] == 2


def test_a_stream_is_in_the_books(hpnorton: CommandLine, csv_file: Write, uri: str) -> None:
    """The history of a record has the stream as an import, with an entry for a changed stock."""
    header, row = "product_id,description,product_type,quantity_available", "P1,Lamp,Light"
    for stock in (3, 5):
        path = csv_file("product.csv", header, f"{row},{stock}", "P2,Mat,Party,1")
        done = hpnorton("--stream", path, *AT_ONCE, "--mode", "upsert", "--quiet", uri=uri)
        assert done.status == 0, done.err
    events = hpnorton("--history", "P1", uri=uri).data
    assert [(event["kind"], event["delta"]) for event in events] == [
        ("import", None),
        ("import", 2),
    ]
    assert [event["kind"] for event in hpnorton("--history", "P2", uri=uri).data] == ["import"]
    assert hpnorton("--check", uri=uri).status == 0


def test_ctrl_c_ends_a_wait_at_once(hpnorton: CommandLine, csv_file: Write, uri: str) -> None:
    """The exit status is 130 at once, with a summary; the reported rows are written."""
    path = csv_file("customers.csv", HEADER, *map(customer, range(5)))
    feed = hpnorton.start("--stream", path, "--every", "9999", "9999", uri=uri)
    assert wait_for_row(feed, 2) == [b"inserted"]
    done = interrupt(feed)
    assert done.status == 130
    report = done.data[0]["customers"]
    assert (report["read"], report["inserted"], report["total_records"]) == (1, 1, 1)
    assert "Error: " in done.err and "it was interrupted; 1 of its rows is done" in done.err
    (note,) = hpnorton("--history", uri=uri).data
    assert (note["status"], note["read"]) == ("interrupted", 1)
    again = hpnorton("--stream", path, *AT_ONCE, uri=uri).data[0]["customers"]
    assert (again["inserted"], again["unchanged"]) == (4, 1)


def test_ctrl_c_loses_no_row_that_was_reported(
    hpnorton: CommandLine, csv_file: Write, sqlite_uri: str
) -> None:
    """After an interruption the rows reported, counted and stored are the same."""
    path = csv_file("customers.csv", HEADER, *map(customer, range(50_000)))
    feed = hpnorton.start("--stream", path, *AT_ONCE, uri=sqlite_uri)
    first = wait_for_row(feed, 200)
    done = interrupt(feed)
    rest = REPORTED.findall(done.err.encode())
    assert done.status == 130
    reported = len(first) + len(rest)
    report = done.data[0]["customers"]
    assert report["read"] == report["inserted"] == reported == len(records(sqlite_uri)) < 50_000
    assert [each["Credit_limit"] for each in records(sqlite_uri)] == list(range(reported))


def test_three_streams_into_one_database(
    hpnorton: CommandLine, csv_file: Write, sqlite_uri: str
) -> None:
    """Three streams without a pause lose no row, and none of them fails."""
    rows = 300
    paths = [
        csv_file(f"{n}.csv", HEADER, *map(customer, range(n * 200, n * 200 + rows)))
        for n in range(3)
    ]
    feeds = [
        hpnorton.start("--stream", f"customers={path}", *AT_ONCE, "--quiet", uri=sqlite_uri)
        for path in paths
    ]
    ends = [(*feed.communicate(timeout=DEADLINE), feed.returncode) for feed in feeds]
    assert [(err, status) for _, err, status in ends] == [(b"", 0)] * 3
    reports = [json.loads(out)[0]["customers"] for out, *_ in ends]
    assert [report["read"] for report in reports] == [rows] * 3
    # 100 keys are in two files each: who comes second finds the same record.
    assert sum(report["inserted"] for report in reports) == 700
    assert sum(report["unchanged"] for report in reports) == 200
    assert [each["Credit_limit"] for each in records(sqlite_uri)] == list(range(700))


def test_streams_share_a_text_file(hpnorton: CommandLine, csv_file: Write, tmp_path: Path) -> None:
    """The rows of several processes do not overlap."""
    to = tmp_path / "feed.txt"
    to.write_text(f"{HEADER}\n", encoding="utf-8")
    paths = [csv_file(f"{n}.csv", HEADER, *[customer(n)] * 500) for n in range(3)]
    feeds = [hpnorton.start("--stream", path, *AT_ONCE, "--to", to, "--quiet") for path in paths]
    assert [feed.communicate(timeout=DEADLINE)[1] for feed in feeds] == [b""] * 3
    lines = to.read_text(encoding="utf-8").splitlines()
    assert sorted(lines[1:]) == sorted([customer(0), customer(1), customer(2)] * 500)


def test_a_text_file_gets_a_line_a_row(
    hpnorton: CommandLine, csv_file: Write, tmp_path: Path
) -> None:
    """Each row is in the file when it is reported; Ctrl+C ends with status 130 and a summary."""
    path = csv_file("x.csv", "id,note", "1,a", '2,"b"', "3,c")
    to = tmp_path / "feed.txt"
    feed = hpnorton.start("--stream", path, "--every", "0", "9999", "--to", to)
    wait_for_row(feed, 2)
    assert to.read_bytes().startswith(b"id,note\n1,a\n")
    done = interrupt(feed)
    assert done.status == 130
    (report,) = done.data
    assert (report["file"], report["to"]) == (str(path), str(to))
    assert to.read_bytes().count(b"\n") == 1 + report["rows"]
    assert (
        f"Error: {path}: it was interrupted; {counted(report['rows'], 'row')} written" in done.err
    )
    to.unlink()
    assert hpnorton("--stream", path, *AT_ONCE, "--to", to).status == 0
    assert to.read_bytes() == path.read_bytes()


def append(path: Path, text: str) -> None:
    """Append to a file that another process may follow."""
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def test_a_file_is_followed(hpnorton: CommandLine, csv_file: Write, uri: str) -> None:
    """Rows are written as they come, but only whole ones, until Ctrl+C."""
    path = csv_file("customers.csv", HEADER, customer(1))
    feed = hpnorton.start("--stream", path, *AT_ONCE, "--follow", uri=uri)
    assert wait_for_row(feed, 2) == [b"inserted"]
    append(path, f"{customer(2)}\n{customer(3)[:4]}")
    assert wait_for_row(feed, 3) == [b"inserted"]
    append(path, f'{customer(3)[4:]}\nC00004,"open\n')
    assert wait_for_row(feed, 4) == [b"inserted"]
    append(path, 'quote",Lee,Active,4\nC00005,half')
    assert wait_for_row(feed, 5) == [b"inserted"]
    done = interrupt(feed)
    assert (done.status, done.data[0]["customers"]["inserted"]) == (130, 4)
    assert [each["Name"] for each in records(uri)] == ["Ann", "Ann", "Ann", "open\nquote"]


def test_a_feed_can_be_followed(
    hpnorton: CommandLine, csv_file: Write, tmp_path: Path, sqlite_uri: str
) -> None:
    """One process replays a file into another file, and a second one imports that."""
    path = csv_file("x.csv", HEADER, *map(customer, range(20)))
    to = tmp_path / "customers.csv"
    assert hpnorton("--stream", csv_file("y.csv", HEADER), *AT_ONCE, "--to", to).status == 0
    follower = hpnorton.start("--stream", to, *AT_ONCE, "--follow", uri=sqlite_uri)
    assert hpnorton("--stream", path, *AT_ONCE, "--to", to, "--quiet").status == 0
    assert wait_for_row(follower, 21) == [b"inserted"] * 20
    assert interrupt(follower).status == 130
    assert len(records(sqlite_uri)) == 20


@pytest.mark.parametrize("into", ["database", "text file"])
def test_a_file_that_shrinks_while_it_is_followed(
    hpnorton: CommandLine, csv_file: Write, sqlite_uri: str, tmp_path: Path, into: str
) -> None:
    """The exit status is 1 with a message; earlier rows are written."""
    path = csv_file("customers.csv", HEADER, customer(1))
    to: list[str | Path] = ["--to", tmp_path / "to"] if into == "text file" else []
    feed = hpnorton.start("--stream", path, *AT_ONCE, "--follow", *to, uri=sqlite_uri)
    wait_for_row(feed, 2)
    os.truncate(path, 10)
    out, err = feed.communicate(timeout=DEADLINE)
    assert feed.returncode == 1
    assert b"customers.csv has become shorter while it was followed; start again" in err
    if to:
        assert (tmp_path / "to").read_text(encoding="utf-8").endswith(f"{customer(1)}\n")
    else:
        assert json.loads(out)[0]["customers"]["inserted"] == len(records(sqlite_uri)) == 1


def test_stdin_is_a_feed(hpnorton: CommandLine, sqlite_uri: str) -> None:
    """A row from a pipe is stored before the next one comes; Ctrl+C works between them."""
    arguments = ("--stream", "customers=-", *AT_ONCE)
    with hpnorton.start(*arguments, uri=sqlite_uri, stdin=subprocess.PIPE) as feed:
        assert feed.stdin is not None
        for row, line in enumerate([HEADER, customer(1), customer(2)], 1):
            feed.stdin.write(f"{line}\n".encode())
            feed.stdin.flush()
            if row > 1:
                assert wait_for_row(feed, row) == [b"inserted"]
                assert len(records(sqlite_uri)) == row - 1
        done = interrupt(feed)
    assert done.status == 130 and done.data[0]["customers"]["read"] == 2
    piped = hpnorton("--stream", "-", *AT_ONCE, "--to", "copy.txt", stdin=b"id\n1\n2\n")
    assert (piped.status, piped.data[0]["rows"]) == (0, 2)
    assert (hpnorton.folder / "copy.txt").read_bytes() == b"id\n1\n2\n"


def test_a_server_that_comes_back(hpnorton: CommandLine, csv_file: Write, server: Server) -> None:
    """A row waits for a lost server, and is written once it is there again."""
    path = csv_file("customers.csv", HEADER, customer(1))
    uri = f"{server.uri}/shop?{QUICK}"
    feed = hpnorton.start("--stream", path, *AT_ONCE, "--follow", uri=uri)
    wait_for_row(feed, 2)
    server.stop()
    append(path, f"{customer(2)}\n")
    assert feed.stderr is not None
    assert b"trying again" in feed.stderr.readline()
    server.start()
    for line in feed.stderr:
        if found := REPORTED.search(line):
            assert found[1] == b"3"
            break
        assert b"trying again" in line
    assert interrupt(feed).data[0]["customers"]["total_records"] == len(records(uri)) == 2


def test_a_server_that_stays_away(hpnorton: CommandLine, csv_file: Write, server: Server) -> None:
    """The exit status is 1 after --retry-timeout; the message says what is done."""
    path = csv_file("customers.csv", HEADER, customer(1))
    flags = [*AT_ONCE, "--follow", "--retry-timeout", "0.5"]
    feed = hpnorton.start("--stream", path, *flags, uri=f"{server.uri}/shop?{QUICK}")
    wait_for_row(feed, 2)
    server.stop()
    append(path, f"{customer(2)}\n")
    _, err = feed.communicate(timeout=DEADLINE)
    assert feed.returncode == 1
    assert b"it was tried again for 0.5 s; 1 of its rows is done" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--every", "3", "1"], "--every 3 1: name the shorter time first"),
        (["--every", "1"], "expected 2 arguments"),
        (["--every", "-1", "1"], "--every"),
        (["--every", "now", "1"], "'now' is not a number of seconds"),
        (["--mode", "upsert", "--to", "x"], "--mode goes with the database, not with --to"),
        (["--rejects", "x", "--to", "x"], "--rejects goes with the database"),
        (
            ["--workers", "2"],
            "--fields or --quality, not with --stream",
        ),
        (["--resume"], "--resume goes with --linear or --parallel, not with --stream"),
        (["--year-of", "x"], "--year-of goes with --analyze"),
    ],
)
def test_wrong_usage(hpnorton: CommandLine, arguments: list[str], message: str) -> None:
    """The exit status is 2, one line says what is wrong, and nothing is written."""
    done = hpnorton("--stream", DATA / "customers.csv", *arguments)
    assert (done.status, done.out) == (2, "")
    (told,) = done.err.splitlines()
    assert told.startswith("Error: ") and message in told
    assert hpnorton("--follow", "--all-products").status == 2


def test_a_file_that_is_not_there(hpnorton: CommandLine) -> None:
    """The exit status is 1, for the database and for a text file."""
    for to in ([], ["--to", "to.txt"]):
        done = hpnorton("--stream", "none.csv", *to)
        assert (done.status, done.out) == (1, "") and "there is no file none.csv" in done.err


@pytest.mark.parametrize(
    ("name", "lines", "flags", "message"),
    [
        ("customers.csv", [], [], "is empty; its first line has to name the columns"),
        ("customers.csv", [f"{HEADER},Shoe"], [], "'Shoe', which customers does not know"),
        ("customers.csv", [], ["--to", "to.txt"], "is empty"),
        ("customers.csv.gz", ["x"], ["--follow"], "cannot be followed; name a plain file"),
        ("customers.csv", [HEADER], ["--to", "no/to.txt"], "cannot be written"),
    ],
)
def test_what_cannot_be_streamed(
    hpnorton: CommandLine,
    csv_file: Write,
    name: str,
    lines: list[str],
    flags: list[str],
    message: str,
) -> None:
    """The exit status is 1 before anything is written, and the message says what to do."""
    path = csv_file(name, *lines)
    done = hpnorton("--stream", path, *AT_ONCE, *flags)
    assert (done.status, done.out) == (1, "")
    assert message in done.err and "Traceback" not in done.err
    assert not (hpnorton.folder / "to.txt").exists()


def test_stdin_cannot_be_followed(hpnorton: CommandLine) -> None:
    """--follow is not needed for stdin, which is read to its end."""
    done = hpnorton("--stream", "customers=-", "--follow", stdin=b"user_id\n1\n")
    assert done.status == 1 and "stdin cannot be followed" in done.err

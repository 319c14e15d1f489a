"""--analyze on the command line."""

import csv
import fcntl
import gzip
import io
import signal
import subprocess
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.faults.processes import wait_for
from tests.helpers.commandline import ROOT, CommandLine
from tests.helpers.terminal import on_terminal

Write = Callable[..., Path]
CUSTOMERS = ROOT / "data" / "test" / "customers.csv"
DEADLINE = 60.0
LINES = ("id,day,note", "1,01/31/2019,a cacao", "2,2020-02-30,", "3,2020-03-01,chaos", "4,,")


def test_the_answers_in_json(hpnorton: CommandLine, csv_file: Write) -> None:
    """The answer is a list of one object, with the columns, the years and the counts asked for."""
    path = csv_file("days.csv", *LINES, "5,2021-01-01T10:00:00Z")
    flags = ["--year-of", "day", "--count", "note=ao", "--count", "3=cacao"]
    done = hpnorton("--analyze", path, *flags)
    assert (done.status, done.err) == (0, "")
    (found,) = done.data
    note = {"type": "string", "filled": 2, "distinct": 2, "estimated": False}
    assert found.pop("columns") == [
        {
            **{"number": 1, "column": "id", "type": "integer", "filled": 5, "distinct": 5},
            **{"estimated": False, "min": 1, "max": 5, "longest": 1},
        },
        {
            **{"number": 2, "column": "day", "type": "string", "filled": 4, "distinct": 4},
            **{"estimated": False, "min": "01/31/2019", "max": "2021-01-01T10:00:00Z"},
            **{"longest": 20},
        },
        {"number": 3, "column": "note", **note, "min": "a cacao", "max": "chaos", "longest": 7},
    ]
    assert found == {
        "file": str(path),
        "rows": 5,
        "uneven_rows": 1,
        "blank_rows": 0,
        "repeated_headers": 0,
        "misquoted_rows": 0,
        "years": {
            **{"column": "day", "rows": {"2019": 1, "2020": 1, "2021": 1}},
            **{"no_date": 1, "empty": 1},
        },
        "counts": [
            {"column": "note", "text": "ao", "rows": 2},
            {"column": "note", "text": "cacao", "rows": 1},
        ],
    }


@pytest.mark.parametrize("flags", [[], ["--workers", "2"], ["--workers", "0"]])
def test_all_sources_tell_the_same(hpnorton: CommandLine, tmp_path: Path, flags: list[str]) -> None:
    """A file, its .gz and stdin have the same columns, with one process and with several."""
    zipped = tmp_path / "customers.csv.gz"
    zipped.write_bytes(gzip.compress(CUSTOMERS.read_bytes()))
    plain = hpnorton("--analyze", CUSTOMERS, *flags)
    piped = hpnorton("--analyze", "-", *flags, stdin=CUSTOMERS.read_bytes())
    (first,), (second,) = plain.data, piped.data
    (third,) = hpnorton("--analyze", zipped, *flags).data
    assert [each.pop("file") for each in (first, second, third)] == [
        str(CUSTOMERS),
        "stdin",
        str(zipped),
    ]
    assert first == second == third
    assert [column["type"] for column in first["columns"]] == ["string"] * 7 + ["integer"]
    assert (first["rows"], first["columns"][4]["filled"]) == (10, 9)


def test_a_table_for_people(hpnorton: CommandLine, csv_file: Write) -> None:
    """There are three tables with the rows without a date, and a sentence; long texts are cut."""
    path = csv_file("days.csv", *LINES, f"5,,{'long ' * 30}", "6")
    flags = ["--year-of", "2", "--count", "note=ao", "--format", "table"]
    done = hpnorton("--analyze", path, *flags)
    columns, years, counts, rows = done.out.split("\n\n")
    assert columns.splitlines()[0].split() == (
        "# column type filled distinct min max longest".split()
    )
    assert max(map(len, columns.splitlines())) < 100 and "long long long lon…" in columns
    assert [line.split() for line in years.splitlines()[2:]] == [
        ["2019", "1"],
        ["2020", "1"],
        ["(no", "date)", "1"],
        ["(empty)", "3"],
    ]
    assert counts.splitlines()[2].split() == ["note", "ao", "2"]
    assert rows == "6 rows, 1 of them with more or fewer cells\n"


def test_a_terminal_gets_the_table(hpnorton: CommandLine, csv_file: Write) -> None:
    """Without --format a terminal shows what --format table writes."""
    text = on_terminal(hpnorton, "--analyze", csv_file("days.csv", *LINES), "--quiet")
    assert text.startswith("#  column") and text.endswith("4 rows\n")


def test_estimates_are_said_to_be_estimates(hpnorton: CommandLine, tmp_path: Path) -> None:
    """The number of more than 100,000 different texts is an estimate, in a table and in JSON."""
    path = tmp_path / "ids.csv"
    path.write_text("id\n" + "".join(f"{number}\n" for number in range(100_001)), encoding="utf-8")
    table = hpnorton("--analyze", path, "--format", "table").out.splitlines()[2].split()
    assert table[:4] == ["1", "id", "integer", "100001"] and table[5] == "(estimated)"
    (column,) = hpnorton("--analyze", path).data[0]["columns"]
    assert column["estimated"] and abs(column["distinct"] - 100_001) < 4000
    assert table[4] == str(column["distinct"])


def test_csv_and_json_lines(hpnorton: CommandLine) -> None:
    """CSV has a line for each column, JSON lines have one line for the whole answer."""
    table = list(
        csv.DictReader(io.StringIO(hpnorton("--analyze", CUSTOMERS, "--format", "csv").out))
    )
    assert [row["column"] for row in table][-2:] == ["Status", "Credit_limit"]
    assert (table[-1]["type"], table[-1]["max"]) == ("integer", "2500")
    (line,) = hpnorton("--analyze", CUSTOMERS, "--format", "jsonl").out.splitlines()
    assert line.startswith('{"file": ')


@pytest.mark.parametrize(
    ("status", "arguments", "message"),
    [
        (2, ["--year-of", "Birthday"], "has no column 'Birthday'"),
        (2, ["--year-of", "9"], "has no column 9; its columns are 1 to 8"),
        (2, ["--count", "Shoe=4"], "has no column 'Shoe'"),
        (2, ["--count", "Status"], "--count Status: say COLUMN=TEXT"),
        (2, ["--count", "Status="], "--count Status=: say COLUMN=TEXT"),
        (2, ["--count", "Status=A", "--format", "csv"], "room for the columns only"),
        (2, ["--workers", "x"], "'x' is not a whole number"),
        (2, ["--chunk-rows", "5"], "--chunk-rows goes with --linear, --parallel, --compare or"),
        (2, ["--every", "0", "0"], "--every goes with --stream, not with --analyze"),
    ],
)
def test_wrong_usage(
    hpnorton: CommandLine, status: int, arguments: list[str], message: str
) -> None:
    """The exit status is 2, one line says what is wrong, and stdout is empty."""
    done = hpnorton("--analyze", CUSTOMERS, *arguments)
    assert (done.status, done.out) == (status, "")
    (told,) = done.err.splitlines()
    assert told.startswith("Error: ") and message in told


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (None, "there is no file"),
        ([], "is empty; its first line has to name the columns"),
        ([""], "the first line is blank"),
        (["a;b", "1;2"], "seem to be separated by ';'"),
        ([b"n\xe4me", "x"], "save the file as CSV UTF-8"),
    ],
)
def test_what_is_no_csv_file(
    hpnorton: CommandLine, csv_file: Write, tmp_path: Path, lines: list[str] | None, message: str
) -> None:
    """The exit status is 1, and the message says what to do."""
    path = tmp_path / "none.csv" if lines is None else csv_file("bad.csv", *lines)
    done = hpnorton("--analyze", path)
    assert (done.status, done.out) == (1, "") and message in done.err


def test_how_goes_with_what(hpnorton: CommandLine) -> None:
    """The flags of --analyze are wrong usage with other commands."""
    done = hpnorton("--all-products", "--year-of", "x")
    assert done.status == 2
    assert "--year-of goes with --analyze, not with --all-products" in done.err
    assert "--count goes with --analyze\n" in hpnorton("--count", "a=b").err


def is_waiting(process: "subprocess.Popen[bytes]") -> bool:
    """Return whether a process has read all of its stdin, a pipe, and sleeps until there is more.

    A signal that came just before it begins to sleep would be handled only afterwards.
    """
    assert process.stdin is not None
    unread = fcntl.ioctl(process.stdin, termios.FIONREAD, bytes(4))
    stat = Path(f"/proc/{process.pid}/stat")
    state = stat.read_text("utf-8").rpartition(")")[2].split()[0] if stat.exists() else "S"
    return not any(unread) and state == "S"


def test_ctrl_c_ends_it(hpnorton: CommandLine) -> None:
    """The exit status is 130 at once, also while it waits for stdin."""
    with hpnorton.start("--analyze", "-", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        rows = b"id\n" + b"1\n" * 2**20
        process.stdin.write(rows)  # more than a pipe holds: it has begun to read
        process.stdin.flush()
        wait_for(lambda: is_waiting(process), process)
        process.send_signal(signal.SIGINT)  # stdin stays open: nothing else ends it
        assert process.wait(DEADLINE) == 130
        assert process.stderr is not None and process.stderr.read() == b"Error: interrupted\n"


def test_numbers_and_codes_are_shown_in_full(
    run: Run, csv_file: Write, sqlite_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Digits that no database can store as a number are text; only long texts are cut."""
    monkeypatch.setenv("COLUMNS", "200")
    path = csv_file(
        "parcels.csv",
        "parcel,drift,low,note,day",
        "94001112025551234512,0.25,-9223372036854775808,a note that goes on and on,12/31/2026",
        "94001112025551234529,-0.30000000000000004,5,b,01/01/2027",
    )
    shown = run(f"--analyze {path} --format table", sqlite_uri)
    assert (shown.status, shown.err) == (0, "")
    for text in ("94001112025551234512", "-0.30000000000000004", "-9223372036854775808"):
        assert text in shown.out
    assert "date %m/%d/%Y" in shown.out
    assert "a note that goes o…" in shown.out
    parcel, *_, day = run(f"--analyze {path} --format json", sqlite_uri).data[0]["columns"]
    assert (parcel["type"], parcel["min"]) == ("string", "94001112025551234512")
    assert (day["type"], day["format"], day["max"]) == ("date", "%m/%d/%Y", "2027-01-01")


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_no_number_is_cut_on_a_terminal(
    hpnorton: CommandLine, csv_file: Write, columns: int
) -> None:
    """Numbers of any length stay whole on the narrowest terminal; long texts are cut."""
    numbers = ["94001112025551234567", "-9223372036854775808", "-0.30000000000000004"]
    text = "a description that is long enough to be cut in every window that is tried here"
    path = csv_file("odd.csv", "parcel,least,share,text", ",".join([*numbers, text]))
    shown = on_terminal(hpnorton, "--analyze", path, "--quiet", columns=columns)
    assert all(number in shown for number in numbers)
    assert "…" in shown and "Error" not in shown
    assert max(map(len, shown.splitlines())) <= columns

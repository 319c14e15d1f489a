"""Every table of the command line, on terminals of every width."""

import re
from collections import Counter
from pathlib import Path

import pytest
from rich.cells import cell_len

from hpnorton.cli.widths import wrap
from tests.conftest import ROOT, Run
from tests.helpers.shop import DATASET, import_files

WIDTHS = (40, 60, 80, 100, 120, 200)
COMMANDS = (
    "--all-customers",
    "--available-products",
    "--all-rentals",
    "--find zo",
    "--find c00000",
    "--rentals-for-customer C000001",
    "--customers-renting-product P000005",
    "--overdue",
    "--history",
    "--history C000001",
    "--fields",
    "--quality",
    "--check",
    "--edit customers C000004 'Home_address=1 Street of the Very Long Name, Upper Floor, Left'",
    "--adjust-stock P000001 0 --reason counted",
    f"--analyze {ROOT}/data/test/customers.csv",
    f"--analyze {ROOT}/data/test/rental.csv",
)
ID = r"\b[CP]\d{6}\b"
PHONE = r"\b\d{3}-\d{3}-\d{4}\b"
DATE = r"\b\d{4}-\d\d-\d\d(?: \d\d:\d\d)?\b"
E_MAIL = r"[\w.-]+@[\w.-]+\b"
NUMBER = r"(?<![\w.,-])-?\d+(?:\.\d+)?(?![\w,-])"


@pytest.fixture(name="shop")
def fill(run: Run, tmp_path: Path) -> str:
    """Return the URI of a shop with an overdue rental and a fault in its books."""
    uri = f"sqlite:///{tmp_path}/shop.db"
    import_files(uri, *DATASET)
    run("--rent C000001 P000002", uri)
    run("--edit rental C000001,P000002 due=2026-01-01", uri)
    return uri


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_copied_is_whole_on_every_screen(
    run: Run, shop: str, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Ids, phones, dates and e-mail addresses are all there, no number is broken, no row wraps."""
    kinds = [ID, PHONE, DATE, E_MAIL]
    if "--analyze" in command:  # the addresses are examples among texts
        kinds.remove(E_MAIL)
    monkeypatch.setenv("COLUMNS", "1000")
    run(f"{command} --format table", shop)  # what it writes is there from now on
    wide = run(f"{command} --format table", shop).out
    for width in WIDTHS:
        monkeypatch.setenv("COLUMNS", str(width))
        narrow = run(f"{command} --format table", shop).out
        assert max(map(cell_len, narrow.splitlines()), default=0) <= width
        for kind in kinds:
            assert Counter(re.findall(kind, narrow)) == Counter(re.findall(kind, wide))
        for kind in (DATE, NUMBER):
            assert set(re.findall(kind, narrow)) <= set(re.findall(kind, wide))


@pytest.mark.parametrize("width", WIDTHS)
def test_reports_of_imports(
    run: Run, shop: str, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """The counts of a large file with a long name are never cut, in a table or in blocks."""
    monkeypatch.setenv("COLUMNS", str(width))
    files = " ".join(f"{path.stem}={path}" for path in DATASET)
    shown = run(f"--linear {files} --quiet --format table", shop).out
    assert max(map(len, shown.splitlines())) <= width
    assert {"customers", "product", "rental"} <= set(re.findall(r"\w+", shown))
    assert {"read", "inserted", "unchanged", "rejected"} <= set(re.findall(r"\w+", shown))
    assert re.findall(NUMBER, shown).count("10") >= 2


def test_times_of_rentals_are_told_to_the_minute(
    run: Run, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every table shows them so; JSON has the whole time."""
    monkeypatch.setenv("COLUMNS", "80")
    for command in ("--all-rentals", "--edit rental C000001,P000002 name=Zoe"):
        shown = run(f"{command} --format table", shop).out
        assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d$", shown, re.MULTILINE)
        assert not re.search(r"T\d\d:", shown)
        assert re.search(r"T\d\d:\d\d:\d\d", run(f"{command} --format json", shop).out)


def test_the_history_of_imports_adds_up(
    run: Run, sqlite_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every screen shows each count; a pipe has every column and the whole path."""
    counts = ("inserted", "updated", "unchanged", "conflicts", "rejected")
    import_files(sqlite_uri, *DATASET)
    import_files(sqlite_uri, *DATASET)
    monkeypatch.delenv("COLUMNS", raising=False)
    piped = run("--history --format table", sqlite_uri).out
    assert set(counts) | {"id", "file", "rejects_file"} <= set(piped.splitlines()[0].split())
    assert str(DATASET[0]) in piped
    for width in (60, 80, 100, 120, 160):
        monkeypatch.setenv("COLUMNS", str(width))
        head, _, *lines = run("--history --format table", sqlite_uri).out.splitlines()
        assert head.startswith("started") and max(map(len, lines)) <= width
        if width < 118:
            assert sum("10 inserted" in line for line in lines) == 2
            assert sum("10 unchanged" in line for line in lines) == 2
        else:
            assert set(counts) <= set(head.split()) and DATASET[0].name in lines[0]


def test_paths_go_on_behind_a_slash() -> None:
    """A path is broken within a name only if the name is wider than the screen."""
    assert wrap(["from ", "/srv/deliveries/customers.csv"], 16) == [
        "from /srv/",
        "deliveries/",
        "customers.csv",
    ]
    assert wrap(["s3://bucket/customers.csv"], 12) == ["s3://bucket/", "customers.cs", "v"]


@pytest.mark.parametrize("command", ["--quality", "--fields"])
def test_each_collection_has_a_table_of_its_own(
    run: Run, shop: str, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Its title is the collection, so that several collections need no wider table than one."""
    monkeypatch.setenv("COLUMNS", "80")
    lines = run(f"{command} --format table --quiet", shop).out.splitlines()
    titles = [at for at, line in enumerate(lines) if line in ("customers", "product", "rental")]
    assert [lines[at] for at in titles] == ["customers", "product", "rental"]
    assert all(lines[at + 1].lstrip().startswith("field") for at in titles)
    assert command == "--fields" or not any(line.startswith("field:") for line in lines)

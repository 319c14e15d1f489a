"""stdin, stdout and stderr that are closed, full, unread, or objects of the calling program."""

import io
import json
import sys
from pathlib import Path

import pytest

from hpnorton import cli, log
from tests.conftest import ROOT, CommandLine, command_line

PRODUCTS = ROOT / "data" / "test" / "product.csv"
CLOSED = [">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"]


@pytest.fixture(name="shop", scope="module")
def import_some_products(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """Return the command line with the products of the test dataset in its database."""
    hpnorton = command_line(tmp_path_factory.mktemp("streams") / "home")
    assert hpnorton("--linear", PRODUCTS, "--quiet").status == 0
    return hpnorton


def in_shell(line: str) -> str:
    """Return a command for bash in which HPNORTON stands for the program."""
    program = f"{sys.executable} {ROOT / 'HPNorton.py'}"
    return f"bash -c 'set -o pipefail; {line.replace('HPNORTON', program)}'"


@pytest.mark.parametrize("closed", CLOSED)
def test_closed_streams(shop: CommandLine, closed: str) -> None:
    """The command does its work with closed streams, and stdout has only data."""
    asked = shop.run(in_shell(f"HPNORTON --all-products {closed}"))
    assert asked.status == 0 and "Error" not in asked.err
    assert ">&-" in closed.replace("2>&-", "") or len(asked.data) == 10
    imported = shop.run(in_shell(f"HPNORTON --parallel {PRODUCTS} {closed}"))
    assert imported.status == 0
    failed = shop.run(in_shell(f"HPNORTON --rentals-for-customer C9 {closed}"))
    assert (failed.status, failed.out) == (1, "")
    assert failed.err.startswith("Error: ") is ("2>&-" not in closed)


@pytest.mark.parametrize(
    "question",
    ["--all-products --format csv", "--all-products --format json", "--all-products --format table",
     "--history", "--fields", "--check", "--find P", "--help", "--version",
     f"--analyze {PRODUCTS}", f"--linear {PRODUCTS}"],
)  # fmt: skip
def test_a_reader_that_has_gone(shop: CommandLine, question: str) -> None:
    """A pipe that is closed before anything is written causes no error and no message."""
    done = shop.run(in_shell(f"HPNORTON {question} --quiet | true"))
    assert (done.status, done.err) == (0, "")


@pytest.mark.parametrize("question", ["--all-products", "--help", "--version"])
def test_a_full_disk(shop: CommandLine, question: str) -> None:
    """A result that cannot be written is an error."""
    done = shop.run(in_shell(f"HPNORTON {question} > /dev/full"))
    assert done.status == 1
    assert done.err == "Error: the result cannot be written: [Errno 28] No space left on device\n"


def test_messages_that_nobody_can_read(shop: CommandLine, tmp_path: Path) -> None:
    """An import continues when its messages cannot be written, and its exit status is the same."""
    bad = tmp_path / "product.csv"
    bad.write_text("product_id,description,product_type,quantity_available\nP9,x,y,many\n")
    for place in ("2> /dev/full", "2>&1 > /dev/null | true"):
        done = shop.run(in_shell(f"HPNORTON --linear {bad} {place}"))
        assert (done.status, done.err) == (3, ""), place


def test_rejected_rows_count_without_a_reader(shop: CommandLine, tmp_path: Path) -> None:
    """Rejected rows are no success even if the pipe of the report is closed."""
    bad = tmp_path / "product.csv"
    bad.write_text("product_id,description,product_type,quantity_available\nP9,x,y,many\n")
    done = shop.run(in_shell(f"HPNORTON --linear {bad} | true"))
    assert done.status == 3
    assert "row 2" in done.err


class OnlyWrites:
    """A stdout or stderr of a calling program: it has write() and nothing else."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        """Keep a text."""
        self.text += text


def text_of(stream: OnlyWrites | io.StringIO) -> str:
    """Return what was written to a stream."""
    return stream.text if isinstance(stream, OnlyWrites) else stream.getvalue()


@pytest.mark.parametrize("kind", [io.StringIO, OnlyWrites])
def test_streams_of_the_calling_program(
    shop: CommandLine, monkeypatch: pytest.MonkeyPatch, kind: type[OnlyWrites] | type[io.StringIO]
) -> None:
    """main() writes to the objects in sys.stdout and sys.stderr, and restores them."""

    def call(*arguments: str) -> tuple[int, str, str]:
        with monkeypatch.context() as patch:
            out, err = kind(), kind()
            patch.setattr("sys.stdout", out)
            patch.setattr("sys.stderr", err)
            status = cli.main([*arguments, "--settings", str(shop.folder / "settings.ini")])
            assert (sys.stdout, sys.stderr) == (out, err)
        return status, text_of(out), text_of(err)

    status, out, _ = call("--all-products", "--log-level", "DEBUG")
    assert (status, len(json.loads(out))) == (0, 10)
    status, out, err = call("--no-such-flag")
    assert (status, out) == (2, "") and err.startswith("Error: ")
    status, _, err = call("--linear", str(PRODUCTS))
    assert status == 0 and "product.csv: 10 rows" in err


def test_a_text_in_place_of_stdin(shop: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program may give main() a StringIO to read."""
    monkeypatch.setattr("sys.stdin", io.StringIO("id,name\n1,Zoë\n"))
    monkeypatch.setattr("sys.stdout", io.StringIO())
    uri = f"sqlite:///{shop.folder}/text.db"
    assert cli.main(["--linear", "thing=-", "--quiet", "--uri", uri]) == 0
    assert shop("--fields", "thing", uri=uri).data[0]["fields"][1]["example"] == "Zoë"


@pytest.mark.parametrize("gone", [None, "closed"])
def test_a_program_without_streams(
    shop: CommandLine, monkeypatch: pytest.MonkeyPatch, gone: str | None
) -> None:
    """main() works in a program whose standard streams are None, or closed."""
    other = f"sqlite:///{shop.folder}/other.db"
    assert shop("--linear", PRODUCTS, uri=other).status == 0
    for name in ("stdin", "stdout", "stderr"):
        stream = None
        if gone:
            stream = io.StringIO()
            stream.close()
        monkeypatch.setattr(sys, name, stream)
    settings = ["--settings", str(shop.folder / "settings.ini")]
    assert cli.main(["--all-products", *settings]) == 0
    assert cli.main(["--linear", "thing=-", *settings]) == 1
    assert cli.main(["--drop-database", *settings, "--dataset", "production", "--uri", other]) == 2
    assert cli.main(["--no-such-flag"]) == 2
    log.write_message("nobody reads this")


def test_a_package_that_is_damaged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A failed import of a package is reported, with what to do."""

    def fail(*_: object) -> None:
        raise ModuleNotFoundError("No module named 'pymongo'")

    monkeypatch.setattr(cli, "program", fail)
    assert cli.main([]) == 1
    told = capsys.readouterr().err
    assert "missing or damaged (No module named 'pymongo'); install it again" in told

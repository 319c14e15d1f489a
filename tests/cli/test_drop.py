"""--drop-database and --drop-collections, and the database that is used by default."""

import io
import os
import pty
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hpnorton import cli
from hpnorton.log import start_log
from hpnorton.stores import open_store
from tests.conftest import ROOT, CommandLine, Outcome, Run

PRODUCTS = ROOT / "data" / "test" / "product.csv"
Write = Callable[..., Path]
DROPS = ["--drop-collections", "--drop-collections product", "--drop-database"]


class Keyboard(io.StringIO):
    """The stdin of a user at a terminal, who types a line."""

    def isatty(self) -> bool:
        return True


def collections(uri: str) -> list[str]:
    """Return the names of all collections, including HPNorton's own."""
    with closing(open_store(uri)) as store:
        notes = [n for n in ("imports", "chunks", "begun", "collections")
                 if not store.is_empty(f"hpnorton_{n}")]  # fmt: skip
        return [*store.collections(), *notes]


@pytest.mark.parametrize("flag", DROPS)
def test_nothing_is_dropped_without_a_yes(
    run: Run, uri: str, flag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that is not disposable is kept unless the answer or the flag is yes."""
    assert run(f"--linear {PRODUCTS}", uri).status == 0
    for answer in ("", "n\n", "production\n"):
        monkeypatch.setattr("sys.stdin", Keyboard(answer))
        kept = run(flag, uri)
        assert (kept.status, kept.out) == (1, "")
        assert "? [y/N] Error: nothing was removed; answer y" in kept.err
    assert len(run("--all-products", uri).data) == 10
    monkeypatch.setattr("sys.stdin", Keyboard("Y\n"))
    assert run(flag, uri).status == 0
    assert run(f"--linear {PRODUCTS}", uri).status == 0
    monkeypatch.setattr("sys.stdin", Keyboard("n\n"))
    assert run(f"{flag} --yes", uri).status == 0
    assert run(f"--linear {PRODUCTS}", uri).data[0]["product"]["inserted"] == 10


@pytest.mark.parametrize("flag", DROPS)
def test_nobody_can_answer_without_a_terminal(hpnorton: CommandLine, flag: str) -> None:
    """In a pipe or a job it is wrong usage, whatever stdin holds, and the message names --yes."""
    production = ("--dataset", "production")
    assert hpnorton("--linear", *production, PRODUCTS).status == 0
    for answer in (b"", b"y\n"):
        kept = hpnorton(*flag.split(), *production, stdin=answer)
        assert (kept.status, kept.out) == (2, "")
        assert "nothing was removed" in kept.err and "--yes" in kept.err
    assert len(hpnorton("--all-products", *production).data) == 10


def test_a_terminal_is_asked(hpnorton: CommandLine) -> None:
    """The question names what will be removed, and from where."""
    uri = f"sqlite:///{hpnorton.folder}/mine.db"
    assert hpnorton("--linear", PRODUCTS, uri=uri).status == 0
    keyboard, terminal = pty.openpty()
    try:
        os.write(keyboard, b"y\n")
        done = subprocess.run(
            hpnorton.command(["--drop-collections", "product"], uri),
            stdin=terminal,
            capture_output=True,
            text=True,
            env=hpnorton.environment(),
            timeout=60,
            check=False,
        )
    finally:
        os.close(keyboard)
        os.close(terminal)
    assert done.returncode == 0
    assert f"Remove product (10 records) from {uri}? [y/N] " in done.stderr


def test_a_disposable_dataset_is_dropped_at_once(hpnorton: CommandLine) -> None:
    """The project's test dataset is disposable, because settings.ini says so."""
    for uri in (None, f"sqlite:///{hpnorton.folder}/var/hpnorton-test.db"):
        assert hpnorton("--linear", PRODUCTS).status == 0
        assert hpnorton("--drop-database", uri=uri).status == 0
    text = (hpnorton.folder / "settings.ini").read_text(encoding="utf-8")
    (hpnorton.folder / "settings.ini").write_text(text.replace("disposable = yes", ""))
    assert hpnorton("--linear", PRODUCTS).status == 0
    assert hpnorton("--drop-database").status == 2


@pytest.fixture(name="filled")
def import_everything(run: Run, uri: str, csv_file: Write) -> str:
    """Return the URI of a database with the test dataset, a rental and another collection."""
    files = " ".join(
        str(ROOT / "data/test" / f"{n}.csv") for n in ("customers", "product", "rental")
    )
    assert run(f"--linear {files} {csv_file('thing.csv', 'id,a', '1,x', '2,y')}", uri).status == 0
    assert run("--rent C000001 P000002", uri).status == 0
    return uri


def test_some_collections_are_dropped(run: Run, filled: str) -> None:
    """The named ones and the notes about them are removed; the others stay unchanged."""
    done = run("--drop-collections --yes thing", filled)
    assert done.data == [{"collection": "thing", "records": 2}]
    assert done.err == ""
    assert collections(filled)[:4] == ["customers", "history", "product", "rental"]
    assert [note["collection"] for note in run("--history", filled).data] == [
        "customers",
        "product",
        "rental",
    ]
    assert run("--check", filled).status == 0


def test_a_dropped_collection_begins_anew(run: Run, filled: str, csv_file: Write) -> None:
    """Its file is imported as a new one, also with --resume, and may have other columns."""
    again = csv_file("thing.csv", "id,a", "1,x", "2,y")
    assert run("--drop-collections thing --yes", filled).status == 0
    report = run(f"--linear --resume {again}", filled).data[0]["thing"]
    assert report["inserted"] == report["total_records"] == 2
    assert run("--drop-collections thing --yes", filled).status == 0
    assert run(f"--linear {csv_file('thing.csv', 'number,b', '1,x')}", filled).status == 0


def test_a_dropped_product_has_no_history(run: Run, filled: str) -> None:
    """With products, customers and rentals dropped and imported again the books balance."""
    done = run("--drop-collections product rental customers --yes", filled)
    assert done.status == 0 and done.err == ""
    files = " ".join(
        str(ROOT / "data/test" / f"{n}.csv") for n in ("customers", "product", "rental")
    )
    assert run(f"--linear {files}", filled).status == 0
    assert run("--check", filled).status == 0
    assert [e["kind"] for e in run("--history P000002", filled).data] == ["import"]


def test_references_to_a_dropped_collection_are_told(run: Run, filled: str) -> None:
    """A message before the question names the collections that refer to it."""
    kept = run("--drop-collections product", filled)
    assert kept.status == 2
    assert "rental refers to product (product_id): without it these references" in kept.err
    assert "rental refers to" not in run("--drop-collections product rental", filled).err


@pytest.mark.parametrize("names", ["nothing", "thing nothing", "Thing", "hpnorton_imports"])
def test_an_unknown_collection_is_not_dropped(run: Run, filled: str, names: str) -> None:
    """It is an error before anything is removed, and the message lists the collections."""
    before = collections(filled)
    done = run(f"--drop-collections {names} --yes", filled)
    assert (done.status, done.out) == (1, "")
    assert (
        f"there is no collection '{names.rsplit(maxsplit=1)[-1]}'; the database has: customers"
        in done.err
    )
    assert collections(filled) == before


@pytest.fixture(name="folder")
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder without a settings.ini the current one."""
    for name in ("HPNORTON_SETTINGS", "HPNORTON_URI", "HPNORTON_DATASET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(name="call")
def call_in_the_folder(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[str], Outcome]]:
    """Run a command as the installed program does, in the current folder."""

    def call(command: str) -> Outcome:
        status = cli.main(command.split())
        return Outcome(status, *capsys.readouterr())

    yield call
    start_log(None)


@pytest.mark.parametrize(
    "command",
    [f"--linear {PRODUCTS} --quiet", f"--parallel {PRODUCTS} --dataset production", "--linear",
     "--all-products", "--rent A B", "--check", "--fields", "--export out", "--drop-database --yes",
     f"--linear {PRODUCTS} --dry-run", f"--stream {PRODUCTS}"],
)  # fmt: skip
def test_no_settings_and_no_database(
    folder: Path, call: Callable[[str], Outcome], command: str
) -> None:
    """Without either nothing is created, and the message says how to name a database."""
    failed = call(command)
    assert (failed.status, failed.out) == (1, "")
    assert f"Error: there is no {folder}/settings.ini, and no database {folder}/var/" in failed.err
    for way in ("--settings", "HPNORTON_SETTINGS", "--uri sqlite:///shop.db"):
        assert way in failed.err
    assert not list(folder.iterdir())


def test_a_named_database_needs_no_settings(folder: Path, call: Callable[[str], Outcome]) -> None:
    """With --uri all commands work without settings.ini; those without a database always do."""
    assert call(f"--linear {PRODUCTS} --uri sqlite:///shop.db").status == 0
    assert len(call("--all-products --uri sqlite:///shop.db").data) == 10
    assert call(f"--analyze {PRODUCTS}").status == 0
    assert call(f"--stream {PRODUCTS} --to copy.csv --every 0 0").status == 0
    assert sorted(path.name for path in folder.iterdir()) == ["copy.csv", "shop.db"]


def test_built_in_settings_are_told(folder: Path, call: Callable[[str], Outcome]) -> None:
    """If there is a database, but no settings.ini, a warning says what is used."""
    database = folder / "var" / "hpnorton-test.db"
    assert call(f"--linear {PRODUCTS} --uri sqlite:///{database}").status == 0
    asked = call("--all-products")
    assert len(asked.data) == 10
    assert "WARNING there is no" in asked.err and f"with {database}" in asked.err
    kept = call("--drop-database")
    assert (kept.status, kept.out) == (2, "")


def test_a_folder_that_is_gone(folder: Path, call: Callable[[str], Outcome]) -> None:
    """A current folder that was removed is reported."""
    gone = folder / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    failed = call("--all-products")
    assert failed.status == 2
    assert "Error: the current folder cannot be used: No such file or directory" in failed.err


def test_a_tilde_in_every_path(
    folder: Path, call: Callable[[str], Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """~ is the home folder also where a shell does not replace it: after = and in quotes."""
    home = folder / "user"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    (home / "goods.csv").write_bytes(PRODUCTS.read_bytes() + b"P9,x,y,many\n")
    shutil.copy(ROOT / "data" / "datapackage.json", home / "datapackage.json")
    uri = "--uri sqlite:///~/shop/a.db --quiet"
    assert call(f"--linear product=~/goods.csv --rejects=~/bad {uri}").status == 3
    (home / "plain.csv").write_text("id,a\n1,2\n", encoding="utf-8")
    assert call(f"--linear ~/plain.csv {uri}").status == 0
    assert call(f"--export=~/out {uri}").status == 0
    assert call("--analyze=~/goods.csv").status == 0
    assert call("--stream=~/goods.csv --to=~/copy.csv --every 0 0").status == 0
    assert sorted(p.name for p in home.iterdir()) == [
        "bad",
        "copy.csv",
        "datapackage.json",
        "goods.csv",
        "out",
        "plain.csv",
        "shop",
    ]
    assert [path.name for path in folder.iterdir()] == ["user"]

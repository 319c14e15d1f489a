"""Where output goes: links and folders that somebody has put there before us."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hostile.conftest import Ask

Write = Callable[..., Path]
BAD = ("thing.csv", "id,a", "1,2,3")


@pytest.fixture(name="precious")
def write_precious(tmp_path: Path) -> Path:
    """A file of somebody's."""
    path = tmp_path / "precious"
    path.write_bytes(b"precious")
    return path


def test_an_export_follows_no_link(
    ask: Ask, csv_file: Write, sqlite_uri: str, tmp_path: Path, precious: Path
) -> None:
    """Links in place of an earlier export's file, and of those in the making, are replaced.

    One under the name of its datapackage.json does not make an earlier export.
    """
    assert ask("--linear", csv_file("thing.csv", "id", "1"), uri=sqlite_uri).status == 0
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "datapackage.json").symlink_to(precious)
    assert ask("--export", tmp_path / "other", uri=sqlite_uri).status == 1
    out = tmp_path / "out"
    assert ask("--export", out, uri=sqlite_uri).status == 0
    (out / "thing.csv").unlink()
    for name in ("thing.csv", "thing.csv.part", "datapackage.json.part"):
        (out / name).symlink_to(precious)
    assert ask("--export", out, uri=sqlite_uri).status == 0
    assert (out / "thing.csv").read_bytes() == b"id\n1\n"
    assert not [path for path in out.iterdir() if path.is_symlink() or path.suffix == ".part"]
    assert precious.read_bytes() == b"precious"


def test_an_export_replaces_no_folder(
    ask: Ask, csv_file: Write, sqlite_uri: str, tmp_path: Path, precious: Path
) -> None:
    """Exit 1 with the name, where a folder stands in the way, or a file for the folder."""
    assert ask("--linear", csv_file("thing.csv", "id", "1"), uri=sqlite_uri).status == 0
    for name in ("thing.csv", "thing.csv.part"):
        (tmp_path / "out" / name).mkdir(parents=True)
        done = ask("--export", tmp_path / "out", uri=sqlite_uri)
        assert done.status == 1 and "name another folder" in done.err
        (tmp_path / "out" / name).rmdir()
    for place in (precious, precious / "below", Path("/proc/nothing")):
        done = ask("--export", place, uri=sqlite_uri)
        assert done.status == 1 and "name another folder" in done.err
    assert precious.read_bytes() == b"precious"


def test_rejects_that_cannot_be_written(
    ask: Ask, csv_file: Write, sqlite_uri: str, tmp_path: Path, precious: Path
) -> None:
    """Exit 1 where the folder is a file; through a link to a folder they are written."""
    (tmp_path / "rejects").symlink_to(precious)
    done = ask("--linear", csv_file(*BAD), uri=sqlite_uri)
    assert done.status == 1 and "name a folder with --rejects" in done.err
    assert precious.read_bytes() == b"precious"
    (tmp_path / "rejects").unlink()
    (tmp_path / "real").mkdir()
    (tmp_path / "rejects").symlink_to(tmp_path / "real")
    assert ask("--linear", csv_file(*BAD), uri=sqlite_uri).status == 3
    assert len(list((tmp_path / "real").iterdir())) == 2


@pytest.mark.parametrize(
    "name", ["a\nb", "a\x1b[31mb", "a' $(touch x)", "-rf", "..", "a;b", os.fsdecode(b"a\xff")]
)
def test_rejects_are_named_after_the_collection(
    ask: Ask, csv_file: Write, sqlite_uri: str, tmp_path: Path, name: str
) -> None:
    """Not after the file, whatever that is called; reasons.jsonl quotes its name."""
    path = csv_file(*BAD).rename(tmp_path / f"{name}.csv")
    done = ask("--linear", f"thing={path}", uri=sqlite_uri)
    assert done.status == 3
    assert {each.name.partition("-")[0] for each in (tmp_path / "rejects").iterdir()} == {"thing"}
    assert len(list((tmp_path / "rejects").iterdir())) == 2


def test_a_feed_is_appended_to_a_file_only(
    ask: Ask, csv_file: Write, sqlite_uri: str, tmp_path: Path, precious: Path
) -> None:
    """--to a folder is an error, to a link to the file itself, and to a file with other columns.

    Through another link it appends.
    """
    path = csv_file("thing.csv", "id", "1")
    stream = ["--stream", path, "--every", "0", "0", "--to"]
    folder = ask(*stream, tmp_path, uri=sqlite_uri)
    assert folder.status == 1 and "cannot be written" in folder.err
    (tmp_path / "itself").symlink_to(path)
    itself = ask(*stream, tmp_path / "itself", uri=sqlite_uri)
    assert itself.status == 1 and "is the file that is streamed" in itself.err
    (tmp_path / "link").symlink_to(precious)
    other = ask(*stream, tmp_path / "link", uri=sqlite_uri)
    assert other.status == 1 and "has column 'id' besides" in other.err
    assert precious.read_bytes() == b"precious"
    precious.write_bytes(b"id")
    assert ask(*stream, tmp_path / "link", uri=sqlite_uri).status == 0
    assert precious.read_bytes() == b"id\n1\n"


def test_a_formula_is_exported_as_it_is_and_told(
    ask: Ask, csv_file: Write, sqlite_uri: str, tmp_path: Path
) -> None:
    """What comes back is what went in: the file is for programs, the warning for spreadsheets."""
    rows = ["=cmd|' /C calc'!A0,+1", "@SUM(1+1),-1", 'x,"\tx"']
    assert ask("--linear", csv_file("thing.csv", "id,a", *rows), uri=sqlite_uri).status == 0
    done = ask("--export", tmp_path / "out", uri=sqlite_uri)
    assert done.status == 0
    assert done.err.count("a spreadsheet would take this for a formula") == 5
    again = f"sqlite:///{tmp_path}/again.db"
    assert ask("--linear", tmp_path / "out" / "thing.csv", uri=again).status == 0
    assert (
        ask("--linear", csv_file("thing.csv", "id,a", *rows), uri=again).data[0]["thing"][
            "unchanged"
        ]
        == 3
    )

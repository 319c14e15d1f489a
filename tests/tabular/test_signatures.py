"""A file that holds no CSV is named for what it is, before anything is written."""

import gzip
import io
import sqlite3
import tarfile
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from hpnorton.errors import FileError
from hpnorton.tabular.open import ReadMode
from hpnorton.tabular.reader import CsvFile
from hpnorton.tabular.signatures import find_other_format, is_cp1252
from tests.conftest import Run
from tests.helpers.commandline import CommandLine

CSV = b"sku,title\n1,Tent\n"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01"


def zipped(*names: str) -> bytes:
    """A zip archive with files of these names."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, CSV)
    return out.getvalue()


def tarred() -> bytes:
    """A tar archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("list.csv"))
    return out.getvalue()


OTHERS = {
    "an HTML page": b"\n\n<!DOCTYPE html>\n<html><head><title>Log in</title>\n",
    "an HTML page; was a log-in": b'<html lang="en"><body>',
    "an XML or HTML document": b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>\n',
    "an XML or HTML": b"<table><tr><td>sku</td></tr></table>",
    "JSON": b'{"error": "session ended"}\n',
    "JSON; convert": b'[\n  {"sku": 1},\n  {"sku": 2}\n]\n',
    "JSON; convert it": b'["sku", "title"]\n[1, "Tent"]\n',
    "a zip archive": zipped("list.csv"),
    "an Excel workbook": zipped("[Content_Types].xml", "xl/workbook.xml"),
    "an old Excel workbook": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504),
    "compressed with gzip": gzip.compress(CSV),
    "compressed with zstd": b"\x28\xb5\x2f\xfd\x04\x00",
    "a tar archive": tarred(),
    "a PDF document": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "an SQLite database": b"SQLite format 3\x00\x10\x00\x01\x01",
    "a Parquet file": b"PAR1\x15\x04\x15\x10",
    "UTF-16 text": "sku,title\n".encode("utf-16"),
    "UTF-16 text (Excel": "sku,title\n".encode("utf-16-be"),
    "UTF-32 text": "sku,title\n".encode("utf-32"),
    "UTF-32 text; save": "sku,title\n".encode("utf-32-be"),
    "an image": JPEG,
    "an image; it holds no rows": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "damaged: it begins with NUL bytes": bytes(4096),
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n",
}


@pytest.mark.parametrize("what", OTHERS)
def test_what_is_no_csv_is_named(what: str) -> None:
    """For what it is, and with what to do."""
    reported = find_other_format(OTHERS[what])
    assert reported is not None and reported.startswith(what) and "; " in reported


@pytest.mark.parametrize(
    "data",
    [
        CSV,
        b"",
        b"\n",
        b"<id>,<name>\n1,2\n",
        b"<id>;<name>\n",
        b"[id],[name]\n",
        b"{id},x\n",
        b"PAR1,PAR2\n",
        b"PAR1\n",
        b"PK,x\n",
        b"MZ,II\n",
        b'"{""a"": 1}",x\n',
        b"GIF,x\n",
        "größe,Ø\n".encode(),
        b"a\n\0\n",
        b"st\xe4rke,x\n",
    ],
)
def test_odd_headers_are_csv(data: bytes) -> None:
    """A column may be called anything."""
    assert find_other_format(data) is None


@pytest.mark.parametrize("reading", [ReadMode.BUFFERED, ReadMode.STREAMING])
@pytest.mark.parametrize("name", ["list.csv", "list.csv.gz"])
@pytest.mark.parametrize("what", OTHERS)
def test_files_that_are_no_csv(tmp_path: Path, what: str, name: str, reading: ReadMode) -> None:
    """Also the content of a compressed file, and one that is read as a feed."""
    path = tmp_path / name
    path.write_bytes(gzip.compress(OTHERS[what]) if name.endswith(".gz") else OTHERS[what])
    with pytest.raises(FileError) as caught:
        CsvFile(str(path), "list", reading)
    assert str(caught.value).startswith(f"{path} is {what}")


def test_a_page_that_is_only_called_gz(tmp_path: Path) -> None:
    """A download that failed has the name that it should have had."""
    path = tmp_path / "list.csv.gz"
    path.write_bytes(b"<!DOCTYPE html><html>")
    with pytest.raises(FileError, match="ends in .gz, but is an HTML page; was a log-in"):
        CsvFile(str(path), "list")


@pytest.mark.parametrize("name", ["product", "list"])
@pytest.mark.parametrize("act", ["--linear", "--parallel", "--analyze", "--stream", "--linear {}="])
def test_nothing_is_made_of_it(
    run: Run, tmp_path: Path, sqlite_uri: str, name: str, act: str
) -> None:
    """Neither a record nor a collection nor a database, be it described or not; exit 1."""
    path = tmp_path / f"{name}.csv"
    path.write_bytes(OTHERS["an HTML page"])
    command = act.format(name) if act.endswith("=") else f"{act} "
    done = run(f"{command}{path} --quiet", sqlite_uri)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(f"Error: {path} is an HTML page; was a log-in or error page saved")
    assert not (tmp_path / "store.db").exists()


def test_streams_that_are_no_csv(hpnorton: CommandLine, tmp_path: Path) -> None:
    """What comes through a pipe is named too."""
    uri = f"sqlite:///{tmp_path}/store.db"
    for act in ("--linear", "--stream", "--analyze"):
        stdin = "-" if act == "--analyze" else "list=-"
        done = hpnorton(act, stdin, "--quiet", uri=uri, stdin=gzip.compress(CSV))
        assert done.status == 1 and "stdin is compressed with gzip; unpack it" in done.err
    assert not (tmp_path / "store.db").exists()


def test_other_files_stay_as_they_are(run: Run, tmp_path: Path) -> None:
    """A database of one's own that is named as a file is not touched."""
    path = tmp_path / "shop.csv"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (text)")
    before = path.read_bytes()
    done = run(f"--linear {path} --quiet", f"sqlite:///{tmp_path}/store.db")
    assert done.status == 1 and f"{path} is an SQLite database; export" in done.err
    assert path.read_bytes() == before


def test_windows_text_is_recognised(tmp_path: Path) -> None:
    """A header in Windows-1252 says so, and other bytes do not."""
    path = tmp_path / "list.csv"
    path.write_bytes("id,Größe €\n".encode("cp1252"))
    with pytest.raises(FileError, match="not UTF-8 text; it looks like Windows-1252"):
        CsvFile(str(path), "list")
    assert is_cp1252(b"Gr\xf6\xdfe") and not is_cp1252(b"\xc3\xb6 \xf6") and not is_cp1252(b"\x81")

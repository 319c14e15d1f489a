"""Files behind URLs: read by byte ranges if the server supports them, with errors if it fails.

The server is one of our own on 127.0.0.1, with a certificate of the tests.
"""

import gzip
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hpnorton.errors import FileError
from hpnorton.importer.sources import parse_source
from hpnorton.tabular.chunk import read_blocks
from hpnorton.tabular.open import Input, ReadMode
from hpnorton.tabular.reader import CsvFile
from tests.helpers.commandline import CommandLine, Outcome
from tests.helpers.webserver import CA, WebServer, serving

ROWS = 3000
DATA = b"id,a,b\n" + b"".join(b"k%05d,%d,some more text\n" % (n, n) for n in range(ROWS))
SIGNED = "?sig=geheim&until=2026"
TRUST = {"SSL_CERT_FILE": str(CA)}
FILES = {"thing.csv": DATA, "thing.csv.gz": gzip.compress(DATA)}


@pytest.fixture(name="web")
def serve_files() -> Iterator[WebServer]:
    """A server that speaks TLS and sends byte ranges."""
    with serving(is_secure=True) as server:
        server.files = dict(FILES)
        yield server


@pytest.fixture(name="ranges")
def serve_ranges() -> Iterator[WebServer]:
    """A server without TLS that sends byte ranges.

    It is for tests within this process, where aiohttp has read the certificates that it trusts
    when it was imported, be it long before.
    """
    with serving(is_secure=False) as server:
        server.files = dict(FILES)
        yield server


@pytest.fixture(name="plain")
def serve_whole_files() -> Iterator[WebServer]:
    """A server without TLS that sends nothing but whole files."""
    with serving(is_secure=False, has_ranges=False) as server:
        server.files = dict(FILES)
        yield server


def _check(done: Outcome) -> None:
    assert done.status == 0, done.err
    report = done.data[0]["thing"]
    assert report["read"] == report["inserted"] == report["total_records"] == ROWS
    assert "geheim" not in done.err + done.out


@pytest.mark.parametrize("flags", ["--linear", "--parallel --workers 2"])
@pytest.mark.parametrize("name", ["thing.csv", "thing.csv.gz"])
def test_https(hpnorton: CommandLine, web: WebServer, name: str, flags: str) -> None:
    """One process and several read it; the query is no part of its name, nor shown or noted."""
    url = web.url(name + SIGNED)
    command = [*flags.split(), url, "--chunk-rows", "500"]
    _check(hpnorton(*command, environment=TRUST))
    noted = hpnorton("--history").out
    assert "sig=***" in noted and "geheim" not in noted
    again = hpnorton(*command, "--resume", environment=TRUST)
    assert again.status == 0 and again.data[0]["thing"]["total_records"] == ROWS
    assert "sig=***&until=***: already imported on " in again.err


def test_chunks_are_read_by_their_byte_ranges(ranges: WebServer) -> None:
    """A worker asks for the bytes of its chunk, and for no others."""
    with closing(CsvFile(ranges.url("thing.csv"), "thing")) as file:
        chunks = list(file.chunks(1000))
    ranges.asked.clear()
    rows = [row for chunk in chunks for rows in read_blocks(chunk) for row in rows.cells]
    assert len(rows) == ROWS and rows[-1][0] == f"k{ROWS - 1:05}"
    assert ranges.asked == [(c.offset, c.offset + c.length) for c in chunks]


@pytest.mark.parametrize("flags", ["--linear", "--parallel --workers 2 --mode upsert"])
@pytest.mark.parametrize("name", ["thing.csv", "thing.csv.gz"])
def test_a_server_without_byte_ranges(
    hpnorton: CommandLine, plain: WebServer, name: str, flags: str
) -> None:
    """It is read from its beginning to its end, as stdin is."""
    _check(hpnorton(*flags.split(), plain.url(name + SIGNED), "--chunk-rows", "500"))
    assert not plain.asked


def test_a_file_without_byte_ranges_is_not_resumed(hpnorton: CommandLine, plain: WebServer) -> None:
    """What cannot be read from some offset on is imported again."""
    done = hpnorton("--linear", plain.url("thing.csv" + SIGNED), "--resume")
    assert done.status == 1
    assert "thing.csv?sig=***&until=*** cannot be resumed" in done.err


def _refused(hpnorton: CommandLine, url: str, *, is_trusted: bool = True) -> str:
    """What is said of a URL that cannot be read, in one line and without its secrets."""
    done = hpnorton("--linear", url, "--quiet", environment=TRUST if is_trusted else {})
    assert (done.status, done.out) == (1, "")
    (line,) = done.err.splitlines()
    assert "geheim" not in line and "unexpected" not in line and "127.0.0.1" in line
    assert line.startswith("Error: ")
    return line


def test_a_file_that_is_not_there(hpnorton: CommandLine, web: WebServer) -> None:
    """A status of 404 is reported as a missing file."""
    message = _refused(hpnorton, web.url("none.csv" + SIGNED))
    assert "there is no file https://" in message
    assert message.endswith("/none.csv?sig=***&until=***; check its name")


@pytest.mark.parametrize("status", [401, 403])
def test_a_file_without_permission(hpnorton: CommandLine, web: WebServer, status: int) -> None:
    """The error names permissions and signatures that expire."""
    web.statuses["thing.csv"] = status
    message = _refused(hpnorton, web.url("thing.csv" + SIGNED))
    assert f"the server denies access (status {status}); check the permissions" in message


def test_an_untrusted_certificate(hpnorton: CommandLine, web: WebServer) -> None:
    """The error has the reason, and how to trust the certificate."""
    message = _refused(hpnorton, web.url("thing.csv" + SIGNED), is_trusted=False)
    assert "the server's certificate is not trusted: " in message and "SSL_CERT_FILE" in message


def test_a_server_that_is_not_there(hpnorton: CommandLine) -> None:
    """The error has the address without its password."""
    with serving(is_secure=False) as server:
        url = server.url("thing.csv" + SIGNED)
    message = _refused(hpnorton, url.replace("//", "//ann:geheim@"))
    assert "//ann:***@127.0.0.1" in message and "no server answers there" in message


@pytest.mark.parametrize("has_ranges", [True, False])
def test_a_server_that_goes_away(hpnorton: CommandLine, has_ranges: bool) -> None:
    """Exit 1, no half of a row; when it is back the same command does all of it."""
    with serving(is_secure=False, has_ranges=has_ranges) as server:
        server.files = dict(FILES)
        server.most = len(DATA) // 2
        flags = ["--linear", server.url("thing.csv" + SIGNED), "--chunk-rows", "100"]
        failed = hpnorton(*flags, "--quiet")
        assert failed.status == 1
        assert "the server has ended the connection before the end; try again" in failed.err
        assert "geheim" not in failed.err and "unexpected" not in failed.err
        server.most = None
        again = hpnorton(*flags, "--quiet")
        assert again.status == 0, again.err
        report = again.data[0]["thing"]
        assert report["inserted"] + report["unchanged"] == report["total_records"] == ROWS


def test_a_file_that_is_another_one_when_its_chunks_are_read(ranges: WebServer) -> None:
    """A chunk that is no longer there is an error, and so is a file that is gone."""
    with closing(CsvFile(ranges.url("thing.csv"), "thing")) as file:
        *_, last = file.chunks(1000)
    ranges.files["thing.csv"] = DATA[:-100]
    with pytest.raises(FileError, match="has become shorter while it was read; start again"):
        list(read_blocks(last))
    del ranges.files["thing.csv"]
    with pytest.raises(FileError, match="cannot be read any more: there is no such file any more"):
        list(read_blocks(last))


@pytest.mark.parametrize("query", ["", SIGNED, "#part"])
def test_the_name_of_a_url(query: str) -> None:
    """The collection is the file's stem, whatever follows it."""
    for name in ("thing.csv", "thing.csv.gz", "thing.CSV.GZ"):
        assert parse_source(f"https://host/folder/{name}{query}").collection == "thing"
    with pytest.raises(FileError, match="cannot be followed"):
        Input(f"https://host/thing.csv{query}", ReadMode.TAIL)


def test_a_question_mark_in_a_path_is_a_part_of_it(tmp_path: Path) -> None:
    """Only URLs have queries."""
    path = tmp_path / "thing.csv?x.gz"
    path.write_bytes(FILES["thing.csv.gz"])
    with closing(CsvFile(str(path), "thing")) as file:
        assert sum(chunk.rows for chunk in file.chunks(1000)) == ROWS


def test_a_page_behind_a_url_is_no_csv(ranges: WebServer, plain: WebServer) -> None:
    """It is named for what it is, whether the server sends byte ranges or not."""
    for server in (ranges, plain):
        server.files["thing.csv"] = b"<!DOCTYPE html>\n<html>Log in</html>\n"
        with pytest.raises(FileError, match="thing.csv is an HTML page; was a log-in"):
            CsvFile(server.url("thing.csv"), "thing")

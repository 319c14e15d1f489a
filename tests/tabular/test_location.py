"""Locations: paths and URLs, and how they are opened."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from hpnorton.errors import FileError
from hpnorton.tabular.fingerprint import fingerprint
from hpnorton.tabular.location import is_url, open_binary, size_of


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        ("s3://bucket/things.csv", True),
        ("file:///tmp/things.csv", True),
        ("https://example.org/things.csv?version=1", True),
        ("things.csv", False),
        ("/tmp/things.csv", False),
        ("C:/things.csv", False),
        ("a:b/things.csv", False),
        ("-", False),
        ("", False),
    ],
)
def test_urls_have_a_protocol(path: str, is_one: bool) -> None:
    """What has :// in it is a URL, everything else is a path on this machine."""
    assert is_url(path) is is_one


def test_a_file_can_be_read_from_any_offset(tmp_path: Path) -> None:
    """A plain file has a size and can be read from any offset."""
    path = tmp_path / "things.csv"
    path.write_bytes(b"id\n1\n2\n")
    with open_binary(str(path)) as stream:
        assert size_of(stream) == 7
        stream.seek(5)
        assert stream.read() == b"2\n"


def test_errors_of_the_system_reach_the_caller(tmp_path: Path) -> None:
    """The errors of the system are not translated here, since the message depends on the caller."""
    with pytest.raises(FileNotFoundError):
        open_binary(str(tmp_path / "nothing.csv"))
    with pytest.raises(IsADirectoryError):
        open_binary(str(tmp_path))


def test_a_pipe_has_no_size() -> None:
    """What can be read only once has no size, however much is in it."""
    ours, theirs = os.pipe()
    os.write(theirs, b"id\n")
    os.close(theirs)
    with open(ours, "rb") as stream:
        assert size_of(stream) is None
        assert stream.read() == b"id\n"


def test_a_stream_of_unknown_length_has_no_size() -> None:
    """A web server need not say how long its answer is; then it can be read only once."""
    reader, writer = os.pipe()
    os.close(writer)
    with open(reader, "rb") as stream:
        assert size_of(stream) is None


def test_urls_need_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without fsspec a URL is an error that says what to install; a path needs no package."""
    monkeypatch.setitem(sys.modules, "fsspec", None)
    for attempt in (open_binary, fingerprint):
        with pytest.raises(
            FileError, match=r"^s3://b/x.csv is a URL; to read it, install hpnorton\[dask\]$"
        ):
            attempt("s3://b/x.csv")
    with open_binary(__file__) as stream:
        assert stream.read(3) == b'"""'


@pytest.mark.parametrize(
    ("url", "reason"),
    [("nonsense://x/y.csv", "Protocol not known"), ("hdfs2://x/y.csv", "Protocol not known")],
)
def test_an_unknown_protocol_is_an_error(url: str, reason: str) -> None:
    """The message names the URL, and says what fsspec says."""
    pytest.importorskip("fsspec")
    with pytest.raises(FileError, match=f"^{url} cannot be opened: {reason}"):
        open_binary(url)


def test_a_protocol_whose_package_is_missing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """fsspec knows which package reads a kind of URL, and the message names it."""
    pytest.importorskip("fsspec")
    monkeypatch.setitem(sys.modules, "adlfs", None)
    with pytest.raises(FileError, match="^abfs://x/y.csv cannot be opened: .*adlfs"):
        open_binary("abfs://x/y.csv")


def test_a_url_is_read_like_a_file(tmp_path: Path) -> None:
    """A URL has a size and a fingerprint, and can be read from any offset."""
    pytest.importorskip("fsspec")
    path = tmp_path / "things.csv"
    path.write_bytes(b"id\n1\n2\n")
    with open_binary(f"file://{path}") as stream:
        assert size_of(stream) == 7
        stream.seek(5)
        assert stream.read() == b"2\n"
    here, there = fingerprint(str(path)), fingerprint(f"file://{path}")
    assert here is not None and there is not None
    assert (there.size, there.checksum) == (here.size, here.checksum)
    path.unlink()
    with pytest.raises(FileError, match=r"^file://.* cannot be opened: "):
        fingerprint(f"file://{path}")


def test_urls_are_opened_with_no_option_that_only_some_know() -> None:
    """Only options that every file system knows are used: s3fs fails for others."""
    fsspec = pytest.importorskip("fsspec")

    class Strict(fsspec.get_filesystem_class("memory")):  # type: ignore[misc] # no type hints
        """A file system that knows no options at all."""

        protocol = "strict"

        def __init__(self, **options: object) -> None:
            assert not options
            super().__init__()

        @classmethod
        def _strip_protocol(cls, path: str) -> Any:
            return super()._strip_protocol(path.replace("strict://", "memory://"))

    fsspec.register_implementation("strict", Strict, clobber=True)
    with fsspec.open("memory://things.csv", "wb") as stream:
        stream.write(b"id\n1\n")
    with open_binary("strict://things.csv") as stream:
        assert (size_of(stream), stream.read()) == (5, b"id\n1\n")

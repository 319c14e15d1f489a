"""Files by name: paths and URLs, how large they are, and what tells their contents apart."""

import gzip
import os
import sys
import threading
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpnorton.errors import FileError
from hpnorton.tabular import files
from hpnorton.tabular.files import Fingerprint, fingerprint, is_url, open_binary, size_of


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
    """A plain file has a size and can be read from where one likes."""
    path = tmp_path / "things.csv"
    path.write_bytes(b"id\n1\n2\n")
    with open_binary(str(path)) as stream:
        assert size_of(stream) == 7
        stream.seek(5)
        assert stream.read() == b"2\n"


def test_what_cannot_be_opened_is_the_callers_to_tell(tmp_path: Path) -> None:
    """The errors of the system come through, since what they mean depends on who asks."""
    with pytest.raises(FileNotFoundError):
        open_binary(str(tmp_path / "nothing.csv"))
    with pytest.raises(IsADirectoryError):
        open_binary(str(tmp_path))


def test_a_pipe_has_no_size() -> None:
    """What can be read but once has no size, however much is in it."""
    ours, theirs = os.pipe()
    os.write(theirs, b"id\n")
    os.close(theirs)
    with open(ours, "rb") as stream:
        assert size_of(stream) is None
        assert stream.read() == b"id\n"


def test_a_stream_whose_length_nobody_tells_has_no_size() -> None:
    """A web server need not say how long its answer is; then it can be read but once."""
    reader, writer = os.pipe()
    os.close(writer)
    with open(reader, "rb") as stream:
        assert size_of(stream) is None


def test_urls_need_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has no fsspec is told what to install, and for a path nobody needs it."""
    monkeypatch.setitem(sys.modules, "fsspec", None)
    for attempt in (open_binary, fingerprint):
        with pytest.raises(
            FileError, match=r"^s3://b/x.csv is a URL; install what reads it: hpnorton\[dask\]$"
        ):
            attempt("s3://b/x.csv")
    with open_binary(__file__) as stream:
        assert stream.read(3) == b'"""'


@pytest.mark.parametrize(
    ("url", "reason"),
    [("nonsense://x/y.csv", "Protocol not known"), ("hdfs2://x/y.csv", "Protocol not known")],
)
def test_a_protocol_that_nobody_knows_is_told(url: str, reason: str) -> None:
    """The message names the URL, and says what fsspec says."""
    pytest.importorskip("fsspec")
    with pytest.raises(FileError, match=f"^{url} cannot be opened: {reason}"):
        open_binary(url)


def test_a_protocol_whose_package_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """fsspec knows which package reads a kind of URL, and the message names it."""
    pytest.importorskip("fsspec")
    monkeypatch.setitem(sys.modules, "adlfs", None)
    with pytest.raises(FileError, match="^abfs://x/y.csv cannot be opened: .*adlfs"):
        open_binary("abfs://x/y.csv")


def test_a_url_is_read_like_a_file(tmp_path: Path) -> None:
    """A URL has a size and a fingerprint, and can be read from where one likes."""
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
    assert there.modified == 0
    path.unlink()
    with pytest.raises(FileError, match=r"^file://.* cannot be opened: "):
        fingerprint(f"file://{path}")


def test_urls_are_opened_with_no_option_that_only_some_know() -> None:
    """What a kind of place does not know must not reach it: s3fs fails for such an option."""
    fsspec = pytest.importorskip("fsspec")

    class Strict(fsspec.get_filesystem_class("memory")):  # type: ignore[misc] # no type hints
        """A place that knows no options at all."""

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


def test_a_fingerprint_tells_all(tmp_path: Path) -> None:
    """It has the file's size, time and checksum, whatever the size of the blocks it is read in."""
    path = tmp_path / "things.csv"
    data = os.urandom(3 * 2**20 + 7)
    path.write_bytes(data)
    os.utime(path, ns=(1, 1_700_000_000_123_456_789))
    assert fingerprint(str(path)) == Fingerprint(
        len(data), path.stat().st_mtime_ns, f"crc32:{zlib.crc32(data):08x}"
    )


@given(data=st.binary(min_size=1, max_size=40), at=st.integers(0, 39), flip=st.integers(1, 255))
def test_any_other_byte_is_another_content(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, at: int, flip: int
) -> None:
    """Whichever byte changes, and wherever a block ends, the checksum does too."""
    path = tmp_path_factory.mktemp("files") / "things.csv"
    other = bytearray(data)
    other[at % len(data)] ^= flip
    made = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "_BLOCK_BYTES", 7)
        for content in (data, bytes(other), data):
            path.write_bytes(content)
            made.append(fingerprint(str(path)))
    first, second, third = (each and (each.size, each.checksum) for each in made)
    assert first == third != second


def test_a_compressed_file_is_told_by_its_own_bytes(tmp_path: Path) -> None:
    """A fingerprint does not look into a file: it is quick, and tells what was opened."""
    path = tmp_path / "things.csv.gz"
    data = gzip.compress(b"id\n1\n")
    path.write_bytes(data)
    made = fingerprint(str(path))
    assert made is not None
    assert (made.size, made.checksum) == (len(data), f"crc32:{zlib.crc32(data):08x}")


def test_what_can_be_read_but_once_has_no_fingerprint(tmp_path: Path) -> None:
    """A named pipe would be empty afterwards, so it is left as it is."""
    path = tmp_path / "pipe.csv"
    os.mkfifo(path)
    gone: list[BaseException] = []

    def write() -> None:
        try:
            path.write_bytes(b"id\n" * 100_000)  # more than a pipe holds
        except BrokenPipeError as error:
            gone.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert fingerprint(str(path)) is None
    finally:
        writer.join()
    assert len(gone) == 1


def test_a_file_that_is_not_there_has_no_fingerprint(tmp_path: Path) -> None:
    """The error names the file."""
    with pytest.raises(FileError, match="nothing.csv cannot be read: .*No such file"):
        fingerprint(str(tmp_path / "nothing.csv"))

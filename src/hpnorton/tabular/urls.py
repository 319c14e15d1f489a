"""Files behind URLs such as s3://bucket/file.csv, through fsspec.

fsspec (https://filesystem-spec.readthedocs.io) comes with `hpnorton[dask]`, and with what https://
needs in `hpnorton[urls]`; for other kinds of places it names the package that it needs.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from hpnorton.errors import FileError
from hpnorton.sanitize import tellable, without_secrets

_WEB = ("http://", "https://")
_CACHE = "readahead"  # a file is read from some offset on
# What fsspec's systems call what changes with a file's content.
_VERSIONS = ("ETag", "etag", "Last-Modified", "LastModified", "last_modified", "mtime", "updated")
_NOT_FOUND, _NOT_ALLOWED = (404, 410), (401, 403, 407)
# What aiohttp, which need not be there, and Python call what goes wrong on the way.
_BY_NAME = {
    "ClientPayloadError": "the server has ended the connection before the end; try again",
    "ServerDisconnectedError": "the server has ended the connection before the end; try again",
    "TimeoutError": "the server has not answered in time; try again",
    "ClientConnectorError": "no server answers there; check that it runs and that the address is "
    "right",
}

T = TypeVar("T")


class Remote:
    """A stream of fsspec's: whatever its kind of place raises when it is read becomes OSError.

    `size` is None where it can only be read from its beginning to its end.
    """

    def __init__(self, stream: Any, size: int | None) -> None:
        self._stream = stream
        self.size = size

    def __enter__(self) -> "Remote":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, size: int = -1) -> bytes:
        """Some bytes."""
        return bytes(_tried(lambda: self._stream.read(size)))

    def seek(self, offset: int) -> int:
        """Goes to an offset."""
        return int(_tried(lambda: self._stream.seek(offset)))

    def close(self) -> None:
        """Closes it."""
        self._stream.close()


def open_remote(url: str) -> Remote:
    """The file at a URL. Raises FileError."""
    try:
        system, place = _located(url)
        stream = system.open(place, "rb", cache_type=_CACHE)
        if url.startswith(_WEB) and not _has_ranges(stream):
            stream.close()
            return Remote(system.open(place, "rb", block_size=0), None)
        return Remote(stream, getattr(stream, "size", None))
    except FileError:
        raise
    except Exception as error:  # pylint: disable=broad-exception-caught # each kind has its own
        shown = without_secrets(url)
        if _status_of(error) in _NOT_FOUND:
            raise FileError(f"there is no file {shown}; check its name") from error
        raise FileError(f"{shown} cannot be opened: {_reason(error)}") from error


def remote_version(url: str) -> tuple[int | None, tuple[str, ...]]:
    """The size of the file at a URL, and what else its place says of its content, such as an ETag.

    Raises OSError, and FileError if there is no fsspec.
    """
    system, place = _located(url)
    system.invalidate_cache(place)
    about = _tried(lambda: system.info(place))
    return about.get("size"), tuple(str(about[name]) for name in _VERSIONS if about.get(name))


def read_range(url: str, offset: int, length: int) -> bytes:
    """Some bytes of the file at a URL, and no others: the servers of clouds count them.

    There are fewer at its end. Raises OSError, and FileError if there is no fsspec.
    """
    system, place = _located(url)
    return bytes(_tried(lambda: system.cat_file(place, start=offset, end=offset + length)))


def _located(url: str) -> tuple[Any, str]:
    # Only here: most people have no URLs, and not the package.
    # pylint: disable=import-outside-toplevel
    try:
        import fsspec
    except ImportError:
        wanted = "hpnorton[urls]" if url.startswith(_WEB) else "hpnorton[dask]"
        shown = without_secrets(url)
        raise FileError(f"{shown} is a URL; install what reads it: {wanted}") from None
    system, place = fsspec.url_to_fs(url)
    return system, place


def _has_ranges(stream: Any) -> bool:
    """Whether a web server sends a file from some offset on: not all do, nor do they all say."""
    if getattr(stream, "size", None) is None:
        return False
    if stream.size < 2:  # there is nothing to ask for
        return True
    try:
        # A byte that is not the first, by what asks for no more than that.
        return len(stream._fetch_range(1, 2)) == 1  # pylint: disable=protected-access
    except ValueError:  # fsspec's word for it
        return False


def _tried(work: Callable[[], T]) -> T:
    try:
        return work()
    except Exception as error:  # pylint: disable=broad-exception-caught # each kind has its own
        raise OSError(_reason(error)) from error


def _reason(error: BaseException) -> str:
    """Why a place could not be read, as far as it tells."""
    chain = list(_causes(error))
    status = _status_of(error)
    if status in _NOT_FOUND:
        return "there is no such file any more"
    if status in _NOT_ALLOWED:
        return (
            f"the server refuses it (status {status}); check who may read it, and whether a "
            "signature in the URL has run out"
        )
    for each in chain:
        if verdict := getattr(each, "verify_message", None):
            return (
                f"the server's certificate is not trusted: {verdict}; if it should be, name its "
                "authority's file in the environment variable SSL_CERT_FILE"
            )
    names = [kind.__name__ for each in chain for kind in type(each).__mro__]
    last = tellable(str(chain[-1])) or type(chain[-1]).__name__
    return next((words for name, words in _BY_NAME.items() if name in names), last)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error, and those that it comes from."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _status_of(error: BaseException) -> int | None:
    """The status that a web server answered with; fsspec has no other word for 404 than Python."""
    for each in _causes(error):
        if isinstance(status := getattr(each, "status", None), int):
            return status
    is_web = str(error).startswith(_WEB)
    return 404 if is_web and isinstance(list(_causes(error))[-1], FileNotFoundError) else None

"""Files behind URLs such as s3://bucket/file.csv, through fsspec.

fsspec (https://filesystem-spec.readthedocs.io) comes with `hpnorton[dask]`, and with what https://
needs in `hpnorton[urls]`; for other protocols it names the package that it needs.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from hpnorton.errors import FileError
from hpnorton.sanitize import redact_url, sanitize_message

_WEB = ("http://", "https://")
_CACHE = "readahead"  # files are read forward from an offset
# The names under which fsspec's file systems report the version of a file.
_VERSIONS = ("ETag", "etag", "Last-Modified", "LastModified", "last_modified", "mtime", "updated")
_NOT_FOUND, _NOT_ALLOWED = (404, 410), (401, 403, 407)
# Errors of aiohttp, which may not be installed, and of Python, by class name.
_MESSAGES = {
    "ClientPayloadError": "the server has ended the connection before the end; try again",
    "ServerDisconnectedError": "the server has ended the connection before the end; try again",
    "TimeoutError": "the server has not answered in time; try again",
    "ClientConnectorError": "no server answers there; check that it runs and that the address is "
    "right",
}

T = TypeVar("T")


class RemoteFile:
    """An open file of fsspec whose errors, which differ by protocol, become OSError.

    `size` is None if it can only be read from its beginning to its end.
    """

    def __init__(self, stream: Any, size: int | None) -> None:
        self._stream = stream
        self.size = size

    def __enter__(self) -> "RemoteFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, or all."""
        return bytes(_translate_errors(lambda: self._stream.read(size)))

    def seek(self, offset: int) -> int:
        """Go to an offset."""
        return int(_translate_errors(lambda: self._stream.seek(offset)))

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def open_remote(url: str) -> RemoteFile:
    """Open the file at a URL. Raises FileError."""
    try:
        system, path = _file_system(url)
        stream = system.open(path, "rb", cache_type=_CACHE)
        if url.startswith(_WEB) and not _has_ranges(stream):
            stream.close()
            return RemoteFile(system.open(path, "rb", block_size=0), None)
        return RemoteFile(stream, getattr(stream, "size", None))
    except FileError:
        raise
    except Exception as error:  # pylint: disable=broad-exception-caught # each protocol has its own
        shown = redact_url(url)
        if _status_of(error) in _NOT_FOUND:
            raise FileError(f"there is no file {shown}; check its name") from error
        raise FileError(f"{shown} cannot be opened: {_reason(error)}") from error


def remote_version(url: str) -> tuple[int | None, tuple[str, ...]]:
    """Return the size of the file at a URL, and what else the server says of its version.

    Raises OSError, and FileError if fsspec is not installed.
    """
    system, path = _file_system(url)
    system.invalidate_cache(path)
    about = _translate_errors(lambda: system.info(path))
    return about.get("size"), tuple(str(about[name]) for name in _VERSIONS if about.get(name))


def read_range(url: str, offset: int, length: int) -> bytes:
    """Return `length` bytes of the file at a URL from `offset` on, fewer at its end.

    Only these are requested, since cloud storage charges by the byte. Raises OSError, and FileError
    if fsspec is not installed.
    """
    system, path = _file_system(url)
    return bytes(
        _translate_errors(lambda: system.cat_file(path, start=offset, end=offset + length))
    )


def _file_system(url: str) -> tuple[Any, str]:
    # Imported here, since the package is optional.
    # pylint: disable=import-outside-toplevel
    try:
        import fsspec
    except ImportError:
        wanted = "hpnorton[urls]" if url.startswith(_WEB) else "hpnorton[dask]"
        shown = redact_url(url)
        raise FileError(f"{shown} is a URL; to read it, install {wanted}") from None
    system, path = fsspec.url_to_fs(url)
    return system, path


def _has_ranges(stream: Any) -> bool:
    """Return whether a web server supports requests for ranges, by asking for one."""
    if getattr(stream, "size", None) is None:
        return False
    if stream.size < 2:  # there is no range to ask for
        return True
    try:
        # fsspec has no public call that requests one byte only.
        return len(stream._fetch_range(1, 2)) == 1  # pylint: disable=protected-access
    except ValueError:  # how fsspec reports it
        return False


def _translate_errors(work: Callable[[], T]) -> T:
    try:
        return work()
    except Exception as error:  # pylint: disable=broad-exception-caught # each protocol has its own
        raise OSError(_reason(error)) from error


def _reason(error: BaseException) -> str:
    """Return why a file could not be read, as a sentence without secrets."""
    chain = list(_causes(error))
    status = _status_of(error)
    if status in _NOT_FOUND:
        return "there is no such file any more"
    if status in _NOT_ALLOWED:
        return (
            f"the server denies access (status {status}); check the permissions, and whether a "
            "signature in the URL has expired"
        )
    for each in chain:
        if verdict := getattr(each, "verify_message", None):
            return (
                f"the server's certificate is not trusted: {verdict}; if it should be, name the "
                "file of its authority in the environment variable SSL_CERT_FILE"
            )
    names = [kind.__name__ for each in chain for kind in type(each).__mro__]
    last = sanitize_message(str(chain[-1])) or type(chain[-1]).__name__
    return next((words for name, words in _MESSAGES.items() if name in names), last)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Return an error and its causes, the first cause last."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _status_of(error: BaseException) -> int | None:
    """Return the HTTP status of an error; fsspec raises FileNotFoundError for 404."""
    for each in _causes(error):
        if isinstance(status := getattr(each, "status", None), int):
            return status
    is_web = str(error).startswith(_WEB)
    return 404 if is_web and isinstance(list(_causes(error))[-1], FileNotFoundError) else None

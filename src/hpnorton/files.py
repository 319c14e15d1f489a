"""Files that HPNorton writes: atomic replacement, and errors of temporary files."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir
from typing import IO, Any

from hpnorton.errors import HPNortonError


@contextmanager
def replace_atomically(path: Path) -> Iterator[IO[bytes]]:
    """Open a new file that replaces `path` when the block ends; after an error `path` is unchanged.

    A symbolic link at `path` is replaced, not followed. An incomplete file is removed, so that it
    takes no room on a full disk. Raises OSError.
    """
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    try:
        with part.open("xb") as out:
            yield out
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def out_of_resources(error: OSError, *folders: Path) -> str:
    """Return the message for a system error about temporary files or processes.

    Temporary files are in the system's temporary folder, and in `folders`.
    """
    locations = list(dict.fromkeys([*map(str, folders), gettempdir()]))
    verb = "have" if len(locations) > 1 else "has"
    return (
        f"the system reported: {error}; check whether {' and '.join(locations)} {verb} room for "
        "temporary files, and whether the system allows more processes"
    )


@contextmanager
def temporary_file_errors(*folders: Path) -> Iterator[None]:
    """Raise HPNortonError in place of an OSError of temporary files; `folders` may hold some."""
    try:
        yield
    except OSError as error:
        raise HPNortonError(out_of_resources(error, *folders)) from error


def discard(file: Any) -> None:
    """Close a temporary file that is no longer needed, whether or not all of it was written."""
    with suppress(OSError):
        file.close()

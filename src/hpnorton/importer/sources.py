"""What to import: files named on the command line, opened, and described by a data package."""

import os
import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from hpnorton.errors import FileError, HPNortonError, OpenFilesError, SchemaError, UsageError
from hpnorton.importer.targets import Known, likely_target, widened
from hpnorton.schema.collection import Collection, check_collection_name, undescribed_collection
from hpnorton.schema.datapackage import find_collection, find_collections
from hpnorton.schema.layout import Layout, check_delimiter, check_width, clean_header, make_layout
from hpnorton.settings import expand_home
from hpnorton.tabular.keys import to_nfc
from hpnorton.tabular.location import is_gzipped, is_url, redact_location, without_query
from hpnorton.tabular.open import STDIN, ReadMode
from hpnorton.tabular.reader import CsvFile

_MAX_OPEN = 16  # files that wait for their turn
_REJECTED = re.compile(r"(?P<collection>.+)-(?P<run>[0-9]{8}-[0-9]{6}-[0-9a-f]{21})")


@dataclass(frozen=True)
class Source:
    """A file to import (`-` is stdin) and the name of its collection.

    `run` is the import that has rejected its rows, or None. `is_certain` says that the user has
    named the collection, so that its name is not only the file's.
    """

    path: str
    collection: str
    run: str | None = None
    is_certain: bool = False


def parse_source(text: str) -> Source:
    """Return the source that a text names: a path, or COLLECTION=path.

    Without COLLECTION the file's stem is the name; that of rejected rows, COLLECTION-RUN, names
    their collection and import. ~ is the home folder, also behind COLLECTION=, where no shell
    expands it. Raises UsageError for stdin without a name.
    """
    name, sign, path = text.partition("=")
    if not sign or os.path.exists(expand_home(text)) or is_url(name):
        name, path = "", text
    path = path if is_url(path) else expand_home(path)
    if path == STDIN and not name:
        raise UsageError("stdin has no name: say which collection it holds, COLLECTION=-")
    plain = without_query(path)
    stem = Path(plain[: -len(".gz")] if is_gzipped(path) else plain).stem
    rejected = _REJECTED.fullmatch(stem)
    if rejected is None:
        return Source(path, to_nfc(name or stem), is_certain=bool(name))
    collection = to_nfc(name or rejected["collection"])
    return Source(path, collection, rejected["run"], is_certain=True)


def dataset_sources(folder: Path) -> list[Source]:
    """Return the CSV files of a dataset's folder, by name. Raises FileError if there are none.

    Paths below the current folder are relative, so that people can read them.
    """
    if folder.is_relative_to(Path.cwd()):
        folder = folder.relative_to(Path.cwd())
    paths = sorted(p for p in folder.glob("*") if p.name.lower().endswith((".csv", ".csv.gz")))
    if not paths:
        raise FileError(
            f"there are no CSV files in {folder}; name the files to import, or another dataset"
        )
    return [parse_source(str(path)) for path in paths]


def open_sources(
    sources: Sequence[Source],
    folders: Sequence[Path],
    stack: ExitStack,
    reading: ReadMode = ReadMode.BUFFERED,
    known: Callable[[], Known] = Known,
) -> list[tuple[CsvFile, Layout]]:
    """Open the files, each with its layout; `stack` closes them.

    A file is described by the datapackage.json beside it or in the folder above, else by one of
    `folders` or the folder above, else by the database. Rejected rows are described as the file
    that they come from. `known` returns what the database knows; it is only called if that is
    needed. Raises an HPNortonError with all errors of all files, one a line.
    """
    made: dict[str, Collection] = {}
    opened: list[tuple[CsvFile, Layout]] = []
    faults: list[HPNortonError] = []
    for source in sources:
        try:
            places = [*_own_folders(source, known), *folders]
            _check_name(source, places, known)
            file = CsvFile(source.path, source.collection, reading)
            stack.callback(file.close)
            opened.append((file, _layout(file, source, places, known, made)))
            if len(opened) > _MAX_OPEN:
                file.suspend()
        except OpenFilesError:
            raise  # it is none of this file's
        except HPNortonError as error:
            faults.append(error)
    if faults:
        raise type(faults[0])("\n".join(map(str, faults)))
    return opened


def _check_name(source: Source, folders: Sequence[Path], known: Callable[[], Known]) -> None:
    """Raise an error for a name that no collection can have, such as that of 'product (1).csv'."""
    try:
        check_collection_name(source.collection)
    except SchemaError:
        if os.path.isdir(source.path):
            raise FileError(f"{source.path} is a folder; name the CSV files in it") from None
        _check_target(source, (), folders, known)
        raise


def _check_target(
    source: Source, header: Sequence[str], folders: Sequence[Path], known: Callable[[], Known]
) -> None:
    """Raise FileError for a file without description that seems to be of another collection."""
    if source.is_certain or source.collection in known().names:
        return
    described = [*find_collections(folders), *known().definitions.values()]
    _check_case(source, known().names)
    likely = likely_target(source.collection, header, described, known().names)
    if likely is None:
        return
    target, why = likely
    path = redact_location(source.path)
    raise FileError(
        f"{path}: {why}; say {shlex.quote(f'{target}={path}')} if it belongs there, or "
        f"COLLECTION={shlex.quote(path)} with a name for a collection of its own"
    )


def _check_case(source: Source, names: Iterable[str]) -> None:
    """Raise FileError if the name of a collection differs from one of `names` in case only."""
    for name in names:
        if name != source.collection and name.casefold() == source.collection.casefold():
            path = redact_location(source.path)
            small = " (small letters)" if name.islower() else ""
            raise FileError(
                f"{path}: the collection is called {name!r}{small}; say "
                + shlex.quote(f"{name}={path}")
            )


def _own_folders(source: Source, known: Callable[[], Known]) -> list[Path]:
    if source.path == STDIN or is_url(source.path):
        return []
    own = Path(source.path).absolute().parent
    origin = known().origins.get(source.run) if source.run else None
    return [origin, own] if origin else [own]


def _layout(
    file: CsvFile,
    source: Source,
    folders: Sequence[Path],
    database: Callable[[], Known],
    made: dict[str, Collection],
) -> Layout:
    """Return how a file holds records.

    `made` are the collections that earlier files without a description have defined: later files
    use the same. A file that no data package describes has the description that is in the
    database, if there is one. Raises SchemaError and FileError.
    """
    check_width(file.header, file.path)
    try:
        described = find_collection(file.collection, folders)
    except SchemaError:
        _check_case(source, (each.name for each in find_collections(folders)))
        raise
    there = None
    if described is None:
        there = made.get(file.collection) or database().definitions.get(file.collection)
    collection = described or there
    known = collection.columns if collection else ()
    if not set(file.header) <= set(known):
        check_delimiter(file.header, file.path)
    header = clean_header(file.header, known, file.path, file.warnings)
    if there is not None:
        collection = made[file.collection] = widened(there, header, file.warnings)
    if collection is None:
        _check_target(source, header, folders, database)
        try:
            collection = made[file.collection] = undescribed_collection(file.collection, header)
        except SchemaError as error:
            raise FileError(f"{file.path}: {error}") from error
        file.warnings.append(
            f"no datapackage.json describes {file.collection}: all columns are text, the key is "
            f"{collection.key[0]}"
        )
    if not set(header) <= set(collection.columns):
        _check_others(source, header, folders, database)
    return replace(make_layout(collection, header, file.path), header=tuple(file.header))


def _check_others(
    source: Source, header: Sequence[str], folders: Sequence[Path], known: Callable[[], Known]
) -> None:
    """Raise FileError for a file that has exactly the columns of another collection."""
    for other in (*find_collections(folders), *known().definitions.values()):
        if other.name != source.collection and set(other.columns) == set(header):
            path = redact_location(source.path)
            raise FileError(
                f"{path}: its columns are those of {other.name}, not of {source.collection}; say "
                + shlex.quote(f"{other.name}={path}")
            )

"""What to import: files named on the command line, opened, and described by a data package."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from loguru import logger

from hpnorton.checks import Layout, check_delimiter, lay_out
from hpnorton.csvfile import STDIN, CsvFile
from hpnorton.errors import FileError, HPNortonError, SchemaError, UsageError
from hpnorton.schema import check_collection_name, describe, undescribed


@dataclass(frozen=True)
class Source:
    """A file to import (`-` is stdin) and the name of its collection."""

    path: str
    collection: str


def parse_source(text: str) -> Source:
    """A Source from a path or COLLECTION=path; without COLLECTION it is the file's stem."""
    name, sign, path = text.partition("=")
    if not sign or os.path.exists(text):
        name, path = "", text
    if path == STDIN and not name:
        raise UsageError("stdin has no name: say which collection it holds, COLLECTION=-")
    plain = path[: -len(".gz")] if path.lower().endswith(".gz") else path
    return Source(path, name or Path(plain).stem)


def dataset_sources(folder: Path) -> list[Source]:
    """The CSV files of a dataset's folder, by name. Raises FileError if there are none.

    Their paths are relative where the folder is below the current one: they are for people too.
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
    sources: Sequence[Source], folders: Sequence[Path], stack: ExitStack
) -> list[tuple[CsvFile, Layout]]:
    """Opens the files, each with its layout, and leaves closing them to `stack`.

    A file is described by the datapackage.json beside it or in the folder above, else by one that
    belongs in the same way to one of `folders`. Raises an HPNortonError that tells everything that
    is wrong with any of the files, one a line.
    """
    opened: list[tuple[CsvFile, Layout]] = []
    faults: list[HPNortonError] = []
    for source in sources:
        try:
            check_collection_name(source.collection)
            file = CsvFile(source.path, source.collection)
            stack.callback(file.close)
            own = [] if source.path == STDIN else [Path(source.path).absolute().parent]
            opened.append((file, _layout(file, [*own, *folders])))
        except HPNortonError as error:
            faults.append(error)
    if faults:
        raise type(faults[0])("\n".join(map(str, faults)))
    return opened


def _layout(file: CsvFile, folders: Sequence[Path]) -> Layout:
    check_delimiter(file.header, file.path)
    collection = describe(file.collection, folders)
    if collection is None:
        try:
            collection = undescribed(file.collection, file.header)
        except SchemaError as error:
            raise FileError(f"{file.path}: {error}") from error
        logger.info(
            "no datapackage.json describes {}: all columns are text, the key is {}",
            file.path,
            collection.key[0],
        )
    return lay_out(collection, file.header, file.path)

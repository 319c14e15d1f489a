"""The table of an import: what a person wants to know of each file."""
# pylint: disable=import-outside-toplevel # see hpnorton.cli

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hpnorton.importer.report import FileReport

_COUNTS = ("inserted", "updated", "unchanged", "conflicts", "rejected")
_MAX_FILE = 24  # characters of a file's name on a terminal
_ROOM = 120  # below it a column more takes the place of counts that are 0 everywhere


def summaries(reports: "Sequence[FileReport]", width: int) -> Iterator[dict[str, Any]]:
    """A record for each file, for a table that may be so wide.

    What the collection does not tell is there only where some file has it: the file, whether an
    earlier import has done it, and blank rows.
    """
    names = _file_names(reports)
    more = {
        "file": any(names),
        "status": any(report.was_done for report in reports),
        "blank": any(report.counts.blank for report in reports),
    }
    counts = [
        name
        for name in _COUNTS
        if width >= _ROOM
        or not any(more.values())
        or any(getattr(report.counts, name) for report in reports)
    ]
    for report, name in zip(reports, names):
        yield (
            {"collection": report.collection}
            | ({"file": _cut(name) if width < _ROOM else name} if more["file"] else {})
            | ({"status": report.as_document()["status"]} if more["status"] else {})
            | {count: getattr(report.counts, count) for count in ("read", *counts)}
            | ({"blank": report.counts.blank} if more["blank"] else {})
            | {"seconds": round(report.elapsed, 2)}
        )


def _file_names(reports: "Sequence[FileReport]") -> list[str]:
    """How the files are called, as short as tells them apart; empty if their collections do."""
    from hpnorton.importer.sources import parse_source

    collections = {report.collection for report in reports}
    is_told = all(
        report.file == "stdin" or parse_source(report.file).collection == report.collection
        for report in reports
    )
    if is_told and len(collections) == len(reports):
        return [""] * len(reports)
    paths = [report.file.split("/") for report in reports]
    for length in range(1, max(map(len, paths), default=0)):
        names = ["/".join(path[-length:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [report.file for report in reports]


def _cut(name: str) -> str:
    """A name without its middle, if it is long: its end tells one file from another."""
    half = _MAX_FILE // 2
    return name if len(name) <= _MAX_FILE else f"{name[: half - 1]}…{name[-half:]}"

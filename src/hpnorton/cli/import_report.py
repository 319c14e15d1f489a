"""What is shown of an import: a table, JSON or CSV of its files, and messages for people."""

import argparse
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hpnorton.cli.arguments import CSV
from hpnorton.cli.output import print_message, show
from hpnorton.cli.table import terminal_width
from hpnorton.importer.report import FileReport
from hpnorton.importer.sources import parse_source
from hpnorton.log import write_message
from hpnorton.sanitize import counted, printable, sanitize_message
from hpnorton.settings import redact
from hpnorton.stores.counts import Ending

_COUNTS = ("inserted", "updated", "unchanged", "conflicts", "rejected")
_MAX_FILE = 24  # characters of a file's name on a terminal
_MIN_WIDTH_FOR_ALL = 120  # narrower tables hide counts that are 0 everywhere for another column
_RESUME = "--resume"
_URI_FROM_ENVIRONMENT = '"$HPNORTON_URI"'


def show_reports(reports: Sequence[FileReport], form: str | None) -> None:
    """Write the reports of files to stdout in the format `form`."""
    documents = [(report.collection, report.as_document()) for report in reports]
    show(
        (
            {"collection": name, **document}
            # A cell of a CSV file holds no list.
            | ({"warnings": " ".join(report.warnings)} if form == CSV else {})
            for report, (name, document) in zip(reports, documents)
        ),
        form,
        as_json=({name: document} for name, document in documents),
        as_table=_records_for_table(reports, terminal_width()),
    )


def _records_for_table(reports: Sequence[FileReport], width: int) -> Iterator[dict[str, Any]]:
    """Yield a record for each file, for a table of this width.

    A file's name has a column only if the collections do not tell the files apart, its status only
    if an earlier import has done a file, and its blank rows only if there are any.
    """
    names = _file_names(reports)
    has_names = any(names)
    has_status = any(report.was_done for report in reports)
    has_blanks = any(report.counts.blank for report in reports)
    counts = [
        name
        for name in _COUNTS
        if width >= _MIN_WIDTH_FOR_ALL
        or not (has_names or has_status or has_blanks)
        or any(getattr(report.counts, name) for report in reports)
    ]
    for report, name in zip(reports, names):
        record: dict[str, Any] = {"collection": report.collection}
        if has_names:
            record["file"] = _without_middle(name) if width < _MIN_WIDTH_FOR_ALL else name
        if has_status:
            record["status"] = report.as_document()["status"]
        record |= {count: getattr(report.counts, count) for count in ("read", *counts)}
        if has_blanks:
            record["blank"] = report.counts.blank
        yield record | {"seconds": round(report.elapsed, 2)}


def _file_names(reports: Sequence[FileReport]) -> list[str]:
    """Return the shortest different names of the files; "" for each if the collections will do."""
    collections = {report.collection for report in reports}
    is_collection_enough = all(
        report.file == "stdin" or parse_source(report.file).collection == report.collection
        for report in reports
    )
    if is_collection_enough and len(collections) == len(reports):
        return [""] * len(reports)
    paths = [report.file.split("/") for report in reports]
    for length in range(1, max(map(len, paths), default=0)):
        names = ["/".join(path[-length:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [report.file for report in reports]


def _without_middle(name: str) -> str:
    """Return a long name without its middle: its end tells one file from another."""
    half = _MAX_FILE // 2
    return name if len(name) <= _MAX_FILE else f"{name[: half - 1]}…{name[-half:]}"


def print_faults(report: FileReport) -> None:
    """Write the first faults of a file to stderr, and how many more there are."""
    for fault in report.faults:
        print_message(fault)
    more = report.codes.total() - len(report.faults)
    if more > 0:
        by_code = ", ".join(f"{count:,} {code}" for code, count in report.codes.most_common())
        print_message(f"{report.file}: and {more:,} more; in all: {by_code}")


def print_outcome(report: FileReport, mode: str | None) -> None:
    """Write to stderr where the rejected rows of a file are, and what stopped its import.

    `mode` is the value of --mode.
    """
    name = printable(report.file)
    for warning in report.warnings:
        print_message(f"{name}: {printable(warning)}")
    if report.rejects_file and not report.was_done:
        print_message(f"{name}: {_what_to_fix(report, mode)}")
    if report.failure:
        where = "" if report.failure.startswith(report.file) else f"{report.file}: "
        print_message(f"Error: {where}{report.failure}; {_what_is_done(report)}")


def _what_to_fix(report: FileReport, mode: str | None) -> str:
    """Return what to do about rejected rows, which have reasons, and about conflicts."""
    counts, rejects = report.counts, str(report.rejects_file)
    sentences: list[str] = []
    if counts.rejected:
        which = "it" if counts.rejected == 1 else "them"
        way = f" with --mode {mode}" if mode else ""
        sentences.append(f"{counted(counts.rejected, 'row')} rejected.")
        sentences.append(f"Fix {which} in {rejects} and import that file{way}.")
    if counts.conflicts:
        see = "" if counts.rejected else f" (see {rejects})"
        sentences.append(
            f"{counted(counts.conflicts, 'row')} in conflict{see}: the records that were there are "
            "kept; --mode upsert replaces them."
        )
    return f"{' '.join(sentences)} Reasons: {Path(rejects).with_suffix('.reasons.jsonl')}"


def _what_is_done(report: FileReport) -> str:
    read = report.counts.read
    done = f"{read:,} of its rows {'is' if read == 1 else 'are'} done"
    if report.can_resume:
        return done
    if report.ending is Ending.STOPPED:
        return (
            f"{done}. Fix the rows that have reasons above in the file, or allow more with "
            "--max-errors, and import it again: rows that are in the database are left as they are"
        )
    return (
        f"{done}. Import it again: rows that are in the database are left as they are and reported "
        "as unchanged"
    )


def print_resume_command(arguments: argparse.Namespace) -> None:
    """Write the command that continues the import to stderr."""
    write_message(f"To go on where it stopped:\n  {_resume_command(arguments)}\n")


def _resume_command(arguments: argparse.Namespace) -> str:
    """Return the user's command with --resume, as it can be typed into a shell."""
    resume = [] if arguments.resume else [_RESUME]
    words = [*_program(), *resume, *map(_word, sys.argv[1:])]
    if arguments.uri and redact(arguments.uri) != arguments.uri:
        # Its password is not shown; the user has it.
        instead = {_word(arguments.uri): _URI_FROM_ENVIRONMENT}
        instead[_word(f"--uri={arguments.uri}")] = f"--uri={_URI_FROM_ENVIRONMENT}"
        words = [instead.get(word, word) for word in words]
    return " ".join(words)


def _word(text: str) -> str:
    """Return a word quoted for the shell, without secrets; for bash if it is not printable."""
    text = sanitize_message(text) if text.isprintable() else text
    if text.isprintable():
        return shlex.quote(text)
    coded = (
        c if c.isprintable() and c not in "\\'" else "".join(f"\\x{b:02x}" for b in os.fsencode(c))
        for c in text
    )
    return f"$'{''.join(coded)}'"


def _program() -> list[str]:
    """Return the words that start this program."""
    path = sys.argv[0]
    name = os.path.basename(path)
    if name == "__main__.py":
        return [shlex.quote(sys.executable), "-m", "hpnorton"]
    found = shutil.which(name)
    if found and os.path.samefile(found, path):
        return [name]
    if os.access(path, os.X_OK):
        return [shlex.quote(path if os.sep in path else os.path.join(os.curdir, path))]
    return [shlex.quote(sys.executable), shlex.quote(path)]

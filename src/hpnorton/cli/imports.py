"""--linear and --parallel."""
# pylint: disable=import-outside-toplevel # see hpnorton.cli

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from hpnorton.cli.flags import Act, Parser
from hpnorton.cli.show import show
from hpnorton.errors import ExitStatus
from hpnorton.settings import Settings

if TYPE_CHECKING:
    from hpnorton.reports import FileReport


LINEAR, PARALLEL = FLAGS = ("--linear", "--parallel")

# A person has 80 characters of room, and no use for the columns that others add up to.
_TABLE_COLUMNS = ("read", "inserted", "updated", "unchanged", "conflicts", "rejected")


def add_flags(parser: Parser) -> None:
    """Adds the flags of this group."""
    group = parser.add_argument_group(
        "import",
        "FILE is a path or COLLECTION=path, CSV or .csv.gz; COLLECTION=- reads stdin. Without "
        "COLLECTION it is the file's stem, without FILE the files are those of the dataset.",
    )
    for flag, is_parallel, about in (
        (LINEAR, False, "import the files one after the other, in this process"),
        (PARALLEL, True, "import them at once, each in a process with its own connection"),
    ):
        operation = partial(_import, is_parallel=is_parallel)
        group.add_argument(
            flag, nargs="*", metavar="FILE", action=Act, operation=operation, help=about
        )


def _import(arguments: argparse.Namespace, settings: Settings, *, is_parallel: bool) -> ExitStatus:
    from hpnorton.ingest import run_import
    from hpnorton.progress import show_progress
    from hpnorton.reports import exit_status
    from hpnorton.sources import dataset_sources, parse_source

    sources = [parse_source(text) for text in arguments.values] or dataset_sources(settings.data)
    with show_progress(is_wanted=not arguments.quiet) as on_progress:
        result = run_import(
            settings.uri,
            sources,
            folders=[settings.data],
            chunk_rows=settings.chunk_rows,
            is_parallel=is_parallel,
            log_level=arguments.log_level,
            on_progress=on_progress,
        )
    _show_reports(result.reports, arguments.format)
    for report in result.reports:
        _tell_faults(report)
    return ExitStatus.INTERRUPTED if result.is_interrupted else exit_status(result.reports)


def _show_reports(reports: Sequence["FileReport"], form: str | None) -> None:
    documents = [(report.collection, report.as_document()) for report in reports]
    show(
        ({"collection": name, **document} for name, document in documents),
        form,
        as_json=({name: document} for name, document in documents),
        as_table=(
            {
                "collection": name,
                **{column: document[column] for column in _TABLE_COLUMNS},
                "seconds": round(document["elapsed"] or 0, 2),
            }
            for name, document in documents
        ),
    )


def _tell_faults(report: "FileReport") -> None:
    """The first faults of a file, how many more there are, and what stopped it if something did."""
    counts = report.counts
    for fault in counts.faults:
        print(fault, file=sys.stderr)
    more = counts.codes.total() - len(counts.faults)
    if more > 0:
        by_code = ", ".join(f"{count:,} {code}" for code, count in counts.codes.most_common())
        print(f"{report.file}: and {more:,} more; in all: {by_code}", file=sys.stderr)
    if not counts.read and not report.failure:
        print(f"{report.file}: there are no rows below the header", file=sys.stderr)
    if report.failure:
        advice = (
            f"{counts.read:,} of its rows are done. Import it again: rows that are in the database "
            "are left as they are and reported as unchanged"
        )
        place = "" if report.failure.startswith(report.file) else f"{report.file}: "
        print(f"Error: {place}{report.failure}; {advice}", file=sys.stderr)

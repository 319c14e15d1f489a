"""--linear and --parallel, with the flags that say how."""
# pylint: disable=import-outside-toplevel # see hpnorton.cli

import argparse
import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpnorton.cli.arguments import CSV, Act, Numbers, Parser, file_path, seconds
from hpnorton.cli.show import show, tell
from hpnorton.cli.summary import summaries
from hpnorton.errors import ExitStatus, UsageError
from hpnorton.log import write_message
from hpnorton.sanitize import counted, printable, tellable
from hpnorton.settings import SQLITE_PREFIX, Settings, redact

if TYPE_CHECKING:
    from hpnorton.importer.options import Limit, Options
    from hpnorton.importer.report import FileReport


LINEAR, PARALLEL = FLAGS = ("--linear", "--parallel")
RESUME = "--resume"
REJECTS = "rejects"
_FROM_ENVIRONMENT = '"$HPNORTON_URI"'
RETRY_SECONDS, LOCK_SECONDS = 60.0, 600.0  # as in hpnorton.importer, slow to import here


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
    add = group.add_argument
    add(
        "--workers",
        metavar="N",
        action=Numbers,
        least=0,
        help="N processes share the work of --parallel, --analyze, --fields or --quality (0: one "
        "for each core); several N are for --compare",
    )
    add(
        "--chunk-rows",
        metavar="N",
        action=Numbers,
        least=1,
        help="rows in a chunk (default: 10000); several N are for --compare",
    )
    add(
        "--mode",
        choices=("insert", "upsert"),
        help="insert (default): an existing key is kept; upsert: it is replaced",
    )
    add(
        "--dry-run",
        action="store_true",
        default=None,
        help="check everything, references too, but write nothing",
    )
    add(
        "--max-errors",
        metavar="N|N%",
        type=_limit,
        help="stop once more rows than this are rejected or in conflict, in all files together "
        "(default: no limit); N%% of those read so far",
    )
    add(
        "--rejects",
        metavar="DIR",
        type=file_path,
        help=f"where rejected rows go, and those in conflict (default: {REJECTS}/)",
    )
    add(
        RESUME,
        action="store_true",
        default=None,
        help="skip the chunks that an interrupted import of the same file has finished",
    )
    add(
        "--retry-timeout",
        metavar="SECONDS",
        type=seconds,
        help="how long to try again when a server is lost (default: "
        f"{RETRY_SECONDS:g}), or to wait for an SQLite file that another program keeps locked "
        f"(default: {LOCK_SECONDS:g})",
    )
    add("--scheduler", metavar="ADDRESS", help="run the chunks on a Dask cluster (MongoDB only)")


def _import(arguments: argparse.Namespace, settings: Settings, *, is_parallel: bool) -> ExitStatus:
    if is_parallel and not arguments.scheduler:
        from hpnorton.stores import warm_up_workers

        warm_up_workers(settings.uri, "hpnorton.importer.load")
    from hpnorton.cli.progress import show_progress
    from hpnorton.importer.report import exit_status
    from hpnorton.importer.runner import run_import
    from hpnorton.importer.sources import dataset_sources, parse_source
    from hpnorton.tabular.open import STDIN

    if arguments.scheduler and settings.uri.startswith(SQLITE_PREFIX):
        raise UsageError(
            "--scheduler needs MongoDB, which other machines can reach; an SQLite file is on this "
            f"one: use {PARALLEL} --workers N, or name a mongodb:// URI with --uri"
        )
    sources = [parse_source(text) for text in arguments.values] or dataset_sources(settings.data)
    options = import_options(arguments, settings, is_parallel=is_parallel)
    try:
        with show_progress(is_wanted=not arguments.quiet) as on_progress:
            reports = run_import(
                settings.uri,
                sources,
                options,
                folders=settings.description_folders,
                on_progress=on_progress,
            )
    except KeyboardInterrupt:
        if options.is_dry_run:
            raise
        tell("Error: it was interrupted at once; chunks of rows that were finished are kept")
        if STDIN not in (source.path for source in sources):
            _tell_how_to_resume(arguments)
        return ExitStatus.INTERRUPTED
    show_reports(reports, arguments.format)
    for report in reports:
        _tell_faults(report)
        tell_end(report, arguments.mode)
    if any(report.can_resume for report in reports):
        _tell_how_to_resume(arguments)
    return exit_status(reports)


def import_options(arguments: argparse.Namespace, settings: Settings, **more: Any) -> "Options":
    """The options of an import that the flags ask for, and more."""
    from hpnorton.importer.options import Options
    from hpnorton.importer.rejects import check_folder
    from hpnorton.rental.catalog import add_shop_defaults
    from hpnorton.stores.base import Mode

    rejects = arguments.rejects or (None if arguments.dry_run else Path(REJECTS))
    if rejects is not None:
        check_folder(rejects, is_named=bool(arguments.rejects))
    patience = arguments.retry_timeout
    chosen: dict[str, Any] = {
        "mode": Mode(arguments.mode or Mode.INSERT),
        "chunk_rows": arguments.chunk_rows or settings.chunk_rows,
        "workers": arguments.workers,
        "scheduler": arguments.scheduler,
        "max_errors": arguments.max_errors,
        "is_dry_run": bool(arguments.dry_run),
        "rejects": rejects,
        "is_resuming": bool(arguments.resume),
        "retry_seconds": RETRY_SECONDS if patience is None else patience,
        "lock_seconds": LOCK_SECONDS if patience is None else patience,
        "log_level": arguments.log_level,
        "adapt": add_shop_defaults,
    }
    return Options(**chosen | more)


def show_reports(reports: Sequence["FileReport"], form: str | None) -> None:
    """Show the reports of some files."""
    from hpnorton.cli.table import terminal_width

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
        as_table=summaries(reports, terminal_width()),
    )


def _tell_faults(report: "FileReport") -> None:
    """The first faults of a file, and how many more there are."""
    for fault in report.faults:
        tell(fault)
    more = report.codes.total() - len(report.faults)
    if more > 0:
        by_code = ", ".join(f"{count:,} {code}" for code, count in report.codes.most_common())
        tell(f"{report.file}: and {more:,} more; in all: {by_code}")


def tell_end(report: "FileReport", mode: str | None) -> None:
    """Tell where the rejected rows of a file are, and what stopped it if something did.

    `mode` is that of the import, as the command line has it.
    """
    name = printable(report.file)
    for warning in report.warnings:
        tell(f"{name}: {printable(warning)}")
    if report.rejects_file and not report.was_done:
        tell(f"{name}: {_what_to_fix(report, mode)}")
    if report.failure:
        place = "" if report.failure.startswith(report.file) else f"{report.file}: "
        tell(f"Error: {place}{report.failure}; {_what_is_done(report)}")


def _what_to_fix(report: "FileReport", mode: str | None) -> str:
    """What to do about rejected rows, which have faults, and about conflicts, which have none."""
    counts, rejects = report.counts, str(report.rejects_file)
    told: list[str] = []
    if counts.rejected:
        which = "it" if counts.rejected == 1 else "them"
        way = f" with --mode {mode}" if mode else ""
        told.append(f"{counted(counts.rejected, 'row')} rejected.")
        told.append(f"Fix {which} in {rejects} and import that file{way}.")
    if counts.conflicts:
        see = "" if counts.rejected else f" (see {rejects})"
        told.append(
            f"{counted(counts.conflicts, 'row')} in conflict{see}: the records that were there are"
        )
        told.append("kept; --mode upsert replaces them.")
    return f"{' '.join(told)} Reasons: {Path(rejects).with_suffix('.reasons.jsonl')}"


def _what_is_done(report: "FileReport") -> str:
    from hpnorton.stores.counts import Ending

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


def _tell_how_to_resume(arguments: argparse.Namespace) -> None:
    write_message(f"To go on where it stopped:\n  {_resume_command(arguments)}\n")


def _resume_command(arguments: argparse.Namespace) -> str:
    """The command that was given, with --resume, as it can be typed again."""
    resume = [] if arguments.resume else [RESUME]
    words = [*_program(), *resume, *map(_word, sys.argv[1:])]
    if arguments.uri and redact(arguments.uri) != arguments.uri:
        # Its password is not shown; who started this has it.
        instead = {_word(arguments.uri): _FROM_ENVIRONMENT}
        instead[_word(f"--uri={arguments.uri}")] = f"--uri={_FROM_ENVIRONMENT}"
        words = [instead.get(word, word) for word in words]
    return " ".join(words)


def _word(text: str) -> str:
    """A word of a command for the shell, without secrets; what is not printable as bash has it."""
    text = tellable(text) if text.isprintable() else text
    if text.isprintable():
        return shlex.quote(text)
    coded = (
        c if c.isprintable() and c not in "\\'" else "".join(f"\\x{b:02x}" for b in os.fsencode(c))
        for c in text
    )
    return f"$'{''.join(coded)}'"


def _program() -> list[str]:
    """How this program was started."""
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


def _limit(text: str) -> "Limit":
    from hpnorton.importer.options import Limit

    if not re.fullmatch(r"[0-9]+|[0-9]+(\.[0-9]+)?%", text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number of rows nor one with %")
    return Limit(float(text.rstrip("%")), text.endswith("%"))

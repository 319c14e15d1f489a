"""--linear and --parallel: import files."""

from __future__ import annotations

import argparse
import re
from functools import partial
from pathlib import Path
from typing import Any

from hpnorton.cli.arguments import (
    CommandFlag,
    NumbersFlag,
    Parser,
    file_path,
    flag_of,
    is_given,
    seconds,
)
from hpnorton.cli.output import print_message
from hpnorton.errors import ExitStatus, UsageError
from hpnorton.lazy import lazy_imports
from hpnorton.settings import SQLITE_PREFIX, Settings

with lazy_imports():
    from hpnorton import stores
    from hpnorton.cli import import_report, progress
    from hpnorton.importer import options, rejects, report, runner, sources
    from hpnorton.rental import catalog
    from hpnorton.stores import base
    from hpnorton.tabular import open as opening

_PARALLEL = "--parallel"
_TAKES = (
    "--chunk-rows",
    "--mode",
    "--dry-run",
    "--max-errors",
    "--rejects",
    "--resume",
    "--retry-timeout",
)
_NOT_TOGETHER = (("workers", "scheduler"), ("dry_run", "resume"), ("dry_run", "scheduler"))
_REJECTS_FOLDER = "rejects"
RETRY_SECONDS, LOCK_SECONDS = 60.0, 600.0  # as in hpnorton.importer, slow to import here


def add_flags(parser: Parser) -> None:
    """Add --linear, --parallel, and the flags that say how to import."""
    add = parser.group(
        "import",
        "FILE is the path of a CSV or .csv.gz file, or COLLECTION=path; COLLECTION=- reads stdin. "
        "Without COLLECTION the file's name is that of the collection. Without FILE the files of "
        "the dataset are imported.",
    ).add_argument
    add(
        "--linear",
        nargs="*",
        metavar="FILE",
        action=CommandFlag,
        run=partial(_run, is_parallel=False),
        takes=_TAKES,
        check=_check,
        help="import the files one after the other, in this process",
    )
    add(
        _PARALLEL,
        nargs="*",
        metavar="FILE",
        action=CommandFlag,
        run=partial(_run, is_parallel=True),
        takes=("--workers", "--scheduler", *_TAKES),
        check=_check,
        help="import the files at once, each in a process with its own connection",
    )
    _add_flags_for_chunks(parser)
    _add_flags_for_rows(parser)


def _add_flags_for_chunks(parser: Parser) -> None:
    add = parser.group("import").add_argument
    add(
        "--workers",
        metavar="N",
        action=NumbersFlag,
        minimum=0,
        help="share the work of --parallel, --analyze, --fields or --quality among N processes "
        "(0: one for each core; default: one for each file of --parallel); several N are for "
        "--compare",
    )
    add(
        "--chunk-rows",
        metavar="N",
        action=NumbersFlag,
        minimum=1,
        help="split files into chunks of N rows (default: chunk_rows in settings.ini, or 10000); "
        "several N are for --compare",
    )
    add(
        "--resume",
        action="store_true",
        default=None,
        help="skip the chunks that an interrupted import of the same file has finished",
    )
    add(
        "--retry-timeout",
        metavar="SECONDS",
        type=seconds,
        help=f"wait so long for a server that is lost (default: {RETRY_SECONDS:g}), or for an "
        f"SQLite file that another program keeps locked (default: {LOCK_SECONDS:g})",
    )
    add(
        "--scheduler",
        metavar="ADDRESS",
        help="import the chunks on the Dask cluster at ADDRESS (MongoDB only)",
    )


def _add_flags_for_rows(parser: Parser) -> None:
    add = parser.group("import").add_argument
    add(
        "--mode",
        choices=("insert", "upsert"),
        help="keep the record of a key that is in the database (insert), or replace it (upsert; "
        "default: insert)",
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
        help="stop when more than N rows are rejected or in conflict, in all files together, or "
        "more than N%% of those read so far (default: no limit)",
    )
    add(
        "--rejects",
        metavar="DIR",
        type=file_path,
        help="write rejected rows, and those in conflict, to files in this folder (default: "
        f"{_REJECTS_FOLDER}/)",
    )


def _check(arguments: argparse.Namespace) -> None:
    for one, other in _NOT_TOGETHER:
        if is_given(arguments, one) and is_given(arguments, other):
            raise UsageError(
                f"{flag_of(one)} and {flag_of(other)} do not go together; leave one out"
            )


def _run(arguments: argparse.Namespace, settings: Settings, *, is_parallel: bool) -> ExitStatus:
    if is_parallel and not arguments.scheduler:
        stores.warm_up_workers(settings.uri, "hpnorton.importer.load")
    if arguments.scheduler and settings.uri.startswith(SQLITE_PREFIX):
        raise UsageError(
            "--scheduler needs MongoDB, which other machines can reach; an SQLite file is on this "
            f"one: use {_PARALLEL} --workers N, or name a mongodb:// URI with --uri"
        )
    named = [sources.parse_source(text) for text in arguments.values]
    files = named or sources.dataset_sources(settings.data)
    chosen = import_options(arguments, settings, is_parallel=is_parallel)
    try:
        with progress.show_import(is_wanted=not arguments.quiet) as on_progress:
            reports = runner.run_import(
                settings.uri,
                files,
                chosen,
                folders=settings.description_folders,
                on_progress=on_progress,
            )
    except KeyboardInterrupt:
        if chosen.is_dry_run:
            raise
        print_message("Error: it was interrupted at once; chunks that were finished are kept")
        if opening.STDIN not in (source.path for source in files):
            import_report.print_resume_command(arguments)
        return ExitStatus.INTERRUPTED
    import_report.show_reports(reports, arguments.format)
    for each in reports:
        import_report.print_faults(each)
        import_report.print_outcome(each, arguments.mode)
    if any(each.can_resume for each in reports):
        import_report.print_resume_command(arguments)
    return report.exit_status(reports)


def import_options(
    arguments: argparse.Namespace, settings: Settings, **more: Any
) -> options.Options:
    """Return the options of an import that the flags ask for, and `more`."""
    folder = arguments.rejects or (None if arguments.dry_run else Path(_REJECTS_FOLDER))
    if folder is not None:
        rejects.check_folder(folder, is_named=bool(arguments.rejects))
    patience = arguments.retry_timeout
    chosen: dict[str, Any] = {
        "mode": base.Mode(arguments.mode or base.Mode.INSERT),
        "chunk_rows": arguments.chunk_rows or settings.chunk_rows,
        "workers": arguments.workers,
        "scheduler": arguments.scheduler,
        "max_errors": arguments.max_errors,
        "is_dry_run": bool(arguments.dry_run),
        "rejects": folder,
        "is_resuming": bool(arguments.resume),
        "retry_seconds": RETRY_SECONDS if patience is None else patience,
        "lock_seconds": LOCK_SECONDS if patience is None else patience,
        "log_level": arguments.log_level,
        "adapt": catalog.add_shop_defaults,
    }
    return options.Options(**chosen | more)


def _limit(text: str) -> options.Limit:
    if not re.fullmatch(r"[0-9]+|[0-9]+(\.[0-9]+)?%", text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number of rows nor one with %")
    return options.Limit(float(text.rstrip("%")), text.endswith("%"))

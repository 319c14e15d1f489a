"""--stream: a CSV file as a live feed."""

from __future__ import annotations

import argparse

from hpnorton.cli.arguments import CommandFlag, Parser, file_path, flag_of, is_given, seconds
from hpnorton.cli.import_ import import_options
from hpnorton.cli.output import print_message, show
from hpnorton.errors import ExitStatus, UsageError
from hpnorton.lazy import lazy_imports
from hpnorton.sanitize import counted
from hpnorton.settings import Settings

with lazy_imports():
    from hpnorton.cli import import_report
    from hpnorton.importer import rejects, sources, stream
    from hpnorton.stores import counts
    from hpnorton.tabular import location
    from hpnorton.tabular import open as opening

_MIN_SECONDS, _MAX_SECONDS = 1.0, 3.0
_FOR_DATABASE = ("mode", "rejects", "retry_timeout")


def add_flags(parser: Parser) -> None:
    """Add --stream, --every, --to and --follow."""
    add = parser.group("stream").add_argument
    add(
        "--stream",
        metavar="FILE",
        action=CommandFlag,
        run=_run,
        takes=("--mode", "--rejects", "--retry-timeout", "--every", "--to", "--follow"),
        check=_check,
        help="import a file as --linear does, but one row at a time, as a live feed, until its end "
        "or Ctrl+C; --mode, --rejects and --retry-timeout go with it",
    )
    add(
        "--every",
        nargs=2,
        metavar=("MIN", "MAX"),
        type=seconds,
        help="wait a random number of seconds between MIN and MAX after each row (default: "
        f"{_MIN_SECONDS:g} {_MAX_SECONDS:g})",
    )
    add(
        "--to",
        metavar="FILE",
        type=file_path,
        help="append the rows unchanged to this text file (default: import them)",
    )
    add(
        "--follow",
        action="store_true",
        default=None,
        help="wait for more rows at the end of FILE, as tail -f does (default: stop there)",
    )


def _check(arguments: argparse.Namespace) -> None:
    minimum, maximum = arguments.every or (_MIN_SECONDS, _MAX_SECONDS)
    if minimum > maximum:
        raise UsageError(f"--every {minimum:g} {maximum:g}: name the shorter time first")
    for name in _FOR_DATABASE:
        if is_given(arguments, "to") and is_given(arguments, name):
            raise UsageError(f"{flag_of(name)} goes with the database, not with --to")


def _run(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    interval = stream.Interval(*(arguments.every or (_MIN_SECONDS, _MAX_SECONDS)))
    reading = opening.ReadMode.TAIL if arguments.follow else opening.ReadMode.STREAMING
    if arguments.to is not None:
        return _stream_to_file(arguments, interval, reading)
    return _stream_to_database(arguments, settings, interval, reading)


def _stream_to_file(
    arguments: argparse.Namespace, interval: stream.Interval, reading: opening.ReadMode
) -> ExitStatus:
    file = arguments.values
    if file != opening.STDIN:
        file = sources.parse_source(file).path
    copied = stream.stream_into_file(
        file, arguments.to, interval, reading=reading, on_warning=print_message
    )
    path = location.redact_location(file)
    document = {
        "file": path,
        "to": str(arguments.to),
        "rows": copied.rows,
        "rejected": copied.rejected,
        "elapsed": round(copied.elapsed, 6),
    }
    show([document], arguments.format)
    if copied.ending is counts.Ending.DONE:
        return ExitStatus.ROWS_REJECTED if copied.rejected else ExitStatus.OK
    print_message(f"Error: {path}: it was interrupted; {counted(copied.rows, 'row')} written")
    return ExitStatus.INTERRUPTED


def _stream_to_database(
    arguments: argparse.Namespace,
    settings: Settings,
    interval: stream.Interval,
    reading: opening.ReadMode,
) -> ExitStatus:
    source = sources.parse_source(arguments.values)
    path = "stdin" if source.path == opening.STDIN else location.redact_location(source.path)

    def print_faults(rejected: rejects.RejectedRow) -> None:
        for fault in rejected.faults(path):
            print_message(fault)

    report = stream.stream_into_store(
        settings.uri,
        source,
        interval,
        import_options(arguments, settings, chunk_rows=1, reading=reading),
        folders=settings.description_folders,
        on_rejected=print_faults,
    )
    import_report.show_reports([report], arguments.format)
    import_report.print_outcome(report, arguments.mode)
    return report.status

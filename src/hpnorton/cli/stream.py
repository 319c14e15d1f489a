"""--stream: a CSV file as a live feed."""
# pylint: disable=import-outside-toplevel # see hpnorton.cli

import argparse
from typing import TYPE_CHECKING

from hpnorton.cli.arguments import Act, Parser, file_path, flag_of, seconds
from hpnorton.cli.import_ import import_options, show_reports, tell_end
from hpnorton.cli.show import show, tell
from hpnorton.errors import ExitStatus, UsageError
from hpnorton.sanitize import counted
from hpnorton.settings import Settings

if TYPE_CHECKING:
    from hpnorton.importer.rejects import RejectedRow
    from hpnorton.importer.stream import Interval
    from hpnorton.tabular.open import ReadMode

STREAM = "--stream"
_LEAST, _MOST = 1.0, 3.0  # seconds
_ONLY_INTO_THE_DATABASE = ("mode", "rejects", "retry_timeout")


def add_flags(parser: Parser) -> None:
    """Adds the flags of this group."""
    group = parser.add_argument_group("stream")
    group.add_argument(
        STREAM,
        metavar="FILE",
        action=Act,
        operation=_stream,
        help="import a CSV file (as above) one row at a time, as a live feed, until its end or "
        "Ctrl+C; --mode, --rejects and --retry-timeout go with it",
    )
    group.add_argument(
        "--every",
        nargs=2,
        metavar=("MIN", "MAX"),
        type=seconds,
        help=f"seconds between two rows, at random (default: {_LEAST:g} {_MOST:g})",
    )
    group.add_argument(
        "--to",
        metavar="FILE",
        type=file_path,
        help="append the rows, as they stand, to this text file instead",
    )
    group.add_argument(
        "--follow",
        action="store_true",
        default=None,
        help="at the end of FILE wait for more, as tail -f does",
    )


def _stream(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    from hpnorton.importer.stream import Interval
    from hpnorton.tabular.open import ReadMode

    least, most = arguments.every or (_LEAST, _MOST)
    if least > most:
        raise UsageError(f"--every {least:g} {most:g}: say the shorter time first")
    interval = Interval(least, most)
    reading = ReadMode.TAIL if arguments.follow else ReadMode.STREAMING
    if arguments.to is not None:
        return _into_file(arguments, interval, reading)
    return _into_store(arguments, settings, interval, reading)


def _into_file(
    arguments: argparse.Namespace, interval: "Interval", reading: "ReadMode"
) -> ExitStatus:
    from hpnorton.importer.sources import parse_source
    from hpnorton.importer.stream import stream_into_file
    from hpnorton.stores.counts import Ending
    from hpnorton.tabular.location import redact_location
    from hpnorton.tabular.open import STDIN

    for name in _ONLY_INTO_THE_DATABASE:
        if getattr(arguments, name) is not None:
            raise UsageError(f"{flag_of(name)} goes with the database, not with --to")
    place = STDIN if arguments.values == STDIN else parse_source(arguments.values).path
    copied = stream_into_file(place, arguments.to, interval, reading=reading, on_warning=tell)
    path = redact_location(place)
    document = {
        "file": path,
        "to": str(arguments.to),
        "rows": copied.rows,
        "rejected": copied.rejected,
    }
    show([document | {"elapsed": round(copied.elapsed, 6)}], arguments.format)
    if copied.ending is Ending.DONE:
        return ExitStatus.ROWS_REJECTED if copied.rejected else ExitStatus.OK
    tell(f"Error: {path}: it was interrupted; {counted(copied.rows, 'row')} written")
    return ExitStatus.INTERRUPTED


def _into_store(
    arguments: argparse.Namespace, settings: Settings, interval: "Interval", reading: "ReadMode"
) -> ExitStatus:
    from hpnorton.importer.sources import parse_source
    from hpnorton.importer.stream import stream_into_store
    from hpnorton.tabular.location import redact_location
    from hpnorton.tabular.open import STDIN

    source = parse_source(arguments.values)

    path = "stdin" if source.path == STDIN else redact_location(source.path)

    def tell_refused(refused: "RejectedRow") -> None:
        for fault in refused.faults(path):
            tell(fault)

    report = stream_into_store(
        settings.uri,
        source,
        interval,
        import_options(arguments, settings, chunk_rows=1, reading=reading),
        folders=settings.description_folders,
        on_rejected=tell_refused,
    )
    show_reports([report], arguments.format)
    tell_end(report, arguments.mode)
    return report.status

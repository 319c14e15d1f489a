"""--compare: linear against parallel, measured."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from typing import Any

from hpnorton.cli.arguments import JSON, TABLE, CommandFlag, Parser, file_path, whole_number
from hpnorton.cli.output import chosen_format, print_message, show
from hpnorton.errors import ComparisonError, ExitStatus
from hpnorton.lazy import lazy_imports
from hpnorton.settings import Settings

with lazy_imports():
    import importlib.util

    from hpnorton import workers
    from hpnorton.compare import comparison, page, results, variants
    from hpnorton.importer import sources

_REPEAT = 3
_CHUNK_ROWS = (1000, 10_000)


def add_flags(parser: Parser) -> None:
    """Add --compare, --repeat and --report."""
    add = parser.group(
        "compare",
        "The files are imported into databases beside the real one and of the same kind, which "
        "are removed afterwards.",
    ).add_argument
    add(
        "--compare",
        nargs="*",
        metavar="FILE",
        action=CommandFlag,
        run=_run,
        takes=("--workers", "--chunk-rows", "--repeat", "--report"),
        takes_numbers=True,
        help="measure how long imports of the files take on this machine with --linear, with "
        "--parallel, and with each number of --workers and --chunk-rows, and recommend one",
    )
    add(
        "--repeat",
        metavar="N",
        type=whole_number(1),
        help=f"measure each N times (default: {_REPEAT})",
    )
    add(
        "--report",
        metavar="DIR",
        type=file_path,
        help="write index.html and plots as SVG into this folder too (needs hpnorton[report])",
    )


def _run(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    if arguments.report is not None:
        _check_matplotlib()
    named = [sources.parse_source(text) for text in arguments.values]
    own = {"HPNORTON_DATASET": settings.dataset, "HPNORTON_SETTINGS": arguments.settings}
    measured = comparison.compare(
        settings.uri,
        named or sources.dataset_sources(settings.data),
        _matrix(arguments, settings),
        folders=settings.description_folders,
        program=_program(),
        environment=os.environ | {name: value for name, value in own.items() if value},
        default_rows=settings.chunk_rows,
    )
    _show(measured, arguments)
    if arguments.report is not None:
        print_message(f"The report is at {page.write_report(measured, arguments.report)}")
    return ExitStatus.OK


def _check_matplotlib() -> None:
    """Raise ComparisonError before anything is measured if plots cannot be drawn."""
    if importlib.util.find_spec("matplotlib") is None:
        raise ComparisonError(
            "--report draws with matplotlib, which is not installed; install it: "
            "pip install 'hpnorton[report]'"
        )


def _program() -> list[str]:
    """Return the command that starts this program."""
    is_module = os.path.basename(sys.argv[0]) == "__main__.py"
    return [sys.executable, *(["-m", "hpnorton"] if is_module else sys.argv[:1])]


def _matrix(arguments: argparse.Namespace, settings: Settings) -> variants.Matrix:
    numbers = arguments.workers or variants.default_workers()
    counts = [count or workers.cores() for count in numbers]
    chunk_rows = arguments.chunk_rows or sorted({*_CHUNK_ROWS, settings.chunk_rows})
    repeat = arguments.repeat or _REPEAT
    return variants.Matrix(list(dict.fromkeys(counts)), list(dict.fromkeys(chunk_rows)), repeat)


def _show(measured: results.Comparison, arguments: argparse.Namespace) -> None:
    form = chosen_format(arguments.format)
    rows = [
        {"rows": measured.rows, **timed.as_document(measured.linear_seconds)}
        for timed in measured.measurements
    ]
    show(rows, form, as_json=[measured.as_document()], as_table=_records_for_table(measured))
    text = f"\n{measured.advice.sentence}"
    if measured.rejected:
        verb = "was" if measured.rejected == 1 else "were"
        text += f"\n{measured.rejected:,} of {measured.rows:,} rows {verb} rejected, in every run."
    if measured.caution:
        text += f"\n{measured.caution}"
    if form == TABLE:
        print(text)
    elif form != JSON and not arguments.quiet:
        print_message(text.strip())


def _records_for_table(measured: results.Comparison) -> Iterator[dict[str, Any]]:
    """Yield what fits into 80 columns."""
    for timed in measured.measurements:
        seconds = timed.seconds
        yield {
            "mode": timed.variant.mode,
            "workers": timed.variant.workers,
            "chunk rows": timed.chunk_rows,
            "seconds (min-max)": f"{seconds.median:.2f} ({seconds.low:.2f}-{seconds.high:.2f})",
            "rows/s": round(timed.rows_per_second.median),
            "speed-up": round(measured.linear_seconds / seconds.median, 2),
            "peak MB": round(timed.peak / 1e6),
        }

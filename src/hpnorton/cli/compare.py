"""--compare: linear against parallel, measured."""
# pylint: disable=import-outside-toplevel # see hpnorton.cli

import argparse
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from hpnorton.cli.arguments import JSON, TABLE, Act, Parser, file_path, whole
from hpnorton.cli.show import chosen_format, show, tell
from hpnorton.errors import ComparisonError, ExitStatus
from hpnorton.settings import Settings

if TYPE_CHECKING:
    from hpnorton.compare.trials import Comparison, Grid

COMPARE = "--compare"
_REPEAT = 3
_CHUNK_ROWS = (1000, 10_000)


def add_flags(parser: Parser) -> None:
    """Adds the flags of this group."""
    group = parser.add_argument_group(
        "compare",
        "It imports into databases of its own, of the same kind as the real one and beside it, "
        "and removes them.",
    )
    add = group.add_argument
    add(
        COMPARE,
        nargs="*",
        metavar="FILE",
        action=Act,
        operation=_compare,
        help="how long imports of the files take here, and which way to use: --linear, "
        "--parallel, and with each of --workers and --chunk-rows, in turns",
    )
    add(
        "--repeat",
        metavar="N",
        type=whole(1),
        help=f"how often each is measured (default: {_REPEAT})",
    )
    add(
        "--report",
        metavar="DIR",
        type=file_path,
        help="draw it too: index.html, and plots as SVG (needs hpnorton[report])",
    )


def _compare(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    from hpnorton.compare.comparison import compare
    from hpnorton.importer.sources import dataset_sources, parse_source

    if arguments.report is not None:
        _check_matplotlib()
    sources = [parse_source(text) for text in arguments.values] or dataset_sources(settings.data)
    own = {"HPNORTON_DATASET": settings.dataset, "HPNORTON_SETTINGS": arguments.settings}
    made = compare(
        settings.uri,
        sources,
        _grid(arguments, settings),
        folders=settings.description_folders,
        program=[sys.executable, sys.argv[0]],
        environment=os.environ | {name: value for name, value in own.items() if value},
        default_rows=settings.chunk_rows,
    )
    _show(made, arguments)
    if arguments.report is not None:
        from hpnorton.compare.page import write_report

        path = write_report(made, arguments.report)
        tell(f"The report is at {path}")
    return ExitStatus.OK


def _check_matplotlib() -> None:
    """Raises ComparisonError if there is nothing to draw with: before anything is measured."""
    from importlib.util import find_spec

    if find_spec("matplotlib") is None:
        raise ComparisonError(
            "--report draws with matplotlib, which is not installed; install it: "
            "pip install 'hpnorton[report]'"
        )


def _grid(arguments: argparse.Namespace, settings: Settings) -> "Grid":
    from hpnorton.compare.trials import Grid, default_workers
    from hpnorton.workers import cores

    workers = [count or cores() for count in arguments.workers or default_workers()]
    chunk_rows = arguments.chunk_rows or sorted({*_CHUNK_ROWS, settings.chunk_rows})
    repeat = arguments.repeat or _REPEAT
    return Grid(list(dict.fromkeys(workers)), list(dict.fromkeys(chunk_rows)), repeat)


def _show(made: "Comparison", arguments: argparse.Namespace) -> None:
    form = chosen_format(arguments.format)
    rows = [{"rows": made.rows, **timed.as_document(made.linear)} for timed in made.grid]
    show(rows, form, as_json=[made.as_document()], as_table=_table(made))
    sentence = f"\n{made.advice.sentence}"
    if made.refused:
        verb = "was" if made.refused == 1 else "were"
        sentence += f"\n{made.refused:,} of {made.rows:,} rows {verb} rejected, in every run."
    if made.caution:
        sentence += f"\n{made.caution}"
    if form == TABLE:
        print(sentence)
    elif form != JSON and not arguments.quiet:
        tell(sentence.strip())


def _table(made: "Comparison") -> Iterator[dict[str, Any]]:
    """What a person has room for on 80 columns."""
    for timed in made.grid:
        seconds = timed.seconds
        yield {
            "mode": timed.way.mode,
            "workers": timed.way.workers or None,
            "chunk rows": timed.chunk_rows,
            "seconds (min-max)": f"{seconds.median:.2f} ({seconds.low:.2f}-{seconds.high:.2f})",
            "rows/s": round(timed.rows_per_second.median),
            "speed-up": round(made.linear / seconds.median, 2),
            "peak MB": round(timed.peak / 1e6),
        }

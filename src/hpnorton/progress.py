"""A progress bar a file or a collection, on stderr, when a person is looking."""

import sys
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import perf_counter
from typing import TYPE_CHECKING

from hpnorton.texts import printable

if TYPE_CHECKING:  # whose progress it is has been imported by who shows it
    from hpnorton.ingest.reports import FileReport
    from hpnorton.ingest.run import OnProgress
    from hpnorton.look import analysis, crawl

# Which bar, its name, how much of it is done, of how much (None if nobody knows), how many things
# that is, and in how many seconds.
_Draw = Callable[[Hashable, str, int, int | None, int, float], None]


@contextmanager
def show_progress(is_wanted: bool) -> Iterator["OnProgress"]:
    """Gives what run_import reports its progress to; draws only if wanted and on a terminal."""
    with _bars(is_wanted, "rows") as draw:

        def on_progress(report: "FileReport", done: int, size: int | None) -> None:
            rows, seconds = report.counts.read, report.elapsed
            draw(id(report), report.collection, done, size, rows, seconds)

        yield on_progress


@contextmanager
def show_look(is_wanted: bool) -> Iterator["crawl.OnProgress"]:
    """Gives what a look at collections reports its progress to; draws as for an import."""
    started: dict[str, float] = {}
    with _bars(is_wanted, "documents") as draw:

        def on_progress(collection: str, done: int, total: int) -> None:
            seconds = perf_counter() - started.setdefault(collection, perf_counter())
            draw(collection, collection, done, total, done, seconds)

        yield on_progress


@contextmanager
def show_analysis(is_wanted: bool, name: str) -> Iterator["analysis.OnProgress"]:
    """Gives what the analysis of a file reports its progress to; draws as for an import."""
    start = perf_counter()
    with _bars(is_wanted, "rows") as draw:

        def on_progress(rows: int, done: int, size: int | None) -> None:
            draw(name, name, done, size, rows, perf_counter() - start)

        yield on_progress


def _bars(is_wanted: bool, unit: str) -> AbstractContextManager[_Draw]:
    if is_wanted and sys.stderr.isatty():
        return _rich_bars(unit)
    return nullcontext(lambda key, name, done, total, count, seconds: None)


@contextmanager
def _rich_bars(unit: str) -> Iterator[_Draw]:
    # Only here: rich takes longer to import than a question takes to answer.
    # pylint: disable-next=import-outside-toplevel
    from rich.console import Console

    # pylint: disable-next=import-outside-toplevel
    from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn(f"{{task.fields[count]:>12,}} {unit}  {{task.fields[speed]:>9,}} {unit}/s"),
    )
    tasks: dict[Hashable, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True)) as progress:

        def draw(
            key: Hashable, name: str, done: int, total: int | None, count: int, seconds: float
        ) -> None:
            speed = round(count / seconds) if seconds else 0
            if key not in tasks:
                tasks[key] = progress.add_task(printable(name), total=total, count=0, speed=0)
            else:
                progress.update(tasks[key], completed=done, count=count, speed=speed)

        yield draw

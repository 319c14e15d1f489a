"""A progress bar a file or a collection, on stderr, when a person is looking."""

import sys
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import perf_counter
from typing import TYPE_CHECKING

from hpnorton.sanitize import printable

if TYPE_CHECKING:  # whose progress it is has been imported by who shows it
    from rich.progress import ProgressColumn

    from hpnorton.importer.report import FileReport
    from hpnorton.importer.runner import OnProgress
    from hpnorton.profile import analysis, fields

# Which bar, its name, how much of it is done, of how much (None if nobody knows), how many things
# that is, and how many a second.
_Draw = Callable[[Hashable, str, int, int | None, int, int], None]
_PERCENT = "100% "
_MIN_BAR, _MAX_BAR = 10, 40
_MAX_BARS = 40  # at a time: all of them are drawn again ten times a second
_MIN_NAME = 20  # before there is room for the speed


@contextmanager
def show_progress(is_wanted: bool) -> Iterator["OnProgress"]:
    """Gives what run_import reports its progress to; draws only if wanted and on a terminal."""
    with _bars(is_wanted, "rows") as draw:

        def on_progress(report: "FileReport", done: int, size: int | None) -> None:
            rows = report.counts.read
            draw(id(report), report.collection, done, size, rows, report.rows_per_second)

        yield on_progress


@contextmanager
def show_look(is_wanted: bool) -> Iterator["fields.OnProgress"]:
    """Gives what a look at collections reports its progress to; draws as for an import."""
    started: dict[str, float] = {}
    with _bars(is_wanted, "documents") as draw:

        def on_progress(collection: str, done: int, total: int) -> None:
            seconds = perf_counter() - started.setdefault(collection, perf_counter())
            draw(collection, collection, done, total, done, _speed(done, seconds))

        yield on_progress


@contextmanager
def show_analysis(is_wanted: bool, name: str) -> Iterator["analysis.OnProgress"]:
    """Gives what the analysis of a file reports its progress to; draws as for an import."""
    start = perf_counter()
    with _bars(is_wanted, "rows") as draw:

        def on_progress(rows: int, done: int, size: int | None) -> None:
            draw(name, name, done, size, rows, _speed(rows, perf_counter() - start))

        yield on_progress


def _speed(count: int, seconds: float) -> int:
    return round(count / seconds) if seconds else 0


def _bars(is_wanted: bool, unit: str) -> AbstractContextManager[_Draw]:
    if is_wanted and sys.stderr.isatty():
        return _rich_bars(unit)
    return nullcontext(lambda key, name, done, total, count, speed: None)


@contextmanager
def _rich_bars(unit: str) -> Iterator[_Draw]:
    # Only here: rich takes longer to import than a question takes to answer.
    # pylint: disable-next=import-outside-toplevel
    from rich.console import Console

    # pylint: disable-next=import-outside-toplevel
    from rich.progress import Progress, TaskID

    console = Console(stderr=True)
    tasks: dict[Hashable, TaskID] = {}
    with Progress(*_columns(unit, console.width), console=console) as progress:

        def draw(
            key: Hashable, name: str, done: int, total: int | None, count: int, speed: int
        ) -> None:
            if key not in tasks:
                if len(tasks) == _MAX_BARS:  # it is drawn again if its work goes on
                    progress.remove_task(tasks.pop(next(iter(tasks))))
                tasks[key] = progress.add_task(printable(name), total=total, count=0, speed=0)
            progress.update(tasks[key], completed=done, count=count, speed=speed)

        yield draw


def _columns(unit: str, width: int) -> "Iterator[ProgressColumn]":
    """Name, bar, percentage, count and speed, as far as a terminal of a width has room for them."""
    # pylint: disable-next=import-outside-toplevel # as above
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn

    # pylint: disable-next=import-outside-toplevel
    from rich.table import Column

    count, speed = f"{{task.fields[count]:>12,}} {unit}", f"{{task.fields[speed]:>9,}} {unit}/s"
    room = width - len(_PERCENT) - len(f"{0:12} {unit} ")
    has_speed = room - len(f" {0:9} {unit}/s") >= _MIN_NAME
    if has_speed:
        room -= len(f" {0:9} {unit}/s")
    bar_width = min(room // 2, _MAX_BAR) if room // 2 >= _MIN_BAR else 0
    name = Column(no_wrap=True, overflow="ellipsis", max_width=max(room - bar_width - 1, 1))
    yield TextColumn("{task.description}", markup=False, table_column=name)
    if bar_width:
        yield BarColumn(bar_width=bar_width - 1)
    yield TaskProgressColumn()
    yield TextColumn(count)
    if has_speed:
        yield TextColumn(speed)

"""A progress bar on stderr for each file or collection, if stderr is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import perf_counter
from typing import Any

from hpnorton.lazy import lazy_imports
from hpnorton.sanitize import counted, printable

with lazy_imports():
    from hpnorton.importer import report, runner
    from hpnorton.profile import analysis, fields
with lazy_imports():
    from rich import console, progress, table

# A key for the bar, its name, how much of it is done, of how much (None if that is not known), how
# many things that is, and how many a second.
_Draw = Callable[[Hashable, str, int, int | None, int, int], None]
_PERCENT = "100% "
_MIN_BAR, _MAX_BAR = 10, 40
_MAX_BARS = 40  # at a time: all of them are drawn again ten times a second
_MIN_NAME = 20  # narrower screens show no speed
_COUNT_WIDTH, _SPEED_WIDTH = 12, 9


@contextmanager
def show_import(is_wanted: bool) -> Iterator[runner.OnProgress]:
    """Yield what run_import() reports its progress to; draw only if wanted and on a terminal."""
    with _bars(is_wanted, "row") as draw:

        def on_progress(file: report.FileReport, done: int, size: int | None) -> None:
            draw(id(file), file.collection, done, size, file.counts.read, file.rows_per_second)

        yield on_progress


@contextmanager
def show_profile(is_wanted: bool) -> Iterator[fields.OnProgress]:
    """Yield what the profile of collections reports its progress to; draw as show_import() does."""
    started: dict[str, float] = {}
    with _bars(is_wanted, "document") as draw:

        def on_progress(collection: str, done: int, total: int) -> None:
            seconds = perf_counter() - started.setdefault(collection, perf_counter())
            draw(collection, collection, done, total, done, _speed(done, seconds))

        yield on_progress


@contextmanager
def show_analysis(is_wanted: bool, name: str) -> Iterator[analysis.OnProgress]:
    """Yield what the analysis of a file reports its progress to; draw as show_import() does."""
    start = perf_counter()
    with _bars(is_wanted, "row") as draw:

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
    screen = console.Console(stderr=True)
    tasks: dict[Hashable, progress.TaskID] = {}
    with progress.Progress(*_columns(unit, screen.width), console=screen) as bars:

        def draw(
            key: Hashable, name: str, done: int, total: int | None, count: int, speed: int
        ) -> None:
            texts: dict[str, Any] = {
                "count": counted(count, unit),
                "speed": f"{counted(speed, unit)}/s",
            }
            if key not in tasks:
                if len(tasks) == _MAX_BARS:  # it is drawn again if its work goes on
                    bars.remove_task(tasks.pop(next(iter(tasks))))
                tasks[key] = bars.add_task(printable(name), total=total, **texts)
            bars.update(tasks[key], completed=done, **texts)

        yield draw


def _columns(unit: str, width: int) -> Iterator[progress.ProgressColumn]:
    """Yield name, bar, percentage, count and speed, as far as a terminal of a width has room."""
    count_width = _COUNT_WIDTH + len(f" {unit}s")
    speed_width = _SPEED_WIDTH + len(f" {unit}s/s")
    room = width - len(_PERCENT) - count_width - 1
    has_speed = room - speed_width - 1 >= _MIN_NAME
    if has_speed:
        room -= speed_width + 1
    bar_width = min(room // 2, _MAX_BAR) if room // 2 >= _MIN_BAR else 0
    name = table.Column(no_wrap=True, overflow="ellipsis", max_width=max(room - bar_width - 1, 1))
    yield progress.TextColumn("{task.description}", markup=False, table_column=name)
    if bar_width:
        yield progress.BarColumn(bar_width=bar_width - 1)
    yield progress.TaskProgressColumn()
    yield progress.TextColumn(f"{{task.fields[count]:>{count_width}}}")
    if has_speed:
        yield progress.TextColumn(f"{{task.fields[speed]:>{speed_width}}}")

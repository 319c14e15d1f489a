"""A progress bar a file, on stderr while an import runs, when a person is looking."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from hpnorton.ingest import OnProgress
from hpnorton.reports import FileReport


@contextmanager
def show_progress(is_wanted: bool) -> Iterator[OnProgress]:
    """Gives what run_import reports its progress to; draws only if wanted and on a terminal."""
    if not (is_wanted and sys.stderr.isatty()):
        yield lambda report, done, size: None
        return
    # Only here: rich takes longer to import than a question takes to answer.
    # pylint: disable-next=import-outside-toplevel
    from rich.console import Console

    # pylint: disable-next=import-outside-toplevel
    from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]:>12,} rows  {task.fields[speed]:>9,} rows/s"),
    )
    tasks: dict[int, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True)) as progress:

        def on_progress(report: FileReport, done: int, size: int | None) -> None:
            rows = report.counts.read
            speed = round(rows / report.elapsed) if report.elapsed else 0
            task = tasks.get(id(report))
            if task is None:
                tasks[id(report)] = progress.add_task(
                    report.collection, total=size, rows=0, speed=0
                )
            else:
                progress.update(task, completed=done, rows=rows, speed=speed)

        yield on_progress

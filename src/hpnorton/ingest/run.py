"""The import: files -> chunks -> counts that add up.

Every file is a lane of chunks. Linear and parallel differ in two things only: which lanes a lane
waits for, and which executor its chunks go to.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from hpnorton import log
from hpnorton.errors import SchemaError, StoreLostError, StoreMissingError
from hpnorton.files import temporary_files
from hpnorton.ingest import journal
from hpnorton.ingest.lanes import Desk, Lane
from hpnorton.ingest.outage import Outage
from hpnorton.ingest.plan import Options, plan
from hpnorton.ingest.reports import Ending, FileReport
from hpnorton.ingest.sources import Source, open_sources
from hpnorton.stores import close_process_stores, open_store, process_store
from hpnorton.workers import cores, open_cluster, open_workers, stop_requests

_PROCESSES_A_CORE = 4
_STEP = 0.1  # Ctrl+C is heard after it

# A file's report, the bytes of it that are done, and all its bytes (None if nobody knows).
OnProgress = Callable[[FileReport, int, int | None], None]


def run_import(
    uri: str,
    sources: Sequence[Source],
    options: Options,
    *,
    folders: Sequence[Path] = (),
    on_progress: OnProgress = lambda report, done, size: None,
) -> list[FileReport]:
    """Imports files one after the other, or at once; the reports are in the order of the files.

    `folders` are where to look for a datapackage.json besides each file's own folder (see
    open_sources). A file whose collection has foreign keys starts when its parents' files are done.
    Raises HPNortonError before anything is written if a file cannot be imported at all, or the
    database not be used; what goes wrong later is told in the reports.
    """
    with planned_lanes(uri, sources, options, folders) as lanes:
        _work(_in_order(lanes, options), options, on_progress)
    return [lane.report for lane in lanes]


@contextmanager
def planned_lanes(
    uri: str, sources: Sequence[Source], options: Options, folders: Sequence[Path]
) -> Iterator[list[Lane]]:
    """The lanes of files, ready to begin, which are finished and closed afterwards.

    Raises HPNortonError before anything is written.
    """
    with ExitStack() as stack:
        origins = _origins(uri, sources)
        opened = open_sources(sources, folders, origins, stack, options.reading)
        scratch = None
        if options.is_dry_run:
            with temporary_files():
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="hpnorton-"))
            scratch = f"{folder}/scratch.db"
        stack.callback(close_process_stores)
        store = process_store(uri, scratch, patience=options.lock_seconds)
        _check_twins([*store.collections(), *(layout.collection.name for _, layout in opened)])
        desks = _desks(len(opened), options)
        for desk in desks:
            stack.callback(desk.close)
        planned = plan(uri, opened, store, options, scratch, desks)
        desks[0].warm_up()  # by now the process that workers are forked from is ready
        for each in planned:
            stack.callback(each.lane.work.close)
        lanes = [each.lane for each in planned]
        _in_order(lanes, options)  # or there is none
        if not options.is_dry_run:
            journal.prepare(store)
        for each in planned:
            each.begin(store)
        yield lanes
        for each in planned:
            each.finish(store)


def _origins(uri: str, sources: Sequence[Source]) -> dict[str, Path]:
    """The folders that the files of earlier imports came from, for those who rejected rows."""
    runs = {source.run for source in sources if source.run is not None}
    if not runs:
        return {}
    try:
        with closing(open_store(uri)) as store:
            return {n.id: Path(n.file).parent for n in journal.imports(store) if n.id in runs}
    except StoreMissingError:
        return {}


def _check_twins(names: Sequence[str]) -> None:
    """Refuses names that are one to SQLite and two to MongoDB."""
    seen: dict[str, str] = {}
    for name in names:
        twin = seen.setdefault(name.casefold(), name)
        if twin != name:
            raise SchemaError(
                f"the collection {name!r} differs from {twin!r} only in capitals; say {twin}=FILE"
            )


def _desks(files: int, options: Options) -> list[Desk]:
    """The executor of each file; files may share one."""
    level = options.log_level
    if options.scheduler:
        cluster = open_cluster(options.scheduler)
        return [Desk(lambda: cluster.executor, 2 * cluster.threads, is_ordered=False)] * files
    if not options.is_parallel:
        return [Desk(lambda: open_workers(0, level), 1, is_ordered=True)] * files
    if options.workers is None:
        return [Desk(lambda: open_workers(1, level), 2, is_ordered=True) for _ in range(files)]
    count = options.workers or cores()
    return [Desk(lambda: open_workers(count, level), 2 * count, is_ordered=count == 1)] * files


def _in_order(lanes: Sequence[Lane], options: Options) -> list[Lane]:
    """The lanes in the order given, but none before those that it waits for.

    It waits for its parents, and for files before it that go into the same collection: of two rows
    with one key the first is to win. One after the other, it waits for all before it.
    """
    for at, lane in enumerate(lanes):
        names = {foreign.parent for foreign in lane.work.job.layout.collection.foreign_keys}
        lane.parents = [other for other in lanes if other.report.collection in names]
        same = [other for other in lanes[:at] if other.report.collection == lane.report.collection]
        lane.waits_for = [*lane.parents, *same]
    ordered: list[Lane] = []
    while len(ordered) < len(lanes):
        left = [lane for lane in lanes if lane not in ordered]
        free = [lane for lane in left if all(other in ordered for other in lane.waits_for)]
        if not free:
            stuck = ", ".join(lane.report.collection for lane in left)
            raise SchemaError(
                f"the foreign keys of {stuck} form a circle, so none can be imported first; "
                "take one of them out of datapackage.json"
            )
        ordered.append(free[0])
    if not options.is_parallel:
        for at, lane in enumerate(ordered):
            lane.waits_for = ordered[:at]
    return ordered


def _work(lanes: Sequence[Lane], options: Options, on_progress: OnProgress) -> None:
    """Imports all lanes, until Ctrl+C or too many refused rows end it."""
    outage = Outage(options.retry_seconds)
    for lane in lanes:
        on_progress(lane.report, lane.work.bytes_done, lane.work.file.size)
    with stop_requests() as is_stopped:
        while working := [lane for lane in lanes if not lane.is_done]:
            if is_stopped():
                _interrupt(working)
                return
            if outage.left is None:
                for lane in _startable(working):
                    lane.feed()
            futures = {future: lane for lane in working for future in lane.in_flight}
            if not futures:
                time.sleep(min(_STEP, outage.left or 0))
            done = wait(futures, outage.left and _STEP, FIRST_COMPLETED).done
            for future, lane in futures.items():  # in the order of the rows; `done` has none
                if future in done:
                    try:
                        lane.take(future)
                        outage.end()
                    except StoreLostError as error:
                        _wait_or_give_up(lanes, outage, error, options)
                    on_progress(lane.report, lane.work.bytes_done, lane.work.file.size)
            _check_limit(lanes, options)
            for desk in {id(lane.desk): lane.desk for lane in lanes}.values():
                if all(lane.is_done for lane in lanes if lane.desk is desk):
                    desk.close()


def _startable(working: Sequence[Lane]) -> list[Lane]:
    """The lanes that may go on now: with very many files, not all of them at once."""
    begun = [lane for lane in working if lane.has_begun]
    ready = [
        lane
        for lane in working
        if not lane.has_begun and all(other.is_done for other in lane.waits_for)
    ]
    return begun + ready[: max(0, _PROCESSES_A_CORE * cores() - len(begun))]


def _wait_or_give_up(
    lanes: Sequence[Lane], outage: Outage, error: StoreLostError, options: Options
) -> None:
    if outage.begin():
        log.warning("{}; trying again", error)
        return
    for lane in lanes:
        if not lane.is_done:
            reason = f"{error}; it was tried again for {options.retry_seconds:g} s"
            lane.stop(Ending.FAILED, reason, can_resume=lane.work.file.is_repeatable)


def _check_limit(lanes: Sequence[Lane], options: Options) -> None:
    """Stops all lanes if more rows were refused than --max-errors allows."""
    limit = options.max_errors
    if limit is None:
        return
    counts = [lane.report.counts for lane in lanes]
    refused, read = sum(c.refused for c in counts), sum(c.read for c in counts)
    is_over = all(lane.is_done for lane in lanes)
    if limit.is_exceeded(refused, read, is_over=is_over):
        for lane in lanes:
            if lane.report.ending is Ending.RUNNING or is_over:
                reason = f"it was stopped, because more than {limit} rows were refused"
                lane.stop(Ending.STOPPED, f"{reason} (--max-errors)", can_resume=False)


def _interrupt(lanes: Sequence[Lane]) -> None:
    """Lets the work that has begun come to its end, and drops the rest."""
    for lane in lanes:
        lane.stop(Ending.INTERRUPTED, "it was interrupted", can_resume=lane.work.file.is_repeatable)
    for lane in lanes:
        lane.desk.close(cancel=True)
    for lane in lanes:
        for future in list(lane.in_flight):
            if future.cancelled():
                lane.drop(future)
                continue
            try:
                lane.take(future)
            except StoreLostError:
                pass  # that chunk is not done, which is what will be told

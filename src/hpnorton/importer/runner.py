"""The import: files -> chunks -> counts that add up.

Every file is a lane of chunks. Linear and parallel differ in two things only: how many lanes there
are at a time, and which executor their chunks go to.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit
from typing import Any

from hpnorton import log
from hpnorton.errors import HPNortonError, SchemaError, StoreLostError, StoreMissingError
from hpnorton.files import temporary_file_errors
from hpnorton.importer.lanes import Desk, Lane
from hpnorton.importer.order import Order
from hpnorton.importer.plan import Options, Planned, plan
from hpnorton.importer.report import FileReport
from hpnorton.importer.retry import Outage
from hpnorton.importer.sources import Source, open_sources
from hpnorton.importer.targets import Known
from hpnorton.interrupts import catch_interrupts
from hpnorton.schema.collection import Collection
from hpnorton.schema.remarks import Case, own_text_key
from hpnorton.stores import close_process_stores, journal, open_store, process_store
from hpnorton.stores.base import Store
from hpnorton.stores.case_twins import find_twins
from hpnorton.stores.counts import Counts, Ending
from hpnorton.workers import cores, open_cluster, open_workers

_LANES_A_CORE = 4
_FILES_A_PROCESS, _OTHER_FILES = 12, 64
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
    with planned_files(uri, sources, options, folders) as plans:
        _Runner(plans, options, on_progress).work()
    return [planned.lane.report for planned in plans.files]


@dataclass(frozen=True)
class Plans:
    """Files that are ready to begin, in which order, and a desk for each that may go on at once."""

    files: Sequence[Planned]
    order: Order
    desks: Sequence[Desk]
    store: Store


@contextmanager
def planned_files(
    uri: str, sources: Sequence[Source], options: Options, folders: Sequence[Path]
) -> Iterator[Plans]:
    """Files that are ready to begin, which are finished and closed afterwards.

    Raises HPNortonError before anything is written.
    """
    with ExitStack() as stack:
        known = cache(partial(_known, uri, sources, options))
        opened = [
            (file, replace(layout, collection=options.adapt(layout.collection)))
            for file, layout in open_sources(sources, folders, stack, options.reading, known)
        ]
        scratch = None
        if options.is_dry_run:
            with temporary_file_errors():
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="hpnorton-"))
            scratch = f"{folder}/scratch.db"
        stack.callback(close_process_stores)
        store = process_store(uri, scratch, patience=options.lock_seconds)
        _check_twins([*store.collections(), *(layout.collection.name for _, layout in opened)])
        desks = _desks(len(opened), options)
        for desk in desks:
            stack.callback(desk.close)
        files = plan(uri, opened, store, options, scratch, is_ordered=desks[0].is_ordered)
        desks[0].warm_up()  # by now the process that workers are forked from is ready
        for each in files:
            stack.callback(each.lane.work.close)
        order = Order([each.lane for each in files])
        _prepare(files, store, options)
        yield Plans(files, order, desks, store)
        for each in files:
            each.finish(store)
        _look_at_collections(files, store)


def _prepare(files: Sequence[Planned], store: Store, options: Options) -> None:
    """Makes what the imports need in the database."""
    if not options.is_dry_run:
        journal.prepare(store)
    made: dict[str, Collection] = {}
    for each in files:
        spec = each.lane.work.spec
        collection = spec.layout.collection
        if made.get(collection.name) == collection:
            continue
        made[collection.name] = collection
        store.ensure(collection, with_indexes=not spec.indexes_late)
        if not options.is_dry_run and not each.is_finished:
            journal.save_collection(store, collection)


def _look_at_collections(files: Sequence[Planned], store: Store) -> None:
    """Tells in the reports how many records each collection holds now, and which keys are twins."""
    groups: dict[str, list[Planned]] = {}
    for each in files:
        groups.setdefault(each.lane.report.collection, []).append(each)
    for name, group in groups.items():
        inserted = sum(each.lane.report.counts.inserted for each in group)
        expected = inserted if group[0].note.was_empty else None
        try:
            total = group[-1].ask(partial(store.count, name, expected))
            _warn_of_twins(group, store)
        except HPNortonError as error:
            for each in group:
                each.fail(error)
        else:
            for each in group:
                each.lane.report.total_records = total


def _warn_of_twins(group: Sequence[Planned], store: Store) -> None:
    """Warns of keys of a collection that differ in case alone, if rows may have such keys.

    In a collection that was empty, or to which no row was added, the keys of these rows tell.
    """
    works = [each.lane.work for each in group if each.lane.report.counts.read]
    if not works or not own_text_key(works[0].spec.layout.collection):
        return
    cases = Case.NONE
    for work in works:
        cases |= work.remarks.cases
    is_added_to = any(work.report.counts.inserted for work in works)
    if not cases.may_be_twins and (group[0].note.was_empty or not is_added_to):
        return
    twins = group[-1].ask(partial(find_twins, store, works[0].spec.layout.collection))
    if sentence := twins.sentence():
        works[-1].report.warnings.append(sentence)


def _known(uri: str, sources: Sequence[Source], options: Options) -> Known:
    """What the database knows of earlier imports; nothing if there is none."""
    runs = {source.run for source in sources if source.run is not None}
    try:
        with closing(open_store(uri, patience=options.lock_seconds)) as store:
            notes = journal.imports(store) if runs else iter(())
            origins = {note.id: Path(note.file).parent for note in notes if note.id in runs}
            return Known(origins, journal.known_collections(store), store.collections())
    except StoreMissingError:
        return Known()


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
    """A desk for each file that is worked on at a time; they may share one."""
    level = options.log_level
    if not (options.is_parallel or options.scheduler):
        return [Desk(lambda: open_workers(0, level), 1, is_ordered=True)]
    at_once = max(1, min(files, _LANES_A_CORE * cores()))
    if options.scheduler:
        cluster = open_cluster(options.scheduler)
        most = 2 * cluster.threads
        return [Desk(lambda: cluster.executor, most, is_ordered=False, is_shared=True)] * at_once
    if options.workers is None:
        at_once = min(at_once, _processes_for(_open_files()))
        return [Desk(lambda: open_workers(1, level), 2, is_ordered=True) for _ in range(at_once)]
    count = options.workers or cores()
    pool = Desk(lambda: open_workers(count, level), 2 * count, count == 1, is_shared=True)
    return [pool] * at_once


def _open_files() -> int:
    """How many files this process may have open."""
    soft, _ = getrlimit(RLIMIT_NOFILE)
    return sys.maxsize if soft == RLIM_INFINITY else soft


def _processes_for(open_files: int) -> int:
    """How many processes, of a file each, can be talked to with so many open files."""
    return max(1, (open_files - _OTHER_FILES) // _FILES_A_PROCESS)


class _Runner:
    """Files on their way: those that have begun, and what is known of those that have ended."""

    def __init__(self, plans: Plans, options: Options, on_progress: OnProgress) -> None:
        self._files = plans.files
        self._order = plans.order
        self._store = plans.store
        self._options = options
        self._on_progress = on_progress
        self._outage = Outage(options.retry_seconds)
        self._begun: dict[int, Planned] = {}
        self._free = list(plans.desks)
        self._ended = Counts()

    def work(self) -> None:
        """Imports all files, until Ctrl+C or too many refused rows end it."""
        with catch_interrupts() as interrupts:
            while self._begun or self._order.waiting:
                if interrupts.is_requested:
                    self._interrupt()
                    return
                if self._outage.left is None:
                    self._begin_some()
                    for planned in self._begun.values():
                        planned.lane.feed()
                self._take_some()
                self._check_limit()
                self._end_some()

    def _begin_some(self) -> None:
        while self._free and self._free[-1].has_room:
            number = self._order.next()
            if number is None:
                return
            planned = self._begun[number] = self._files[number]
            lane = planned.lane
            lane.begin(self._free.pop(), self._order.stuck(lane))
            if not lane.report.failure:
                with planned.failing():
                    planned.ask(partial(planned.begin, self._store))
            self._tell(planned)

    def _take_some(self) -> None:
        """Takes up what is done, or waits until something is."""
        futures: dict[Future[Any], Planned] = {
            future: planned for planned in self._begun.values() for future in planned.lane.in_flight
        }
        if not futures and (left := self._outage.left):
            time.sleep(min(_STEP, left))
        done = wait(futures, self._outage.left and _STEP, FIRST_COMPLETED).done
        for future, planned in futures.items():  # in the order of the rows; `done` has none
            if future in done:
                try:
                    planned.lane.take(future)
                    self._outage.end()
                except StoreLostError as error:
                    self._wait_or_give_up(error)
                self._tell(planned)

    def _end_some(self) -> None:
        """Finishes the files that are done, so that others can begin."""
        for number, planned in list(self._begun.items()):
            lane = planned.lane
            if not lane.is_done:
                continue
            del self._begun[number]
            self._ended.add(lane.report.counts)
            lane.work.file.close()
            if self._ends_early:
                planned.finish(self._store)
            self._order.end(number)
            self._leave(lane)

    def _leave(self, lane: Lane) -> None:
        """Makes a lane's desk free; its process ends if it may be broken, or has no more to do."""
        assert lane.desk is not None
        if lane.report.ending is not Ending.DONE and not lane.desk.is_shared:
            lane.desk.close()
        self._free.append(lane.desk)
        for desk in self._free if not self._order.waiting else ():
            if not desk.is_shared:
                desk.close()

    @property
    def _ends_early(self) -> bool:
        """Whether a file that is done stays done: a percentage is known at the end only."""
        limit = self._options.max_errors
        return limit is None or not limit.is_percent

    def _tell(self, planned: Planned) -> None:
        work = planned.lane.work
        self._on_progress(work.report, work.bytes_done, work.file.size)

    def _wait_or_give_up(self, error: StoreLostError) -> None:
        if self._outage.begin():
            log.warning("{}; trying again", error)
            return
        reason = f"{error}; it was tried again for {self._options.retry_seconds:g} s"
        for planned in self._files:
            if not (planned.has_ended or planned.lane.is_done):
                is_repeatable = planned.lane.work.file.is_repeatable
                planned.lane.stop(Ending.FAILED, reason, can_resume=is_repeatable)

    def _check_limit(self) -> None:
        """Stops all files that are not finished if more rows were refused than --max-errors."""
        limit = self._options.max_errors
        if limit is None:
            return
        counts = [self._ended, *(planned.lane.report.counts for planned in self._begun.values())]
        refused, read = sum(c.failed for c in counts), sum(c.read for c in counts)
        are_done = all(planned.lane.is_done for planned in self._begun.values())
        is_over = are_done and not self._order.waiting
        if limit.is_exceeded(refused, read, is_over=is_over):
            rows = "row was" if str(limit) == "1" else "rows were"
            reason = f"it was stopped, because more than {limit} {rows} refused (--max-errors)"
            for planned in self._files:
                if not planned.has_ended:
                    planned.lane.stop(Ending.STOPPED, reason, can_resume=False)

    def _interrupt(self) -> None:
        """Lets the work that has begun come to its end, and drops the rest."""
        lanes = [planned.lane for planned in self._files if not planned.has_ended]
        for lane in lanes:
            if not lane.is_done:
                is_repeatable = lane.work.file.is_repeatable
                lane.stop(Ending.INTERRUPTED, "it was interrupted", can_resume=is_repeatable)
        begun = [planned.lane for planned in self._begun.values()]
        for lane in begun:
            if lane.desk is not None:
                lane.desk.close(cancel=True)
        for lane in begun:
            for future in list(lane.in_flight):
                if future.cancelled():
                    lane.drop(future)
                    continue
                try:
                    lane.take(future)
                except StoreLostError:
                    pass  # that chunk is not done, which is what will be told

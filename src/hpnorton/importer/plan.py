"""The plan of an import: each file with its own import, new or resumed, and their order."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

from hpnorton.errors import FileError, SchemaError, StoreMissingError
from hpnorton.files import temporary_file_errors
from hpnorton.importer.content import cut, read_content
from hpnorton.importer.executors import BoundedExecutor, executors_for
from hpnorton.importer.file_import import FileImport
from hpnorton.importer.options import Commit, ImportSpec, Indexes, Options, Resume
from hpnorton.importer.order import Order
from hpnorton.importer.sources import Source, open_sources
from hpnorton.importer.targets import Known, check_history, check_same
from hpnorton.importer.totals import report_totals
from hpnorton.sanitize import readable
from hpnorton.schema.collection import Collection
from hpnorton.schema.layout import Layout
from hpnorton.settings import SQLITE_PREFIX
from hpnorton.stores import close_process_stores, journal, open_store, process_store
from hpnorton.stores.base import Mode, Store
from hpnorton.stores.counts import Ending
from hpnorton.stores.journal import ImportEntry
from hpnorton.tabular.fingerprint import fingerprint
from hpnorton.tabular.location import is_url
from hpnorton.tabular.reader import CsvFile


@dataclass(frozen=True)
class Target:
    """The database of an import; with `scratch` a file that is written to instead: a dry run."""

    uri: str
    store: Store
    scratch: str | None

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is an SQLite file, so that rows and journal change together."""
        return self.uri.startswith(SQLITE_PREFIX)


@dataclass(frozen=True)
class Plan:
    """Files that are ready to start, and an executor for each that may run at the same time."""

    files: Sequence[FileImport]
    order: Order
    executors: Sequence[BoundedExecutor]
    store: Store


@contextmanager
def open_plan(
    uri: str, sources: Sequence[Source], options: Options, folders: Sequence[Path]
) -> Iterator[Plan]:
    """Return files that are ready to start, and finish and close them in the end.

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
                folder = stack.enter_context(TemporaryDirectory(prefix="hpnorton-"))
            scratch = f"{folder}/scratch.db"
        stack.callback(close_process_stores)
        store = process_store(uri, scratch, patience=options.lock_seconds)
        _check_names([*store.collections(), *(layout.collection.name for _, layout in opened)])
        executors = executors_for(len(opened), options)
        for executor in executors:
            stack.callback(executor.close)
        target = Target(uri, store, scratch)
        files = plan_files(target, opened, options, is_ordered=executors[0].is_ordered)
        executors[0].warm_up()  # by now the process that workers are forked from is ready
        for each in files:
            stack.callback(each.close)
        order = Order(files)
        _prepare(files, store, options)
        yield Plan(files, order, executors, store)
        for each in files:
            each.finish(store)
        report_totals(files, store)


def plan_files(
    target: Target,
    opened: Sequence[tuple[CsvFile, Layout]],
    options: Options,
    *,
    is_ordered: bool,
) -> list[FileImport]:
    """Return the import of each file, new or resumed, without writing anything.

    `is_ordered` says that a single process loads the chunks of a file. Raises StoreError if the
    database cannot hold a file's records, and FileError for a file that is to be resumed but has
    changed since.
    """
    store = target.store
    files: list[FileImport] = []
    planned: dict[str, Collection] = {}
    present = set(store.collections())
    for file, layout in opened:
        collection = layout.collection
        check_history(collection, file.path)
        if planned.get(file.collection) != collection:
            if file.collection in present:
                check_same(journal.known_collection(store, file.collection), collection)
            store.check_fit(collection)
        entry = _earlier(store, file, options)
        if entry is not None:
            entry.is_ordered = entry.is_ordered and is_ordered
            files.append(_resumed(target, file, layout, entry, options))
        else:
            is_empty = file.collection not in planned and store.is_empty(file.collection)
            entry = _new_entry(file, options, is_ordered=is_ordered, was_empty=is_empty)
            files.append(_new(target, file, layout, entry, options))
        planned[file.collection] = collection
    return files


def _new(
    target: Target, file: CsvFile, layout: Layout, entry: ImportEntry, options: Options
) -> FileImport:
    """Return the import of a file from its beginning."""
    content = read_content(file, options)
    if content.fingerprint is not None:
        entry.size, entry.checksum = content.fingerprint.size, content.fingerprint.checksum
    return FileImport(file, _spec(target, layout, entry, options), entry, options, content.chunks)


def _resumed(
    target: Target, file: CsvFile, layout: Layout, entry: ImportEntry, options: Options
) -> FileImport:
    """Return the import of a file that an earlier run has begun or done."""
    done = () if entry.status == Ending.DONE else journal.chunks(target.store, entry.id)
    spec, chunks = _spec(target, layout, entry, options), cut(file, options, done)
    file_import = FileImport(file, spec, entry, options, chunks)
    file_import.count_earlier_run(done, target.store)
    return file_import


def _spec(target: Target, layout: Layout, entry: ImportEntry, options: Options) -> ImportSpec:
    """Return what workers have to know of a file."""
    is_sqlite = target.is_sqlite or options.is_dry_run
    if options.is_feed or not is_sqlite:
        commit = Commit.SINGLE
    else:
        commit = Commit.SHORT if options.is_distributed else Commit.GROUPED
    if options.is_feed:
        resume = Resume.NONE
    elif is_sqlite or entry.is_ordered or options.mode is Mode.UPSERT:
        resume = Resume.DONE
    else:
        resume = Resume.STARTED
    is_late = entry.was_empty and bool(layout.collection.indexes)
    is_late = is_late and not (options.is_dry_run or options.is_feed)
    return ImportSpec(
        target.uri,
        layout,
        options.mode,
        entry.id,
        target.scratch,
        commit=commit,
        indexes=Indexes.LATE if is_late else Indexes.NOW,
        resume=resume,
        is_ordered=entry.is_ordered,
        was_empty=entry.was_empty,
        lock_seconds=options.lock_seconds,
    )


def _earlier(store: Store, file: CsvFile, options: Options) -> ImportEntry | None:
    """Return the import of the file that is to be resumed, or None. Raises FileError."""
    if not options.is_resuming or options.is_dry_run:
        return None
    if options.is_feed or not file.is_repeatable:
        raise FileError(
            f"{file.path} cannot be resumed, since it cannot be read again from its beginning; "
            "import it again without --resume: rows that are in the database are left as they are"
        )
    entry = journal.latest_import(store, _location(file), file.collection)
    content = fingerprint(file.location) if entry is not None else None
    if entry is None or content is None:
        return None
    is_same = (entry.size, entry.checksum) == (content.size, content.checksum)
    if entry.status == Ending.DONE:
        is_enough = entry.mode in (options.mode, Mode.UPSERT)  # which has inserted as well
        is_there = not entry.read or not store.is_empty(file.collection)  # or was it dropped?
        return entry if is_same and is_enough and is_there else None
    if not is_same:
        raise FileError(
            f"{file.path} has changed since its import began ({_to_the_minute(entry.started)}): "
            f"{_difference(entry.size or 0, content.size)}; import it without --resume"
        )
    if entry.mode != options.mode:
        raise FileError(
            f"the import of {file.path} began with --mode {entry.mode}; resume it in the same way"
        )
    return entry


def _difference(size_then: int, size_now: int) -> str:
    """Return how a file differs from what it was, with its sizes in bytes."""
    if size_now == size_then:
        return f"its content has changed ({size_now:,} bytes then and now)"
    return f"it had {size_then:,} bytes, it has {size_now:,}"


def _to_the_minute(moment: str) -> str:
    """Return a moment, ISO 8601, as a person reads it."""
    return f"{datetime.fromisoformat(moment).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _new_entry(
    file: CsvFile, options: Options, *, is_ordered: bool, was_empty: bool
) -> ImportEntry:
    """Return the journal's entry of a new import, which gets its id when it begins."""
    return ImportEntry(
        id="",
        started="",
        collection=file.collection,
        file=_location(file),
        mode=options.mode,
        is_ordered=is_ordered,
        was_empty=was_empty,
    )


def _location(file: CsvFile) -> str:
    """Return the name of a file in the journal: the same wherever the program is started."""
    if is_url(file.path) or not file.is_repeatable:
        return readable(file.path)
    return readable(str(Path(file.path).resolve()))


def _prepare(files: Sequence[FileImport], store: Store, options: Options) -> None:
    """Create in the database what the imports need."""
    if not options.is_dry_run:
        journal.prepare(store)
    prepared: dict[str, Collection] = {}
    for each in files:
        collection = each.spec.collection
        if prepared.get(collection.name) == collection:
            continue
        prepared[collection.name] = collection
        store.ensure(collection, with_indexes=each.spec.indexes is Indexes.NOW)
        if not (options.is_dry_run or each.report.was_done):
            journal.save_collection(store, collection)


def _known(uri: str, sources: Sequence[Source], options: Options) -> Known:
    """Return what the database knows of earlier imports: nothing if there is no database."""
    runs = {source.run for source in sources if source.run is not None}
    try:
        with closing(open_store(uri, patience=options.lock_seconds)) as store:
            entries = journal.imports(store) if runs else iter(())
            origins = {each.id: Path(each.file).parent for each in entries if each.id in runs}
            return Known(origins, journal.known_collections(store), store.collections())
    except StoreMissingError:
        return Known()


def _check_names(names: Sequence[str]) -> None:
    """Raise SchemaError for names that differ only in case, which are the same to SQLite."""
    seen: dict[str, str] = {}
    for name in names:
        twin = seen.setdefault(name.casefold(), name)
        if twin != name:
            raise SchemaError(
                f"the collection {name!r} differs from {twin!r} only in capitals; say {twin}=FILE"
            )

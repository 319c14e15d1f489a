"""One chunk, read, checked and inserted: what an import does in whichever process it runs."""

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hpnorton.checks import Checked, Fault, Layout, Row, check_rows
from hpnorton.csvfile import Chunk, line_of, read_rows
from hpnorton.fields import Value
from hpnorton.reports import SHOWN_FAULTS, Counts, RowFault
from hpnorton.stores import process_store
from hpnorton.stores.protocol import Inserted, Key, Store


@dataclass(frozen=True)
class Job:
    """What a worker has to know to import any chunk of one file."""

    uri: str
    layout: Layout


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Keeps the collector from tracing a chunk's hundred thousand cells, over and over.

    They are in no cycles; looking for some took 18% of an import's time (measured).
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@_no_garbage_collection()
def load_chunk(job: Job, chunk: Chunk) -> Counts:
    """Loads one chunk into this process's own store, and says what became of its rows."""
    store = process_store(job.uri)
    rows, is_suspicious = read_rows(chunk)
    checked = check_rows(job.layout, rows, is_suspicious=is_suspicious)
    checked = _check_references(job.layout, checked, store)
    collection, columns = job.layout.collection, job.layout.columns
    done = store.insert(collection, columns, checked.records)
    faults = [*checked.faults, *_conflict_faults(job.layout, checked, done)]
    faults.sort(key=lambda fault: fault.at)
    counts = Counts(
        read=len(rows),
        inserted=done.inserted,
        unchanged=len(checked.records) - done.inserted - len(done.conflicts),
        conflicts=len(done.conflicts),
        rejected=len({fault.at for fault in checked.faults}),
        codes=Counter(fault.code for fault in faults),
        faults=[_located(fault, chunk, rows) for fault in faults[:SHOWN_FAULTS]],
    )
    counts.check()
    return counts


def _check_references(layout: Layout, checked: Checked, store: Store) -> Checked:
    """Takes out the records that refer to a parent which is not in the database."""
    faults: list[Fault] = []
    for foreign in layout.collection.foreign_keys:
        if not set(foreign.fields) <= set(layout.columns):
            continue  # not in the file, so null in every record
        at = [layout.columns.index(name) for name in foreign.fields]
        keys: list[Key] = list(zip(*([record[i] for record in checked.records] for i in at)))
        wanted = {key for key in set(keys) if any(value is not None for value in key)}
        absent = store.absent(foreign.parent, foreign.parent_fields, list(wanted))
        faults += [
            Fault(
                position,
                "foreign-key",
                f"is not in {foreign.parent}; import it there first",
                ", ".join(foreign.fields),
                ", ".join("" if value is None else str(value) for value in key),
            )
            for position, key in zip(checked.positions, keys)
            if key in absent
        ]
    return checked.without(faults) if faults else checked


def _conflict_faults(layout: Layout, checked: Checked, done: Inserted) -> Iterator[Fault]:
    columns, key = layout.columns, layout.collection.key
    for conflict in done.conflicts:
        record = checked.records[conflict.at]
        values = ", ".join(str(record[columns.index(name)]) for name in key)
        mine = record[columns.index(conflict.field)]
        yield Fault(
            checked.positions[conflict.at],
            "primary-key",
            f"is there already, with another {conflict.field}: "
            f"{_shown(conflict.stored)} is kept, not {_shown(mine)}",
            ", ".join(key),
            values,
        )


def _shown(value: Value) -> str:
    """A value as a clerk would write it."""
    if value is None:
        return "empty"
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def _located(fault: Fault, chunk: Chunk, rows: list[Row]) -> RowFault:
    return RowFault(
        file=chunk.file,
        row=chunk.first_row + fault.at,
        line=line_of(chunk, rows, fault.at),
        field=fault.field,
        code=fault.code,
        value=fault.value,
        message=fault.message,
    )

"""What new records are to stored ones, whatever the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from operator import ne

from hpnorton.schema.validate import Record
from hpnorton.stores.base import Batch, Conflict, Key, Mode, Written


@dataclass
class Comparison:
    """Records compared with what is stored.

    `new` are the positions of those to insert, `changed` those of the records to replace by key,
    `updated` counts how often a record is replaced, as if they were written one by one.
    """

    new: list[int] = field(default_factory=list)
    changed: dict[Key, int] = field(default_factory=dict)
    updated: int = 0
    conflicts: list[Conflict] = field(default_factory=list)

    def written(self, positions: Sequence[int], others: int = 0) -> Written:
        """What became of the records at `positions`, and of `others` that were inserted."""
        new = set(self.new)
        return Written(
            inserted=len(new) + others,
            updated=self.updated,
            conflicts=self.conflicts,
            taken=[at for at in positions if at not in new] if new else positions,
            replacing=list(self.changed.values()),
        )


def compare(
    batch: Batch, positions: Sequence[int], stored: Mapping[Key, Record], mode: Mode
) -> Comparison:
    """Compares the records at some positions, in order, with those stored and with each other.

    Whole batches in which no key comes twice, and of which all are there, are nearly always what is
    compared; without a step of Python for each record they take a third of the time (measured).
    """
    made = Comparison()
    records = list(zip(*batch.values)) if len(positions) == len(batch) else None
    if records == list(stored.values()):  # in this very order, so no key comes twice
        return made
    if records and len(stored) == len(records) and stored.keys() == set(batch.keys):
        kept_ones = map(stored.__getitem__, batch.keys)
        positions = list(compress(positions, map(ne, kept_ones, records)))
        if mode is Mode.UPSERT:
            made.changed = dict(zip(map(batch.keys.__getitem__, positions), positions))
            made.updated = len(positions)
            return made
    present = dict(stored)
    for at in positions:
        key = batch.keys[at]
        record = records[at] if records else batch.record(at)
        kept = present.get(key)
        if kept is None:
            made.new.append(at)
        elif kept == record:
            continue
        elif mode is Mode.INSERT:
            made.conflicts.append(_conflict(batch, at, record, kept))
            continue
        else:
            made.changed[key] = at
            made.updated += 1
        present[key] = record
    return made


def first_difference(record: Record, other: Record) -> int | None:
    """The position of the first value in which two records differ, if any."""
    return next((i for i, (mine, its) in enumerate(zip(record, other)) if mine != its), None)


def _conflict(batch: Batch, at: int, record: Record, kept: Record) -> Conflict:
    differing = first_difference(record, kept) or 0
    return Conflict(at, batch.columns[differing], kept[differing])

"""The differences between new records and stored ones, for all stores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from operator import ne

from hpnorton.schema.validate import Record
from hpnorton.stores.base import Batch, Conflict, Key, Mode, Written


@dataclass
class Comparison:
    """The result of comparing records with those that are stored.

    `new` are the positions of the records to insert, `changed` those of the records that replace
    stored ones, by key. `updated` counts the replacements as if the records were written one by
    one.
    """

    new: list[int] = field(default_factory=list)
    changed: dict[Key, int] = field(default_factory=dict)
    updated: int = 0
    conflicts: list[Conflict] = field(default_factory=list)

    def written(self, positions: Sequence[int], others: int = 0) -> Written:
        """Return the result of writing the records at `positions`, and of inserting `others`."""
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
    """Compare the records at positions, in order, with those stored and with each other.

    Nearly always, a whole batch without repeated keys is compared, and all its keys are stored.
    That case is handled without a step of Python for each record.
    """
    comparison = Comparison()
    records = list(zip(*batch.values)) if len(positions) == len(batch) else None
    if records == list(stored.values()):  # in this very order, so no key comes twice
        return comparison
    if records and len(stored) == len(records) and stored.keys() == set(batch.keys):
        kept_ones = map(stored.__getitem__, batch.keys)
        positions = list(compress(positions, map(ne, kept_ones, records)))
        if mode is Mode.UPSERT:
            comparison.changed = dict(zip(map(batch.keys.__getitem__, positions), positions))
            comparison.updated = len(positions)
            return comparison
    present = dict(stored)
    for at in positions:
        key = batch.keys[at]
        record = records[at] if records else batch.record(at)
        kept = present.get(key)
        if kept is None:
            comparison.new.append(at)
        elif kept == record:
            continue
        elif mode is Mode.INSERT:
            comparison.conflicts.append(_conflict(batch, at, record, kept))
            continue
        else:
            comparison.changed[key] = at
            comparison.updated += 1
        present[key] = record
    return comparison


def first_difference(record: Record, other: Record) -> int | None:
    """Return the index of the first value in which two records differ, or None."""
    return next((i for i, (mine, its) in enumerate(zip(record, other)) if mine != its), None)


def _conflict(batch: Batch, at: int, record: Record, kept: Record) -> Conflict:
    differing = first_difference(record, kept) or 0
    return Conflict(at, batch.columns[differing], kept[differing])

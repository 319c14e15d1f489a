"""The fields that the records of a collection have, with their types."""

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hpnorton import log
from hpnorton.errors import UnknownCollectionError, did_you_mean
from hpnorton.parallel import open_pool
from hpnorton.stores import open_store
from hpnorton.stores.base import ChangeStore
from hpnorton.stores.field_statistics import CollectionStatistics
from hpnorton.stores.scan import Range
from hpnorton.workers import cores, no_garbage_collection

_RANGES_PER_WORKER = 8  # so that workers end at about the same time
MIN_RECORDS = 10_000  # in a range, and for a worker to be worth its start

# Called with a collection, how many of its records were read, and how many there are.
OnProgress = Callable[[str, int, int], None]


@dataclass
class CollectionFields:
    """The fields of a collection's records, or of a sample; `total` counts all records."""

    collection: str
    total: int
    is_sampled: bool
    statistics: CollectionStatistics = field(default_factory=CollectionStatistics)

    @property
    def scope(self) -> str:
        """Return how many documents were read, of how many, in words."""
        documents = f"{self.statistics.records:,} of {self.total:,} documents"
        return f"{documents}, sampled" if self.is_sampled else documents

    def fields(self) -> list[dict[str, Any]]:
        """Return the fields as records: name, types, count, share of the documents, an example."""
        return [
            {
                "field": path,
                "types": dict(seen.types.most_common()),
                "count": seen.count,
                "documents": seen.records,
                "percentage": round(100 * seen.records / (self.statistics.records or 1), 4),
                "example": None if seen.example is None else seen.example.value,
            }
            for path, seen in self.statistics.in_order()
        ]


def choose_collections(store: ChangeStore, names: Sequence[str]) -> list[str]:
    """Return the collections to read, all if none is named. Raises UnknownCollectionError."""
    present = store.collections()
    if not present:
        raise UnknownCollectionError(
            "the database has no collections; import files first, with --linear"
        )
    for name in names:
        if name not in present:
            listed = ", ".join(present) or "none at all"
            raise UnknownCollectionError(
                f"there is no collection {name!r}; the database has: {listed}"
                f"{did_you_mean(name, present)}"
            )
    return list(dict.fromkeys(names)) or present


def profile_fields(
    uri: str,
    names: Sequence[str],
    *,
    workers: int | None = None,
    sample: int | None = None,
    on_progress: OnProgress = lambda collection, done, total: None,
) -> list[CollectionFields]:
    """Return the fields of collections, of all if none is named, from `sample` records of each.

    `workers` processes share the ranges of all collections, at most one for each range: with 1 the
    work is done here, with 0 by one process for each core; None chooses by the number of records.
    Raises HPNortonError.
    """
    with closing(open_store(uri)) as store:
        found = {
            name: CollectionFields(name, store.scan(name).count(), sample is not None)
            for name in choose_collections(store, names)
        }
        wanted = choose_workers(workers, sum(each.total for each in found.values()))
        ranges = _ranges(store, found.values(), wanted)
        processes = min(wanted, len(ranges)) or 1
        done = dict.fromkeys(found, 0)

        def report(name: str, more: int) -> None:
            done[name] += more
            on_progress(name, done[name], found[name].total if sample is None else sample)

        for name in found:
            report(name, 0)
        profile = partial(
            _profile_range, size=sample, on_records=report if processes == 1 else None
        )
        with open_pool(uri, store, processes) as pool:
            for name, statistics in pool.map(profile, ranges):
                found[name].statistics.merge(statistics)
                report(name, found[name].statistics.records - done[name])
    for each in found.values():
        if sample is None and each.statistics.records != each.total:
            log.warning("{}: {}; it was changed meanwhile", each.collection, each.scope)
    return list(found.values())


def choose_workers(wanted: int | None, records: int) -> int:
    """Return the number of processes for so many records; None wants as many as pay off."""
    if wanted is None:
        return max(1, min(cores(), records // MIN_RECORDS))
    return wanted or cores()


def _ranges(
    store: ChangeStore, collections: Iterable[CollectionFields], processes: int
) -> list[Range]:
    """Return ranges of collections: one of each for a single process or a sample, else several."""
    if processes == 1:
        return [Range(each.collection) for each in collections]
    ranges: list[Range] = []
    for each in collections:
        size = max(MIN_RECORDS, math.ceil(each.total / processes / _RANGES_PER_WORKER))
        scan = store.scan(each.collection)
        ranges += [Range(each.collection)] if each.is_sampled else scan.ranges(size)
    return ranges


@no_garbage_collection()
def _profile_range(
    store: ChangeStore,
    part: Range,
    *,
    size: int | None,
    on_records: Callable[[str, int], None] | None,
) -> tuple[str, CollectionStatistics]:
    scan = store.scan(part.collection)
    if size is not None:
        return part.collection, scan.sample(size)
    on_progress = partial(on_records, part.collection) if on_records else None
    return part.collection, scan.fields(part, on_progress)

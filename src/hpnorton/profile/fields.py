"""The field crawl: which fields the records of a collection have, and of which types."""

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
from hpnorton.stores.ranges import Database, Range
from hpnorton.stores.tallies import FieldTally
from hpnorton.workers import cores, no_garbage_collection

_RANGES_A_WORKER = 8  # what the last ones wait for is then short
_FEWEST_RECORDS = 10_000  # in a range, and for a worker to be worth its start

# A collection, how many of its records were looked at, and how many there are.
OnProgress = Callable[[str, int, int], None]


@dataclass
class Crawled:
    """The fields of a collection's records, or of a sample of them; `total` are all there are."""

    collection: str
    total: int
    is_sampled: bool
    tally: FieldTally = field(default_factory=FieldTally)

    @property
    def scope(self) -> str:
        """How many documents were looked at, of how many, as a person says it."""
        documents = f"{self.tally.records:,} of {self.total:,} documents"
        return f"{documents}, sampled" if self.is_sampled else documents

    def fields(self) -> list[dict[str, Any]]:
        """The fields as records: name, types, how often, in what share of documents, an example."""
        return [
            {
                "field": path,
                "types": dict(seen.types.most_common()),
                "count": seen.count,
                "documents": seen.records,
                "percentage": round(100 * seen.records / (self.tally.records or 1), 4),
                "example": None if seen.example is None else seen.example.value,
            }
            for path, seen in self.tally.in_order()
        ]


def choose(store: Database, names: Sequence[str]) -> list[str]:
    """The collections to look at: all if none is named. Raises UnknownCollectionError."""
    present = store.collections()
    if not present:
        raise UnknownCollectionError(
            "there is nothing to look at: the database has no collections; import files first, "
            "with --linear"
        )
    for name in names:
        if name not in present:
            listed = ", ".join(present) or "none at all"
            raise UnknownCollectionError(
                f"there is no collection {name!r}; the database has: {listed}"
                f"{did_you_mean(name, present)}"
            )
    return list(dict.fromkeys(names)) or present


def crawl(
    uri: str,
    names: Sequence[str],
    *,
    workers: int | None = None,
    sample: int | None = None,
    on_progress: OnProgress = lambda collection, done, total: None,
) -> list[Crawled]:
    """The fields of some collections, of all if none is named, or of `sample` records of each.

    `workers` processes share the ranges of all collections, but no more than there are ranges: 0 is
    one for each core, 1 is this one; None chooses by how much there is to do. Raises HPNortonError.
    """
    with closing(open_store(uri)) as store:
        found = {
            name: Crawled(name, store.scan(name).count(), sample is not None)
            for name in choose(store, names)
        }
        wanted = choose_workers(workers, sum(each.total for each in found.values()))
        ranges = _ranges(store, found.values(), wanted)
        processes = min(wanted, len(ranges)) or 1
        done = dict.fromkeys(found, 0)

        def tell(name: str, more: int) -> None:
            done[name] += more
            on_progress(name, done[name], found[name].total if sample is None else sample)

        for name in found:
            tell(name, 0)
        look = partial(_look, size=sample, tell=tell if processes == 1 else None)
        with open_pool(uri, store, processes) as pool:
            for name, tally in pool.map(look, ranges):
                found[name].tally.merge(tally)
                tell(name, found[name].tally.records - done[name])
    for each in found.values():
        if sample is None and each.tally.records != each.total:
            log.warning("{}: {}; it has changed meanwhile", each.collection, each.scope)
    return list(found.values())


def choose_workers(wanted: int | None, records: int) -> int:
    """How many processes look at so many records: as many as are wanted, or as pay."""
    if wanted is None:
        return max(1, min(cores(), records // _FEWEST_RECORDS))
    return wanted or cores()


def _ranges(store: Database, collections: Iterable[Crawled], processes: int) -> list[Range]:
    """A single range of each collection for a single process, or for a sample.

    For each of several processes there are several ranges, since these vary.
    """
    if processes == 1:
        return [Range(each.collection) for each in collections]
    ranges: list[Range] = []
    for each in collections:
        size = max(_FEWEST_RECORDS, math.ceil(each.total / processes / _RANGES_A_WORKER))
        scan = store.scan(each.collection)
        ranges += [Range(each.collection)] if each.is_sampled else scan.ranges(size)
    return ranges


@no_garbage_collection()
def _look(
    store: Database, part: Range, *, size: int | None, tell: Callable[[str, int], None] | None
) -> tuple[str, FieldTally]:
    scan = store.scan(part.collection)
    if size is not None:
        return part.collection, scan.sample(size)
    return part.collection, scan.fields(part, partial(tell, part.collection) if tell else None)

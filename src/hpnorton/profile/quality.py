"""Data quality: what of a collection's records is not as its data package says, in numbers.

A first pass learns what a part alone cannot know (Facts): which keys are repeated, and which
numbers are far from the others. The second pass checks each part against that. So the counts of
parts add up to those of the collection, in any chunking. docs/inspecting.md defines them.
"""

import pickle
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import Any

from hpnorton import log
from hpnorton.errors import UnknownCollectionError
from hpnorton.files import temporary_file_errors
from hpnorton.parallel import Pool, open_pool
from hpnorton.profile.column_quality import Counts, check_column, numbers
from hpnorton.profile.fields import OnProgress, choose, choose_workers
from hpnorton.profile.moments import Moments
from hpnorton.schema.collection import Collection, undescribed_collection
from hpnorton.schema.datapackage import find_collection
from hpnorton.schema.remarks import own_text_key
from hpnorton.stores import journal, open_store
from hpnorton.stores.base import Key
from hpnorton.stores.case_twins import folded_keys, folded_twins
from hpnorton.stores.history import HISTORY
from hpnorton.stores.ranges import Database, Range, lookup_key
from hpnorton.workers import no_garbage_collection

_NUMERIC = ("integer", "number")
_HUNDRED = 10_000  # a score is a whole number of hundredths


@dataclass
class Facts:
    """What is known of whole collections, by name: `limits` of usual numbers, by field, and the
    values that are `repeated` though they should be unique, by fields, and the keys that are
    `twins` but for case (see stores/twins.py).
    """

    limits: dict[str, dict[str, tuple[float, float]]] = field(default_factory=dict)
    repeated: dict[str, dict[tuple[str, ...], set[Key]]] = field(default_factory=dict)
    twins: dict[str, set[str]] = field(default_factory=dict)


@dataclass
class Quality:
    """The counts of the fields of some records: of a part of a collection, or of all."""

    collection: str
    records: int = 0
    fields: dict[str, Counts] = field(default_factory=dict)
    part: Range | None = None

    @classmethod
    def of_nothing(cls, schema: Collection, part: Range | None = None) -> "Quality":
        """That of no records yet."""
        return cls(schema.name, 0, {column: Counts() for column in schema.columns}, part)

    def merge(self, other: "Quality") -> None:
        """Adds the counts of other records."""
        self.records += other.records
        for name, counts in other.fields.items():
            self.fields[name].merge(counts)

    def field_score(self, name: str) -> float | None:
        """The score of a field, rounded down to hundredths; None if there are no records."""
        return self._score([self.fields[name].lost])

    @property
    def score(self) -> float | None:
        """The mean of the fields' scores, rounded down; None if there are no records."""
        return self._score([counts.lost for counts in self.fields.values()])

    def as_document(self) -> dict[str, Any]:
        """The counts and scores as JSON."""
        return {
            "collection": self.collection,
            "records": self.records,
            "score": self.score,
            "completeness": self._percent([c.missing for c in self.fields.values()]),
            "fields": [
                {
                    "field": name,
                    "completeness": self._percent([counts.missing]),
                    **{kind: n for kind, n in asdict(counts).items() if kind != "lost"},
                    "score": self.field_score(name),
                }
                for name, counts in self.fields.items()
            ],
        }

    def _percent(self, lacking: Sequence[int]) -> float | None:
        return self._score([Counts.WHOLE * count for count in lacking])

    def _score(self, lost: Sequence[int]) -> float | None:
        most = Counts.WHOLE * self.records * len(lost)
        return _HUNDRED * (most - sum(lost)) // most / 100 if most else None


OnPart = Callable[[Quality], None]


def assess(
    uri: str,
    names: Sequence[str],
    folders: Sequence[Path],
    *,
    chunk_rows: int,
    workers: int | None = None,
    on_part: OnPart = lambda part: None,
    on_progress: OnProgress = lambda collection, done, total: None,
) -> list[Quality]:
    """The quality of some collections; of all that are described if none is named.

    `folders` are where to look for a datapackage.json besides where the last import found it. Parts
    have about `chunk_rows` records; `on_part` is given each as it is done, in any order. `workers`
    is as in crawl. Raises HPNortonError.
    """
    with closing(open_store(uri)) as store:
        schemas = {each.name: each for each in _describe(store, names, folders)}
        totals = {name: store.scan(name).count() for name in schemas}
        ranges = [part for name in schemas for part in store.scan(name).ranges(chunk_rows)]
        facts = Facts(repeated={name: _repeated(store, each) for name, each in schemas.items()})
        facts.twins = {name: folded_twins(store, each) for name, each in schemas.items()}
        found = {name: Quality.of_nothing(schema) for name, schema in schemas.items()}
        for name, total in totals.items():
            on_progress(name, 0, total)
        processes = min(choose_workers(workers, sum(totals.values())), len(ranges)) or 1
        with open_pool(uri, store, processes) as pool:
            facts.limits = _limits(pool, schemas, ranges)
            with _written(schemas, facts) as path:
                for part in pool.map(partial(_check, path=path), ranges):
                    name = part.collection
                    found[name].merge(part)
                    on_part(part)
                    on_progress(name, found[name].records, totals[name])
    _read_facts.cache_clear()
    return list(found.values())


def _describe(store: Database, names: Sequence[str], folders: Sequence[Path]) -> list[Collection]:
    described: list[Collection] = []
    chosen = choose(store, names)
    for name in chosen:
        collection = _description(store, name, folders)
        if collection is not None:
            described.append(collection)
        elif names:
            raise UnknownCollectionError(
                f"no datapackage.json describes {name!r}, so nothing is known of what its records "
                "should be; describe it there (--fields shows what it holds)"
            )
        elif name != HISTORY.name:
            log.info("{}: not checked, because no datapackage.json describes it", name)
    if not described:
        raise UnknownCollectionError(
            f"nothing was checked: no datapackage.json describes {' or '.join(chosen)}; write one "
            "beside the files or into the dataset's folder (--fields shows what there is)"
        )
    return described


def _description(store: Database, name: str, folders: Sequence[Path]) -> Collection | None:
    """What a collection should be: as it is described where its last import found it.

    Where that is gone, it is as the import has noted it, unless nothing described it then.
    """
    files = [note.file for note in journal.imports(store) if note.collection == name]
    own = [Path(file).parent for file in files[-1:] if Path(file).is_absolute()]
    if described := find_collection(name, [*own, *folders]):
        return described
    noted = journal.known_collection(store, name)
    is_plain = noted is None or noted == undescribed_collection(name, noted.columns)
    return None if is_plain else noted


def _unique_fields(collection: Collection) -> list[tuple[str, ...]]:
    """What no two records may share."""
    single = [(each.name,) for each in collection.fields if each.unique]
    return list(dict.fromkeys([collection.key, *single]))


def _repeated(store: Database, collection: Collection) -> dict[tuple[str, ...], set[Key]]:
    scan = store.scan(collection.name)
    return {
        names: set() if scan.is_unique(names) else scan.repeated(names)
        for names in _unique_fields(collection)
    }


def _limits(
    pool: Pool, schemas: dict[str, Collection], ranges: Sequence[Range]
) -> dict[str, dict[str, tuple[float, float]]]:
    """Beyond what the numbers of each field are far from the others: the first pass."""
    numeric = {
        name: [each.name for each in schema.fields if each.type in _NUMERIC]
        for name, schema in schemas.items()
    }
    moments = {name: {column: Moments() for column in numeric[name]} for name in schemas}
    parts = [part for part in ranges if numeric[part.collection]]
    for name, found in pool.map(partial(_add_up, numeric=numeric), parts):
        for column, more in found.items():
            moments[name][column].merge(more)
    return {
        name: {column: each.limits() for column, each in of_fields.items()}
        for name, of_fields in moments.items()
    }


@no_garbage_collection()
def _add_up(
    store: Database, part: Range, *, numeric: dict[str, list[str]]
) -> tuple[str, dict[str, Moments]]:
    moments = {column: Moments() for column in numeric[part.collection]}
    for block in store.scan(part.collection).columns(part, list(moments)):
        for each, values in zip(moments.values(), block):
            each.add(numbers(values))
    return part.collection, moments


@contextmanager
def _written(schemas: dict[str, Collection], facts: Facts) -> Iterator[str]:
    """A temporary file of facts: they can be large, and each process needs them once."""
    with ExitStack() as stack:
        with temporary_file_errors():
            prefix = "hpnorton-"
            path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=prefix)), "facts")
            with path.open("wb") as out:
                pickle.dump((schemas, facts), out)
        yield str(path)


@cache
def _read_facts(path: str) -> tuple[dict[str, Collection], Facts]:
    found: tuple[dict[str, Collection], Facts] = pickle.loads(Path(path).read_bytes())
    return found


@no_garbage_collection()
def _check(store: Database, part: Range, *, path: str) -> Quality:
    """The counts of a range: the second pass."""
    schemas, facts = _read_facts(path)
    schema = schemas[part.collection]
    quality = Quality.of_nothing(schema, part)
    for block in store.scan(part.collection).columns(part, schema.columns):
        columns = dict(zip(schema.columns, block))
        size = len(block[0])
        twice = list(_repeated_at(columns, facts.repeated[schema.name]))
        lost = list(_orphans_at(store, schema, columns))
        twins = list(_twins_at(schema, columns, facts.twins[schema.name]))
        of_block = Quality(part.collection, size)
        for each in schema.fields:
            of_block.fields[each.name] = check_column(
                each,
                columns[each.name],
                facts.limits[schema.name].get(each.name),
                is_needed=each.required or each.name in schema.key,
                duplicates=_places(each.name, twice),
                orphans=_places(each.name, lost),
                twins=_places(each.name, twins),
            )
        quality.merge(of_block)
    return quality


_Found = tuple[Sequence[str], Sequence[int]]  # some fields, and where they are at fault


def _places(name: str, found: Sequence[_Found]) -> set[int]:
    return set(chain.from_iterable(at for names, at in found if name in names))


def _repeated_at(
    columns: dict[str, Sequence[object]], repeated: dict[tuple[str, ...], set[Key]]
) -> Iterator[_Found]:
    for names, keys in repeated.items():
        if keys:
            rows = zip(*(columns[name] for name in names))
            yield names, [at for at, key in enumerate(rows) if lookup_key(key) in keys]


def _twins_at(
    schema: Collection, columns: dict[str, Sequence[object]], twins: set[str]
) -> Iterator[_Found]:
    if twins:
        keys = folded_keys([columns[name] for name in schema.key])
        own = [each.name for each in own_text_key(schema)]
        yield own, [at for at, key in enumerate(keys) if key in twins]


def _orphans_at(
    store: Database, schema: Collection, columns: dict[str, Sequence[object]]
) -> Iterator[_Found]:
    for foreign in schema.foreign_keys:
        keys = [lookup_key(key) for key in zip(*(columns[name] for name in foreign.fields))]
        wanted = {key for key in keys if None not in key}
        absent = store.scan(foreign.parent).absent(foreign.parent_fields, list(zip(*wanted)))
        if absent:
            yield foreign.fields, [at for at, key in enumerate(keys) if key in absent]

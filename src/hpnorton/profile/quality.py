"""Data quality: how far the records of a collection are from its data package, in numbers.

A first pass collects facts about whole collections, such as repeated keys (see quality_facts). The
second pass assesses each part with these, so that the counts of parts add up to those of the
collection, however it is divided. docs/inspecting.md defines the counts.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from hpnorton import log
from hpnorton.errors import UnknownCollectionError
from hpnorton.parallel import open_pool
from hpnorton.profile.column_quality import QualityCounts, assess_column
from hpnorton.profile.fields import OnProgress, choose_collections, choose_workers
from hpnorton.profile.quality_facts import collect_facts, facts_file, read_facts
from hpnorton.schema.collection import Collection, undescribed_collection
from hpnorton.schema.datapackage import find_collection
from hpnorton.schema.remarks import own_text_key
from hpnorton.stores import journal, open_store
from hpnorton.stores.base import ChangeStore, Key
from hpnorton.stores.case_variants import folded_keys
from hpnorton.stores.history import HISTORY
from hpnorton.stores.scan import Range, lookup_key
from hpnorton.workers import no_garbage_collection

_HUNDRED = 10_000  # a score is a whole number of hundredths


@dataclass
class Quality:
    """The counts of the fields of a collection's records, or of those of a part of it."""

    collection: str
    records: int = 0
    fields: dict[str, QualityCounts] = field(default_factory=dict)
    part: Range | None = None

    @classmethod
    def of_nothing(cls, schema: Collection, part: Range | None = None) -> "Quality":
        """Return the quality of no records."""
        return cls(schema.name, 0, {column: QualityCounts() for column in schema.columns}, part)

    def merge(self, other: "Quality") -> None:
        """Add the counts of other records."""
        self.records += other.records
        for name, counts in other.fields.items():
            self.fields[name].merge(counts)

    def field_score(self, name: str) -> float | None:
        """Return the score of a field, rounded down to hundredths; None without records."""
        return self._score([self.fields[name].lost])

    @property
    def score(self) -> float | None:
        """Return the mean of the fields' scores, rounded down; None without records."""
        return self._score([counts.lost for counts in self.fields.values()])

    def as_document(self) -> dict[str, Any]:
        """Return the counts and scores for JSON."""
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
        return self._score([QualityCounts.WHOLE * count for count in lacking])

    def _score(self, lost: Sequence[int]) -> float | None:
        full = QualityCounts.WHOLE * self.records * len(lost)
        return _HUNDRED * (full - sum(lost)) // full / 100 if full else None


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
    """Return the quality of collections, of all that a data package describes if none is named.

    A datapackage.json is sought where the last import found it, and in `folders`. Parts have about
    `chunk_rows` records; `on_part` is called with each when it is done, in any order. `workers` is
    as in profile_fields. Raises HPNortonError.
    """
    with closing(open_store(uri)) as store:
        schemas = {each.name: each for each in _described(store, names, folders)}
        totals = {name: store.scan(name).count() for name in schemas}
        ranges = [part for name in schemas for part in store.scan(name).ranges(chunk_rows)]
        found = {name: Quality.of_nothing(schema) for name, schema in schemas.items()}
        for name, total in totals.items():
            on_progress(name, 0, total)
        processes = min(choose_workers(workers, sum(totals.values())), len(ranges)) or 1
        with open_pool(uri, store, processes) as pool:
            with facts_file(collect_facts(store, pool, schemas, ranges)) as path:
                for part in pool.map(partial(_assess_range, path=path), ranges):
                    name = part.collection
                    found[name].merge(part)
                    on_part(part)
                    on_progress(name, found[name].records, totals[name])
    return list(found.values())


def _described(
    store: ChangeStore, names: Sequence[str], folders: Sequence[Path]
) -> list[Collection]:
    described: list[Collection] = []
    chosen = choose_collections(store, names)
    for name in chosen:
        collection = _description(store, name, folders)
        if collection is not None:
            described.append(collection)
        elif names:
            raise UnknownCollectionError(
                f"no datapackage.json describes {name!r}, so its quality cannot be "
                "assessed; describe it there (--fields shows what it holds)"
            )
        elif name != HISTORY.name:
            log.info("{}: not checked, because no datapackage.json describes it", name)
    if not described:
        raise UnknownCollectionError(
            f"nothing was checked: no datapackage.json describes {' or '.join(chosen)}; write one "
            "beside the files or into the dataset's folder (--fields shows what there is)"
        )
    return described


def _description(store: ChangeStore, name: str, folders: Sequence[Path]) -> Collection | None:
    """Return the description of a collection, from where its last import found it.

    If that is gone, it is the one that the import stored, unless nothing described it then.
    """
    files = [entry.file for entry in journal.imports(store) if entry.collection == name]
    own = [Path(file).parent for file in files[-1:] if Path(file).is_absolute()]
    if described := find_collection(name, [*own, *folders]):
        return described
    noted = journal.known_collection(store, name)
    is_plain = noted is None or noted == undescribed_collection(name, noted.columns)
    return None if is_plain else noted


@no_garbage_collection()
def _assess_range(store: ChangeStore, part: Range, *, path: str) -> Quality:
    """Return the quality of a range: the second pass."""
    facts = read_facts(path)[part.collection]
    schema = facts.schema
    quality = Quality.of_nothing(schema, part)
    for block in store.scan(part.collection).columns(part, schema.columns):
        columns = dict(zip(schema.columns, block))
        repeated = list(_find_repeated(columns, facts.repeated))
        orphans = list(_find_orphans(store, schema, columns))
        twins = list(_find_twins(schema, columns, facts.twins))
        of_block = Quality(part.collection, len(block[0]))
        for each in schema.fields:
            of_block.fields[each.name] = assess_column(
                each,
                columns[each.name],
                facts.limits.get(each.name),
                is_needed=each.required or each.name in schema.key,
                duplicates=_indexes(each.name, repeated),
                orphans=_indexes(each.name, orphans),
                twins=_indexes(each.name, twins),
            )
        quality.merge(of_block)
    return quality


_Faults = tuple[Sequence[str], Sequence[int]]  # names of fields, and indexes of records


def _indexes(name: str, faults: Sequence[_Faults]) -> set[int]:
    return set(chain.from_iterable(at for names, at in faults if name in names))


def _find_repeated(
    columns: dict[str, Sequence[object]], repeated: Mapping[tuple[str, ...], set[Key]]
) -> Iterator[_Faults]:
    for names, keys in repeated.items():
        if keys:
            rows = zip(*(columns[name] for name in names))
            yield names, [at for at, key in enumerate(rows) if lookup_key(key) in keys]


def _find_twins(
    schema: Collection, columns: dict[str, Sequence[object]], twins: set[str]
) -> Iterator[_Faults]:
    if twins:
        keys = folded_keys([columns[name] for name in schema.key])
        own = [each.name for each in own_text_key(schema)]
        yield own, [at for at, key in enumerate(keys) if key in twins]


def _find_orphans(
    store: ChangeStore, schema: Collection, columns: dict[str, Sequence[object]]
) -> Iterator[_Faults]:
    for foreign in schema.foreign_keys:
        keys = [lookup_key(key) for key in zip(*(columns[name] for name in foreign.fields))]
        wanted = {key for key in keys if None not in key}
        absent = store.scan(foreign.parent).absent_keys(foreign.parent_fields, list(zip(*wanted)))
        if absent:
            yield foreign.fields, [at for at, key in enumerate(keys) if key in absent]

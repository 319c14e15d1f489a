"""Facts about whole collections, which the quality of a part of one depends on."""

import pickle
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from hpnorton.files import temporary_file_errors
from hpnorton.parallel import Pool
from hpnorton.profile.column_quality import finite_numbers
from hpnorton.profile.moments import Moments
from hpnorton.schema.collection import Collection
from hpnorton.stores.base import ChangeStore, Key
from hpnorton.stores.case_variants import folded_case_variants
from hpnorton.stores.scan import Range
from hpnorton.workers import no_garbage_collection

_NUMERIC = ("integer", "number")

Limits = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Facts:
    """Facts about a collection.

    `limits` has the lowest and highest usual number of each numeric field. `repeated` has, for
    fields that should be unique, the values that are not: {("id",): {("C1",)}}. `twins` are the
    keys that differ from others in case alone, without regard to case.
    """

    schema: Collection
    limits: Limits
    repeated: Mapping[tuple[str, ...], set[Key]]
    twins: set[str]


def collect_facts(
    store: ChangeStore, pool: Pool, schemas: Mapping[str, Collection], ranges: Sequence[Range]
) -> dict[str, Facts]:
    """Return the facts of each collection; `ranges` are those of all collections."""
    limits = _find_limits(pool, schemas, ranges)
    return {
        name: Facts(
            schema, limits[name], _find_repeated(store, schema), folded_case_variants(store, schema)
        )
        for name, schema in schemas.items()
    }


def _find_repeated(store: ChangeStore, collection: Collection) -> dict[tuple[str, ...], set[Key]]:
    """Return the repeated values of the key, and of each field that should be unique."""
    scan = store.scan(collection.name)
    single = [(each.name,) for each in collection.fields if each.unique]
    return {
        names: set() if scan.is_unique(names) else scan.repeated_keys(names)
        for names in dict.fromkeys([collection.key, *single])
    }


def _find_limits(
    pool: Pool, schemas: Mapping[str, Collection], ranges: Sequence[Range]
) -> dict[str, Limits]:
    """Return the limits of usual numbers of each collection and field."""
    numeric = {
        name: [each.name for each in schema.fields if each.type in _NUMERIC]
        for name, schema in schemas.items()
    }
    moments = {name: {column: Moments() for column in numeric[name]} for name in schemas}
    parts = [part for part in ranges if numeric[part.collection]]
    for name, found in pool.map(partial(_compute_moments, numeric=numeric), parts):
        for column, more in found.items():
            moments[name][column].merge(more)
    return {
        name: {column: each.limits() for column, each in of_fields.items()}
        for name, of_fields in moments.items()
    }


@no_garbage_collection()
def _compute_moments(
    store: ChangeStore, part: Range, *, numeric: dict[str, list[str]]
) -> tuple[str, dict[str, Moments]]:
    moments = {column: Moments() for column in numeric[part.collection]}
    for block in store.scan(part.collection).columns(part, list(moments)):
        for each, values in zip(moments.values(), block):
            each.add(finite_numbers(values))
    return part.collection, moments


@contextmanager
def facts_file(facts: Mapping[str, Facts]) -> Iterator[str]:
    """Write facts to a temporary file: they may be large, and each process needs them only once."""
    with ExitStack() as stack:
        with temporary_file_errors():
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="hpnorton-"))
            path = Path(folder, "facts")
            with path.open("wb") as out:
                pickle.dump(facts, out)
        yield str(path)
    read_facts.cache_clear()


@cache
def read_facts(path: str) -> Mapping[str, Facts]:
    """Return the facts of a file that `facts_file` wrote."""
    facts: Mapping[str, Facts] = pickle.loads(Path(path).read_bytes())
    return facts

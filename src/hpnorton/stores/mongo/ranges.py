"""Ranges of `_id` of a MongoDB collection: where it is divided, and whether that pays.

MongoDB compares a value only with values of its own type. So a range lies within a type, and one
range holds the rest: all that is below the lowest boundary of each type.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from operator import itemgetter
from typing import Any, NamedTuple

from bson import Decimal128, ObjectId
from pymongo import errors
from pymongo.collection import Collection as MongoCollection

from hpnorton.stores.scan import Range

_Collection = MongoCollection[dict[str, Any]]

_SAMPLES_PER_RANGE = 30  # ranges are then seldom twice as large as others
_BY_INDEX = "IXSCAN"  # also CLUSTERED_IXSCAN
_DATE = 5
# The types of `_id`s that can be boundaries: numbers of all types are compared with each other.
# https://www.mongodb.com/docs/manual/reference/bson-type-comparison-order/
_POSITIONS: Sequence[tuple[int, type, Callable[[Any], Any]]] = (
    (1, int, lambda value: value),
    (1, float, lambda value: None if math.isnan(value) else value),
    (1, Decimal128, lambda value: d if (d := value.to_decimal()).is_finite() else None),
    (2, str, lambda value: value),
    (3, bytes, lambda value: (len(value), getattr(value, "subtype", 0), bytes(value))),
    (4, ObjectId, lambda value: value.binary),
    (_DATE, datetime, lambda value: value),
)


def are_quick(collection: _Collection) -> bool:
    """Return whether the server finds the beginning of a range by an index, as MongoDB does.

    Other servers read all documents for each range, so that ranges take several times as long as
    one pass. They say so when they explain the query, or do not know explain. To ask takes a
    millisecond; to try a range takes as long as a pass.
    """
    question = {"find": collection.name, "filter": {"_id": {"$gte": 0}}}
    try:
        # Without a verbosity MongoDB would not only plan it, but do it.
        plan = collection.database.command("explain", question, verbosity="queryPlanner")
    except errors.OperationFailure:
        return False
    return is_by_index(plan)


def is_by_index(plan: Mapping[str, Any]) -> bool:
    """Return whether a server's explanation, whatever its form, names the use of an index."""
    return _BY_INDEX in str(plan)


def cut(collection: _Collection, wanted: int) -> list[Range]:
    """Return about `wanted` ranges of similar size, which together hold all documents once.

    $sample finds the boundaries without a pass over the collection. If the server has no $sample,
    there is a single range.
    """
    boundaries = _boundaries(collection, wanted)
    lowest = [same_type[0] for same_type in boundaries]
    ranges = [Range(collection.name, outside=tuple(lowest))]
    for number, same_type in enumerate(boundaries):
        for low, high in pairwise([*same_type, None]):
            # Some servers compare a value also with those of other types.
            ranges.append(Range(collection.name, len(ranges), low, high, tuple(lowest[:number])))
    return ranges


def condition(part: Range) -> dict[str, Any]:
    """Return the filter for the documents of a range."""
    found: dict[str, Any] = {}
    bounds = {"$gte": part.low, "$lt": part.high}
    limits = {operator: value for operator, value in bounds.items() if value is not None}
    if limits:
        found["_id"] = limits
    if part.outside:
        found["$nor"] = [{"_id": {"$gte": low}} for low in part.outside]
    return found


def _boundaries(collection: _Collection, wanted: int) -> list[list[Any]]:
    """Return the lowest `_id` of each range but the first, by type and in order."""
    if "collation" in collection.options():
        return []  # texts have another order there than in Python
    pipeline: list[Mapping[str, Any]] = [
        {"$sample": {"size": wanted * _SAMPLES_PER_RANGE}},
        {"$project": {"_id": 1}},
    ]
    try:
        found = [document["_id"] for document in collection.aggregate(pipeline)]
    except errors.OperationFailure:
        return []
    orders = sorted(filter(None, map(_order, found)), key=itemgetter(0, 1))
    chosen = [orders[at * len(orders) // wanted] for at in range(1, wanted)] if orders else []
    by_type: dict[int, dict[Any, Any]] = {}
    for kind, position, value in chosen:
        by_type.setdefault(kind, {}).setdefault(position, value)
    if len(by_type) > 1:
        # To nx-27017 texts are neither from a date on nor not from it on.
        by_type.pop(_DATE, None)
    return [list(values.values()) for values in by_type.values()]


class _Order(NamedTuple):
    """A type, the position of a value among others of the type, and the value."""

    kind: int
    position: Any
    value: Any


def _order(value: Any) -> _Order | None:
    """Return the order of a value among others; None if it cannot be a boundary."""
    for kind, of_type, position_of in _POSITIONS:
        if isinstance(value, of_type) and not isinstance(value, bool):
            position = position_of(value)
            return None if position is None else _Order(kind, position, value)
    return None

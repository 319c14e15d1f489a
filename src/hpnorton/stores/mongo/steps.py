"""A change at the counter as steps that can be repeated: one for each record it changes.

Each record keeps the number of the last entry that changed it. A step names the numbers it expects
there, so it does nothing if it was done before, or if a later change was.
"""

from collections.abc import Mapping
from typing import Any

from pymongo import DeleteOne, InsertOne, UpdateOne

from hpnorton.schema.collection import OWN_PREFIX
from hpnorton.stores.base import FIRST_STOCK, IMPORT_FIELD
from hpnorton.stores.history import Change, RecordKey, key_texts
from hpnorton.stores.mongo.connection import RawDocument

PENDING = OWN_PREFIX + "pending"  # is 1 in an entry whose change is not carried out
STEPS = OWN_PREFIX + "steps"
LAST = OWN_PREFIX + "last"  # the number of the last entry that changed the record
# What a document holds beside the fields of the record.
OWN_FIELDS = ("_id", FIRST_STOCK, IMPORT_FIELD, PENDING, STEPS, LAST)

# The name of a collection, and the `_id` of a document in it.
Address = tuple[str, Any]
Operation = InsertOne[RawDocument] | DeleteOne | UpdateOne


def address_of(record: RecordKey) -> Address:
    """Return the collection and the `_id` of a record."""
    return record.collection.name, key_texts([[value] for value in record.key])[0]


def steps_of(change: Change, last: Mapping[Address, int | None]) -> list[RawDocument]:
    """Return the steps of a change: for its target and, if that is another record, its subject.

    `last` has the number of the last entry that changed each record, as far as it was looked up.
    """
    target, subject = address_of(change.target), address_of(change.subject)
    step: RawDocument = {"in": target[0], "_id": target[1], "last": [last.get(target)]}
    collection, after = change.target.collection, change.after
    if after is None:
        step["remove"] = 1
    elif change.before is None:
        stock = {FIRST_STOCK: after[collection.stock]} if collection.stock else {}
        step["insert"] = dict.fromkeys(collection.columns) | dict(after) | stock
    else:
        step["set"] = change.other_values
    steps = [step]
    if subject != target:
        steps.append({"in": subject[0], "_id": subject[1], "set": {}})
    if subject in last:
        steps[-1]["last"] = [last[subject]]
    else:  # None: it has no number if nothing was posted since it was imported
        steps[-1]["last"] = [change.number - 1, None] if change.number > 1 else [None]
    stock_field = change.subject.collection.stock
    if change.delta and stock_field:
        steps[-1]["inc"] = {stock_field: change.delta}
    return steps


def operations_of(number: int, step: RawDocument) -> list[Operation]:
    """Return a step of the entry `number` as operations that do nothing if it was done before.

    There is one for each number that the record may have. A single one with $in or $or would do,
    but nx-27017 then changes no record, or another one.
    """
    if "insert" in step:
        return [InsertOne({"_id": step["_id"], **step["insert"], LAST: number})]
    unchanged = [{"_id": step["_id"], LAST: last} for last in step["last"]]
    if "remove" in step:
        return [DeleteOne(each) for each in unchanged]
    update: RawDocument = {"$set": {**step["set"], LAST: number}}
    if "inc" in step:
        update["$inc"] = step["inc"]
    return [UpdateOne(each, update) for each in unchanged]

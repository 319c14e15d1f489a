"""Records as documents of MongoDB, and documents as records.

A document holds each field of its record, and its key once more as `_id`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import repeat
from operator import itemgetter

from hpnorton.schema.collection import OWN_PREFIX
from hpnorton.schema.stored import Value
from hpnorton.schema.validate import Record
from hpnorton.stores.base import FIRST_STOCK, IMPORT_FIELD, Batch, Key
from hpnorton.stores.history import key_texts
from hpnorton.stores.mongo.connection import RawDocument

_NO_NAME_CHARACTER = re.compile("[^0-9A-Za-z]")
_MAX_INDEX_NAME = 100  # older servers take 127 bytes with the names of database and collection


def documents_of(batch: Batch) -> list[RawDocument]:
    """Return the documents to insert for the records of a batch.

    Every document of a collection has all its fields, as every row of a table has: a field that the
    batch lacks is null.
    """
    names = ["_id", *batch.columns]
    columns: list[Iterable[Value]] = [ids_of(batch), *batch.values]
    if (stock := batch.collection.stock) in batch.columns:
        names.append(FIRST_STOCK)
        columns.append(batch.values[batch.columns.index(stock)])
    if batch.import_number is not None:
        names.append(IMPORT_FIELD)
        columns.append(repeat(batch.import_number))
    lacking = [name for name in batch.collection.columns if name not in batch.columns]
    names += lacking
    columns += [repeat(None)] * len(lacking)
    return [dict(zip(names, row)) for row in zip(*columns)]


def updates_of(batch: Batch, stored: Mapping[Key, Record]) -> list[RawDocument]:
    """Return the updates that make the stored documents equal to the records of a batch.

    Each sets only the fields that differ: that is quicker, and keeps what other processes have done
    to the others meanwhile.
    """
    records = zip(ids_of(batch), batch.keys, zip(*batch.values))
    return [
        {"q": {"_id": identity}, "u": {"$set": fields}}
        for identity, key, record in records
        if (fields := _differing(batch.columns, record, stored.get(key)))
    ]


def _differing(columns: Sequence[str], record: Record, stored: Record | None) -> RawDocument:
    if stored is None:
        return dict(zip(columns, record))
    return {name: new for name, new, old in zip(columns, record, stored) if new != old}


def records_of(documents: Sequence[RawDocument], columns: Sequence[str]) -> Iterator[Record]:
    """Return the values of columns in documents; a field that a document lacks is None."""
    if len(columns) > 1:
        try:  # they all have nearly always, and this takes half the time
            return iter(list(map(itemgetter(*columns), documents)))
        except KeyError:
            pass
    return (tuple(map(found.get, columns)) for found in documents)


def ids_of(batch: Batch) -> Sequence[Value]:
    """Return the `_id` of each record of a batch."""
    return key_texts(batch.columns_of(batch.collection.key))


def index_name(fields: Sequence[str]) -> str:
    """Return the name of an index of these fields, which no other fields have.

    pymongo's own is the same for (a_1_b) and (a, b). FerretDB writes names into SQL as they are,
    so they are of ASCII letters, digits, `%`, `_` and `-` alone.
    """
    name = "_".join(_NO_NAME_CHARACTER.sub(_percent_encoded, field) for field in fields)
    if len(name) > _MAX_INDEX_NAME:
        name = f"-{sha256(name.encode()).hexdigest()}"  # no encoded name has a hyphen
    return OWN_PREFIX + name


def _percent_encoded(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode())

"""A scan of all documents of a MongoDB collection, range by range of `_id`."""

import math
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from bson import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import errors

from hpnorton import log
from hpnorton.stores.base import Key
from hpnorton.stores.field_statistics import CollectionStatistics
from hpnorton.stores.mongo import ranges
from hpnorton.stores.mongo.batches import MongoBatches
from hpnorton.stores.mongo.connection import MongoConnection
from hpnorton.stores.mongo.field_counter import LENIENT, FieldCounter
from hpnorton.stores.scan import OnRead, Range, lookup_key
from hpnorton.workers import call_aside

_DOCUMENTS_PER_BATCH = 10_000  # servers may end a batch at 16 MB
_KEYS_PER_QUERY = 1000
_LENGTH_BYTES = 4
_RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)


class MongoScan:
    """All documents of a collection."""

    def __init__(self, connection: MongoConnection, batches: MongoBatches, name: str) -> None:
        self._connection = connection
        self._batches = batches
        self._collection = connection.collection(name).with_options(codec_options=LENIENT)

    def count(self) -> int:
        """Return the number of documents from the server's statistics; a view's are counted."""
        with self._connection.translate_errors():
            try:
                return self._collection.estimated_document_count()
            except errors.OperationFailure:
                return self._collection.count_documents({})

    def ranges(self, records: int) -> list[Range]:
        """Return ranges of about `records` documents each, which together hold all.

        There is a single one if the server has no index to find the others with: see ranges.py.
        """
        name = self._collection.name
        with self._connection.translate_errors():
            is_quick = ranges.are_quick(self._collection)
        if not is_quick:
            log.debug("{}: the server has no index for ranges of _id; one cursor reads all", name)
            return [Range(name)]
        wanted = math.ceil(self.count() / records)
        if wanted < 2:
            return [Range(name)]
        with self._connection.translate_errors():
            return ranges.cut(self._collection, wanted)

    def fields(self, part: Range, on_read: OnRead | None = None) -> CollectionStatistics:
        """Count the fields of the documents of a range.

        With `on_read`, a thread counts them while the server prepares the next batch. One worker of
        several needs no thread: the server works for the others meanwhile.
        """
        counter = FieldCounter(part.number)
        with self._connection.translate_errors(), self._raw_batches(part) as batches:
            if on_read is None:
                for batch in batches:
                    counter.add(batch)
            else:
                call_aside(counter.add, batches, on_read)
        return counter.statistics()

    def sample(self, size: int) -> CollectionStatistics:
        """Count the fields of `size` documents chosen at random, by the server or from all of them.

        A server with $sample may choose a document twice.
        """
        counter = FieldCounter()
        with self._connection.translate_errors():
            try:
                raw = self._collection.with_options(codec_options=_RAW)
                for document in raw.aggregate([{"$sample": {"size": size}}]):
                    counter.add(bytes(document.raw))
            except errors.OperationFailure:
                counter = FieldCounter()
                for chosen in _reservoir(self._raw_documents(), size):
                    counter.add(chosen)
        return counter.statistics()

    def columns(self, part: Range, names: Sequence[str]) -> Iterator[list[list[Any]]]:
        """Yield the values of fields in a range, in blocks; None for a field that is missing."""
        with self._connection.translate_errors():
            cursor = self._collection.find(
                ranges.condition(part),
                dict.fromkeys(("_id", *names), 1),
                batch_size=_DOCUMENTS_PER_BATCH,
            )
            while block := list(islice(cursor, _DOCUMENTS_PER_BATCH)):
                yield [[document.get(name) for document in block] for name in names]

    def is_unique(self, names: Sequence[str]) -> bool:
        """Return whether a unique index keeps documents from sharing the values of these fields."""
        with self._connection.translate_errors():
            indexes = self._collection.index_information().values()
        return tuple(names) == ("_id",) or any(
            index.get("unique")
            and "partialFilterExpression" not in index
            and {field for field, _ in index["key"]} <= set(names)
            for index in indexes
        )

    def repeated_keys(self, names: Sequence[str]) -> set[Key]:
        """Return the keys that occur in more than one document; keys with a null are ignored.

        The server counts them if it can; otherwise all values are read and counted.
        """
        with self._connection.translate_errors():
            repeated = self._repeated_there(names)
        if repeated is None:
            counts: Counter[Key] = Counter()
            for block in self.columns(Range(self._collection.name), names):
                counts.update(map(lookup_key, zip(*block)))
            repeated = {key for key, count in counts.items() if count > 1}
        return {key for key in repeated if None not in key}

    def absent_keys(self, names: Sequence[str], columns: Sequence[Sequence[Any]]) -> set[Key]:
        """Return the keys that no document has, either as its `_id` or in these fields.

        Documents of other programs have another `_id`.
        """
        lost = self._batches.absent_keys(self._collection.name, names, columns)
        wanted = [key for key in lost if None not in key]
        for start in range(0, len(wanted), _KEYS_PER_QUERY):
            keys = wanted[start : start + _KEYS_PER_QUERY]
            condition: dict[str, Any] = {"$or": [dict(zip(names, key)) for key in keys]}
            if len(names) == 1:
                condition = {names[0]: {"$in": [value for (value,) in keys]}}
            with self._connection.translate_errors():
                for document in self._collection.find(condition, dict.fromkeys(names, 1)):
                    lost.discard(lookup_key(map(document.get, names)))
        return lost

    def _repeated_there(self, names: Sequence[str]) -> set[Key] | None:
        """Return the values that the server finds repeated; None if it cannot group by them."""
        values = {f"k{at}": f"${name}" for at, name in enumerate(names)}
        pipeline: list[Mapping[str, Any]] = [
            {"$group": {"_id": values, "count": {"$sum": 1}}},
            {"$match": {"count": {"$gt": 1}}},
        ]
        repeated: set[Key] = set()
        try:
            for group in self._collection.aggregate(pipeline, allowDiskUse=True):
                if group["_id"] == values:  # nx-27017 takes them for texts
                    return None
                repeated.add(lookup_key(map(group["_id"].get, values)))
        except errors.OperationFailure:
            return None
        return repeated

    def _raw_batches(self, part: Range) -> Any:  # its type hints say that it gives others
        """Return a cursor over the documents of a range as BSON, in batches of thousands."""
        return self._collection.find_raw_batches(
            ranges.condition(part), batch_size=_DOCUMENTS_PER_BATCH
        )

    def _raw_documents(self) -> Iterator[bytes]:
        with self._raw_batches(Range(self._collection.name)) as batches:
            for batch in batches:
                at = 0
                while at < len(batch):
                    end = at + int.from_bytes(batch[at : at + _LENGTH_BYTES], "little")
                    yield batch[at:end]
                    at = end


def _reservoir(documents: Iterator[bytes], size: int) -> list[bytes]:
    """Choose `size` of the documents at random.

    https://en.wikipedia.org/wiki/Reservoir_sampling
    """
    chosen = list(islice(documents, size))
    for number, document in enumerate(documents, start=size + 1):
        index = random.randrange(number)
        if index < size:
            chosen[index] = document
    return chosen

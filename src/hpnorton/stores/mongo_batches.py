"""Batches of documents in MongoDB: what an import writes and looks up, thousands at once."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, cached_property

from hpnorton.checks import Record
from hpnorton.errors import StoreError
from hpnorton.fields import Value
from hpnorton.schema import OWN_PREFIX, Collection
from hpnorton.stores.compare import compare
from hpnorton.stores.mongo_connection import MongoConnection, RawDocument
from hpnorton.stores.protocol import Batch, Key, Mode, Written

FIRST_STOCK = OWN_PREFIX + "stock"  # the field that keeps what was in stock at first

DUPLICATE_KEY = 11000
_KEYS_A_QUERY = 5000
_MOST_DOCUMENTS = 100_000  # maxWriteBatchSize of all servers since 3.6
# FerretDB 1 keeps one of a database's 100 connections for each update until the command is done; if
# there are no more, it waits for ever. So eight processes may update at once.
_FERRETDB_UPDATES = 10
_MOST_BYTES = 8 * 2**20  # for names: with twice the 16 MiB of a chunk it stays below 48 MB
_BYTES_A_CELL = 16
_BYTES_AN_ITEM = 64  # what an update has around its values


class MongoBatches(MongoConnection):
    """The writing and looking up of batches."""

    def __init__(self, uri: str) -> None:
        self._mostly_taken: set[str] = set()
        super().__init__(uri)

    def prepare(self, batch: Batch) -> None:
        """Nothing: there are no transactions that others would wait for."""

    def write(self, batch: Batch, mode: Mode) -> Written:
        """Inserts the records whose keys are not there yet; those that are there may be replaced.

        Where nearly all keys were taken the last time, as when a file is imported again, the look
        at what is stored comes before the attempt.
        """
        if len(batch) == 0:
            return Written(0)
        name = batch.collection.name
        with self._errors():
            if name in self._mostly_taken:
                taken: Sequence[int] = range(len(batch))
                stored = self.stored(batch, taken)
                made = compare(batch, taken, stored, mode)
                if lost := self._insert(batch.only(made.new)):  # somebody else was quicker
                    stored |= self._kept(batch, [made.new[at] for at in lost])
                    made = compare(batch, taken, stored, mode)
            else:
                taken = self._insert(batch)
                made = compare(batch, taken, self._kept(batch, taken), mode)
            self._update(batch, made.changed)
        written = made.written(taken, len(batch) - len(taken))
        if written.is_mostly_taken:
            self._mostly_taken.add(name)
        else:
            self._mostly_taken.discard(name)
        return written

    def stored(self, batch: Batch, positions: Sequence[int]) -> dict[Key, Record]:
        """What is stored under the keys at some positions: the values of the batch's columns."""
        if not positions:
            return {}
        ids = ids_of(batch)
        keys = {ids[at]: batch.keys[at] for at in positions}
        with self._errors():
            # To leave fields out takes some servers as long as to find the documents (measured).
            is_whole = set(batch.columns) >= set(batch.collection.columns)
            columns = None if is_whole else batch.columns
            found = self._by_ids(batch.collection.name, list(keys), columns)
            return {keys[d["_id"]]: tuple(map(d.get, batch.columns)) for d in found}

    def absent(self, collection: str, key: Sequence[str], keys: Sequence[Key]) -> set[Key]:
        """Those of `keys` that no record of the collection, whose key is `key`, has."""
        del key  # `_id` holds it
        # What is null in part matches nothing.
        whole = [found for found in dict.fromkeys(keys) if None not in found]
        ids = ids_of_columns(list(zip(*whole))) if whole else []
        with self._errors():
            stored = {found["_id"] for found in self._by_ids(collection, ids, ("_id",))}
        present = {found for found, identity in zip(whole, ids) if identity in stored}
        return set(keys) - present

    def _insert(self, batch: Batch) -> list[int]:
        """Inserts the documents, in no particular order; the positions of those left out."""
        make = _documents_of(batch.columns, batch.collection.columns, batch.collection.stock)
        documents = make(ids_of(batch), *batch.values)
        taken: list[int] = []
        for start, reply in self._command(batch.collection, "insert", "documents", documents):
            taken += [start + at for at in self._left_out(reply)]
        return taken

    def _update(self, batch: Batch, changed: Mapping[Key, int]) -> None:
        if changed:
            some = batch.only(list(changed.values()))
            updates = _updates_of(some.columns)(ids_of(some), *some.values)
            most = self._most_updates
            for _, reply in self._command(some.collection, "update", "updates", updates, most):
                self._left_out(reply, but=None)

    @cached_property
    def _most_updates(self) -> int:
        """How many updates a command may hold: the server is asked when the first are made."""
        about = self._client.admin.command("buildInfo")
        return _FERRETDB_UPDATES if "ferretdbVersion" in about else _MOST_DOCUMENTS

    def _command(
        self,
        collection: Collection,
        verb: str,
        field: str,
        items: Sequence[RawDocument],
        most: int = _MOST_DOCUMENTS,
    ) -> Iterator[tuple[int, RawDocument]]:
        """Writes items, as many at a time as go into a message: where they begin, and the reply.

        The command itself: pymongo's insert_many and bulk_write look at every item once more, in
        Python, which takes as long as making it (measured). Their retries are no loss: a chunk is
        repeated as a whole.
        """
        width = sum(len(name) + _BYTES_A_CELL for name in collection.columns) + _BYTES_AN_ITEM
        size = max(1, min(most, _MOST_BYTES // width))
        concern = self._database.write_concern.document
        more: RawDocument = {"writeConcern": concern} if concern else {}
        for start in range(0, len(items), size):
            some = items[start : start + size]
            command = {verb: collection.name, "ordered": False, field: some} | more
            yield start, self._database.command(command)

    def _left_out(self, reply: RawDocument, but: int | None = DUPLICATE_KEY) -> list[int]:
        """The positions of the items with faults of the code `but`; raises any other fault."""
        faults = reply.get("writeErrors", [])
        others = [fault["errmsg"] for fault in faults if fault["code"] != but]
        if "writeConcernError" in reply:
            others.append(reply["writeConcernError"].get("errmsg", "write concern"))
        if others:
            raise StoreError(f"MongoDB at {self._shown} refused: {others[0][:300]}")
        return sorted(fault["index"] for fault in faults)

    def _kept(self, batch: Batch, positions: Sequence[int]) -> dict[Key, Record]:
        """What is stored under the keys at some positions, which the server says are taken."""
        stored = self.stored(batch, positions)
        for at in positions:
            if batch.keys[at] not in stored:
                raise StoreError(
                    f"the collection {batch.collection.name} at {self._shown} has a rule of its "
                    f"own that keeps out the record {', '.join(map(str, batch.keys[at]))}; import "
                    "into another database"
                )
        return stored

    def _by_ids(
        self, collection: str, ids: Sequence[Value], columns: Sequence[str] | None
    ) -> Iterator[RawDocument]:
        projection = None if columns is None else list(columns)
        for start in range(0, len(ids), _KEYS_A_QUERY):
            some = {"_id": {"$in": ids[start : start + _KEYS_A_QUERY]}}
            cursor = self._of(collection).find(some, projection, batch_size=_KEYS_A_QUERY)
            yield from cursor.to_list()


@cache
def _documents_of(
    columns: tuple[str, ...], fields: tuple[str, ...], stock: str | None
) -> Callable[..., list[RawDocument]]:
    """A function that makes documents of ids and columns; fields that are no column are null.

    Every document of a collection has all its fields, as every row of a table has.
    """
    pairs = [f"{name!r}: v{at}" for at, name in enumerate(columns)]
    pairs += [f"{name!r}: None" for name in fields if name not in columns]
    if stock in columns:
        pairs.append(f"{FIRST_STOCK!r}: v{columns.index(stock)}")
    return _maker(f"{{'_id': i, {', '.join(pairs)}}}", len(columns))


@cache
def _updates_of(columns: tuple[str, ...]) -> Callable[..., list[RawDocument]]:
    """A function that makes updates of ids and columns: what is stored gets these values."""
    pairs = ", ".join(f"{name!r}: v{at}" for at, name in enumerate(columns))
    return _maker(f"{{'q': {{'_id': i}}, 'u': {{'$set': {{{pairs}}}}}}}", len(columns))


def _maker(display: str, columns: int) -> Callable[..., list[RawDocument]]:
    """A function of ids and columns that makes a display of each id `i` and its values `v0` ...

    It is generated, because a display with the names in it is twice as fast as dict(zip(...))
    (measured).
    """
    every = ", ".join(f"v{at}" for at in range(columns))
    source = f"lambda ids, {every}: [{display} for i, {every} in zip(ids, {every})]"
    made: Callable[..., list[RawDocument]] = eval(  # pylint: disable=eval-used # names are quoted
        source, {"zip": zip}
    )
    return made


def ids_of(batch: Batch) -> Sequence[Value]:
    """The `_id` of each record of a batch."""
    return ids_of_columns(
        [batch.values[batch.columns.index(name)] for name in batch.collection.key]
    )


def ids_of_columns(columns: Sequence[Sequence[Value]]) -> Sequence[Value]:
    """The `_id` of each record, from the columns of its key."""
    if len(columns) == 1:
        return columns[0]
    texts = [[str(value) for value in column] for column in columns]
    if any("|" in text or "\\" in text for column in texts for text in column):
        texts = [[re.sub(r"[|\\]", r"\\\g<0>", text) for text in column] for column in texts]
    return ["|".join(parts) for parts in zip(*texts)]

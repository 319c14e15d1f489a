"""Batches of documents in MongoDB: what an import writes and looks up, thousands at once."""

from collections.abc import Iterator, Mapping, Sequence

from hpnorton.errors import StoreError
from hpnorton.schema.collection import Collection
from hpnorton.schema.stored import Value, whole_number
from hpnorton.schema.validate import Record
from hpnorton.stores.base import MIN_SAMPLED, Batch, Key, Mode, Written
from hpnorton.stores.diff import compare
from hpnorton.stores.history import key_texts
from hpnorton.stores.mongo.connection import MongoConnection, RawDocument
from hpnorton.stores.mongo.documents import documents_of, ids_of, records_of, updates_of

DUPLICATE_KEY = 11000
# MongoDB finds ids by an index, however many. mongo-java-server compares each document with all of
# them, FerretDB 1 reads all documents for each query.
_IDS_PER_QUERY = 1024
_FERRETDB_IDS_PER_QUERY = 8192
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
        self.min_sampled = MIN_SAMPLED
        self.ids_per_query = _IDS_PER_QUERY
        super().__init__(uri)

    def prepare(self, batch: Batch) -> None:
        """Nothing: there are no transactions that others would wait for."""

    def write(self, batch: Batch, mode: Mode) -> Written:
        """Inserts the records whose keys are not there yet; those that are there may be replaced.

        Where the keys of a large batch seem to be stored, as when a file is imported again, the
        stored documents are looked up first.
        """
        if len(batch) == 0:
            return Written(0)
        with self._errors():
            if len(batch) >= self.min_sampled and self._are_stored(batch.sample()):
                taken: Sequence[int] = range(len(batch))
                stored = self.stored(batch, taken)
                made = compare(batch, taken, stored, mode)
                if lost := self._insert(batch.only(made.new)):  # somebody else was quicker
                    stored |= self._kept(batch, [made.new[at] for at in lost])
                    made = compare(batch, taken, stored, mode)
            else:
                taken = self._insert(batch)
                stored = self._kept(batch, taken)
                made = compare(batch, taken, stored, mode)
            self._update(batch, made.changed, stored)
            if mode is Mode.UPSERT:
                self._mend(batch, stored)
        return made.written(taken, len(batch) - len(taken))

    def _are_stored(self, batch: Batch) -> bool:
        """Return whether the keys of all records are stored.

        They are looked up one by one, since a list of keys makes some servers read all documents.
        """
        of = self._of(batch.collection.name)
        return all(of.find_one({"_id": key}, {"_id": 1}) for key in ids_of(batch))

    def stored(self, batch: Batch, positions: Sequence[int]) -> dict[Key, Record]:
        """What is stored under the keys at some positions: the values of the batch's columns."""
        if not positions:
            return {}
        some = batch.only(positions)
        keys = dict(zip(ids_of(some), some.keys))
        with self._errors():
            # To leave fields out takes some servers as long as to find the documents (measured).
            is_whole = set(batch.columns) >= set(batch.collection.columns)
            columns = None if is_whole else batch.columns
            found = self._by_ids(batch.collection.name, list(keys), columns)
        return dict(zip((keys[d["_id"]] for d in found), records_of(found, batch.columns)))

    def absent(
        self, collection: str, key: Sequence[str], columns: Sequence[Sequence[Value]]
    ) -> set[Key]:
        """The keys that no record of the collection, whose key is `key`, has."""
        del key  # `_id` holds it
        keys = dict.fromkeys(zip(*columns))
        # What is null in part matches nothing.
        whole = [found for found in keys if None not in found]
        ids = key_texts(list(zip(*whole))) if whole else []
        with self._errors():
            stored = {found["_id"] for found in self._by_ids(collection, ids, ("_id",))}
        present = {found for found, identity in zip(whole, ids) if identity in stored}
        return set(keys) - present

    def _insert(self, batch: Batch) -> list[int]:
        """Inserts the documents, in no particular order; the positions of those left out."""
        documents = documents_of(batch)
        taken: list[int] = []
        for start, reply in self._command(batch.collection, "insert", "documents", documents):
            taken += [start + at for at in self._left_out(reply)]
        return taken

    def _update(
        self, batch: Batch, changed: Mapping[Key, int], stored: Mapping[Key, Record]
    ) -> None:
        if changed:
            some = batch.only(list(changed.values()))
            most = _FERRETDB_UPDATES if self._is_ferretdb else _MOST_DOCUMENTS
            updates = updates_of(some, stored)
            for _, reply in self._command(some.collection, "update", "updates", updates, most):
                self._left_out(reply, but=None)

    def _mend(self, batch: Batch, stored: Mapping[Key, Record]) -> None:
        """Makes whole numbers of doubles, where another program has stored some as these.

        To MongoDB they are the same number, so nobody's change is undone.
        """
        for name in set(batch.collection.whole_numbers).intersection(batch.columns):
            at = batch.columns.index(name)
            for key in [key for key, record in stored.items() if isinstance(record[at], float)]:
                number = whole_number(stored[key][at])
                if number is not None:
                    identity = key_texts([[part] for part in key])[0]
                    which = {"_id": identity, name: stored[key][at]}
                    self._of(batch.collection.name).update_one(which, {"$set": {name: number}})

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
    ) -> list[RawDocument]:
        """Return the documents with these ids, in no particular order, with all or some fields."""
        projection = None if columns is None else list(columns)
        size = self.ids_per_query
        if len(ids) > size and self._is_ferretdb:
            size = _FERRETDB_IDS_PER_QUERY
        found: list[RawDocument] = []
        for start in range(0, len(ids), size):
            query = {"_id": {"$in": ids[start : start + size]}}
            found += self._of(collection).find(query, projection, batch_size=size).to_list()
        return found

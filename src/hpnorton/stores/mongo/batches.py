"""Batches of documents in MongoDB: what an import writes and looks up, thousands at once."""

from collections.abc import Iterator, Mapping, Sequence

from hpnorton.errors import StoreError
from hpnorton.schema.collection import Collection
from hpnorton.schema.stored import Value, whole_number
from hpnorton.schema.validate import Record
from hpnorton.stores.base import MIN_SAMPLED, Batch, Key, Mode, Written
from hpnorton.stores.diff import compare
from hpnorton.stores.history import key_texts
from hpnorton.stores.messages import kept_out
from hpnorton.stores.mongo.connection import MongoConnection, RawDocument
from hpnorton.stores.mongo.documents import documents_of, ids_of, records_of, updates_of

DUPLICATE_KEY = 11000
# MongoDB finds ids by an index, however many. mongo-java-server compares each document with all of
# them, FerretDB 1 reads all documents for each query.
_IDS_PER_QUERY = 1024
_FERRETDB_IDS_PER_QUERY = 8192
_MAX_DOCUMENTS = 100_000  # maxWriteBatchSize of all servers since 3.6
# FerretDB 1 keeps one of a database's 100 connections for each update of a command, and waits for
# ever if none is left. So eight processes may update at once.
_FERRETDB_UPDATES = 10
_MAX_BYTES = 8 * 2**20  # for names: with the values of a chunk, a message stays below 48 MB
_BYTES_PER_CELL = 16
_BYTES_PER_ITEM = 64  # of an update, around its values


class MongoBatches:
    """The batches that are written and looked up through a connection.

    At most `max_documents` are written at a time, and `ids_per_query` looked up. Of a batch of at
    least `min_sampled` records a sample is looked up, which decides how it is written.
    """

    def __init__(self, connection: MongoConnection) -> None:
        self.max_documents = _MAX_DOCUMENTS
        self.ids_per_query = _IDS_PER_QUERY
        self.min_sampled = MIN_SAMPLED
        self._connection = connection

    def write(self, batch: Batch, mode: Mode) -> Written:
        """Insert the records whose keys are new; with Mode.UPSERT, replace what else differs.

        If the keys of a large batch seem to be stored, as when a file is imported again, the stored
        documents are looked up first. Otherwise all are inserted, and those whose keys are taken
        are looked up.
        """
        if len(batch) == 0:
            return Written(0)
        with self._connection.translate_errors():
            if len(batch) >= self.min_sampled and self._are_stored(batch.sample()):
                positions: Sequence[int] = range(len(batch))
                stored = self.stored_records(batch, positions)
                comparison = compare(batch, positions, stored, mode)
                if lost := self._insert(batch.only(comparison.new)):  # another process was quicker
                    stored |= self._stored_all(batch, [comparison.new[at] for at in lost])
                    comparison = compare(batch, positions, stored, mode)
            else:
                positions = self._insert(batch)
                stored = self._stored_all(batch, positions)
                comparison = compare(batch, positions, stored, mode)
            self._update(batch, comparison.changed, stored)
            if mode is Mode.UPSERT:
                self._restore_integers(batch, stored)
        return comparison.written(positions, len(batch) - len(positions))

    def stored_records(self, batch: Batch, positions: Sequence[int]) -> dict[Key, Record]:
        """Return the stored values of the batch's columns, by key, for the records at positions."""
        if not positions:
            return {}
        wanted = batch.only(positions)
        keys = dict(zip(ids_of(wanted), wanted.keys))
        with self._connection.translate_errors():
            # Some servers take as long to leave fields out as to find the documents.
            is_whole = set(batch.columns) >= set(batch.collection.columns)
            columns = None if is_whole else batch.columns
            documents = self.by_ids(batch.collection.name, list(keys), columns)
        found = (keys[document["_id"]] for document in documents)
        return dict(zip(found, records_of(documents, batch.columns)))

    def absent_keys(
        self, collection: str, key: Sequence[str], columns: Sequence[Sequence[Value]]
    ) -> set[Key]:
        """Return the keys, given as one column per field of `key`, that no record has."""
        del key  # `_id` holds it
        keys = dict.fromkeys(zip(*columns))
        whole = [each for each in keys if None not in each]  # others match nothing
        ids = key_texts(list(zip(*whole))) if whole else []
        with self._connection.translate_errors():
            stored = {document["_id"] for document in self.by_ids(collection, ids, ("_id",))}
        present = {each for each, identity in zip(whole, ids) if identity in stored}
        return set(keys) - present

    def by_ids(
        self, collection: str, ids: Sequence[Value], columns: Sequence[str] | None
    ) -> list[RawDocument]:
        """Return the documents with these ids, in no particular order, with all or some fields."""
        projection = None if columns is None else list(columns)
        size = self.ids_per_query
        if len(ids) > size and self._connection.is_ferretdb:
            size = _FERRETDB_IDS_PER_QUERY
        documents: list[RawDocument] = []
        for start in range(0, len(ids), size):
            query = {"_id": {"$in": ids[start : start + size]}}
            cursor = self._connection.collection(collection).find(query, projection)
            documents += cursor.batch_size(size).to_list()
        return documents

    def _are_stored(self, batch: Batch) -> bool:
        """Return whether the keys of all records are stored.

        They are looked up one by one, since a list of keys makes some servers read all documents.
        """
        collection = self._connection.collection(batch.collection.name)
        return all(collection.find_one({"_id": key}, {"_id": 1}) for key in ids_of(batch))

    def _insert(self, batch: Batch) -> list[int]:
        """Insert the records; return the positions of those whose keys are taken."""
        documents = documents_of(batch)
        taken: list[int] = []
        for start, reply in self._command(batch.collection, "insert", "documents", documents):
            taken += [start + at for at in self.check_reply(reply, allowed=DUPLICATE_KEY)]
        return taken

    def _update(
        self, batch: Batch, changed: Mapping[Key, int], stored: Mapping[Key, Record]
    ) -> None:
        if changed:
            changes = batch.only(list(changed.values()))
            updates = updates_of(changes, stored)
            for _, reply in self._command(batch.collection, "update", "updates", updates):
                self.check_reply(reply)

    def _restore_integers(self, batch: Batch, stored: Mapping[Key, Record]) -> None:
        """Replace doubles that another program has stored for whole numbers.

        To MongoDB they are the same number, so no change of another program is lost.
        """
        collection = self._connection.collection(batch.collection.name)
        for name in set(batch.collection.whole_numbers).intersection(batch.columns):
            at = batch.columns.index(name)
            for key in [key for key, record in stored.items() if isinstance(record[at], float)]:
                number = whole_number(stored[key][at])
                if number is not None:
                    identity = key_texts([[part] for part in key])[0]
                    which = {"_id": identity, name: stored[key][at]}
                    collection.update_one(which, {"$set": {name: number}})

    def _command(
        self, collection: Collection, verb: str, field: str, items: Sequence[RawDocument]
    ) -> Iterator[tuple[int, RawDocument]]:
        """Write items, as many at a time as fit into a message.

        Yields the position of the first item of each message, and the server's reply. The commands
        are sent without pymongo's insert_many and bulk_write, which go through all items once more
        in Python. Their retries are not needed: a chunk is repeated as a whole.
        """
        size = self.max_documents
        if verb == "update" and self._connection.is_ferretdb:
            size = _FERRETDB_UPDATES
        width = sum(len(name) + _BYTES_PER_CELL for name in collection.columns) + _BYTES_PER_ITEM
        size = max(1, min(size, _MAX_BYTES // width))
        concern = self._connection.database.write_concern.document
        more: RawDocument = {"writeConcern": concern} if concern else {}
        for start in range(0, len(items), size):
            part = items[start : start + size]
            command = {verb: collection.name, "ordered": False, field: part} | more
            yield start, self._connection.database.command(command)

    def check_reply(self, reply: RawDocument, allowed: int | None = None) -> list[int]:
        """Return the positions of the items with errors of the code `allowed`.

        Raises StoreError for any other error in the reply.
        """
        faults = reply.get("writeErrors", [])
        others = [fault["errmsg"] for fault in faults if fault["code"] != allowed]
        if "writeConcernError" in reply:
            others.append(reply["writeConcernError"].get("errmsg", "write concern"))
        if others:
            raise StoreError(f"MongoDB at {self._connection.shown} refused: {others[0][:300]}")
        return sorted(fault["index"] for fault in faults)

    def _stored_all(self, batch: Batch, positions: Sequence[int]) -> dict[Key, Record]:
        """Return the stored records at positions, by key. Raises StoreError if one is missing."""
        stored = self.stored_records(batch, positions)
        for at in positions:
            if batch.keys[at] not in stored:
                where = f"the collection {batch.collection.name} at {self._connection.shown}"
                raise kept_out(where, batch.keys[at])
        return stored

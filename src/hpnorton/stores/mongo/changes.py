"""Posts changes in MongoDB: a change with its history entry.

Where the server has transactions, both are one. Elsewhere the entry is written first,
with the steps of its change in it, and is marked as pending until they are done. Its number is
unique, so of several clerks who have read the same stock only one can write it; the others read
again. Each step can be repeated. So a process that finds an entry pending for too long does its
steps, because the one that wrote it may have died.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pymongo import UpdateOne, errors
from pymongo.client_session import ClientSession
from pymongo.collection import Collection as MongoCollection
from pymongo.cursor import Cursor

from hpnorton.errors import StoreError
from hpnorton.schema.stored import Value
from hpnorton.stores.base import FIRST_STOCK, Batch
from hpnorton.stores.history import HISTORY, Change, RecordKey, StockRow, key_texts
from hpnorton.stores.mongo.batches import DUPLICATE_KEY, MongoBatches
from hpnorton.stores.mongo.connection import MongoConnection, RawDocument
from hpnorton.stores.mongo.documents import ids_of
from hpnorton.stores.mongo.steps import (
    LAST,
    PENDING,
    STEPS,
    Address,
    Operation,
    address_of,
    operations_of,
    steps_of,
)

PATIENCE_SECONDS = 2.0
_PAUSE_SECONDS = 0.01

_Session = ClientSession | None


class MongoChanges:
    """The history and the stocks, read and written through a connection.

    A change that is pending for longer than `patience_seconds` is taken for that of a dead process.
    """

    def __init__(self, connection: MongoConnection, batches: MongoBatches) -> None:
        self.patience_seconds = PATIENCE_SECONDS
        self._connection = connection
        self._batches = batches

    def stocks(
        self, collection: str, key: str, stock: str, only: Value = None
    ) -> Iterator[StockRow]:
        """Yield the stock of each record, by key."""
        with self._connection.translate_errors():
            which = {} if only is None else {"_id": only}
            fields = [key, FIRST_STOCK, stock, LAST]
            for document in self._in(collection).find(which, fields).sort("_id"):
                last = document.get(LAST) or 0
                first, now = document.get(FIRST_STOCK), document.get(stock)
                yield StockRow(document.get(key), first, now, last)

    def set_stock(
        self, record: RecordKey, seen: Value, stock: Value, moved_total: int | None = None
    ) -> None:
        """Replace a stock that is still as it was `seen`."""
        name, identity = address_of(record)
        field = str(record.collection.stock)
        values: RawDocument = {field: stock}
        if moved_total is not None:
            values[FIRST_STOCK] = stock - moved_total if isinstance(stock, int) else None
        which = {"_id": identity, field: seen}
        if isinstance(seen, list | dict):  # servers differ; no clerk can have changed it meanwhile
            del which[field]
        with self._connection.translate_errors():
            self._in(name).update_one(which, {"$set": values})

    def correct_stock(self, batch: Batch) -> None:
        """Replace the first stock by that of the batch, and add the difference to the stock."""
        name, stock = batch.collection.name, str(batch.collection.stock)
        wanted = dict(zip(ids_of(batch), batch.values[batch.columns.index(stock)]))
        with self._connection.translate_errors():
            operations = [
                _correction(document, stock, wanted[document["_id"]])
                for document in self._batches.by_ids(name, list(wanted), ("_id", FIRST_STOCK))
            ]
            if operations:
                self._in(name).bulk_write(operations, ordered=False)

    def last_numbers(self, records: Sequence[RecordKey]) -> list[int]:
        """Return the number of the last entry in each record's history; 0 if it has none."""
        with self._connection.translate_errors():
            if len(records) == 1:
                number = self._latest_number(records[0])
                return [self.last_changes(records).get(address_of(records[0])) or number]
            self._settle({"record": {"$in": [record.text for record in records]}})
            known = self.last_changes(records)
            unknown = [p.text for p in records if known.get(address_of(p)) is None]
            numbers: dict[tuple[str, str], int] = {}
            for entry in self._entries_of(unknown) if unknown else ():
                # A pending one was written meanwhile: what it changes may still be read.
                if PENDING not in entry:
                    key = (entry["collection"], entry["record"])
                    numbers[key] = max(numbers.get(key, 0), entry["number"])
        return [
            known.get(address_of(record)) or numbers.get((record.collection.name, record.text), 0)
            for record in records
        ]

    def post(self, changes: Sequence[Change]) -> list[int]:
        """Write entries with their changes; return the positions of those not written."""
        if not changes:
            return []
        with self._connection.translate_errors():
            entries = self.pending_entries(changes)
            if self._connection.has_transactions:
                not_written = self._post_in_transaction(entries)
            else:
                not_written = self.insert_entries(entries)
                skipped = set(not_written)
                self.carry_out([each for at, each in enumerate(entries) if at not in skipped])
            self._check_heard([entries[at] for at in not_written])
        return not_written

    def unfinished(self) -> list[str]:
        """Return the ids of the entries whose changes are not, or not yet, carried out."""
        with self._connection.translate_errors():
            return [entry["_id"] for entry in self._history.find({PENDING: 1}, ["_id"])]

    def finish(self, entries: Sequence[str]) -> None:
        """Wait until the entries with these ids are carried out; do it for dead processes."""
        if entries:
            with self._connection.translate_errors():
                self._settle({"_id": {"$in": list(entries)}})

    def pending_entries(self, changes: Sequence[Change]) -> list[RawDocument]:
        """Return the documents of the entries, with the steps that carry them out."""
        looked_up = [c.target for c in changes if c.target != c.subject and c.before is not None]
        if len(changes) > 1:
            looked_up += [change.subject for change in changes]
        last = self.last_changes(looked_up)
        entries: list[RawDocument] = []
        for change in changes:
            entry: RawDocument = {**change.entry}
            entry["_id"] = key_texts([[entry[name]] for name in HISTORY.key])[0]
            entries.append(entry | {PENDING: 1, STEPS: steps_of(change, last)})
        return entries

    def insert_entries(self, entries: Sequence[RawDocument], session: _Session = None) -> list[int]:
        """Insert entries; return the positions of those whose numbers are taken."""
        try:
            self._history.insert_many(entries, ordered=False, session=session)
        except errors.BulkWriteError as error:
            faults = error.details["writeErrors"]
            if any(fault["code"] != DUPLICATE_KEY for fault in faults):
                raise
            return sorted(fault["index"] for fault in faults)
        return []

    def carry_out(self, entries: Sequence[RawDocument], session: _Session = None) -> None:
        """Do the steps of entries: those of the targets first, then those of the subjects."""
        first = [entry for entry in entries if len(entry[STEPS]) > 1]
        self.do_steps([(entry, entry[STEPS][0]) for entry in first], session)
        done = self.do_steps([(entry, entry[STEPS][-1]) for entry in entries], session)
        if done < len(entries):
            for entry in first:
                self._take_back(entry)
        ids = [entry["_id"] for entry in entries]
        self._history.update_many(
            {"_id": {"$in": ids}}, {"$unset": {PENDING: "", STEPS: ""}}, session=session
        )

    def do_steps(
        self, steps: Sequence[tuple[RawDocument, RawDocument]], session: _Session = None
    ) -> int:
        """Do steps, given as (entry, step), unless they are done; return how many were not."""
        operations: dict[str, list[Operation]] = {}
        for entry, step in steps:
            operations.setdefault(step["in"], []).extend(operations_of(entry["number"], step))
        done = 0
        for name, requests in operations.items():
            try:
                result = self._in(name).bulk_write(requests, ordered=False, session=session)
                done += result.matched_count + result.inserted_count + result.deleted_count
            except errors.BulkWriteError as error:
                if any(fault["code"] != DUPLICATE_KEY for fault in error.details["writeErrors"]):
                    raise
                done += sum(error.details[count] for count in ("nMatched", "nInserted", "nRemoved"))
        return done

    def last_changes(self, records: Iterable[RecordKey]) -> dict[Address, int | None]:
        """Return the number of the last entry that changed each of the records that exist."""
        ids: dict[str, list[Any]] = {}
        for record in records:
            ids.setdefault(record.collection.name, []).append(address_of(record)[1])
        return {
            (name, document["_id"]): document.get(LAST)
            for name, wanted in ids.items()
            for document in self._batches.by_ids(name, wanted, ("_id", LAST))
        }

    @property
    def _history(self) -> MongoCollection[RawDocument]:
        return self._in(HISTORY.name)

    def _in(self, collection: str) -> MongoCollection[RawDocument]:
        return self._connection.collection(collection)

    def _entries_of(self, records: Sequence[str]) -> Cursor[RawDocument]:
        """Return the numbers of all entries of records, by their texts."""
        return self._history.find({"record": {"$in": records}}, [*HISTORY.key, PENDING])

    def _latest_number(self, record: RecordKey) -> int:
        """Return the number of the latest entry of a record, once it is carried out; 0 without one.

        Only the latest one can be pending: numbers are given after those before are carried out.
        """
        which = {"record": record.text, "collection": record.collection.name}
        while entry := self._history.find_one(which, ["number", PENDING], sort=[("number", -1)]):
            if PENDING not in entry:
                return int(entry["number"])
            self._settle({"_id": entry["_id"]})
        return 0

    def _settle(self, which: Mapping[str, Any]) -> None:
        """Wait until no such entry is pending; carry them out if that takes too long."""
        deadline = time.monotonic() + self.patience_seconds
        while entries := list(self._history.find({PENDING: 1, **which})):
            if time.monotonic() > deadline:
                self.carry_out(entries)
            else:
                time.sleep(_PAUSE_SECONDS)

    def _post_in_transaction(self, entries: Sequence[RawDocument]) -> list[int]:
        """Write entries and changes in a transaction: all of them, or none."""

        def write(session: ClientSession) -> bool:
            if self.insert_entries(entries, session):
                session.abort_transaction()
                return False
            self.carry_out(entries, session)
            return True

        with self._connection.client.start_session() as session:
            is_written = session.with_transaction(write)
        return [] if is_written else list(range(len(entries)))

    def _check_heard(self, entries: Sequence[RawDocument]) -> None:
        """Raise StoreError if an entry's number is taken, and its record does not know of it.

        A record keeps the number of the last entry that changed it. Servers whose updates are not
        atomic, such as FerretDB 1, may overwrite it with an older one. A process that asks for the
        next number would then get one that is taken, again and again.
        """
        if not entries:
            return
        ids = [entry["_id"] for entry in entries]
        found = self._history.find({"_id": {"$in": ids}})
        carried_out = {entry["_id"] for entry in found if PENDING not in entry}
        for entry in entries:
            if entry["_id"] not in carried_out:
                continue
            subject = entry[STEPS][-1]
            for document in self._batches.by_ids(subject["in"], [subject["_id"]], ("_id", LAST)):
                if (document.get(LAST) or entry["number"]) < entry["number"]:
                    raise StoreError(
                        f"MongoDB at {self._connection.shown} has lost a change: {subject['in']} "
                        f"{entry['record']} does not know of number {entry['number']} of its "
                        "history. --check says what is wrong, --export saves what is there "
                        "for another database. Several clerks at once need a server whose updates "
                        "are atomic, as those of MongoDB are"
                    )

    def _take_back(self, entry: RawDocument) -> None:
        """Delete the record that an entry's first step has inserted, if that came too late.

        Another process has carried the entry out, and the record was deleted again since.
        """
        same = {name: entry[name] for name in ("record", "collection", "changed", "user_id")}
        later = self._history.find_one(
            {**same, "number": {"$gt": entry["number"]}}, sort=[("number", -1)]
        )
        if later is not None and later["after"] is None:
            step = entry[STEPS][0]
            self._in(step["in"]).delete_one({"_id": step["_id"], LAST: entry["number"]})


def _correction(document: RawDocument, stock: str, wanted: Any) -> UpdateOne:
    """Return the update that replaces the first stock, and adds the difference to the stock."""
    first = document.get(FIRST_STOCK)
    same = {"_id": document["_id"], FIRST_STOCK: first}
    if first is None or wanted is None:
        return UpdateOne(same, {"$set": {stock: wanted, FIRST_STOCK: wanted}})
    return UpdateOne(same, {"$inc": {stock: wanted - first}, "$set": {FIRST_STOCK: wanted}})

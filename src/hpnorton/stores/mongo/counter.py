"""Changes at the counter in MongoDB: a line of the history, and what it says, carried out.

Where the server has transactions, a line and its change are one. Elsewhere the line is written
first, with the steps of its change in it, and is marked as pending until they are done. Its number
is unique, so of several clerks who have read the same stock only one gets it; the others read
again. Each step can be repeated, because the records keep the number of the last line that changed
them: so whoever finds a line pending for too long does its steps, as its writer may have died.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pymongo import DeleteOne, InsertOne, UpdateOne, errors
from pymongo.client_session import ClientSession
from pymongo.cursor import Cursor

from hpnorton.errors import StoreError
from hpnorton.schema.collection import OWN_PREFIX
from hpnorton.schema.stored import Value
from hpnorton.stores.base import FIRST_STOCK, IMPORT_FIELD, Batch
from hpnorton.stores.history import HISTORY, Change, RecordKey, key_texts
from hpnorton.stores.mongo.batches import DUPLICATE_KEY, MongoBatches
from hpnorton.stores.mongo.connection import RawDocument
from hpnorton.stores.mongo.documents import ids_of

PENDING = OWN_PREFIX + "pending"
_STEPS = OWN_PREFIX + "steps"
LAST = OWN_PREFIX + "last"  # the number of the last line that changed the record
# What stands in documents beside the fields of the record.
OWN_FIELDS = ("_id", FIRST_STOCK, IMPORT_FIELD, PENDING, _STEPS, LAST)

_PATIENCE_SECONDS = 2.0
_PAUSE_SECONDS = 0.01

_Session = ClientSession | None
_Operation = InsertOne[RawDocument] | DeleteOne | UpdateOne


class MongoCounter(MongoBatches):
    """The writing of the history."""

    def last_numbers(self, places: Sequence[RecordKey]) -> list[int]:
        """Return the number of the last entry in each record's history; 0 if it has none."""
        with self._errors():
            if len(places) == 1:
                number = self._latest_number(places[0])
                return [self._last(places).get(_home(places[0])) or number]
            self._settle({"record": {"$in": [place.text for place in places]}})
            known = self._last(places)
            unknown = [p.text for p in places if known.get(_home(p)) is None]
            numbers: dict[tuple[str, str], int] = {}
            for entry in self._entries(unknown) if unknown else ():
                # A pending one was written meanwhile: what it changes may still be read.
                if PENDING not in entry:
                    key = (entry["collection"], entry["record"])
                    numbers[key] = max(numbers.get(key, 0), entry["number"])
        return [
            known.get(_home(place)) or numbers.get((place.collection.name, place.text), 0)
            for place in places
        ]

    def _entries(self, records: Sequence[str]) -> Cursor[RawDocument]:
        """Return the numbers of all entries of records, by their texts."""
        return self._of(HISTORY.name).find({"record": {"$in": records}}, [*HISTORY.key, PENDING])

    def _latest_number(self, place: RecordKey) -> int:
        """Return the number of the latest entry of a record, once it is carried out; 0 without one.

        Only the latest one can be pending: numbers are given after those before are carried out.
        """
        record = {"record": place.text, "collection": place.collection.name}
        while entry := self._of(HISTORY.name).find_one(
            record, ["number", PENDING], sort=[("number", -1)]
        ):
            if PENDING not in entry:
                return int(entry["number"])
            self._settle({"_id": entry["_id"]})
        return 0

    def correct_stock(self, batch: Batch) -> None:
        """Takes the batch's stock for what was there at first; it is so much more or less now."""
        name, stock = batch.collection.name, str(batch.collection.stock)
        wanted = dict(zip(ids_of(batch), batch.values[batch.columns.index(stock)]))
        with self._errors():
            operations = [
                _correction(found, stock, wanted[found["_id"]])
                for found in self._by_ids(name, list(wanted), ("_id", FIRST_STOCK))
            ]
            if operations:
                self._of(name).bulk_write(operations, ordered=False)

    def set_stock(
        self, place: RecordKey, seen: Value, stock: Value, moved: int | None = None
    ) -> None:
        """Puts a stock in the place of one that is still as it was `seen`."""
        name, identity = _home(place)
        field = str(place.collection.stock)
        values: RawDocument = {field: stock}
        if moved is not None:
            values[FIRST_STOCK] = stock - moved if isinstance(stock, int) else None
        which = {"_id": identity, field: seen}
        if isinstance(seen, list | dict):  # servers differ; no clerk can have changed it meanwhile
            del which[field]
        with self._errors():
            self._of(name).update_one(which, {"$set": values})

    def post(self, changes: Sequence[Change]) -> list[int]:
        """Writes lines of the history, each with its change; the positions of those not written."""
        if not changes:
            return []
        with self._errors():
            lines = self._lines(changes)
            if self._has_transactions:
                taken = self._post_at_once(lines)
            else:
                taken = self._insert_lines(lines, None)
                self._carry_out([line for at, line in enumerate(lines) if at not in set(taken)])
            self._check_heard([lines[at] for at in taken])
        return taken

    def unfinished(self) -> list[str]:
        """The lines, by their ids, whose changes are not carried out, now or for ever."""
        with self._errors():
            return [line["_id"] for line in self._of(HISTORY.name).find({PENDING: 1}, ["_id"])]

    def finish(self, lines: Sequence[str]) -> None:
        """Waits for these lines' changes, and carries out those of somebody who has died."""
        if lines:
            with self._errors():
                self._settle({"_id": {"$in": list(lines)}})

    @property
    def _has_transactions(self) -> bool:
        """Whether it is a replica set or a mongos, as the server says of itself."""
        return self._hello.get("msg") == "isdbgrid" or "setName" in self._hello

    def _settle(self, which: Mapping[str, Any]) -> None:
        """Waits until no such line is pending; carries them out if that takes too long."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while lines := list(self._of(HISTORY.name).find({PENDING: 1, **which})):
            if time.monotonic() > deadline:
                self._carry_out(lines)
            else:
                time.sleep(_PAUSE_SECONDS)

    def _last(self, places: Iterable[RecordKey]) -> dict[tuple[str, Any], int | None]:
        """The number of the last line that changed each of the records that are there."""
        ids: dict[str, list[Any]] = {}
        for place in places:
            ids.setdefault(place.collection.name, []).append(_home(place)[1])
        return {
            (name, found["_id"]): found.get(LAST)
            for name, some in ids.items()
            for found in self._by_ids(name, some, ("_id", LAST))
        }

    def _lines(self, changes: Sequence[Change]) -> list[RawDocument]:
        """The documents of the lines, with the steps that carry them out."""
        looked_up = [c.target for c in changes if c.target != c.subject and c.before is not None]
        if len(changes) > 1:
            looked_up += [change.subject for change in changes]
        last = self._last(looked_up)
        lines: list[RawDocument] = []
        for change in changes:
            line: RawDocument = {**change.entry}
            line["_id"] = key_texts([[line[name]] for name in HISTORY.key])[0]
            lines.append(line | {PENDING: 1, _STEPS: _steps(change, last)})
        return lines

    def _post_at_once(self, lines: Sequence[RawDocument]) -> list[int]:
        """Writes lines and changes in a transaction: all of them, or none."""

        def write(session: ClientSession) -> bool:
            if self._insert_lines(lines, session):
                session.abort_transaction()
                return False
            self._carry_out(lines, session)
            return True

        with self._client.start_session() as session:
            is_written = session.with_transaction(write)
        return [] if is_written else list(range(len(lines)))

    def _insert_lines(self, lines: Sequence[RawDocument], session: _Session) -> list[int]:
        """Inserts lines; the positions of those whose numbers are taken."""
        try:
            self._of(HISTORY.name).insert_many(lines, ordered=False, session=session)
        except errors.BulkWriteError as error:
            faults = error.details["writeErrors"]
            if any(fault["code"] != DUPLICATE_KEY for fault in faults):
                raise
            return sorted(fault["index"] for fault in faults)
        return []

    def _check_heard(self, lines: Sequence[RawDocument]) -> None:
        """Raises StoreError if a line's number was taken, and its record will never know of that.

        A record keeps the number of the line that changed it last. Servers whose updates are not
        atomic, such as FerretDB 1, may put back an older one; whoever asks for the next number
        would then be given for ever one that is taken.
        """
        ids = [line["_id"] for line in lines]
        carried_out = {
            line["_id"]
            for line in (self._of(HISTORY.name).find({"_id": {"$in": ids}}) if ids else ())
            if PENDING not in line
        }
        for line in lines:
            if line["_id"] not in carried_out:
                continue
            subject = line[_STEPS][-1]
            for found in self._by_ids(subject["in"], [subject["_id"]], ("_id", LAST)):
                if (found.get(LAST) or line["number"]) < line["number"]:
                    raise StoreError(
                        f"MongoDB at {self._shown} has lost a change: {subject['in']} "
                        f"{line['record']} does not know of number {line['number']} of its "
                        "history. --check says what is wrong, --export saves what is there "
                        "for another database. Several clerks at once need a server whose updates "
                        "are atomic, as those of MongoDB are"
                    )

    def _carry_out(self, lines: Sequence[RawDocument], session: _Session = None) -> None:
        """Does the steps of lines: the records' first, then those of their subjects."""
        first = [line for line in lines if len(line[_STEPS]) > 1]
        self._do([(line, line[_STEPS][0]) for line in first], session)
        done = self._do([(line, line[_STEPS][-1]) for line in lines], session)
        if done < len(lines):
            for line in first:
                self._take_back(line)
        ids = [line["_id"] for line in lines]
        self._of(HISTORY.name).update_many(
            {"_id": {"$in": ids}}, {"$unset": {PENDING: "", _STEPS: ""}}, session=session
        )

    def _do(self, steps: Sequence[tuple[RawDocument, RawDocument]], session: _Session) -> int:
        """Does steps of lines, if they have not been done; how many had to be."""
        operations: dict[str, list[_Operation]] = {}
        for line, step in steps:
            operations.setdefault(step["in"], []).extend(_operations(line["number"], step))
        done = 0
        for name, some in operations.items():
            try:
                result = self._of(name).bulk_write(some, ordered=False, session=session)
                done += result.matched_count + result.inserted_count + result.deleted_count
            except errors.BulkWriteError as error:
                if any(fault["code"] != DUPLICATE_KEY for fault in error.details["writeErrors"]):
                    raise
                done += sum(error.details[count] for count in ("nMatched", "nInserted", "nRemoved"))
        return done

    def _take_back(self, line: RawDocument) -> None:
        """Removes the record that a line's first step has inserted, if that came too late.

        Somebody else has carried the line out, and the record was removed again meanwhile.
        """
        same = {name: line[name] for name in ("record", "collection", "changed", "user_id")}
        later = self._of(HISTORY.name).find_one(
            {**same, "number": {"$gt": line["number"]}}, sort=[("number", -1)]
        )
        if later is not None and later["after"] is None:
            step = line[_STEPS][0]
            self._of(step["in"]).delete_one({"_id": step["_id"], LAST: line["number"]})


def _correction(found: RawDocument, stock: str, wanted: Any) -> UpdateOne:
    """What makes another number of the first stock, and the stock as much more or less."""
    first = found.get(FIRST_STOCK)
    same = {"_id": found["_id"], FIRST_STOCK: first}
    if first is None or wanted is None:
        return UpdateOne(same, {"$set": {stock: wanted, FIRST_STOCK: wanted}})
    return UpdateOne(same, {"$inc": {stock: wanted - first}, "$set": {FIRST_STOCK: wanted}})


def _home(place: RecordKey) -> tuple[str, Any]:
    """The collection and the `_id` of a record."""
    return place.collection.name, key_texts([[value] for value in place.key])[0]


def _steps(change: Change, last: Mapping[tuple[str, Any], int | None]) -> list[RawDocument]:
    """What carries out a change: a step for the record, and one for its subject if that differs."""
    target, subject = _home(change.target), _home(change.subject)
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


def _operations(number: int, step: RawDocument) -> list[_Operation]:
    """Return a step as operations that do nothing if it has been done before.

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

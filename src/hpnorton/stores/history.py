"""The history: an entry for each change of a record since it was imported.

It is a collection like any other, so it can be queried, exported and imported. The entries of a
record are numbered from 1. Two clerks cannot both write the next number, so they cannot both rent
out the last item.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from hpnorton.schema.collection import Collection
from hpnorton.schema.field import Field
from hpnorton.schema.stored import Value


class StockRow(NamedTuple):
    """A record's key, the stock that was imported, its stock now, and `last_entry`.

    That is the number of the last history entry whose change is in the stock, 0 if there is none.
    It is None if stock and history are read in one snapshot.
    """

    key: Value
    first: Value
    stock: Value
    last_entry: int | None


class Kind(StrEnum):
    """The kind of a history entry."""

    RENT = "rent"
    RETURN = "return"
    ADJUST = "adjust"
    ADD = "add"
    EDIT = "edit"
    IMPORT = "import"


# An entry is the `number`th of the record with the key `record` in `collection`. It adds `delta` to
# the record's stock, which is `stock` afterwards. The record that changed is in the collection
# `changed`; `before` and `after` are this record, or the fields that differ, as JSON.
HISTORY = Collection(
    "history",
    (
        Field("record", required=True),
        Field("collection", required=True),
        Field("number", "integer", required=True),
        Field("at", "datetime", required=True),
        Field("kind", required=True),
        Field("user_id"),
        Field("delta", "integer"),
        Field("stock", "integer"),
        Field("reason"),
        Field("changed", required=True),
        Field("before"),
        Field("after"),
    ),
    ("record", "collection", "number"),
    lookups=("user_id",),
)


_PART = re.compile(r"((?:\\.|[^\\|])*)\|", re.DOTALL)  # of a key's text, and the end of it


def key_texts(columns: Sequence[Sequence[Value]]) -> Sequence[Value]:
    """Return the keys of records, each as one value; `columns` are those of the key's fields.

    [["C1", "C2"]] gives ["C1", "C2"]; [["C1", "C2"], [7, 8]] gives ["C1|7", "C2|8"]. In a key of
    several fields, `|` and backslashes are escaped, so that no two keys have the same text.
    """
    if len(columns) == 1:
        return columns[0]
    texts = [[str(value) for value in column] for column in columns]
    if any("|" in text or "\\" in text for column in texts for text in column):
        texts = [[re.sub(r"[|\\]", r"\\\g<0>", text) for text in column] for column in texts]
    return ["|".join(parts) for parts in zip(*texts)]


class RecordKey(NamedTuple):
    """The address of a record: its collection and its key."""

    collection: Collection
    key: tuple[Value, ...]

    @property
    def text(self) -> str:
        """The key as the history has it: see key_texts."""
        return str(key_texts([[part] for part in self.key])[0])

    @staticmethod
    def from_text(collection: Collection, text: str) -> "RecordKey | None":
        """Return the key that has this text in a collection, or None if no key can have it."""
        parts = [text]
        if len(collection.key) > 1:
            parts = [re.sub(r"\\(.)", r"\1", part) for part in _PART.findall(text + "|")]
        fields = {field.name: field for field in collection.fields}
        try:
            key = [fields[n].convert(part) for n, part in zip(collection.key, parts, strict=True)]
        except ValueError:  # of other types, or too few or too many
            return None
        found = RecordKey(collection, tuple(key))
        return found if found.text == text else None


@dataclass(frozen=True, kw_only=True)
class Change:  # pylint: disable=too-many-instance-attributes # as many as a history entry
    """A change of one record, and its history entry.

    `target` is the record that changes from `before` (None: a new record) to `after` (None: it is
    deleted); both hold the same fields. `subject` is the record whose history gets the entry, with
    the number `number`, and to whose stock `delta` is added. Both may be the same record. `at` is
    ISO 8601 in UTC.
    """

    kind: Kind
    subject: RecordKey
    number: int
    target: RecordKey
    before: Mapping[str, Value] | None
    after: Mapping[str, Value] | None
    user_id: str | None = None
    delta: int | None = None
    stock: int | None = None
    reason: str | None = None
    at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())

    @property
    def entry(self) -> dict[str, Value]:
        """The history entry, as a record of HISTORY."""
        return {
            "record": self.subject.text,
            "collection": self.subject.collection.name,
            "number": self.number,
            "at": self.at,
            "kind": self.kind.value,
            "user_id": self.user_id,
            "delta": self.delta,
            "stock": self.stock,
            "reason": self.reason,
            "changed": self.target.collection.name,
            "before": _as_json(self.before),
            "after": _as_json(self.after),
        }

    @property
    def other_values(self) -> dict[str, Value]:
        """The values that the record gets, except the stock, to which the delta is added."""
        after = self.after or {}
        return {name: after[name] for name in after if name != self.target.collection.stock}


def _as_json(document: Mapping[str, Value] | None) -> str | None:
    return None if document is None else json.dumps(document, ensure_ascii=False)

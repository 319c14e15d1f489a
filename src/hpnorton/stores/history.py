"""The history: what was changed in the store's records since they were imported, line by line.

It is a collection like any other, so that it can be asked, exported and imported. The lines of one
record are numbered from 1; two clerks cannot both write the next one, which is what keeps them from
renting out the same last item.
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


class Kind(StrEnum):
    """What has happened."""

    RENT = "rent"
    RETURN = "return"
    ADJUST = "adjust"
    ADD = "add"
    EDIT = "edit"
    IMPORT = "import"


# `record` is the key of the record whose `number`th line it is, `collection` its own. `delta` is
# what is added to the stock, which is `stock` then. `changed` is the collection whose record has
# changed, `before` and `after` that record, or what differs of it, as JSON.
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
    """The keys of records, each as one value, from the columns of their fields.

    The key itself if it has one field; else its fields with `|` between them. Within a field `|`
    and a backslash are escaped, so that no two keys have the same text.
    """
    if len(columns) == 1:
        return columns[0]
    texts = [[str(value) for value in column] for column in columns]
    if any("|" in text or "\\" in text for column in texts for text in column):
        texts = [[re.sub(r"[|\\]", r"\\\g<0>", text) for text in column] for column in texts]
    return ["|".join(parts) for parts in zip(*texts)]


class RecordKey(NamedTuple):
    """Where a record is, or will be."""

    collection: Collection
    key: tuple[Value, ...]

    @property
    def text(self) -> str:
        """The key as the history keeps it."""
        return str(key_texts([[part] for part in self.key])[0])

    @staticmethod
    def from_text(collection: Collection, text: str) -> "RecordKey | None":
        """Return the key of a collection's record that has this text, if one can have it."""
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
class Change:  # pylint: disable=too-many-instance-attributes # a line of the history has as many
    """A change of one record, and the line of the history that tells it.

    `target` is the record: from `before` (None: it is not there) to `after` (None: it is removed);
    both hold the same fields. `subject` is the record to whose history the line belongs, as its
    `number`th, and to whose stock `delta` is added. Both may be the same record. `at` is ISO 8601
    in UTC.
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
        """The record of HISTORY."""
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
        """What the record holds afterwards, but for the stock, which only grows by the delta."""
        after = self.after or {}
        return {name: after[name] for name in after if name != self.target.collection.stock}


def _as_json(document: Mapping[str, Value] | None) -> str | None:
    return None if document is None else json.dumps(document, ensure_ascii=False)

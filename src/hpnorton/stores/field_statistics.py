"""How often the fields of records have which types: statistics that merge in any order."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any

_MAX_CHARACTERS = 60


@dataclass(frozen=True)
class Example:
    """A value of a field as it can be shown; the one of the first range is kept."""

    range_number: int
    value: str | int | float | bool

    @classmethod
    def of(cls, range_number: int, value: Any) -> "Example":
        """Return a value as an example: long texts are cut; what JSON lacks becomes text."""
        if isinstance(value, bytes):
            value = value.hex()
        if isinstance(value, bool | int) or (isinstance(value, float) and isfinite(value)):
            return cls(range_number, value)
        text = str(value)
        return cls(
            range_number,
            text if len(text) <= _MAX_CHARACTERS else f"{text[: _MAX_CHARACTERS - 3]}...",
        )


@dataclass
class FieldStatistics:
    """How often a field was seen with which types, and in how many records.

    The two numbers differ for fields within arrays. `column` is the index of a table's column, for
    sorting.
    """

    types: Counter[str] = field(default_factory=Counter)
    records: int = 0
    example: Example | None = None
    column: int = 0

    @property
    def count(self) -> int:
        """How often the field was seen."""
        return self.types.total()

    def merge(self, other: "FieldStatistics") -> None:
        """Add what was seen in other records."""
        self.types.update(other.types)
        self.records += other.records
        examples = [one for one in (self.example, other.example) if one is not None]
        self.example = min(examples, key=lambda one: one.range_number, default=None)


@dataclass
class CollectionStatistics:
    """The fields of records, by path such as `address.city` or `tags[]`, and how many records."""

    records: int = 0
    fields: dict[str, FieldStatistics] = field(default_factory=dict)

    def add(self, fields: Sequence[tuple[str, str]], records: int) -> None:
        """Count `records` more records with these fields, given as (path, type) in any order."""
        self.records += records
        for path, kind in fields:
            self.fields.setdefault(path, FieldStatistics()).types[kind] += records
        for path in {path for path, _ in fields}:
            self.fields[path].records += records

    def merge(self, other: "CollectionStatistics") -> None:
        """Add the statistics of other records."""
        self.records += other.records
        for path, seen in other.fields.items():
            if path in self.fields:
                self.fields[path].merge(seen)
            else:
                self.fields[path] = replace(seen, types=Counter(seen.types))

    def in_order(self) -> list[tuple[str, FieldStatistics]]:
        """Return the fields in the order of a table's columns, or of their paths."""
        return sorted(self.fields.items(), key=lambda item: (item[1].column, item[0]))

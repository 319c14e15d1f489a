"""What is known of the fields of some records: tallies, which merge in any order."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any

_LONGEST = 60


@dataclass(frozen=True)
class Example:
    """A value of a field as it can be shown; of several the one of the first range is kept."""

    range_number: int
    value: str | int | float | bool

    @classmethod
    def of(cls, range_number: int, value: Any) -> "Example":
        """The example that a value makes: long texts are cut, and what JSON lacks becomes text."""
        if isinstance(value, bytes):
            value = value.hex()
        if isinstance(value, bool | int) or (isinstance(value, float) and isfinite(value)):
            return cls(range_number, value)
        text = str(value)
        return cls(range_number, text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}...")


@dataclass
class Seen:
    """How often a field was seen with which types, and in how many records.

    The two differ for what is in an array. `place` is the column's number in a table, for sorting.
    """

    types: Counter[str] = field(default_factory=Counter)
    records: int = 0
    example: Example | None = None
    place: int = 0

    @property
    def count(self) -> int:
        """How often the field was seen."""
        return self.types.total()

    def merge(self, other: "Seen") -> None:
        """Adds what was seen elsewhere."""
        self.types.update(other.types)
        self.records += other.records
        examples = [one for one in (self.example, other.example) if one is not None]
        self.example = min(examples, key=lambda one: one.range_number, default=None)


@dataclass
class FieldTally:
    """The fields of some records, by path, and how many records these are."""

    records: int = 0
    fields: dict[str, Seen] = field(default_factory=dict)

    def add(self, fields: Sequence[tuple[str, str]], records: int) -> None:
        """Counts so many more records that have these fields: paths with types, in any order."""
        self.records += records
        for path, kind in fields:
            self.fields.setdefault(path, Seen()).types[kind] += records
        for path in {path for path, _ in fields}:
            self.fields[path].records += records

    def merge(self, other: "FieldTally") -> None:
        """Adds the tally of other records."""
        self.records += other.records
        for path, seen in other.fields.items():
            if path in self.fields:
                self.fields[path].merge(seen)
            else:
                self.fields[path] = replace(seen, types=Counter(seen.types))

    def in_order(self) -> list[tuple[str, Seen]]:
        """The fields in the order of a table's columns, or of their names."""
        return sorted(self.fields.items(), key=lambda item: (item[1].place, item[0]))

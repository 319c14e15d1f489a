"""A column of stored values: what is wrong with each, counted."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from hpnorton.fields import Field

# All but those that lay out a text: tab, line feed, carriage return.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


@dataclass
class Counts:
    """How many records have what fault in a field.

    A record may have several. `lost` is what is missing from the full score, in quarters of a
    record: WHOLE for a record whose value is invalid, one for a value that is suspicious or, where
    that is allowed, missing; of each record only the worst counts.
    """

    missing: int = 0
    type_errors: int = 0
    constraint_errors: int = 0
    duplicates: int = 0
    orphans: int = 0
    untrimmed: int = 0
    control: int = 0
    outliers: int = 0
    lost: int = 0

    WHOLE: ClassVar[int] = 4

    def merge(self, other: "Counts") -> None:
        """Adds the counts of other records."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


def numbers(values: Sequence[Any]) -> Sequence[int | float]:
    """Those of the values that are finite numbers."""
    kinds = set(map(type, values))
    numeric = {kind for kind in kinds if issubclass(kind, int | float) and kind is not bool}
    if numeric != kinds:
        values = [value for value in values if type(value) in numeric]
    if all(map(math.isfinite, values)):
        return values
    return [value for value in values if math.isfinite(value)]


def check_column(
    field: Field,
    values: Sequence[Any],
    limits: tuple[float, float] | None,
    *,
    is_needed: bool,
    duplicates: AbstractSet[int],
    orphans: AbstractSet[int],
) -> Counts:
    """The counts of a field in some records.

    Numbers are usual within `limits` (None: it has none); `is_needed` says that a value must not
    be missing; at `duplicates` and `orphans` the records' keys or references are at fault.
    """
    kinds = set(map(type, values))
    missing = _missing(field, values, kinds)
    faults = _faults(field, values, missing)
    texts = values
    if kinds != {str}:
        texts = [value if isinstance(value, str) else "" for value in values]
    untrimmed, control = (_untrimmed(texts), _control(texts)) if str in kinds else ((), ())
    outliers = _outliers(values, *limits) if limits else ()
    invalid = faults.keys() | duplicates | orphans | (missing if is_needed else set())
    suspicious = set().union(untrimmed, control, outliers, missing) - invalid
    codes = Counter(faults.values())
    return Counts(
        missing=len(missing),
        type_errors=codes["type-error"],
        constraint_errors=codes["constraint-error"],
        duplicates=len(duplicates),
        orphans=len(orphans),
        untrimmed=len(untrimmed),
        control=len(control),
        outliers=len(outliers),
        lost=Counts.WHOLE * len(invalid) + len(suspicious),
    )


def _missing(field: Field, values: Sequence[Any], kinds: AbstractSet[type]) -> set[int]:
    """Where nothing is stored, or a text that stands for nothing."""
    has_texts = str in kinds and any(map(values.count, field.missing_values))
    if not has_texts and type(None) not in kinds:
        return set()
    nothing = (None, *field.missing_values)
    return {at for at, value in enumerate(values) if value in nothing}


def _faults(field: Field, values: Sequence[Any], missing: AbstractSet[int]) -> dict[int, str]:
    """Where values are not what the field allows, with the codes of that.

    Each distinct value is checked once, where values are all of one type: 1, 1.0 and true are
    equal. Of numbers the least and the greatest tell for all, unless there are more rules.
    """
    present = [v for at, v in enumerate(values) if at not in missing] if missing else values
    kinds = set(map(type, present))
    if not present or (field.is_plain_text and kinds == {str}):
        return {}
    if len(kinds) > 1 or not present[0].__hash__:
        checked = ((at, field.stored_fault(values[at])) for at in _others(values, missing))
        return {at: code for at, code in checked if code is not None}
    some: Iterable[Any] = set(present)
    if kinds <= {int, float} and not field.enum and field.type in ("integer", "number"):
        if all(map(math.isfinite, present)):
            ends = (min(present), max(present))
            some = some if any(map(field.stored_fault, ends)) else ()
    bad = {value: code for value in some if (code := field.stored_fault(value)) is not None}
    if not bad:
        return {}
    return {at: bad[value] for at, value in enumerate(values) if at not in missing and value in bad}


def _others(values: Sequence[Any], missing: AbstractSet[int]) -> Iterator[int]:
    return (at for at in range(len(values)) if at not in missing)


def _untrimmed(texts: Sequence[str]) -> Sequence[int]:
    """Where a text begins or ends with white space."""
    trimmed = list(map(str.strip, texts))
    if trimmed == list(texts):
        return ()
    return [at for at, (text, bare) in enumerate(zip(texts, trimmed)) if text != bare]


def _control(texts: Sequence[str]) -> Sequence[int]:
    """Where a text holds control characters. One look at all texts is enough where none does."""
    whole = "".join(texts)
    if whole.isprintable() or not _CONTROL.search(whole):
        return ()
    return [at for at, text in enumerate(texts) if _CONTROL.search(text)]


def _outliers(values: Sequence[Any], low: float, high: float) -> Sequence[int]:
    """Where a number is far from the others."""
    known = numbers(values)
    if not known or (low <= min(known) and max(known) <= high):
        return ()
    return [at for at, value in enumerate(values) if numbers((value,)) and not low <= value <= high]

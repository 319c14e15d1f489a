"""A column of stored values: what is wrong with each, counted."""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple

from hpnorton.schema.field import Field
from hpnorton.tabular import keys
from hpnorton.tabular.marks import WHOLE, find_marks

# All but those that lay out a text: tab, line feed, carriage return.
# Blanks, line ends, and what joins or parts letters, or tells how to draw the one before.
_USED_IN_WRITING = "\t\n\r \xa0\xad\u200c\u200d\u202f\u3000\ufe0e\ufe0f"
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
    decomposed: int = 0
    marks: int = 0
    twins: int = 0
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
    twins: Collection[int] = (),
) -> Counts:
    """The counts of a field in some records.

    Numbers are usual within `limits` (None: it has none); `is_needed` says that a value must not
    be missing; at `duplicates` and `orphans` the records' keys or references are at fault, at
    `twins` their keys differ from others in case alone.
    """
    kinds = set(map(type, values))
    missing = _missing(field, values, kinds)
    faults = _faults(field, values, missing)
    texts = values
    if kinds != {str}:
        texts = [value if isinstance(value, str) else "" for value in values]
    odd = _odd(field, texts) if str in kinds else _Odd()
    outliers = _outliers(values, *limits) if limits else ()
    invalid = faults.keys() | duplicates | orphans | (missing if is_needed else set())
    suspicious = set().union(*odd, twins, outliers, missing) - invalid
    codes = Counter(faults.values())
    return Counts(
        missing=len(missing),
        type_errors=codes["type-error"],
        constraint_errors=codes["constraint-error"],
        duplicates=len(duplicates),
        orphans=len(orphans),
        untrimmed=len(odd.untrimmed),
        control=len(odd.control),
        decomposed=len(odd.decomposed),
        marks=len(odd.marks),
        twins=len(twins),
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
        checked = ((at, field.find_stored_error(values[at])) for at in _others(values, missing))
        return {at: code for at, code in checked if code is not None}
    some: Iterable[Any] = set(present)
    # Between whole doubles there may be fractions.
    are_alike = field.type == "number" or (field.type == "integer" and kinds == {int})
    if are_alike and kinds <= {int, float} and not field.enum:
        if all(map(math.isfinite, present)):
            ends = (min(present), max(present))
            some = some if any(map(field.find_stored_error, ends)) else ()
    bad = {value: code for value in some if (code := field.find_stored_error(value)) is not None}
    if not bad:
        return {}
    return {at: bad[value] for at, value in enumerate(values) if at not in missing and value in bad}


def _others(values: Sequence[Any], missing: AbstractSet[int]) -> Iterator[int]:
    return (at for at in range(len(values)) if at not in missing)


class _Odd(NamedTuple):
    """Where texts hold what deserves a look, by what that is."""

    untrimmed: Sequence[int] = ()
    control: Sequence[int] = ()
    decomposed: Sequence[int] = ()
    marks: Sequence[int] = ()


def _odd(field: Field, texts: Sequence[str]) -> _Odd:
    """One look at all texts together is enough where none is odd."""
    whole = "".join(texts)
    has_unseen, is_composed = keys.has_invisible(whole), keys.is_nfc(whole)
    trim = keys.trim if has_unseen else str.strip
    bare = list(map(trim, texts))
    places = range(len(texts))
    return _Odd(
        [at for at in places if texts[at] != bare[at]] if bare != list(texts) else (),
        [at for at in places if _holds_control(field, texts[at])] if has_unseen else (),
        () if is_composed else [at for at in places if not keys.is_nfc(texts[at])],
        () if _may_not_be_marks(texts, whole) else find_marks(texts),
    )


def _may_not_be_marks(texts: Sequence[str], whole: str) -> bool:
    return WHOLE.isdisjoint(texts) and "=" not in whole and "'" not in whole


def _holds_control(field: Field, text: str) -> bool:
    """Whether a text holds control characters, or within it others that nobody sees."""
    if _CONTROL.search(text):
        return True
    allowed = " " if field.is_key else _USED_IN_WRITING
    inner = keys.trim(text)
    return not inner.isprintable() and any(
        keys.is_invisible(char) and char not in allowed for char in inner
    )


def _outliers(values: Sequence[Any], low: float, high: float) -> Sequence[int]:
    """Where a number is far from the others."""
    known = numbers(values)
    if not known or (low <= min(known) and max(known) <= high):
        return ()
    return [at for at, value in enumerate(values) if numbers((value,)) and not low <= value <= high]

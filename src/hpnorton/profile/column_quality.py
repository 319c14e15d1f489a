"""The quality of a column of stored values, as counts of records by fault."""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple

from hpnorton.schema.field import Field
from hpnorton.tabular import keys
from hpnorton.tabular.marks import WHOLE, find_marks

# Invisible characters of ordinary text: blanks, line ends, joiners and variation selectors.
_USED_IN_WRITING = "\t\n\r \xa0\xad\u200c\u200d\u202f\u3000\ufe0e\ufe0f"
# Control characters other than tab, line feed and carriage return.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


@dataclass
class QualityCounts:
    """The numbers of records with each fault in a field; a record may have several.

    `lost` is what the score lacks, in quarters of a record: WHOLE for an invalid value, one for a
    value that is suspicious or, where that is allowed, missing. Of each record only the worst fault
    counts.
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

    def merge(self, other: "QualityCounts") -> None:
        """Add the counts of other records."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


def finite_numbers(values: Sequence[Any]) -> Sequence[int | float]:
    """Return those of the values that are finite numbers."""
    types = set(map(type, values))
    numeric = {each for each in types if issubclass(each, int | float) and each is not bool}
    if numeric != types:
        values = [value for value in values if type(value) in numeric]
    if all(map(math.isfinite, values)):
        return values
    return [value for value in values if math.isfinite(value)]


def assess_column(
    field: Field,
    values: Sequence[Any],
    limits: tuple[float, float] | None,
    *,
    is_needed: bool,
    duplicates: AbstractSet[int],
    orphans: AbstractSet[int],
    twins: Collection[int] = (),
) -> QualityCounts:
    """Return the counts of a field in records, whose values of it are `values`.

    Numbers outside `limits` are outliers; `is_needed` says that a value must not be missing. The
    other parameters are indexes of records: those whose keys are not unique (`duplicates`), whose
    references are not there (`orphans`), and whose keys differ from others in case alone (`twins`).
    """
    types = set(map(type, values))
    missing = _find_missing(field, values, types)
    errors = _find_errors(field, values, missing)
    texts = values
    if types != {str}:
        texts = [value if isinstance(value, str) else "" for value in values]
    odd = _find_odd(field, texts) if str in types else _OddTexts()
    outliers = _find_outliers(values, *limits) if limits else ()
    invalid = errors.keys() | duplicates | orphans | (missing if is_needed else set())
    suspicious = set().union(*odd, twins, outliers, missing) - invalid
    codes = Counter(errors.values())
    return QualityCounts(
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
        lost=QualityCounts.WHOLE * len(invalid) + len(suspicious),
    )


def _find_missing(field: Field, values: Sequence[Any], types: AbstractSet[type]) -> set[int]:
    """Return the indexes of null, and of texts that mean null."""
    has_texts = str in types and any(map(values.count, field.missing_values))
    if not has_texts and type(None) not in types:
        return set()
    nulls = (None, *field.missing_values)
    return {at for at, value in enumerate(values) if value in nulls}


def _find_errors(field: Field, values: Sequence[Any], missing: AbstractSet[int]) -> dict[int, str]:
    """Return the codes of values that the field does not allow, by index.

    Each distinct value is checked once if all are of one type (1, 1.0 and true are equal).
    """
    present = [v for at, v in enumerate(values) if at not in missing] if missing else values
    types = set(map(type, present))
    if not present or (field.is_plain_text and types == {str}):
        return {}
    if len(types) > 1 or not present[0].__hash__:
        indexes = (at for at in range(len(values)) if at not in missing)
        codes = ((at, field.find_stored_error(values[at])) for at in indexes)
        return {at: code for at, code in codes if code is not None}
    if _are_within_limits(field, present, types):
        return {}
    distinct: Iterable[Any] = set(present)
    bad = {v: code for v in distinct if (code := field.find_stored_error(v)) is not None}
    if not bad:
        return {}
    return {at: bad[value] for at, value in enumerate(values) if at not in missing and value in bad}


def _are_within_limits(field: Field, values: Sequence[Any], types: AbstractSet[type]) -> bool:
    """Return whether all values are numbers and valid, which the extreme ones prove."""
    # Between two valid floats of an integer field there may be fractions.
    is_ordered = field.type == "number" or (field.type == "integer" and types == {int})
    if not is_ordered or not types <= {int, float} or field.enum:
        return False
    if not all(map(math.isfinite, values)):
        return False
    return not any(map(field.find_stored_error, (min(values), max(values))))


class _OddTexts(NamedTuple):
    """The indexes of suspicious texts, by reason."""

    untrimmed: Sequence[int] = ()
    control: Sequence[int] = ()
    decomposed: Sequence[int] = ()
    marks: Sequence[int] = ()


def _find_odd(field: Field, texts: Sequence[str]) -> _OddTexts:
    """Find suspicious texts; all texts together are tested first, since mostly none is."""
    whole = "".join(texts)
    has_invisible, is_nfc = keys.has_invisible(whole), keys.is_nfc(whole)
    trim = keys.trim if has_invisible else str.strip
    bare = list(map(trim, texts))
    indexes = range(len(texts))
    return _OddTexts(
        [at for at in indexes if texts[at] != bare[at]] if bare != list(texts) else (),
        [at for at in indexes if _holds_control(field, texts[at])] if has_invisible else (),
        () if is_nfc else [at for at in indexes if not keys.is_nfc(texts[at])],
        () if _may_not_be_marks(texts, whole) else find_marks(texts),
    )


def _may_not_be_marks(texts: Sequence[str], whole: str) -> bool:
    return WHOLE.isdisjoint(texts) and "=" not in whole and "'" not in whole


def _holds_control(field: Field, text: str) -> bool:
    """Return whether a text holds control characters, or invisible ones inside."""
    if _CONTROL.search(text):
        return True
    allowed = " " if field.is_key else _USED_IN_WRITING
    inner = keys.trim(text)
    return not inner.isprintable() and any(
        keys.is_invisible(char) and char not in allowed for char in inner
    )


def _find_outliers(values: Sequence[Any], low: float, high: float) -> Sequence[int]:
    """Return the indexes of numbers outside the limits."""
    known = finite_numbers(values)
    if not known or (low <= min(known) and max(known) <= high):
        return ()
    return [
        at
        for at, value in enumerate(values)
        if finite_numbers((value,)) and not low <= value <= high
    ]

"""Messages about headers that do not fit a collection."""

import difflib
from collections.abc import Sequence

from hpnorton.schema.collection import Collection
from hpnorton.tabular.keys import fold_case

_MAX_LISTED = 10  # columns in a message
_LONG = 100  # characters of a column's name


def unknown_columns(header: Sequence[str], collection: Collection) -> str:
    """Return which columns a collection does not know, and which ones may be meant."""
    known, name = collection.columns, collection.name
    unknown = [each for each in header if each not in known]
    message = f"the header has {listed(unknown)}, which {name} does not know"
    if len(unknown) > _MAX_LISTED or max(map(len, unknown)) > _LONG:
        return f"{message}; is it a file of {name}?"
    meant = _meant(unknown, [each for each in known if each not in header])
    rest = [each for each in unknown if each not in meant]
    if len(rest) == len(header):
        return (
            f"{message}; it does not look like a file of {name}: say COLLECTION=FILE with another"
        )
    advice = _advice(rest, collection, [*header, *meant.values()])
    if not meant:
        return f"{message}; {advice}"
    message += f"; did you mean {listed(list(meant.values()))}"
    if not rest:
        return f"{message}?"
    return f"{message} in place of {listed(list(meant))}? {advice[0].upper()}{advice[1:]}"


def nameless_columns(header: Sequence[str]) -> str:
    """Return which columns have no name."""
    numbers = [at for at, name in enumerate(header, 1) if not name]
    if numbers == list(range(len(header) - len(numbers) + 1, len(header) + 1)):
        commas = "a comma" if len(numbers) == 1 else f"{len(numbers):,} commas"
        return (
            f"the header ends in {commas} without a name; give the column a name, or remove "
            "it from each line"
        )
    shown = ", ".join(f"{at:,}" for at in numbers[:_MAX_LISTED])
    which = f"column {shown} has" if len(numbers) == 1 else f"columns {shown} have"
    return f"{which} no name in the header; name each column, or remove it from the file"


def _advice(rest: Sequence[str], collection: Collection, present: Sequence[str]) -> str:
    """Return what to do about unknown columns, one of which may be the key by another name."""
    if lost := [key for key in collection.key if key not in present]:
        return (
            f"the key {', '.join(lost)} of {collection.name} is missing: rename the column that "
            "holds it"
        )
    again = "it" if len(rest) == 1 else "them"
    return f"remove {listed(rest)} from the file, or describe {again} in datapackage.json"


def listed(names: Sequence[str]) -> str:
    """Return the names of columns for a message, the first ten of many."""
    more = f" and {len(names) - _MAX_LISTED:,} more" if len(names) > _MAX_LISTED else ""
    first = ", ".join(map(_shortened, names[:_MAX_LISTED]))
    return ("column " if len(names) == 1 else "columns ") + first + more


def _meant(unknown: Sequence[str], free: Sequence[str]) -> dict[str, str]:
    """Return the column that is probably meant by each unknown one, if any."""
    spelt = {_plain(each): each for each in free}
    meant = {each: spelt[_plain(each)] for each in unknown if _plain(each) in spelt}
    for each in unknown:
        left = [name for name in free if name not in meant.values()]
        if each not in meant and (close := difflib.get_close_matches(each, left, n=1)):
            meant[each] = close[0]
    return {each: meant[each] for each in unknown if each in meant}


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, fold_case(name)))


def _shortened(name: str) -> str:
    return repr(name) if len(name) <= _LONG else f"{name[:_LONG]!r}..."

"""Finds the record that a typed key means, by the same rules wherever keys are typed.

Invisible characters around the key do not count, and letters are composed (see keys.py). The key is
looked up as it is typed; if no record has it, a single key that differs in case only is meant.
"""

from collections.abc import Iterable, Sequence
from itertools import product
from math import prod

from hpnorton.errors import UnknownIdError
from hpnorton.schema.stored import Value
from hpnorton.stores.base import ChangeStore, Key, Store
from hpnorton.tabular import keys

MAX_SEARCHED_CHARACTERS = 1000  # servers refuse longer expressions, each from another length on
_MAX_SPELLINGS = 64  # that are looked up by their index
_MAX_LOOKED_UP = 20_000  # spellings of all keys together


def key_from_text(text: str) -> str:
    """Return the key that a typed text stands for; the text itself if it cannot be a key."""
    try:
        return keys.to_key(text)
    except keys.KeyTextError:
        return text


def find_key(store: ChangeStore, collection: str, key: Sequence[str], wanted: Key) -> Key | None:
    """Return the stored key that a typed one means, or None.

    `key` has the names of the key's fields. Raises UnknownIdError, with the stored keys, if several
    differ from the typed one in case only.
    """
    if store.get(collection, key, wanted) is not None:
        return wanted
    alike = find_same_but_case(store, collection, key, wanted)
    if len(alike) > 1:
        listed = " and ".join(repr(_shown(each)) for each in alike)
        raise UnknownIdError(
            f"{collection} has no {', '.join(key)} {_shown(wanted)!r}, but {listed}, which differ "
            "from it in case only; type one of them exactly"
        )
    return alike[0] if alike else None


def find_same_but_case(
    store: ChangeStore,
    collection: str,
    key: Sequence[str],
    wanted: Key,
    *,
    may_search: bool = True,
) -> list[Key]:
    """Return the other stored keys that differ from one in case only, sorted.

    A few spellings are looked up. For a long key, which has many, all records are searched. If
    `may_search` is false, or the key is longer than servers can search for, there are none.
    """
    choices = [_spellings(part) for part in wanted]
    longest = max((part for part in wanted if isinstance(part, str)), key=len, default="")
    if None in wanted or prod(map(len, choices)) == 1:
        return []
    if prod(map(len, choices)) <= _MAX_SPELLINGS:
        candidates = {*product(*choices)} - {wanted}
        found = candidates - store.absent_keys(collection, key, list(zip(*candidates)))
    elif may_search and len(longest) <= MAX_SEARCHED_CHARACTERS:
        field = key[wanted.index(longest)]
        records = store.search(collection, key, [field], longest)
        found = {tuple(record[name] for name in key) for record in records}
        found = {each for each in found if _folded(each) == _folded(wanted)} - {wanted}
    else:
        found = set()
    return sorted(found, key=str)


def find_other_spellings(
    store: Store, collection: str, key: Sequence[str], wanted: Iterable[Key]
) -> dict[Key, list[Key]]:
    """Return, for each of several keys, the stored keys that differ from it in case only, if any.

    All are looked up at once. Of a long key only the spellings in capitals or small letters are
    tried, and of very many keys only the first are looked up.
    """
    others: dict[Key, set[Key]] = {}
    count = 0
    for each in wanted:
        choices = [_spellings(part) for part in each]
        if prod(map(len, choices)) <= _MAX_SPELLINGS:
            others[each] = {*product(*choices)} - {each}
        else:
            cases = (str.lower, str.upper)
            changed = (tuple(c(p) if isinstance(p, str) else p for p in each) for c in cases)
            others[each] = {*changed} - {each}
        count += len(others[each])
        if count > _MAX_LOOKED_UP:
            break
    candidates = sorted(set().union(*others.values()), key=str)
    if not candidates:
        return {}
    lost = store.absent_keys(collection, key, list(zip(*candidates)))
    found = ((each, sorted(spellings - lost, key=str)) for each, spellings in others.items())
    return {each: alike for each, alike in found if alike}


def _spellings(part: Value) -> list[Value]:
    """Return the spellings of a part of a key; more than the limit if it is long."""
    if not isinstance(part, str):
        return [part]
    letters = [list(dict.fromkeys((c, c.lower(), c.upper()))) for c in part]
    if prod(map(len, letters)) > _MAX_SPELLINGS:
        return [part] * (_MAX_SPELLINGS + 1)
    return ["".join(each) for each in product(*letters)]


def _folded(key: Key) -> list[str]:
    return [keys.fold_case(str(part)) for part in key]


def _shown(key: Key) -> str:
    return ",".join(map(str, key))

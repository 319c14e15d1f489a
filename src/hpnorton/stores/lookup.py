"""Which record somebody means who types its key: one rule, wherever keys are typed.

Invisible characters around it do not count, and letters are composed (see keys.py). The key as it
is typed counts first, then one that differs in case alone, if there is only one.
"""

from collections.abc import Iterable, Sequence
from itertools import product
from math import prod

from hpnorton.errors import UnknownIdError
from hpnorton.schema.stored import Value
from hpnorton.stores.base import CounterStore, Key, Store
from hpnorton.tabular import keys

MAX_SEARCHED_CHARACTERS = 1000  # servers refuse longer expressions, each from another length on
_MAX_SPELLINGS = 64  # that are looked up by their index
_MAX_LOOKED_UP = 20_000  # spellings of all keys together


def typed(text: str) -> str:
    """The key that a typed text stands for; the text itself if no key can be written so."""
    try:
        return keys.to_key(text)
    except keys.KeyTextError:
        return text


def meant(store: CounterStore, collection: str, key: Sequence[str], wanted: Key) -> Key | None:
    """The stored key that a typed one means, if any.

    `key` names the fields of the collection's key. Raises UnknownIdError, with the keys that are
    there, if several differ from the typed one in case alone.
    """
    if store.get(collection, key, wanted) is not None:
        return wanted
    alike = same_but_case(store, collection, key, wanted)
    if len(alike) > 1:
        listed = " and ".join(repr(_shown(each)) for each in alike)
        raise UnknownIdError(
            f"{collection} has no {', '.join(key)} {_shown(wanted)!r}, but {listed}, which differ "
            "from it in case only; type one of them exactly"
        )
    return alike[0] if alike else None


def same_but_case(
    store: CounterStore,
    collection: str,
    key: Sequence[str],
    wanted: Key,
    *,
    may_search: bool = True,
) -> list[Key]:
    """The other stored keys that differ from one in case alone, sorted.

    Few spellings are looked up; for a long key, which has many, all records are searched, unless
    that is not wanted, or the key is longer than servers can search for: then there are none.
    """
    choices = [_spellings(part) for part in wanted]
    longest = max((part for part in wanted if isinstance(part, str)), key=len, default="")
    if None in wanted or prod(map(len, choices)) == 1:
        return []
    if prod(map(len, choices)) <= _MAX_SPELLINGS:
        candidates = {*product(*choices)} - {wanted}
        found = candidates - store.absent(collection, key, list(zip(*candidates)))
    elif may_search and len(longest) <= MAX_SEARCHED_CHARACTERS:
        field = key[wanted.index(longest)]
        records = store.search(collection, key, [field], longest)
        found = {tuple(record[name] for name in key) for record in records}
        found = {each for each in found if _folded(each) == _folded(wanted)} - {wanted}
    else:
        found = set()
    return sorted(found, key=str)


def spelled_otherwise(
    store: Store, collection: str, key: Sequence[str], wanted: Iterable[Key]
) -> dict[Key, list[Key]]:
    """Return the stored keys that differ from each of several in case alone, where there are any.

    All are looked up at once. Of a long key only capitals or small letters throughout are tried,
    and of very many keys only the first are looked up.
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
    lost = store.absent(collection, key, list(zip(*candidates)))
    found = ((each, sorted(some - lost, key=str)) for each, some in others.items())
    return {each: some for each, some in found if some}


def _spellings(part: Value) -> list[Value]:
    """What a part of a key may be but for case; more than anybody looks up if it is long."""
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

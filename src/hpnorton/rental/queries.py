"""Products, customers, rentals: the questions a store asks."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import partial

from hpnorton.errors import UnknownIdError, UsageError
from hpnorton.rental.catalog import read_references
from hpnorton.rental.foreign_values import restore_integers
from hpnorton.rental.names import CUSTOMERS, DUE, PRODUCT_ID, PRODUCTS, QUANTITY, RENTALS, USER_ID
from hpnorton.schema.lexical import INT64
from hpnorton.schema.stored import Value
from hpnorton.stores import journal
from hpnorton.stores.base import Condition, CounterStore, Document, Store
from hpnorton.stores.lookup import MAX_SEARCHED_CHARACTERS, meant, same_but_case, typed
from hpnorton.tabular.keys import fold_case

# Where a text is looked for beside the key.
_SEARCHED: Mapping[str, Sequence[str]] = {
    PRODUCTS: ("description",),
    CUSTOMERS: ("Name", "Last_name", "Email_address", "Phone_number"),
}
_USUAL_KEYS: Mapping[str, tuple[str, ...]] = {
    PRODUCTS: (PRODUCT_ID,),
    CUSTOMERS: (USER_ID,),
    RENTALS: (USER_ID, PRODUCT_ID),
}

# Where an id is that was not found: the other collection, what that makes it, the question for it.
_OTHERS: Mapping[str, tuple[str, str, str]] = {
    CUSTOMERS: (PRODUCTS, "product, not a customer", "--customers-renting-product"),
    PRODUCTS: (CUSTOMERS, "customer, not a product", "--rentals-for-customer"),
}
_PAIR = (USER_ID, PRODUCT_ID)  # the key of rentals
_MOST_DIGITS = len(str(INT64.stop))


def all_products(store: Store) -> Iterator[Document]:
    """Every product, by its key."""
    return _find(store, PRODUCTS)


def available_products(store: Store) -> Iterator[Document]:
    """The products of which at least one is in stock, by their key."""
    found = _find(store, PRODUCTS, ((QUANTITY, ">", 0),))
    # To SQLite every text is greater than every number.
    return (product for product in found if not isinstance(product[QUANTITY], str | bytes))


def all_customers(store: Store) -> Iterator[Document]:
    """Every customer, by their key."""
    return _find(store, CUSTOMERS)


def all_rentals(store: Store) -> Iterator[Document]:
    """Every rental, by its key."""
    known = journal.known_collection(store, RENTALS)
    rentals = _find(store, RENTALS)
    if known is None:
        return rentals
    # Those that were imported lack what the counter notes, where a store has no columns.
    return ({name: rental.get(name) for name in known.columns} for rental in rentals)


def rentals_for_customer(store: CounterStore, user_id: str) -> Iterator[Document]:
    """The products that a customer rents, by their key. Raises UnknownIdError, UsageError."""
    references = read_references(store)
    known = _known(store, CUSTOMERS, references.customer_key, user_id, "--all-customers")
    where: Condition = (references.customer, "=", known)
    found = store.find_joined(RENTALS, where, PRODUCTS, references.product_key, references.product)
    return _as_described(store, PRODUCTS, found)


def customers_renting_product(store: CounterStore, product_id: str) -> Iterator[Document]:
    """The customers who rent a product, by their key. Raises UnknownIdError, UsageError."""
    references = read_references(store)
    known = _known(store, PRODUCTS, references.product_key, product_id, "--all-products")
    where: Condition = (references.product, "=", known)
    found = store.find_joined(
        RENTALS, where, CUSTOMERS, references.customer_key, references.customer
    )
    return _as_described(store, CUSTOMERS, found)


def overdue(store: Store) -> Iterator[Document]:
    """The rentals that should be back, the longest overdue first, with the days since then."""
    today = datetime.now(UTC).date()
    is_late: Condition = (DUE, "<", today.isoformat())
    for rental in store.find(RENTALS, _PAIR, (is_late,), sort=(DUE, *_PAIR)):
        try:
            due = date.fromisoformat(str(rental[DUE]))
        except ValueError:
            raise UsageError(
                f"the field {DUE} of {RENTALS} holds {rental[DUE]!r}, which is no day: rename it "
                "in the file and in datapackage.json"
            ) from None
        yield rental | {"days_overdue": (today - due).days}


def find(store: CounterStore, text: str) -> Iterator[Document]:
    """The products and customers that have all words in id, name, description, e-mail or phone.

    Their case does not matter. If the text is an id, as a scanner types it, that record alone is
    found, or all those whose ids differ from it in case only. Each record comes with its
    `collection`. Raises UsageError if the text is empty, or longer than any of these could be.
    """
    text = typed(text)
    if not text:
        raise UsageError(
            "say what to find: a part of an id, a name, an e-mail address or a phone number"
        )
    if len(text) > MAX_SEARCHED_CHARACTERS:
        raise UsageError(f"say what to find in at most {MAX_SEARCHED_CHARACTERS:,} characters")
    if records := list(_with_id(store, text)):
        yield from records
        return
    words = fold_case(text).split()
    for name, more in _SEARCHED.items():
        key = key_of(store, name)
        fields = (*key, *more)
        found = store.search(name, key, fields, max(text.split(), key=len))
        for record in _as_described(store, name, found):
            held = fold_case(" ".join(str(record.get(field) or "") for field in fields))
            if all(word in held for word in words):
                yield {"collection": name, **record}


def _with_id(store: CounterStore, text: str) -> Iterator[Document]:
    """The record that has this very id, or those whose ids differ from it in case alone."""
    own_keys = {name: key_of(store, name) for name in _SEARCHED}
    for name, key in own_keys.items():
        if record := _record(store, name, key, text):
            yield {"collection": name, **record}
            return
    for name, key in own_keys.items():
        if len(key) == 1:
            for found in same_but_case(store, name, key, (text,), may_search=False):
                yield {"collection": name, **(store.get(name, key, found) or {})}


def key_of(store: Store, collection: str) -> tuple[str, ...]:
    """The key of one of the shop's collections: as it was imported, else the usual one."""
    noted = journal.known_collection(store, collection)
    return noted.key if noted else _USUAL_KEYS[collection]


def _find(store: Store, name: str, where: Sequence[Condition] = ()) -> Iterator[Document]:
    """The records of one of the shop's collections that meet all conditions, by its key."""
    if journal.known_collection(store, name) is None:  # whatever its key is
        return store.find(name, (), where, sort=_USUAL_KEYS[name])
    return _as_described(store, name, store.find(name, key_of(store, name), where))


def _as_described(store: Store, name: str, records: Iterator[Document]) -> Iterator[Document]:
    """Records as their collection was imported."""
    noted = journal.known_collection(store, name)
    return map(partial(restore_integers, noted), records) if noted else records


def _record(store: Store, name: str, key: Sequence[str], text: str) -> Document | None:
    """The record whose key is a text, or the number that it is."""
    if len(key) > 1:
        return None
    candidates: list[Value] = [text]
    if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS:
        candidates += [int(text)] if int(text) in INT64 else []
    found = (store.get(name, key, (candidate,)) for candidate in candidates)
    return next((record for record in found if record), None)


def ids_alike(store: CounterStore, text: str) -> list[str]:
    """The ids of products and customers that differ from one in case alone."""
    own_keys = {name: key_of(store, name) for name in _SEARCHED}
    return [
        str(found[0])
        for name, key in own_keys.items()
        if len(key) == 1
        for found in same_but_case(store, name, key, (text,))
    ]


def is_known(store: Store, text: str) -> bool:
    """Whether a product or a customer has this very id."""
    return any(_record(store, name, key_of(store, name), text) for name in _SEARCHED)


def _known(store: CounterStore, collection: str, field: str, text: str, flag: str) -> Value:
    """The id that somebody has typed, as it is stored: see lookup.py. Raises UnknownIdError."""
    if record := _record(store, collection, (field,), typed(text)):
        return record[field]
    if key := meant(store, collection, (field,), (typed(text),)):
        return key[0]
    if journal.known_collection(store, collection) is None and not store.is_empty(collection):
        raise UnknownIdError(
            f"HPNorton has not imported {collection}, so nobody is found there by an id; save it "
            "as a CSV file, and import that into another database (--uri)"
        )
    name, kinds, instead = _OTHERS[collection]
    (other,) = key_of(store, name)
    if _record(store, name, (other,), typed(text)):
        raise UnknownIdError(f"{text} is a {kinds}; ask with {instead} {text}")
    raise UnknownIdError(f"{collection} has no {field} {text!r}; {flag} lists them")

"""The questions about products, customers and rentals."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import partial

from hpnorton.errors import UnknownIdError, UsageError
from hpnorton.rental.catalog import Catalog, read_references
from hpnorton.rental.foreign_values import restore_integers
from hpnorton.rental.names import CUSTOMERS, DUE, PRODUCT_ID, PRODUCTS, QUANTITY, RENTALS, USER_ID
from hpnorton.schema.lexical import INT64
from hpnorton.schema.stored import Value
from hpnorton.stores import journal
from hpnorton.stores.base import ChangeStore, Condition, Document, Store
from hpnorton.stores.lookup import (
    MAX_SEARCHED_CHARACTERS,
    find_key,
    find_same_but_case,
    key_from_text,
)
from hpnorton.tabular.keys import fold_case

# The fields that --find searches beside the key.
_SEARCHED: Mapping[str, Sequence[str]] = {
    PRODUCTS: ("description",),
    CUSTOMERS: ("Name", "Last_name", "Email_address", "Phone_number"),
}
_USUAL_KEYS: Mapping[str, tuple[str, ...]] = {
    PRODUCTS: (PRODUCT_ID,),
    CUSTOMERS: (USER_ID,),
    RENTALS: (USER_ID, PRODUCT_ID),
}
# For an id that is in the other collection: that collection, what the id is, the flag to use.
_OTHERS: Mapping[str, tuple[str, str, str]] = {
    CUSTOMERS: (PRODUCTS, "product, not a customer", "--customers-renting-product"),
    PRODUCTS: (CUSTOMERS, "customer, not a product", "--rentals-for-customer"),
}
_MAX_DIGITS = len(str(INT64.stop))


def all_products(store: Store) -> Iterator[Document]:
    """Yield every product, sorted by key."""
    return _find(store, PRODUCTS)


def available_products(store: ChangeStore) -> Iterator[Document]:
    """Yield the products of which at least one is in stock, sorted by key."""
    products = Catalog(store).find(PRODUCTS)
    stock = (products and products.stock) or QUANTITY
    found = _find(store, PRODUCTS, ((stock, ">", 0),))
    # In SQLite, every text is greater than every number.
    return (product for product in found if not isinstance(product[stock], str | bytes))


def all_customers(store: Store) -> Iterator[Document]:
    """Yield every customer, sorted by key."""
    return _find(store, CUSTOMERS)


def all_rentals(store: Store) -> Iterator[Document]:
    """Yield every rental, sorted by key."""
    described = journal.known_collection(store, RENTALS)
    rentals = _find(store, RENTALS)
    if described is None:
        return rentals
    # In MongoDB, imported rentals lack the fields that the counter has added.
    return ({name: rental.get(name) for name in described.columns} for rental in rentals)


def rentals_for_customer(store: ChangeStore, user_id: str) -> Iterator[Document]:
    """Yield the products that a customer rents, sorted by key.

    Raises UnknownIdError and UsageError.
    """
    names = read_references(store)
    key = _stored_id(store, CUSTOMERS, names.customer_key, user_id, "--all-customers")
    where: Condition = (names.customer, "=", key)
    found = store.find_joined(RENTALS, where, PRODUCTS, names.product_key, names.product)
    return _with_integers(store, PRODUCTS, found)


def customers_renting_product(store: ChangeStore, product_id: str) -> Iterator[Document]:
    """Yield the customers who rent a product, sorted by key.

    Raises UnknownIdError and UsageError.
    """
    names = read_references(store)
    key = _stored_id(store, PRODUCTS, names.product_key, product_id, "--all-products")
    where: Condition = (names.product, "=", key)
    found = store.find_joined(RENTALS, where, CUSTOMERS, names.customer_key, names.customer)
    return _with_integers(store, CUSTOMERS, found)


def overdue(store: Store) -> Iterator[Document]:
    """Yield the rentals whose due day has passed, longest overdue first, with `days_overdue`."""
    today = datetime.now(UTC).date()
    is_late: Condition = (DUE, "<", today.isoformat())
    key = _USUAL_KEYS[RENTALS]
    for rental in store.find(RENTALS, key, (is_late,), sort=(DUE, *key)):
        try:
            due = date.fromisoformat(str(rental[DUE]))
        except ValueError:
            raise UsageError(
                f"the field {DUE} of {RENTALS} holds {rental[DUE]!r}, which is no day: rename it "
                "in the file and in datapackage.json"
            ) from None
        yield rental | {"days_overdue": (today - due).days}


def find(store: ChangeStore, text: str) -> Iterator[Document]:
    """Yield the products and customers whose id, name, description, e-mail or phone has all words.

    Case does not matter. If the text is an id, only the record with that id is found, or all those
    whose ids differ from it in case only. Each record has its `collection` as a further field.
    Raises UsageError if the text is empty or too long.
    """
    text = key_from_text(text)
    if not text:
        raise UsageError(
            "say what to find: a part of an id, a name, an e-mail address or a phone number"
        )
    if len(text) > MAX_SEARCHED_CHARACTERS:
        raise UsageError(f"say what to find in at most {MAX_SEARCHED_CHARACTERS:,} characters")
    if records := list(_find_by_id(store, text)):
        yield from records
        return
    words = fold_case(text).split()
    for name, others in _SEARCHED.items():
        key = key_of(store, name)
        fields = (*key, *others)
        found = store.search(name, key, fields, max(text.split(), key=len))
        for record in _with_integers(store, name, found):
            searched = fold_case(" ".join(str(record.get(field) or "") for field in fields))
            if all(word in searched for word in words):
                yield {"collection": name, **record}


def key_of(store: Store, collection: str) -> tuple[str, ...]:
    """Return the key of one of the shop's collections as it was imported, or the usual one."""
    described = journal.known_collection(store, collection)
    return described.key if described else _USUAL_KEYS[collection]


def ids_alike(store: ChangeStore, text: str) -> list[str]:
    """Return the ids of products and customers that differ from a text in case only."""
    return [
        str(key[0]) for name in _SEARCHED for key in _keys_alike(store, name, text, may_search=True)
    ]


def is_known(store: Store, text: str) -> bool:
    """Return whether a text is the id of a product or a customer."""
    return any(_get_by_id(store, name, key_of(store, name), text) for name in _SEARCHED)


def _find_by_id(store: ChangeStore, text: str) -> Iterator[Document]:
    """Yield the record with an id, or those whose ids differ from it in case only."""
    for name in _SEARCHED:
        if record := _get_by_id(store, name, key_of(store, name), text):
            yield {"collection": name, **record}
            return
    for name in _SEARCHED:
        for key in _keys_alike(store, name, text, may_search=False):
            record = store.get(name, key_of(store, name), key)
            yield {"collection": name, **(record or {})}


def _keys_alike(
    store: ChangeStore, name: str, text: str, *, may_search: bool
) -> list[tuple[Value, ...]]:
    key = key_of(store, name)
    if len(key) > 1:
        return []
    return find_same_but_case(store, name, key, (text,), may_search=may_search)


def _find(store: Store, name: str, where: Sequence[Condition] = ()) -> Iterator[Document]:
    """Yield the records of one of the shop's collections that meet all conditions, by key."""
    described = journal.known_collection(store, name)
    if described is None:  # its key is unknown, so the usual one may be no field
        return store.find(name, (), where, sort=_USUAL_KEYS[name])
    return _with_integers(store, name, store.find(name, described.key, where))


def _with_integers(store: Store, name: str, records: Iterator[Document]) -> Iterator[Document]:
    """Yield the records with integers in the fields that are described as such."""
    described = journal.known_collection(store, name)
    return map(partial(restore_integers, described), records) if described else records


def _get_by_id(store: Store, name: str, key: Sequence[str], text: str) -> Document | None:
    """Return the record whose key is a text, or the integer that the text is."""
    if len(key) > 1:
        return None
    candidates: list[Value] = [text]
    if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS:
        candidates += [int(text)] if int(text) in INT64 else []
    records = (store.get(name, key, (candidate,)) for candidate in candidates)
    return next((record for record in records if record), None)


def _stored_id(store: ChangeStore, collection: str, field: str, text: str, flag: str) -> Value:
    """Return the stored id that is meant by a typed one (see lookup.py). Raises UnknownIdError.

    `field` is the collection's key, and `flag` the question that lists its ids.
    """
    if record := _get_by_id(store, collection, (field,), key_from_text(text)):
        return record[field]
    if key := find_key(store, collection, (field,), (key_from_text(text),)):
        return key[0]
    if journal.known_collection(store, collection) is None and not store.is_empty(collection):
        raise UnknownIdError(
            f"HPNorton has not imported {collection}, so it cannot find ids in it; save it as a "
            "CSV file, and import that into another database (--uri)"
        )
    name, kind, other_flag = _OTHERS[collection]
    if _get_by_id(store, name, key_of(store, name), key_from_text(text)):
        raise UnknownIdError(f"{text} is a {kind}; ask with {other_flag} {text}")
    raise UnknownIdError(f"{collection} has no {field} {text!r}; {flag} lists them")

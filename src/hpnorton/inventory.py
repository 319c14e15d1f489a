"""Products, customers, rentals: the questions a store asks."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

from hpnorton.errors import UnknownIdError, UsageError
from hpnorton.fields import Value
from hpnorton.ingest import journal
from hpnorton.lexical import INT64
from hpnorton.shop import (
    CUSTOMERS,
    DUE,
    PRODUCT_ID,
    PRODUCTS,
    QUANTITY,
    RENTALS,
    USER_ID,
    spellings,
)
from hpnorton.stores.protocol import Condition, CounterStore, Document, Store

# Where a text is looked for: a collection, its key, and its fields.
_SEARCHED = (
    (PRODUCTS, PRODUCT_ID, (PRODUCT_ID, "description")),
    (
        CUSTOMERS,
        USER_ID,
        (USER_ID, "Name", "Last_name", "Email_address", "Phone_number"),
    ),
)

_PAIR = (USER_ID, PRODUCT_ID)  # the key of rentals
_MOST_CHARACTERS = 1000  # servers refuse longer expressions, each from another length on
_MOST_DIGITS = len(str(INT64.stop))


def all_products(store: Store) -> Iterator[Document]:
    """Every product, by product_id."""
    return store.find(PRODUCTS, (PRODUCT_ID,))


def available_products(store: Store) -> Iterator[Document]:
    """The products of which at least one is in stock, by product_id."""
    return store.find(PRODUCTS, (PRODUCT_ID,), ((QUANTITY, ">", 0),))


def all_customers(store: Store) -> Iterator[Document]:
    """Every customer, by user_id."""
    return store.find(CUSTOMERS, (USER_ID,))


def all_rentals(store: Store) -> Iterator[Document]:
    """Every rental, by user_id and product_id."""
    known = journal.noted_collection(store, RENTALS)
    rentals = store.find(RENTALS, _PAIR)
    if known is None:
        return rentals
    # Those that were imported lack what the counter notes, where a store has no columns.
    return ({name: rental.get(name) for name in known.columns} for rental in rentals)


def rentals_for_customer(store: Store, user_id: str) -> Iterator[Document]:
    """The products that a customer rents, by product_id. Raises UnknownIdError."""
    known = _known(store, CUSTOMERS, USER_ID, user_id, "--all-customers")
    return store.find_joined(RENTALS, (USER_ID, "=", known), PRODUCTS, PRODUCT_ID)


def customers_renting_product(store: Store, product_id: str) -> Iterator[Document]:
    """The customers who rent a product, by user_id. Raises UnknownIdError."""
    known = _known(store, PRODUCTS, PRODUCT_ID, product_id, "--all-products")
    return store.find_joined(RENTALS, (PRODUCT_ID, "=", known), CUSTOMERS, USER_ID)


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
    found. Each record comes with its `collection`. Raises UsageError if the text
    is empty, or longer than any of these could be.
    """
    text = text.strip()
    if not text:
        raise UsageError("say what to find: a part of an id, a name, an e-mail address, a phone")
    if len(text) > _MOST_CHARACTERS:
        raise UsageError(f"say what to find in at most {_MOST_CHARACTERS:,} characters")
    for name, key, _ in _SEARCHED:
        for identity in spellings(text):
            if record := store.get(name, (key,), (identity,)):
                yield {"collection": name, **record}
                return
    words = text.casefold().split()
    for name, key, fields in _SEARCHED:
        for record in store.search(name, (key,), fields, max(text.split(), key=len)):
            held = " ".join(str(record.get(field) or "") for field in fields).casefold()
            if all(word in held for word in words):
                yield {"collection": name, **record}


def _known(store: Store, collection: str, field: str, text: str, flag: str) -> Value:
    """The id that somebody has typed, as it is stored: in capitals, or a number. UnknownIdError."""
    candidates: list[Value] = [*spellings(text)]
    if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS and int(text) in INT64:
        candidates.append(int(text))
    for candidate in candidates:
        if record := store.get(collection, (field,), (candidate,)):
            return record[field]
    raise UnknownIdError(f"{collection} has no {field} {text!r}; {flag} lists them")

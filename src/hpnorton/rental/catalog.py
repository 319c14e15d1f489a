"""What the collections of a database are: as they were imported, or as a data package says."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hpnorton.errors import MisfitError, RefusedError, UsageError, did_you_mean
from hpnorton.rental.names import (
    CUSTOMERS,
    DUE,
    FORM,
    PRODUCT_ID,
    PRODUCTS,
    QUANTITY,
    RENTALS,
    RENTED_AT,
    USER_ID,
)
from hpnorton.sanitize import quoted
from hpnorton.schema.collection import Collection
from hpnorton.schema.datapackage import find_collection
from hpnorton.schema.field import Field
from hpnorton.schema.stored import Value
from hpnorton.stores import journal
from hpnorton.stores.base import Condition, CounterStore, Document, Store
from hpnorton.stores.history import HISTORY, RecordKey

_NUMERIC = ("integer", "number", "year")
_KINDS: Mapping[type, str] = {str: "text", float: "number with a point", bool: "boolean"}
MEND_STOCK = (
    "import the product with --mode upsert and its stock, or let the program that wrote this "
    "write a whole number"
)


def add_shop_defaults(collection: Collection) -> Collection:
    """Return a collection with what the counter and --history need, if it is one of the shop's.

    Imports note which customers and products they write. Where the description of the products
    declares no stock, `quantity_available` is the stock if it is an integer.
    """
    if collection.name not in (CUSTOMERS, PRODUCTS):
        return collection
    stock = collection.stock
    if collection.name == PRODUCTS and stock is None and collection.can_count(QUANTITY):
        stock = QUANTITY
    return replace(collection, stock=stock, is_tracked=True)


@dataclass(frozen=True)
class Catalog:
    """The collections of a database; `folders` have the data packages for what it does not tell."""

    store: Store
    folders: Sequence[Path] = ()

    def find(self, name: str) -> Collection | None:
        """What a collection is, or None if nobody says."""
        noted = journal.known_collection(self.store, name)
        if noted is None and name == HISTORY.name:
            return HISTORY
        found = noted or find_collection(name, self.folders)
        return found and add_shop_defaults(found)

    def get(self, name: str) -> Collection:
        """What a collection is. Raises UsageError if nobody says."""
        twins = {each.casefold(): each for each in self.store.collections()}
        twin = twins.get(name.casefold(), name)
        found = self.find(name) if twin == name else None
        if found is None:
            known = ", ".join(twins.values()) or "none"
            hint = did_you_mean(name, twins.values())
            raise UsageError(f"there is no collection {name!r}; the database has: {known}{hint}")
        return found


def forget(store: CounterStore, name: str) -> None:
    """Removes what is noted of a collection that was dropped: what it was, its imports, history.

    With its notes an import into a new collection of that name could not be told from a resumed
    one, and its history would not fit the new records.
    """
    for note in journal.imports(store):
        if note.collection == name:
            for notes in (journal.CHUNKS, journal.BEGUN):
                store.delete(notes.name, ("run", "=", note.id))
    store.delete(journal.IMPORTS.name, ("collection", "=", name))
    store.delete(journal.COLLECTIONS.name, ("name", "=", name))
    store.delete(HISTORY.name, ("collection", "=", name))


@dataclass(frozen=True)
class Parties:
    """How rentals say who rents what: the fields that refer to the keys of the other two.

    Rentals may call a customer user_id whom the customers call id.
    """

    customer: str
    product: str
    customer_key: str
    product_key: str


def parties_of(store: Store) -> Parties:
    """The names of these fields, as the collections were imported; the usual ones otherwise.

    Raises UsageError if customers or products have a key of several fields.
    """
    rentals = journal.known_collection(store, RENTALS)
    return Parties(
        _reference(rentals, CUSTOMERS, USER_ID),
        _reference(rentals, PRODUCTS, PRODUCT_ID),
        _single_key(journal.known_collection(store, CUSTOMERS), USER_ID),
        _single_key(journal.known_collection(store, PRODUCTS), PRODUCT_ID),
    )


def _reference(rentals: Collection | None, parent: str, usual: str) -> str:
    foreign_keys = rentals.foreign_keys if rentals else ()
    fields = [foreign.fields[0] for foreign in foreign_keys if foreign.parent == parent]
    return usual if usual in fields or not fields else fields[0]


def _single_key(collection: Collection | None, usual: str) -> str:
    if collection is None:
        return usual
    if len(collection.key) > 1:
        raise UsageError(
            f"the key of {collection.name} is {', '.join(collection.key)}, but the counter and its "
            f"questions need a key of one field, such as {usual}: describe {collection.name} with "
            "such a key in datapackage.json, and import it into another database"
        )
    return collection.key[0]


def as_described(collection: Collection, record: Document) -> Document:
    """A record with whole numbers where another program has stored doubles in their place."""
    for name in collection.whole_numbers:
        if isinstance(value := record.get(name), float) and value.is_integer():
            record[name] = int(value)
    return record


def described(value: object) -> str:
    """A value that is not of its field's type, for a message."""
    if value is None:
        return "empty"
    return f"{str(value)!r}, a {_KINDS.get(type(value), type(value).__name__)}"


def texts_for_numbers(
    store: Store, collection: Collection
) -> Iterator[tuple[RecordKey, Field, Value]]:
    """Yield each text that another program has stored in a field of numbers, and where it is."""
    for field in collection.fields:
        for sign in ("=", ">") if field.type in _NUMERIC else ():
            where: Condition = (field.name, sign, "")
            for record in store.find(collection.name, collection.key, (where,)):
                if isinstance(value := record[field.name], str):
                    key = tuple(record.get(name) for name in collection.key)
                    yield RecordKey(collection, key), field, value


def told_text(place: RecordKey, field: Field, value: Value) -> str:
    """A text in a field of numbers, for a message."""
    text = quoted(str(value))
    return f"the {field.name} of {place.collection.name} {place.text} is {text}, not {field.noun}"


@dataclass(frozen=True)
class Shop:
    """The collections that the counter works with, and the catalog of all."""

    catalog: Catalog
    customers: Collection
    products: Collection
    rentals: Collection

    def get(self, name: str) -> Collection:
        """What a collection is, made in the database if it is not there. Raises UsageError."""
        for collection in (self.customers, self.products, self.rentals):
            if collection.name == name:
                return collection
        collection = self.catalog.get(name)
        self.catalog.store.ensure(collection)
        return collection


def open_shop(catalog: Catalog) -> Shop:
    """The shop's collections, with what the counter adds to the database if it is not there yet.

    Rentals get the fields rented_at and due, by which they are also looked for. Raises UsageError
    if there is no shop, or rentals have another key than the counter needs, and RefusedError if
    the history is another program's.
    """
    rentals = catalog.get(RENTALS)
    if set(rentals.key) != {USER_ID, PRODUCT_ID}:
        raise UsageError(
            f"the counter needs a collection {RENTALS} with the key {USER_ID}, {PRODUCT_ID}; "
            f"this one's is {', '.join(rentals.key)}; describe that key in datapackage.json, and "
            "import the rentals into another database"
        )
    shop = Shop(catalog, catalog.get(CUSTOMERS), catalog.get(PRODUCTS), _with_days(rentals))
    _single_key(shop.customers, USER_ID)
    _single_key(shop.products, PRODUCT_ID)
    try:
        catalog.store.check_fit(HISTORY)
    except MisfitError as error:
        raise RefusedError(
            f"the counter keeps its history in a collection named {HISTORY.name}, but here that is "
            "another one; import its file under another name (NAME=FILE), and the shop into "
            "another database (--uri)"
        ) from error
    journal.prepare(catalog.store)
    for collection in (shop.customers, shop.products, shop.rentals):
        catalog.store.ensure(collection)
        journal.save_collection(catalog.store, collection)
    catalog.store.ensure(HISTORY)
    return shop


def _with_days(rentals: Collection) -> Collection:
    """Rentals with the days that the counter notes. Raises UsageError if it cannot fill a field."""
    ours = {RENTED_AT: Field(RENTED_AT, "datetime"), DUE: Field(DUE, "date")}
    for field in rentals.fields:
        if field.required and field.name not in FORM:
            raise UsageError(
                f"the counter does not know what to write into {field.name}, which {RENTALS} "
                "requires; take 'required' out of its description, and import it again"
            )
        if field.name in ours and field.type != ours.pop(field.name).type:
            raise UsageError(
                f"the field {field.name} of {RENTALS} is a {field.type}; the counter writes a day "
                "or a time there: rename it in the file and in datapackage.json"
            )
    return replace(rentals, fields=(*rentals.fields, *ours.values()), lookups=(DUE,))

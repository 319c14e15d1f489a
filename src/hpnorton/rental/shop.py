"""The shop: its collections, opened for the counter, and the records that clerks name by an id."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from hpnorton.errors import MisfitError, RefusedError, UnknownIdError, UsageError
from hpnorton.rental.catalog import Catalog, single_key
from hpnorton.rental.foreign_values import restore_integers
from hpnorton.rental.names import (
    CUSTOMERS,
    DUE,
    PRODUCT_ID,
    PRODUCTS,
    RENTAL_FIELDS,
    RENTALS,
    RENTED_AT,
    USER_ID,
)
from hpnorton.schema.collection import Collection
from hpnorton.schema.field import CellError, Field
from hpnorton.stores import journal, lookup
from hpnorton.stores.base import ChangeStore, Document, Key
from hpnorton.stores.history import HISTORY, RecordKey

_LISTS = {CUSTOMERS: "--all-customers", PRODUCTS: "--all-products", RENTALS: "--all-rentals"}


@dataclass(frozen=True)
class Shop:
    """The collections that the counter works with, and the catalog of all."""

    catalog: Catalog
    customers: Collection
    products: Collection
    rentals: Collection

    @property
    def store(self) -> ChangeStore:
        """Return the store that the collections are in."""
        return self.catalog.store

    def get_collection(self, name: str) -> Collection:
        """Return a collection, and create it if it does not exist. Raises UsageError."""
        for collection in (self.customers, self.products, self.rentals):
            if collection.name == name:
                return collection
        collection = self.catalog.get(name)
        self.store.ensure(collection)
        return collection

    def find(self, record_key: RecordKey) -> Document | None:
        """Return a record, or None if it does not exist."""
        collection, key = record_key
        # pylint: disable-next=assignment-from-no-return # a protocol's methods have no bodies
        found = self.store.get(collection.name, collection.key, key)
        return found and restore_integers(collection, found)

    def get(self, record_key: RecordKey) -> Document:
        """Return a record. Raises UnknownIdError."""
        record = self.find(record_key)
        if record is None:
            collection = record_key.collection
            raise _unknown(collection, ", ".join(collection.key), record_key.text)
        return record

    def typed_key(self, collection: Collection, text: str) -> RecordKey:
        """Return the key that a text is, whether there is such a record or not.

        Raises UnknownIdError if it cannot be a key of the collection.
        """
        try:
            return RecordKey(collection, (_key_field(collection).parse_typed(text),))
        except CellError as error:
            raise _unknown(collection, collection.key[0], text) from error

    def customer_key(self, user_id: str) -> RecordKey:
        """Return the key of the customer that is meant by an id. Raises UnknownIdError."""
        if key := self._stored_key(self.customers, user_id):
            return RecordKey(self.customers, key)
        if self._stored_key(self.products, user_id):
            raise UnknownIdError(
                f"{user_id} is a product, not a customer; the customer comes first, then the "
                "product"
            )
        raise _unknown(self.customers, self.customers.key[0], user_id)

    def product_key(self, product_id: str) -> RecordKey:
        """Return the key of the product that is meant by an id. Raises UnknownIdError."""
        if key := self._stored_key(self.products, product_id):
            return RecordKey(self.products, key)
        if self._stored_key(self.customers, product_id):
            raise UnknownIdError(f"{product_id} is a customer, not a product")
        raise _unknown(self.products, self.products.key[0], product_id)

    def rental_key(self, customer: RecordKey, product: RecordKey) -> RecordKey:
        """Return the key of a customer's rental of a product."""
        ids = {USER_ID: customer.key[0], PRODUCT_ID: product.key[0]}
        return RecordKey(self.rentals, tuple(ids[name] for name in self.rentals.key))

    def _stored_key(self, collection: Collection, text: str) -> Key | None:
        with suppress(CellError):
            typed = (_key_field(collection).parse_typed(text),)
            return lookup.find_key(self.store, collection.name, collection.key, typed)
        return None


def open_shop(catalog: Catalog) -> Shop:
    """Open the shop, and add what the counter needs if the database lacks it.

    Rentals get the fields `rented_at` and `due`. Where the journal describes a collection as the
    counter needs it, it was created so, and nothing of it is read or written. Raises UsageError if
    there is no shop, or one of its keys is not what the counter needs, and RefusedError if another
    collection has the name of the history.
    """
    store = catalog.store
    with store.cached_schema():
        described = journal.saved_collections(store)
        rentals, customers, products = catalog.get_all((RENTALS, CUSTOMERS, PRODUCTS), described)
        _check_keys(customers, products, rentals)
        shop = Shop(catalog, customers, products, _with_days(rentals))
        needed = (HISTORY, shop.customers, shop.products, shop.rentals)
        missing = [each for each in needed if described.get(each.name) != each]
        if HISTORY in missing:
            _check_history(store)
        if missing:
            _create(store, missing)
    return shop


def _create(store: ChangeStore, collections: Sequence[Collection]) -> None:
    with store.transaction():
        journal.prepare(store)
        for collection in collections:
            store.ensure(collection)
            journal.save_collection(store, collection)


def _check_keys(customers: Collection, products: Collection, rentals: Collection) -> None:
    if set(rentals.key) != {USER_ID, PRODUCT_ID}:
        raise UsageError(
            f"the counter needs a collection {RENTALS} with the key {USER_ID}, {PRODUCT_ID}; "
            f"this one's is {', '.join(rentals.key)}; describe that key in datapackage.json, "
            "and import the rentals into another database"
        )
    single_key(customers, USER_ID)
    single_key(products, PRODUCT_ID)


def _check_history(store: ChangeStore) -> None:
    try:
        store.check_fit(HISTORY)
    except MisfitError as error:
        raise RefusedError(
            f"the counter keeps its history in a collection named {HISTORY.name}, but here that is "
            "another one; import its file under another name (NAME=FILE), and the shop into "
            "another database (--uri)"
        ) from error


def _with_days(rentals: Collection) -> Collection:
    """Return rentals with `rented_at` and `due`, by which they are also searched.

    Raises UsageError if the counter cannot fill one of the fields.
    """
    ours = {RENTED_AT: Field(RENTED_AT, "datetime"), DUE: Field(DUE, "date")}
    for field in rentals.fields:
        if field.required and field.name not in RENTAL_FIELDS:
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


def _key_field(collection: Collection) -> Field:
    return next(field for field in collection.fields if field.name == collection.key[0])


def _unknown(collection: Collection, fields: str, text: str) -> UnknownIdError:
    name = collection.name
    lists = f"; {_LISTS[name]} lists them" if name in _LISTS else ""
    return UnknownIdError(f"{name} has no {fields} {text!r}{lists}")

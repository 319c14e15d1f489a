"""The descriptions of a database's collections: as they were imported, or from a data package."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hpnorton.errors import UsageError, did_you_mean
from hpnorton.rental.names import CUSTOMERS, PRODUCT_ID, PRODUCTS, QUANTITY, RENTALS, USER_ID
from hpnorton.schema.collection import Collection
from hpnorton.schema.datapackage import find_collection
from hpnorton.stores import journal
from hpnorton.stores.base import ChangeStore, Store
from hpnorton.stores.history import HISTORY
from hpnorton.stores.provenance import REPLACED


def add_shop_defaults(collection: Collection) -> Collection:
    """Return a collection with what the counter and --history need, if it is one of the shop's.

    Imports record which customers and products they write. Where the description of the products
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
    """The descriptions of the collections of a database.

    A collection is as it was described when it was imported last. `folders` have the data packages
    that describe the others.
    """

    store: ChangeStore
    folders: Sequence[Path] = ()

    def find(self, name: str) -> Collection | None:
        """Return the description of a collection, or None if there is none."""
        imported = journal.known_collection(self.store, name)
        return add_shop_defaults(imported) if imported else self._described(name)

    def get(self, name: str) -> Collection:
        """Return the description of a collection. Raises UsageError if there is none."""
        (collection,) = self.get_all([name], journal.known_collections(self.store))
        return collection

    def get_all(self, names: Sequence[str], imported: Mapping[str, Collection]) -> list[Collection]:
        """Return the descriptions of several collections.

        `imported` are those that the journal knows. Raises UsageError if one has no description.
        """
        return [
            add_shop_defaults(imported[name]) if name in imported else self._get_described(name)
            for name in names
        ]

    def _get_described(self, name: str) -> Collection:
        present = {each.casefold(): each for each in self.store.collections()}
        is_misspelled = present.get(name.casefold(), name) != name
        found = None if is_misspelled else self._described(name)
        if found is None:
            known = ", ".join(present.values()) or "none"
            hint = did_you_mean(name, present.values())
            raise UsageError(f"there is no collection {name!r}; the database has: {known}{hint}")
        return found

    def _described(self, name: str) -> Collection | None:
        """Return the description of a collection that was not imported, if there is one."""
        if name == HISTORY.name:
            return HISTORY
        found = find_collection(name, self.folders)
        return found and add_shop_defaults(found)


def forget(store: ChangeStore, name: str) -> None:
    """Delete the description of a collection that was dropped, its imports and its history.

    Otherwise, an import into a new collection of that name would look like a resumed one, and the
    history would not fit the new records.
    """
    for entry in journal.imports(store):
        if entry.collection == name:
            for chunks in (journal.CHUNKS, journal.STARTED):
                store.delete(chunks.name, ("run", "=", entry.id))
    store.delete(journal.IMPORTS.name, ("collection", "=", name))
    store.delete(journal.COLLECTIONS.name, ("name", "=", name))
    for entries in (HISTORY, REPLACED):
        store.delete(entries.name, ("collection", "=", name))


@dataclass(frozen=True)
class References:
    """The fields by which rentals refer to customers and products, and the keys of these.

    `customer` and `product` are fields of the rentals. A rental may name a customer in `user_id`
    whose own key is `id`.
    """

    customer: str
    product: str
    customer_key: str
    product_key: str


def read_references(store: Store) -> References:
    """Return the fields of the collections as they were imported, or the usual ones.

    Raises UsageError if customers or products have a key of several fields.
    """
    rentals = journal.known_collection(store, RENTALS)
    return References(
        _reference(rentals, CUSTOMERS, USER_ID),
        _reference(rentals, PRODUCTS, PRODUCT_ID),
        single_key(journal.known_collection(store, CUSTOMERS), USER_ID),
        single_key(journal.known_collection(store, PRODUCTS), PRODUCT_ID),
    )


def _reference(rentals: Collection | None, parent: str, usual: str) -> str:
    foreign_keys = rentals.foreign_keys if rentals else ()
    fields = [foreign.fields[0] for foreign in foreign_keys if foreign.parent == parent]
    return usual if usual in fields or not fields else fields[0]


def single_key(collection: Collection | None, usual: str) -> str:
    """Return the field that is the key of a collection, or the `usual` one if there is none.

    Raises UsageError if the key has several fields.
    """
    if collection is None:
        return usual
    if len(collection.key) > 1:
        raise UsageError(
            f"the key of {collection.name} is {', '.join(collection.key)}, but the counter and its "
            f"questions need a key of one field, such as {usual}: describe {collection.name} with "
            "such a key in datapackage.json, and import it into another database"
        )
    return collection.key[0]

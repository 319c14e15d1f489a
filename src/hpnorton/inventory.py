"""Products, customers, rentals: the questions a store asks."""

from collections.abc import Iterator

from hpnorton.errors import UnknownIdError
from hpnorton.stores.protocol import Document, Store

CUSTOMERS = "customers"
PRODUCTS = "product"
RENTALS = "rental"
USER_ID = "user_id"
PRODUCT_ID = "product_id"
QUANTITY = "quantity_available"


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
    return store.find(RENTALS, (USER_ID, PRODUCT_ID))


def rentals_for_customer(store: Store, user_id: str) -> Iterator[Document]:
    """The products that a customer rents, by product_id. Raises UnknownIdError."""
    _require(store, CUSTOMERS, USER_ID, user_id, "--all-customers")
    return store.find_joined(RENTALS, (USER_ID, "=", user_id), PRODUCTS, PRODUCT_ID)


def customers_renting_product(store: Store, product_id: str) -> Iterator[Document]:
    """The customers who rent a product, by user_id. Raises UnknownIdError."""
    _require(store, PRODUCTS, PRODUCT_ID, product_id, "--all-products")
    return store.find_joined(RENTALS, (PRODUCT_ID, "=", product_id), CUSTOMERS, USER_ID)


def _require(store: Store, collection: str, field: str, value: str, flag: str) -> None:
    if next(store.find(collection, (field,), ((field, "=", value),)), None) is None:
        raise UnknownIdError(f"{collection} has no {field} {value!r}; {flag} lists them")

"""Faults: what an audit finds wrong, and the entries of the history that prove it."""

from collections.abc import Sequence

from hpnorton.rental.names import PRODUCT_ID, PRODUCTS, USER_ID
from hpnorton.schema.stored import whole_number
from hpnorton.stores.base import Condition, Document

# The entries of the history that belong to products.
OF_PRODUCTS: Condition = ("collection", "=", PRODUCTS)

Entries = Sequence[Document]


def fault(kind: str, product_id: str | None, user_id: str | None, message: str) -> Document:
    """Return a fault as --check shows it. `kind` is a word for programs, such as "stock"."""
    return {"fault": kind, PRODUCT_ID: product_id, USER_ID: user_id, "message": message}


def number_of(entry: Document) -> int:
    """Return the number of an entry in the history of its record."""
    return whole_number(entry["number"]) or 0

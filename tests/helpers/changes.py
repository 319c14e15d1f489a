"""Changes at the counter of a small store, as a store carries them out."""

from dataclasses import replace

from hpnorton.schema.collection import Collection
from hpnorton.schema.field import Field
from hpnorton.stores.base import ChangeStore, Document, Mode
from hpnorton.stores.history import HISTORY, Change, Kind, RecordKey
from tests.helpers.stores import batch_from_documents

CUSTOMERS = Collection("customers", (Field("user_id"), Field("Name")), ("user_id",))

PRODUCTS = Collection(
    "product",
    (Field("product_id"), Field("description"), Field("quantity_available", "integer")),
    ("product_id",),
    stock="quantity_available",
)

RENTALS = Collection(
    "rental",
    (Field("user_id"), Field("product_id"), Field("due", "date")),
    ("user_id", "product_id"),
    lookups=("due",),
)

SHOP = (CUSTOMERS, PRODUCTS, RENTALS, HISTORY)

TENT, DRUM = RecordKey(PRODUCTS, ("P1",)), RecordKey(PRODUCTS, ("P2",))

ANNA = RecordKey(CUSTOMERS, ("C1",))


def fill(store: ChangeStore) -> None:
    """Puts in what the tests change."""
    for collection in SHOP:
        store.ensure(collection)
    put(store, CUSTOMERS, {"user_id": "C1", "Name": "Anna"}, {"user_id": "C2", "Name": "Ben"})
    put(store, PRODUCTS, product("P1", 2, "Tent"), product("P2", 5, "Drum"))


def put(store: ChangeStore, collection: Collection, *records: Document) -> None:
    """Inserts records."""
    assert store.write(batch_from_documents(collection, records), Mode.INSERT).inserted == len(
        records
    )


def product(product_id: str, stock: int, description: str = "") -> Document:
    """A record of PRODUCTS."""
    return {"product_id": product_id, "description": description, "quantity_available": stock}


def rental(user_id: str, of: RecordKey = TENT) -> Document:
    """A record of RENTALS."""
    return {"user_id": user_id, "product_id": of.text, "due": "2026-12-01"}


def rent(number: int, user_id: str = "C1", of: RecordKey = TENT, stock: int = 1) -> Change:
    """A rental, as the `number`th line of a product's history."""
    return Change(
        kind=Kind.RENT,
        subject=of,
        number=number,
        target=RecordKey(RENTALS, (user_id, of.text)),
        before=None,
        after=rental(user_id, of),
        user_id=user_id,
        delta=-1,
        stock=stock,
    )


def give_back(number: int, user_id: str = "C1", of: RecordKey = TENT, stock: int = 2) -> Change:
    """The end of a rental."""
    return replace(
        rent(number, user_id, of, stock),
        kind=Kind.RETURN,
        before=rental(user_id, of),
        after=None,
        delta=1,
    )


def adjust(number: int, delta: int, of: RecordKey = TENT) -> Change:
    """Something done to the stock of a product, of which there were 2."""
    return Change(
        kind=Kind.ADJUST,
        subject=of,
        number=number,
        target=of,
        before={"quantity_available": 2},
        after={"quantity_available": 2 + delta},
        delta=delta,
        stock=2 + delta,
        reason="found",
    )


def edit(number: int, place: RecordKey, before: Document, after: Document) -> Change:
    """New values of a record."""
    return Change(
        kind=Kind.EDIT, subject=place, number=number, target=place, before=before, after=after
    )


def add(place: RecordKey, record: Document) -> Change:
    """A new record."""
    return Change(
        kind=Kind.ADD, subject=place, number=1, target=place, before=None, after=record, stock=4
    )


def record_of(store: ChangeStore, place: RecordKey) -> Document | None:
    """The record at a place."""
    key = place.collection.key
    where = [(name, "=", value) for name, value in zip(key, place.key)]
    return next(store.find(place.collection.name, key, where), None)  # type: ignore[arg-type] # "="

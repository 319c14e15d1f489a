"""The counter: rent out, take back, adjust stocks, add and edit records, with many clerks at once.

Each of these reads what is stored, decides, and posts a change with an entry of the history.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import cast

from hpnorton.errors import RefusedError, UnknownIdError, UsageError
from hpnorton.rental.foreign_values import REPAIR_STOCK, describe_value
from hpnorton.rental.names import (
    ACTIVE,
    CUSTOMERS,
    PRODUCT_ID,
    PRODUCTS,
    QUANTITY,
    RENTALS,
    RETURNED_AT,
    STATUS,
    USER_ID,
)
from hpnorton.rental.posting import post_change
from hpnorton.rental.rentals import (
    check_not_rented,
    describe_rentals,
    new_rental,
    to_the_second,
)
from hpnorton.rental.shop import Shop
from hpnorton.schema.collection import Collection
from hpnorton.schema.stored import Value, whole_number
from hpnorton.stores import lookup
from hpnorton.stores.base import ChangeStore, Document
from hpnorton.stores.history import Change, Kind, RecordKey

_MAX_STOCK = 2**63 - 1  # SQLite's and MongoDB's largest integer


@dataclass(frozen=True)
class RentalCounter:
    """The counter of a shop, where a rental is for so many `days` unless a clerk says otherwise."""

    shop: Shop
    days: int

    @property
    def store(self) -> ChangeStore:
        """Return the store that the shop is in."""
        return self.shop.store

    def rent(self, user_id: str, product_id: str, due: date | None = None) -> Document:
        """Rent a product to a customer until the day `due`, and return the rental.

        Raises UnknownIdError; RefusedError if the customer is not active or has rented it already,
        or none is in stock; UsageError for a day in the past.
        """
        today = datetime.now(UTC).date()
        due = due or today + timedelta(self.days)
        if due < today:
            raise UsageError(f"--due {due} is in the past; today is {today} (UTC)")
        try:
            return self._rent(*self._typed_keys(user_id, product_id), due)
        except UnknownIdError:
            return self._rent(*self._meant_keys(user_id, product_id), due)

    def _rent(self, customer: RecordKey, product: RecordKey, due: date) -> Document:
        rental_key = self.shop.rental_key(customer, product)

        def decide(number: int) -> Change:
            record = self._active_customer(customer)
            stock = self._stock(product)
            check_not_rented(self.shop, rental_key)
            if stock <= 0:
                raise RefusedError(
                    f"{product.text} is out of stock: {describe_rentals(self.shop, product)}"
                )
            return Change(
                kind=Kind.RENT,
                subject=product,
                number=number,
                target=rental_key,
                before=None,
                after=new_rental(self.shop, record, customer, product, due),
                user_id=customer.text,
                delta=-1,
                stock=stock - 1,
            )

        return dict(post_change(self.store, product, decide).after or {})

    def give_back(self, user_id: str, product_id: str) -> Document:
        """Take a product back from a customer, and return the rental with `returned_at`.

        Raises UnknownIdError, and RefusedError if the customer has not rented it.
        """
        try:
            return self._give_back(*self._typed_keys(user_id, product_id))
        except UnknownIdError:
            return self._give_back(*self._meant_keys(user_id, product_id))

    def _give_back(self, customer: RecordKey, product: RecordKey) -> Document:
        rental_key = self.shop.rental_key(customer, product)

        def decide(number: int) -> Change:
            rental = self.shop.find(rental_key)
            stock = self._stock(product)
            now = datetime.now(UTC)
            if rental is None:
                self.shop.get(customer)
                who = customer.text
                raise RefusedError(
                    f"{who} has not rented {product.text}; --rentals-for-customer {who} lists "
                    f"what is rented, --history {who} what was"
                )
            return Change(
                kind=Kind.RETURN,
                subject=product,
                number=number,
                target=rental_key,
                before=rental | {RETURNED_AT: to_the_second(now)},
                after=None,
                user_id=customer.text,
                delta=1,
                stock=stock + 1,
                at=now.isoformat(),
            )

        return dict(post_change(self.store, product, decide).before or {})

    def adjust_stock(self, product_id: str, delta: int, reason: str) -> Document:
        """Add `delta`, which may be negative, to the stock of a product, and return the product.

        Raises UnknownIdError, and RefusedError if less than nothing would be left.
        """
        if delta == 0:
            raise UsageError("a DELTA of 0 changes nothing; give another number, such as 3 or -1")
        try:
            product = self.shop.typed_key(self.shop.products, product_id)
            return self._adjust_stock(product, delta, reason)
        except UnknownIdError:
            return self._adjust_stock(self.shop.product_key(product_id), delta, reason)

    def _adjust_stock(self, product: RecordKey, delta: int, reason: str) -> Document:
        field = product.collection.stock or QUANTITY

        def decide(number: int) -> Change:
            stock = self._stock(product)
            if stock + delta < 0:
                raise RefusedError(
                    f"{product.text} has {stock} in stock, so {-delta} cannot be taken out: "
                    f"{describe_rentals(self.shop, product)}"
                )
            if stock + delta > _MAX_STOCK:
                raise RefusedError(f"{product.text} cannot have more than {_MAX_STOCK} in stock")
            return Change(
                kind=Kind.ADJUST,
                subject=product,
                number=number,
                target=product,
                before={field: stock},
                after={field: stock + delta},
                delta=delta,
                stock=stock + delta,
                reason=reason,
            )

        post_change(self.store, product, decide)
        return self.shop.get(product)

    def add(self, collection: Collection, record: Document) -> Document:
        """Add a record, which has all fields, and return it.

        Raises RefusedError if its key exists, or one that differs from it in case only.
        """
        record_key = RecordKey(collection, tuple(record[name] for name in collection.key))
        alike = lookup.find_same_but_case(
            self.store, collection.name, collection.key, record_key.key
        )
        if alike and self.shop.find(record_key) is None:
            other = ", ".join(map(str, alike[0]))
            raise RefusedError(
                f"{collection.name} has {other!r}, from which {record_key.text!r} differs in case "
                "only; choose another key, or change that record with --edit"
            )

        def decide(number: int) -> Change:
            if self.shop.find(record_key) is not None:
                raise RefusedError(
                    f"{collection.name} has {record_key.text} already; --edit changes it"
                )
            stock = cast(int, record[collection.stock]) if collection.stock else None
            return Change(
                kind=Kind.ADD,
                subject=record_key,
                number=number,
                target=record_key,
                before=None,
                after=record,
                stock=stock,
            )

        post_change(self.store, record_key, decide)
        return record

    def edit(self, record_key: RecordKey, values: Mapping[str, Value]) -> Document:
        """Change fields of a record, but neither its key nor its stock, and return the record.

        Raises UnknownIdError.
        """
        subject, user_id = record_key, None
        if record_key.collection.name == RENTALS:
            ids = dict(zip(record_key.collection.key, record_key.key))
            subject = RecordKey(self.shop.products, (ids[PRODUCT_ID],))
            user_id = str(ids[USER_ID])

        def decide(number: int) -> Change:
            record = self.shop.get(record_key)
            after = {name: value for name, value in values.items() if value != record.get(name)}
            return Change(
                kind=Kind.EDIT,
                subject=subject,
                number=number,
                target=record_key,
                before={name: record.get(name) for name in after},
                after=after,
                user_id=user_id,
            )

        record = self.shop.get(record_key)
        if any(value != record.get(name) for name, value in values.items()):
            post_change(self.store, subject, decide)
        return self.shop.get(record_key)

    def _typed_keys(self, user_id: str, product_id: str) -> tuple[RecordKey, RecordKey]:
        """Return the keys of a customer and a product as they were typed, without a look at them.

        Nearly always these are the right ones, and what decides reads both records in any case.
        """
        shop = self.shop
        return shop.typed_key(shop.customers, user_id), shop.typed_key(shop.products, product_id)

    def _meant_keys(self, user_id: str, product_id: str) -> tuple[RecordKey, RecordKey]:
        """Return the keys that differ from the typed ones in case only. Raises UnknownIdError."""
        return self.shop.customer_key(user_id), self.shop.product_key(product_id)

    def _active_customer(self, customer: RecordKey) -> Document:
        record = self.shop.get(customer)
        status = record.get(STATUS, ACTIVE)
        if status != ACTIVE:
            raise RefusedError(
                f"{customer.text} is {status}, and only an active customer may rent; to change "
                f"that: --edit {CUSTOMERS} {customer.text} {STATUS}={ACTIVE}"
            )
        return record

    def _stock(self, product: RecordKey) -> int:
        record = self.shop.get(product)
        field = product.collection.stock
        if field is None:
            raise RefusedError(
                f"{PRODUCTS} {product.text} has no number as its {QUANTITY}, so nothing can be "
                "rented; describe the field as integer in datapackage.json, and import the products"
            )
        stock = whole_number(record.get(field))
        if stock is None:
            raise RefusedError(
                f"the {field} of {PRODUCTS} {product.text} is {describe_value(record.get(field))}, "
                f"not a whole number; {REPAIR_STOCK}"
            )
        return stock

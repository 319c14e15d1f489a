"""The counter: rent out, take back, count the stock, and mend records, with many clerks at once.

Each of these reads what there is, decides, and writes a line of the history together with its
change. If another clerk was quicker the line is not written, and all of it begins again.
"""

import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import cast

from hpnorton.errors import RefusedError, StoreLostError, UnknownIdError, UsageError
from hpnorton.rental.catalog import MEND_STOCK, Shop, as_described, described
from hpnorton.rental.names import (
    ACTIVE,
    CUSTOMERS,
    DUE,
    PRODUCT_ID,
    PRODUCTS,
    QUANTITY,
    RENTALS,
    RENTED_AT,
    RETURNED_AT,
    STATUS,
    USER_ID,
)
from hpnorton.schema.collection import Collection
from hpnorton.schema.field import CellError
from hpnorton.schema.stored import Value, whole_number
from hpnorton.stores import lookup
from hpnorton.stores.base import Condition, CounterStore, Document, Key
from hpnorton.stores.history import Change, Kind, RecordKey

_LONGEST_PAUSE = 0.02  # seconds
_MOST = 2**63 - 1  # SQLite's and MongoDB's largest whole number
_LISTS = {CUSTOMERS: "--all-customers", PRODUCTS: "--all-products", RENTALS: "--all-rentals"}


@dataclass(frozen=True)
class RentalCounter:
    """A till: a store, the shop's collections in it, and how many days a rental is for."""

    store: CounterStore
    shop: Shop
    days: int

    def rent(self, user_id: str, product_id: str, due: date | None = None) -> Document:
        """Rents a product to a customer, for so many days or until `due`; gives the rental.

        Raises UnknownIdError; RefusedError if the customer is not active or has it already, or
        none is in stock; UsageError for a day that is over.
        """
        today = datetime.now(UTC).date()
        due = due or today + timedelta(self.days)
        if due < today:
            raise UsageError(f"--due {due} is in the past; today is {today} (UTC)")
        customer, product = self._customer(user_id), self._product(product_id)
        place = self._rental(customer, product)

        def decide(number: int) -> Change:
            renter = self._active(customer)
            stock = self._stock(product)
            self._check_not_rented(place)
            if stock <= 0:
                raise RefusedError(f"{product.text} is out of stock: {self._rented(product)}")
            return Change(
                kind=Kind.RENT,
                subject=product,
                number=number,
                target=place,
                before=None,
                after=self._form(renter, customer, product, due),
                user_id=customer.text,
                delta=-1,
                stock=stock - 1,
            )

        return dict(_post(self.store, product, decide).after or {})

    def give_back(self, user_id: str, product_id: str) -> Document:
        """Takes a product back from a customer; gives the rental, with returned_at.

        Raises UnknownIdError, and RefusedError if the customer does not have it.
        """
        customer, product = self._customer(user_id), self._product(product_id)
        place = self._rental(customer, product)

        def decide(number: int) -> Change:
            rental = self.find(place)
            stock = self._stock(product)
            now = datetime.now(UTC)
            if rental is None:
                who = customer.text
                raise RefusedError(
                    f"{who} has not rented {product.text}; --rentals-for-customer {who} lists "
                    f"what is rented, --history {who} what was"
                )
            return Change(
                kind=Kind.RETURN,
                subject=product,
                number=number,
                target=place,
                before=rental | {RETURNED_AT: _second(now)},
                after=None,
                user_id=customer.text,
                delta=1,
                stock=stock + 1,
                at=now.isoformat(),
            )

        return dict(_post(self.store, product, decide).before or {})

    def adjust_stock(self, product_id: str, delta: int, reason: str) -> Document:
        """Adds `delta` to the stock of a product, which may be negative; gives the product.

        Raises UnknownIdError, and RefusedError if less than nothing would be left.
        """
        if delta == 0:
            raise UsageError("a DELTA of 0 changes nothing; give another number, such as 3 or -1")
        product = self._product(product_id)

        def decide(number: int) -> Change:
            stock = self._stock(product)
            if stock + delta < 0:
                raise RefusedError(
                    f"{product.text} has {stock} in stock, so {-delta} cannot be taken out: "
                    f"{self._rented(product)}"
                )
            if stock + delta > _MOST:
                raise RefusedError(f"{product.text} cannot have more than {_MOST} in stock")
            return Change(
                kind=Kind.ADJUST,
                subject=product,
                number=number,
                target=product,
                before={QUANTITY: stock},
                after={QUANTITY: stock + delta},
                delta=delta,
                stock=stock + delta,
                reason=reason,
            )

        _post(self.store, product, decide)
        return self._get(product)

    def add(self, collection: Collection, record: Document) -> Document:
        """Adds a record, which holds all fields.

        Raises RefusedError if its key is taken, or differs from another one's in case alone.
        """
        place = RecordKey(collection, tuple(record[name] for name in collection.key))
        alike = lookup.same_but_case(self.store, collection.name, collection.key, place.key)
        if alike and self.find(place) is None:
            other = ", ".join(map(str, alike[0]))
            raise RefusedError(
                f"{collection.name} has {other!r}, from which {place.text!r} differs in case only; "
                "choose another key, or change that record with --edit"
            )

        def decide(number: int) -> Change:
            if self.find(place) is not None:
                raise RefusedError(f"{collection.name} has {place.text} already; --edit changes it")
            stock = cast(int, record[collection.stock]) if collection.stock else None
            return Change(
                kind=Kind.ADD,
                subject=place,
                number=number,
                target=place,
                before=None,
                after=record,
                stock=stock,
            )

        _post(self.store, place, decide)
        return record

    def edit(self, place: RecordKey, values: Mapping[str, Value]) -> Document:
        """Changes fields of a record, but none of its key and not the stock; gives the record.

        Raises UnknownIdError.
        """
        subject, user_id = place, None
        if place.collection.name == RENTALS:
            rented = dict(zip(place.collection.key, place.key))
            subject = RecordKey(self.shop.products, (rented[PRODUCT_ID],))
            user_id = str(rented[USER_ID])

        def decide(number: int) -> Change:
            record = self._get(place)
            after = {name: value for name, value in values.items() if value != record.get(name)}
            return Change(
                kind=Kind.EDIT,
                subject=subject,
                number=number,
                target=place,
                before={name: record.get(name) for name in after},
                after=after,
                user_id=user_id,
            )

        record = self._get(place)
        if any(value != record.get(name) for name, value in values.items()):
            _post(self.store, subject, decide)
        return self._get(place)

    def _product(self, product_id: str) -> RecordKey:
        return self._known(self.shop.products, product_id)

    def _customer(self, user_id: str) -> RecordKey:
        return self._known(self.shop.customers, user_id)

    def _known(self, collection: Collection, text: str) -> RecordKey:
        """The record with an id as it is typed: see lookup.py."""
        if key := self._meant(collection, text):
            return RecordKey(collection, key)
        other, kinds, hint = self.shop.customers, ("customer", "product"), ""
        if collection is self.shop.customers:
            other, kinds = self.shop.products, ("product", "customer")
            hint = "; the customer comes first, then the product"
        if self._meant(other, text):
            raise UnknownIdError(f"{text} is a {kinds[0]}, not a {kinds[1]}{hint}")
        name = collection.key[0]
        lists = f"; {_LISTS[collection.name]} lists them" if collection.name in _LISTS else ""
        raise UnknownIdError(f"{collection.name} has no {name} {text!r}{lists}")

    def _meant(self, collection: Collection, text: str) -> Key | None:
        field = next(field for field in collection.fields if field.name == collection.key[0])
        with suppress(CellError):
            wanted = (field.parse_typed(text),)
            return lookup.meant(self.store, collection.name, collection.key, wanted)
        return None

    def _rental(self, customer: RecordKey, product: RecordKey) -> RecordKey:
        ids = {USER_ID: customer.key[0], PRODUCT_ID: product.key[0]}
        return RecordKey(self.shop.rentals, tuple(ids[name] for name in self.shop.rentals.key))

    def find(self, place: RecordKey) -> Document | None:
        """The record there, if there is one."""
        # pylint: disable-next=assignment-from-no-return # a protocol's methods have no bodies
        found = self.store.get(place.collection.name, place.collection.key, place.key)
        return found and as_described(place.collection, found)

    def _get(self, place: RecordKey) -> Document:
        record = self.find(place)
        if record is None:
            name = place.collection.name
            key = ", ".join(place.collection.key)
            lists = f"; {_LISTS[name]} lists them" if name in _LISTS else ""
            raise UnknownIdError(f"{name} has no {key} {place.text!r}{lists}")
        return record

    def _active(self, place: RecordKey) -> Document:
        customer = self._get(place)
        status = customer.get(STATUS, ACTIVE)
        if status != ACTIVE:
            raise RefusedError(
                f"{place.text} is {status}, and only an active customer may rent; to change that: "
                f"--edit {CUSTOMERS} {place.text} {STATUS}={ACTIVE}"
            )
        return customer

    def _stock(self, product: RecordKey) -> int:
        found = self._get(product).get(QUANTITY)
        if product.collection.stock is None:
            raise RefusedError(
                f"{PRODUCTS} {product.text} has no number as its {QUANTITY}, so nothing can be "
                "rented; describe the field as integer in datapackage.json, and import the products"
            )
        stock = whole_number(found)
        if stock is None:
            raise RefusedError(
                f"the {QUANTITY} of {PRODUCTS} {product.text} is {described(found)}, not a whole "
                f"number; {MEND_STOCK}"
            )
        return stock

    def _check_not_rented(self, place: RecordKey) -> None:
        rental = self.find(place)
        if rental is not None:
            since = f" since {str(rental[RENTED_AT])[:10]}" if rental.get(RENTED_AT) else ""
            user_id, product_id = rental[USER_ID], rental[PRODUCT_ID]
            raise RefusedError(
                f"{user_id} has {product_id} already{since}; when it is back: "
                f"--return {user_id} {product_id}"
            )

    def _rented(self, product: RecordKey) -> str:
        """How many are rented, and when the next one is due."""
        where: Condition = (PRODUCT_ID, "=", product.key[0])
        due = [r.get(DUE) for r in self.store.find(RENTALS, self.shop.rentals.key, (where,))]
        days = sorted(str(day) for day in due if day)
        if not due:
            return "none is rented; --adjust-stock adds what has come in"
        return (
            f"{len(due)} rented, {f'the next is due {days[0]}' if days else 'none with a due day'}"
        )

    def _form(
        self, renter: Document, customer: RecordKey, product: RecordKey, due: date
    ) -> Document:
        """A new rental, with the customer's data as they are now."""
        names = (renter.get("Name"), renter.get("Last_name"))
        known: Document = {
            USER_ID: customer.key[0],
            "name": " ".join(str(name) for name in names if name) or None,
            "address": renter.get("Home_address"),
            "phone_number": renter.get("Phone_number"),
            "email": renter.get("Email_address"),
            PRODUCT_ID: product.key[0],
            RENTED_AT: _second(datetime.now(UTC)),
            DUE: due.isoformat(),
        }
        return {name: known.get(name) for name in self.shop.rentals.columns}


def _second(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _post(store: CounterStore, subject: RecordKey, decide: Callable[[int], Change]) -> Change:
    """Decides on what is there, and writes it; again, if somebody else was quicker."""
    while True:
        with store.transaction():
            (number,) = store.last_numbers([subject])
            change = decide(number + 1)
            if not _is_taken(store, change):
                return change
        # So that clerks who fight for one product do not all come again at once.
        time.sleep(random.uniform(0, _LONGEST_PAUSE))


def _is_taken(store: CounterStore, change: Change) -> bool:
    """Writes a change, unless its number is taken."""
    try:
        return bool(store.post([change]))
    except StoreLostError as error:
        who = change.subject.text
        raise StoreLostError(
            f"{error}. Nobody knows whether this was done: when the server is back, "
            f"--history {who} tells; repeat it only if it is not there"
        ) from error

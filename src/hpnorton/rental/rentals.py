"""A rental: what it holds, and what messages say of those there are."""

from datetime import UTC, date, datetime

from hpnorton.errors import RefusedError
from hpnorton.rental.names import DUE, PRODUCT_ID, RENTALS, RENTED_AT, USER_ID
from hpnorton.rental.shop import Shop
from hpnorton.stores.base import Condition, Document
from hpnorton.stores.history import RecordKey


def new_rental(
    shop: Shop, record: Document, customer: RecordKey, product: RecordKey, due: date
) -> Document:
    """Return a rental that begins now, with the data of the customer's `record`."""
    names = (record.get("Name"), record.get("Last_name"))
    values: Document = {
        USER_ID: customer.key[0],
        "name": " ".join(str(name) for name in names if name) or None,
        "address": record.get("Home_address"),
        "phone_number": record.get("Phone_number"),
        "email": record.get("Email_address"),
        PRODUCT_ID: product.key[0],
        RENTED_AT: to_the_second(datetime.now(UTC)),
        DUE: due.isoformat(),
    }
    return {name: values.get(name) for name in shop.rentals.columns}


def to_the_second(moment: datetime) -> str:
    """Return a moment in ISO 8601 as rentals hold it."""
    return moment.isoformat(timespec="seconds")


def check_not_rented(shop: Shop, rental_key: RecordKey) -> None:
    """Raise RefusedError if a customer has rented a product already."""
    rental = shop.find(rental_key)
    if rental is not None:
        since = f" since {str(rental[RENTED_AT])[:10]}" if rental.get(RENTED_AT) else ""
        user_id, product_id = rental[USER_ID], rental[PRODUCT_ID]
        raise RefusedError(
            f"{user_id} has {product_id} already{since}; when it is back: "
            f"--return {user_id} {product_id}"
        )


def describe_rentals(shop: Shop, product: RecordKey) -> str:
    """Return how many of a product are rented, and when the next one is due, for a message."""
    where: Condition = (PRODUCT_ID, "=", product.key[0])
    due = [r.get(DUE) for r in shop.store.find(RENTALS, shop.rentals.key, (where,))]
    days = sorted(str(day) for day in due if day)
    if not due:
        return "none is rented; --adjust-stock adds what has come in"
    return f"{len(due)} rented, {f'the next is due {days[0]}' if days else 'none with a due day'}"

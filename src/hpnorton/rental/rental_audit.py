"""The audit of rentals: each has a customer and a product, and agrees with the history."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from hpnorton.rental.catalog import References
from hpnorton.rental.faults import OF_PRODUCTS, Entries, fault
from hpnorton.rental.names import CUSTOMERS, PRODUCTS, RENTALS, RENTED_AT, USER_ID
from hpnorton.schema.collection import Collection
from hpnorton.schema.stored import Value
from hpnorton.stores import journal
from hpnorton.stores.base import ChangeStore, Condition, Document
from hpnorton.stores.counts import Ending
from hpnorton.stores.history import HISTORY, RecordKey

_RENTALS_PER_QUERY = 5000

Pair = tuple[str, str]  # the ids of a customer and a product, as texts


class RentalAudit:
    """The audit of `rentals`; `references` are the fields by which they refer to the others."""

    def __init__(
        self,
        store: ChangeStore,
        rentals: Collection,
        products: Collection,
        references: References,
    ) -> None:
        self._store = store
        self._rentals = rentals
        self._products = products
        self._references = references
        self._are_imported = any(
            entry.collection == RENTALS and (entry.status != Ending.DONE or entry.inserted)
            for entry in journal.imports(store)
        )

    def faults(self, entries: Mapping[Pair, Entries]) -> Iterator[Document]:
        """Yield the faults of all rentals.

        `entries` are those of each pair, and were read before the rentals. What they make doubtful
        is read again, so that no fault is reported that is none.
        """
        unseen = dict.fromkeys(entries)
        doubtful: dict[Pair, None] = {}
        records = self._store.find(RENTALS, self._rentals.key)
        while block := list(islice(records, _RENTALS_PER_QUERY)):
            yield from self._orphans(block)
            for rental in block:
                pair = self._pair(rental)
                unseen.pop(pair, None)
                if self._fault(rental, entries.get(pair, ())):
                    doubtful[pair] = None
        lost = [pair for pair in unseen if self._fault(None, entries[pair])]
        for pair in sorted([*doubtful, *lost]):
            if message := self._fault(*self._read_again(pair)):
                yield fault("rental", pair[1], pair[0], message)

    def _pair(self, rental: Document) -> Pair:
        names = self._references
        return str(rental.get(names.customer)), str(rental.get(names.product))

    def _orphans(self, rentals: Sequence[Document]) -> Iterator[Document]:
        names = self._references
        parents = (
            (CUSTOMERS, names.customer_key, names.customer),
            (PRODUCTS, names.product_key, names.product),
        )
        lost = {
            name: self._store.absent_keys(name, (key,), [[rental.get(field) for rental in rentals]])
            for name, key, field in parents
        }
        for rental in rentals:
            user_id, product_id = self._pair(rental)
            for name, _, field in parents:
                if (rental.get(field),) in lost[name]:
                    message = f"the rental's {name.removesuffix('s')} does not exist"
                    yield fault("orphan", product_id, user_id, message)

    def _read_again(self, pair: Pair) -> tuple[Document | None, list[Document]]:
        """Return a pair's rental and entries, read while no entry of the product was written."""
        names = self._references
        fields = {field.name: field for field in self._rentals.fields}
        user_id = fields[names.customer].convert(pair[0])
        product_id = fields[names.product].convert(pair[1])
        of_pair: list[Condition] = [
            (names.customer, "=", user_id),
            (names.product, "=", product_id),
        ]
        of_entries: list[Condition] = [
            OF_PRODUCTS,
            ("record", "=", pair[1]),
            ("changed", "=", RENTALS),
            (USER_ID, "=", pair[0]),
        ]
        product = [RecordKey(self._products, (product_id,))]
        before = self._store.last_numbers(product)
        while True:
            rental = next(self._store.find(RENTALS, self._rentals.key, of_pair), None)
            entries = list(self._store.find(HISTORY.name, HISTORY.key, of_entries))
            if before == (before := self._store.last_numbers(product)):
                return rental, entries

    def _fault(self, rental: Document | None, entries: Entries) -> str | None:
        """Return what the entries of a pair prove to be wrong with its rental, if anything."""
        is_out = self._are_imported  # a file may hold rentals that another database's counter made
        for entry in entries:
            if entry["after"] is None and not is_out and _rented_at(entry) is not None:
                return "it was taken back, but had not been rented"
            is_out = entry["after"] is not None or self._are_imported
        if not entries:
            return None
        last = entries[-1]
        if last["after"] is not None:
            return None if rental else "it was rented out, but there is no rental"
        if rental and _rented_at(last) == rental.get(RENTED_AT):
            return "it was taken back, but there is a rental; was its file imported again?"
        return None


def _rented_at(entry: Document) -> Value:
    """Return when a rental that an entry has ended began; only the counter records that."""
    before: Document = json.loads(str(entry["before"]))
    return before.get(RENTED_AT)

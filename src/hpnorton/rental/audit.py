"""The audit, --check: stocks, rentals and history agree.

Clerks may work meanwhile. What looks wrong is read a second time before it is reported, and no
fault is hidden by what they do: the numbers of entries tell which of them are in a stock.
"""

from collections import defaultdict
from collections.abc import Iterator

from hpnorton.errors import MisfitError
from hpnorton.rental.catalog import Catalog, read_references
from hpnorton.rental.faults import OF_PRODUCTS, fault
from hpnorton.rental.foreign_values import describe_text, find_texts
from hpnorton.rental.names import CUSTOMERS, PRODUCTS, QUANTITY, RENTALS, USER_ID
from hpnorton.rental.rental_audit import Pair, RentalAudit
from hpnorton.rental.stock_audit import StockAudit
from hpnorton.schema.collection import Collection, undescribed_collection
from hpnorton.stores.base import ChangeStore, Document
from hpnorton.stores.history import HISTORY

_REPAIR_TEXT = "import the record with --mode upsert, or correct it with the program that wrote it"


class Audit:
    """One audit of a database.

    `unproven` is the number of products whose first stock is unknown, once all faults were read.
    """

    def __init__(self, store: ChangeStore) -> None:
        self.unproven = 0
        self._store = store
        self._catalog = Catalog(store)

    def faults(self) -> Iterator[Document]:
        """Yield each fault with its ids and a message.

        For every product: stock now = stock at its import + what the counter did since, and it is
        not negative. Every rental has its customer and its product. What was rented out according
        to the history is a rental, and what was taken back had been rented and is none. No numeric
        field holds text. A collection that cannot be checked is a fault.
        """
        present = {CUSTOMERS, PRODUCTS, RENTALS} & set(self._store.collections())
        described = {name: self._catalog.find(name) for name in sorted(present)}
        misfits = {name: why for name, c in described.items() if (why := self._misfit(name, c))}
        for name, why in misfits.items():
            yield fault("unchecked", None, None, f"{why} Nothing of {name} was checked.")
        if misfits:
            return
        yield from self._texts()
        yield from self._contradictions(described.get(PRODUCTS), described.get(RENTALS))

    def _misfit(self, name: str, described: Collection | None) -> str | None:
        """Return why a collection cannot be checked, if it cannot."""
        if described is None:
            return f"HPNorton has not imported {name}: save it as a CSV file, and import that."
        try:
            self._store.check_fit(described)
        except MisfitError as error:
            return f"{error}."
        if name in (CUSTOMERS, PRODUCTS) and len(described.key) > 1:
            return f"the key of {name} has several fields: {', '.join(described.key)}."
        return None

    def _texts(self) -> Iterator[Document]:
        """Yield texts in numeric fields, except in stocks, which have an audit of their own."""
        for name in self._store.collections():
            described = self._catalog.find(name)
            for key, field, value in find_texts(self._store, described) if described else ():
                if field.name != key.collection.stock:
                    message = f"{describe_text(key, field, value)}; {_REPAIR_TEXT}"
                    product_id = key.text if name == PRODUCTS else None
                    user_id = key.text if name == CUSTOMERS else None
                    yield fault("value", product_id, user_id, message)

    def _contradictions(
        self, products: Collection | None, rentals: Collection | None
    ) -> Iterator[Document]:
        """Yield where stocks or rentals contradict the history."""
        of_products: defaultdict[str, list[Document]] = defaultdict(list)
        of_pairs: defaultdict[Pair, list[Document]] = defaultdict(list)
        for entry in self._store.find(HISTORY.name, HISTORY.key, (OF_PRODUCTS,)):
            of_products[str(entry["record"])].append(entry)
            if entry["changed"] == RENTALS:
                of_pairs[str(entry[USER_ID]), str(entry["record"])].append(entry)
        if products and products.stock:
            stocks = StockAudit(self._store, products, products.stock)
            yield from stocks.faults(of_products)
            self.unproven = stocks.unproven
        elif products:
            message = f"{QUANTITY} is not described as an integer, so no stock was checked"
            yield fault("unchecked", None, None, message)
        if rentals:
            references = read_references(self._store)
            named = products or undescribed_collection(PRODUCTS, [references.product_key])
            audit = RentalAudit(self._store, rentals, named, references)
            yield from audit.faults(of_pairs)

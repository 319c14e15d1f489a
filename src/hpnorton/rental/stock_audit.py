"""The audit of stocks: each is the first stock plus what its history has added since."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from hpnorton.rental.faults import OF_PRODUCTS, Entries, fault, number_of
from hpnorton.rental.foreign_values import REPAIR_STOCK, describe_value
from hpnorton.schema.collection import Collection
from hpnorton.schema.stored import Value, whole_number
from hpnorton.stores import journal
from hpnorton.stores.base import ChangeStore, Condition, Document
from hpnorton.stores.history import HISTORY, Kind, RecordKey

_WORDS: Mapping[str, str] = {
    Kind.RENT: "rented out",
    Kind.RETURN: "taken back",
    Kind.ADJUST: "adjusted",
    Kind.IMPORT: "by later imports",
}


@dataclass(frozen=True)
class _Stock:
    """The stock of a product: `first` at its import, `now`, and the `last` entry that is in it.

    `last` is the number of that entry: 0 if the record has no number, and None if history and stock
    were read at the same moment.
    """

    first: Value
    now: Value
    last: int | None

    def is_covered_by(self, entries: Entries) -> bool:
        """Return whether entries that were read before the stock are all that are in it."""
        if self.last is None:
            return True
        return bool(entries) == bool(self.last) and (
            not entries or number_of(entries[-1]) >= self.last
        )

    def faults(self, entries: Entries) -> list[tuple[str, str]]:
        """Return what the product's entries prove to be wrong: kind and message of each fault."""
        now, first = whole_number(self.now), whole_number(self.first)
        if now is None and self.now is None and self.first is None:
            return []
        if now is None:
            return [("value", f"the stock is {describe_value(self.now)}; {REPAIR_STOCK}")]
        faults = []
        if now < 0:
            faults.append(("negative", f"the stock is {now}; --adjust-stock corrects it"))
        moves: Counter[str] = Counter()
        for entry in entries:
            if self.last is None or number_of(entry) <= self.last:
                moves[str(entry["kind"])] += whole_number(entry["delta"]) or 0
        if first is not None and first + moves.total() != now:
            faults.append(("stock", _explain(first, now, moves)))
        return faults


def _explain(first: int, now: int, moves: Counter[str]) -> str:
    parts = [f"{n:+} {_WORDS.get(kind, kind)}" for kind, n in moves.items() if n]
    since = f"{', '.join(parts)} since" if parts else "and nothing happened since"
    expected = first + moves.total()
    return f"{now} in stock, but there should be {expected}: {first} at its import, {since}"


class StockAudit:
    """The audit of the stocks of `products`; `field` is the one that counts them.

    `unproven` is the number of products whose first stock is unknown.
    """

    def __init__(self, store: ChangeStore, products: Collection, field: str) -> None:
        self.unproven = 0
        self._store = store
        self._products = products
        self._field = field

    def faults(self, entries: Mapping[str, Entries]) -> Iterator[Document]:
        """Yield the faults of all stocks.

        `entries` are those of each product, by its id as text, and were read before the stocks.
        What they make doubtful is read again, so that no fault is reported that is none.
        """
        doubtful: dict[str, Value] = {}
        for key, stock in self._read():
            known = entries.get(str(key), ())
            if not stock.is_covered_by(known) or stock.faults(known):
                doubtful[str(key)] = key
            elif whole_number(stock.first) is None and stock.now is not None:
                self.unproven += 1
        keys = [(key,) for key in doubtful.values()]
        starts = journal.first_imports(self._store, self._products, keys)
        for product_id, key in doubtful.items():
            stock, again = self._read_again(product_id, key)
            if stock.faults(again):  # an export's history has entries from before its import
                start = starts.get((key,), "")
                again = [entry for entry in again if str(entry["at"]) >= start]
            for kind, message in stock.faults(again):
                yield fault(kind, product_id, None, message)

    def _read(self, only: Value = None) -> Iterator[tuple[Value, _Stock]]:
        (key,) = self._products.key
        stocks = self._store.stocks(self._products.name, key, self._field, only)
        return ((row.key, _Stock(row.first, row.stock, row.last_entry)) for row in stocks)

    def _read_again(self, product_id: str, key: Value) -> tuple[_Stock, list[Document]]:
        """Return a product's stock, and the entries that are in it, whatever clerks do meanwhile.

        An entry whose number is not above that in the record was written before the stock, so it is
        found after the stock was read. If the record has no number, all entries that were there
        before came from an import.
        """
        (number,) = self._store.last_numbers([RecordKey(self._products, (key,))])
        stock = next((stock for _, stock in self._read(key)), _Stock(None, None, None))
        if stock.last == 0:
            stock = replace(stock, last=number)
        where: Condition = ("record", "=", product_id)
        return stock, list(self._store.find(HISTORY.name, HISTORY.key, (OF_PRODUCTS, where)))

"""--check: the proof that stocks, rentals and history are what they should be.

Clerks may work meanwhile. Nothing is told that a second look does not confirm, and no fault is
hidden by what they do: which lines of the history are in a stock is known, not guessed.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import cast

from hpnorton.errors import MisfitError
from hpnorton.rental.catalog import References, read_references
from hpnorton.rental.foreign_values import (
    REPAIR_STOCK,
    describe_text,
    describe_value,
    find_texts,
)
from hpnorton.rental.names import (
    CUSTOMERS,
    PRODUCT_ID,
    PRODUCTS,
    QUANTITY,
    RENTALS,
    RENTED_AT,
    USER_ID,
)
from hpnorton.schema.collection import Collection
from hpnorton.schema.stored import Value, whole_number
from hpnorton.stores import journal
from hpnorton.stores.base import Condition, CounterStore, Document
from hpnorton.stores.counts import Ending
from hpnorton.stores.history import HISTORY, Kind, RecordKey

_MEND_TEXT = "import the record with --mode upsert, or correct it with the program that wrote it"
_RENTALS_A_QUERY = 5000
_WORDS: Mapping[str, str] = {
    Kind.RENT: "rented out",
    Kind.RETURN: "taken back",
    Kind.ADJUST: "adjusted",
    Kind.IMPORT: "by later imports",
}

Pair = tuple[str, str]  # a customer and a product


_OF_PRODUCTS: Condition = ("collection", "=", PRODUCTS)


@dataclass(frozen=True)
class _Stock:
    """The stock of a product: at its import, now, and the number of the last line that is in it.

    `last` is 0 where the record has no number, and None where history and stock were read at the
    same moment.
    """

    first: Value
    now: Value
    last: int | None

    def is_covered_by(self, lines: Sequence[Document]) -> bool:
        """Whether lines that were read before the stock are known to be all that are in it."""
        if self.last is None:
            return True
        return bool(lines) == bool(self.last) and (not lines or _number(lines[-1]) >= self.last)

    def faults(self, lines: Sequence[Document]) -> list[tuple[str, str]]:
        """What is wrong, by those of the product's lines that are in its stock: kind, message."""
        now, first = whole_number(self.now), whole_number(self.first)
        if now is None and self.now is None and self.first is None:
            return []
        if now is None:
            return [("value", f"the stock is {describe_value(self.now)}; {REPAIR_STOCK}")]
        found = []
        if now < 0:
            found.append(("negative", f"the stock is {now}; --adjust-stock mends it"))
        moves: Counter[str] = Counter()
        for line in lines:
            if self.last is None or _number(line) <= self.last:
                moves[str(line["kind"])] += whole_number(line["delta"]) or 0
        if first is not None and first + moves.total() != now:
            found.append(("stock", _explained(first, now, moves)))
        return found


def _explained(first: int, now: int, moves: Counter[str]) -> str:
    parts = [f"{n:+} {_WORDS.get(kind, kind)}" for kind, n in moves.items() if n]
    since = f"{', '.join(parts)} since" if parts else "and nothing happened since"
    expected = first + moves.total()
    return f"{now} in stock, but {expected} should be: {first} at its import, {since}"


class Audit:
    """One check of a database; `unproven` counts the products whose first stock nobody knows."""

    def __init__(self, store: CounterStore) -> None:
        self._store = store
        self.unproven = 0

    def faults(self) -> Iterator[Document]:
        """What is wrong, if anything: each fault with its ids and a message.

        For every product: stock now = stock at its import + what was done at the counter since, and
        it is not negative. Every rental has its customer and its product. What is rented by the
        history is a rental, and what was taken back had been rented and is none. No text is in a
        field of numbers. A collection that cannot be checked is a fault.
        """
        present = {CUSTOMERS, PRODUCTS, RENTALS} & set(self._store.collections())
        unfit = {name: why for name in sorted(present) if (why := self._misfit(name))}
        for name, why in unfit.items():
            yield _fault("unchecked", None, None, f"{why} Nothing of {name} was checked.")
        if unfit:
            return
        yield from self._texts()
        references = read_references(self._store)
        moves: defaultdict[str, list[Document]] = defaultdict(list)
        pairs: defaultdict[Pair, list[Document]] = defaultdict(list)
        for line in self._store.find(HISTORY.name, HISTORY.key, (_OF_PRODUCTS,)):
            moves[str(line["record"])].append(line)
            if line["changed"] == RENTALS:
                pairs[str(line[USER_ID]), str(line["record"])].append(line)
        products = journal.known_collection(self._store, PRODUCTS)
        if products and products.stock:
            yield from self._check_stocks(references, moves)
        elif products:
            message = f"{QUANTITY} is not described as an integer, so no stock was checked"
            yield _fault("unchecked", None, None, message)
        if RENTALS in present:
            yield from self._check_rentals(references, pairs)

    def _misfit(self, name: str) -> str | None:
        """Why a collection cannot be checked, if it cannot."""
        noted = journal.known_collection(self._store, name)
        if noted is None:
            return f"HPNorton has not imported {name}: save it as a CSV file, and import that."
        try:
            self._store.check_fit(noted)
        except MisfitError as error:
            return f"{error}."
        if name in (CUSTOMERS, PRODUCTS) and len(noted.key) > 1:
            return f"the key of {name} has several fields: {', '.join(noted.key)}."
        return None

    def _texts(self) -> Iterator[Document]:
        """Texts in fields of numbers, but for stocks, which are checked by themselves."""
        for name in self._store.collections():
            noted = journal.known_collection(self._store, name)
            if noted is None:
                continue
            for place, field, value in find_texts(self._store, noted):
                if field.name != noted.stock:
                    message = f"{describe_text(place, field, value)}; {_MEND_TEXT}"
                    product_id, user_id = (
                        place.text if name == each else None for each in (PRODUCTS, CUSTOMERS)
                    )
                    yield _fault("value", product_id, user_id, message)

    def _check_stocks(
        self, references: References, moves: Mapping[str, list[Document]]
    ) -> Iterator[Document]:
        doubtful: dict[str, Value] = {}
        numbers = self._store.stocks(PRODUCTS, references.product_key, QUANTITY)
        for product_id, first, now, last in numbers:
            stock, lines = _Stock(first, now, last), moves.get(str(product_id), ())
            if not stock.is_covered_by(lines) or stock.faults(lines):
                doubtful[str(product_id)] = product_id
            elif whole_number(stock.first) is None and stock.now is not None:
                self.unproven += 1
        products = cast(Collection, journal.known_collection(self._store, PRODUCTS))
        starts = journal.first_imports(self._store, products, [(key,) for key in doubtful.values()])
        for product_id, key in doubtful.items():
            stock, lines = self._look_again(references, product_id, key)
            if stock.faults(lines):  # an export's history has lines from before it was imported
                lines = [line for line in lines if str(line["at"]) >= starts.get((key,), "")]
            for kind, message in stock.faults(lines):
                yield _fault(kind, product_id, None, message)

    def _look_again(
        self, references: References, product_id: str, key: Value
    ) -> tuple[_Stock, list[Document]]:
        """A product's stock, and the lines that are in it, whatever clerks do meanwhile.

        A line whose number is not above that in the record was written before the stock was, so it
        is found after the stock was read. Without a number in the record all lines that were there
        before came from an import.
        """
        products = cast(Collection, journal.known_collection(self._store, PRODUCTS))
        (known,) = self._store.last_numbers([RecordKey(products, (key,))])
        found = self._store.stocks(PRODUCTS, references.product_key, QUANTITY, key)
        stock = next(
            (_Stock(first, now, last) for _, first, now, last in found), _Stock(None, None, None)
        )
        if stock.last == 0:
            stock = replace(stock, last=known)
        where: Condition = ("record", "=", product_id)
        return stock, list(self._store.find(HISTORY.name, HISTORY.key, (_OF_PRODUCTS, where)))

    def _check_rentals(
        self, references: References, pairs: Mapping[Pair, list[Document]]
    ) -> Iterator[Document]:
        are_imported = any(
            note.collection == RENTALS and (note.status != Ending.DONE or note.inserted)
            for note in journal.imports(self._store)
        )
        rentals = cast(Collection, journal.known_collection(self._store, RENTALS))
        unseen = dict.fromkeys(pairs)
        doubtful: dict[Pair, None] = {}
        records = self._store.find(RENTALS, rentals.key)
        while some := list(islice(records, _RENTALS_A_QUERY)):
            yield from self._orphans(references, some)
            for each in some:
                pair = str(each.get(references.customer)), str(each.get(references.product))
                unseen.pop(pair, None)
                if _pair_fault(each, pairs.get(pair, ()), are_imported=are_imported):
                    doubtful[pair] = None
        lost = [p for p in unseen if _pair_fault(None, pairs[p], are_imported=are_imported)]
        for pair in sorted([*doubtful, *lost]):
            rental, lines = self._look_at_pair(rentals, references, pair)
            if message := _pair_fault(rental, lines, are_imported=are_imported):
                yield _fault("rental", pair[1], pair[0], message)

    def _orphans(self, references: References, rentals: Sequence[Document]) -> Iterator[Document]:
        lost = {
            name: self._store.absent(name, (key,), [[rental.get(field) for rental in rentals]])
            for name, key, field in (
                (CUSTOMERS, references.customer_key, references.customer),
                (PRODUCTS, references.product_key, references.product),
            )
        }
        for rental in rentals:
            user_id, product_id = rental.get(references.customer), rental.get(references.product)
            for name, value in ((CUSTOMERS, user_id), (PRODUCTS, product_id)):
                if (value,) in lost[name]:
                    message = f"the rental's {name.removesuffix('s')} is not there"
                    yield _fault("orphan", str(product_id), str(user_id), message)

    def _look_at_pair(
        self, rentals: Collection, references: References, pair: Pair
    ) -> tuple[Document | None, list[Document]]:
        """A customer's rental of a product, and its lines, read while nobody wrote one."""
        fields = {field.name: field for field in rentals.fields}
        user_id = fields[references.customer].convert(pair[0])
        product_id = fields[references.product].convert(pair[1])
        of_pair: list[Condition] = [
            (references.customer, "=", user_id),
            (references.product, "=", product_id),
        ]
        of_lines: list[Condition] = [
            _OF_PRODUCTS,
            ("record", "=", pair[1]),
            ("changed", "=", RENTALS),
            (USER_ID, "=", pair[0]),
        ]
        products = cast(Collection, journal.known_collection(self._store, PRODUCTS))
        places = [RecordKey(products, (product_id,))]
        before = self._store.last_numbers(places)
        while True:
            rental = next(self._store.find(RENTALS, rentals.key, of_pair), None)
            lines = list(self._store.find(HISTORY.name, HISTORY.key, of_lines))
            if before == (before := self._store.last_numbers(places)):
                return rental, lines


def _pair_fault(
    rental: Document | None, lines: Sequence[Document], *, are_imported: bool
) -> str | None:
    """What is wrong with a customer's rental of a product, by the lines about it, if anything."""
    is_out = are_imported  # a file may hold what the counter has noted elsewhere
    for line in lines:
        if line["after"] is None and not is_out and _rented_at(line) is not None:
            return "it was taken back, but had not been rented"
        is_out = line["after"] is not None or are_imported
    if not lines:
        return None
    last = lines[-1]
    if last["after"] is not None:
        return None if rental else "it was rented out, but is no rental"
    if rental and _rented_at(last) == rental.get(RENTED_AT):
        return "it was taken back, but is a rental; was its file imported again?"
    return None


def _rented_at(line: Document) -> Value:
    """Since when a rental was out that a line has ended; only the counter notes that."""
    before: Document = json.loads(str(line["before"]))
    return before.get(RENTED_AT)


def _number(line: Document) -> int:
    return whole_number(line["number"]) or 0


def _fault(kind: str, product_id: str | None, user_id: str | None, message: str) -> Document:
    return {"fault": kind, PRODUCT_ID: product_id, USER_ID: user_id, "message": message}

"""The books: what happened to a record, and the proof that the stock is what it should be."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, cast

from hpnorton.errors import UnknownIdError
from hpnorton.ingest import journal
from hpnorton.shop import (
    CUSTOMERS,
    PRODUCT_ID,
    PRODUCTS,
    QUANTITY,
    RENTALS,
    RENTED_AT,
    USER_ID,
    spellings,
)
from hpnorton.stores.changes import HISTORY, Kind
from hpnorton.stores.protocol import CounterStore, Document

Event = dict[str, Any]

_RENTALS_A_QUERY = 5000
_WORDS: Mapping[str, str] = {
    Kind.RENT: "rented out",
    Kind.RETURN: "taken back",
    Kind.ADJUST: "adjusted",
    Kind.IMPORT: "by later imports",
}


def history(store: CounterStore, identity: str) -> list[Event]:
    """Every import, rental, return, count and edit that touched a record, the oldest first.

    `identity` is the id of a product or a customer, or the key of any record that was changed at
    the counter; in small letters too. Raises UnknownIdError if nothing is known of it.
    """
    for candidate in spellings(identity):
        if (events := _history(store, candidate)) or _is_known(store, candidate):
            return events
    raise UnknownIdError(
        f"nothing is known of {identity!r}; --all-products and --all-customers list the ids"
    )


def _history(store: CounterStore, identity: str) -> list[Event]:
    lines = {
        tuple(line[name] for name in HISTORY.key): line
        for field in ("record", USER_ID)
        for line in store.find(HISTORY.name, HISTORY.key, ((field, "=", identity),))
    }
    events = [_event(line) for line in lines.values()]
    imports = {note.id: note for note in journal.imports_of(store, identity)}
    for event in events:  # one that changed a stock
        if event["kind"] == Kind.IMPORT and (note := imports.pop(event["reason"], None)):
            event["file"] = note.file
    events += [
        _event({"record": identity, "at": note.started, "kind": Kind.IMPORT.value})
        | {"reason": note.id, "changed": note.collection, "file": note.file}
        for note in imports.values()
    ]
    return sorted(events, key=lambda event: (event["at"], event.get("number") or 0))


def describe_event(event: Event) -> str:
    """What has happened, in words: the reason, the file, or what was changed."""
    if event["file"]:
        return f"{event['changed']} from {event['file']}"
    if event["reason"]:
        return str(event["reason"])
    before, after = event["before"] or {}, event["after"] or {}
    if event["kind"] == Kind.EDIT:
        return ", ".join(f"{n}: {_shown(before[n])} -> {_shown(v)}" for n, v in after.items())
    if event["kind"] == Kind.RENT:
        return f"due {after['due']}"
    return ""


def check(store: CounterStore) -> Iterator[Document]:
    """What is wrong in the books, if anything: each fault with its ids and a message.

    For every product: stock now = stock at its import + what was done at the counter since, and it
    is not negative. Every rental has its customer and its product. What is rented by the history
    is a rental, and what was taken back is none.
    """
    moves: defaultdict[str, list[Document]] = defaultdict(list)
    last: dict[tuple[str, str], Document] = {}
    for line in store.find(HISTORY.name, HISTORY.key, (("collection", "=", PRODUCTS),)):
        if line["delta"] is not None:
            moves[str(line["record"])].append(line)
        if line["changed"] == RENTALS:
            last[str(line[USER_ID]), str(line["record"])] = line
    doubtful: dict[str, tuple[int, int]] = {}
    for product_id, first, now in store.stocks(PRODUCTS, PRODUCT_ID, QUANTITY):
        if not isinstance(now, int):
            continue
        if now < 0:
            message = f"the stock is {now}; --adjust-stock mends it"
            yield _fault("negative", str(product_id), None, message)
        # Without a first stock it was imported by a version of HPNorton that did not note it.
        if first is not None and first + _sum(moves.get(str(product_id), ())).total() != now:
            doubtful[str(product_id)] = first, now
    starts = journal.first_imports(store, doubtful, PRODUCTS) if doubtful else {}
    for product_id, (first, now) in doubtful.items():
        start = starts.get(product_id, "")
        lines = [line for line in moves.get(product_id, ()) if str(line["at"]) >= start]
        yield from _check_product(product_id, first, now, _sum(lines))
    yield from _check_rentals(store, last)


def _sum(lines: Iterable[Document]) -> Counter[str]:
    """What lines of the history add to a stock, by their kind."""
    added: Counter[str] = Counter()
    for line in lines:
        added[str(line["kind"])] += cast(int, line["delta"])
    return added


def _check_product(
    product_id: str, first: int, now: int, moves: Counter[str]
) -> Iterator[Document]:
    expected = first + moves.total()
    if now != expected:
        parts = ", ".join(f"{delta:+} {_WORDS.get(kind, kind)}" for kind, delta in moves.items())
        since = f"{parts} since" if parts else "and nothing happened since"
        yield _fault(
            "stock",
            product_id,
            None,
            f"{now} in stock, but {expected} should be: {first} at its import, {since}",
        )


def _check_rentals(
    store: CounterStore, last: dict[tuple[str, str], Document]
) -> Iterator[Document]:
    rented = {pair for pair, line in last.items() if line["after"] is not None}
    rentals = store.find(RENTALS, (USER_ID, PRODUCT_ID))
    while some := list(islice(rentals, _RENTALS_A_QUERY)):
        customers = store.absent(CUSTOMERS, (USER_ID,), [[each[USER_ID] for each in some]])
        products = store.absent(PRODUCTS, (PRODUCT_ID,), [[each[PRODUCT_ID] for each in some]])
        for rental in some:
            user_id, product_id = str(rental[USER_ID]), str(rental[PRODUCT_ID])
            rented.discard((user_id, product_id))
            if (rental[USER_ID],) in customers:
                yield _fault("orphan", product_id, user_id, "the rental's customer is not there")
            if (rental[PRODUCT_ID],) in products:
                yield _fault("orphan", product_id, user_id, "the rental's product is not there")
            if _is_back(rental, last.get((user_id, product_id))):
                message = "it was taken back, but is a rental; was its file imported again?"
                yield _fault("rental", product_id, user_id, message)
    for user_id, product_id in sorted(rented):
        yield _fault("rental", product_id, user_id, "it was rented out, but is no rental")


def _is_back(rental: Document, line: Document | None) -> bool:
    """Whether the history says that this very rental is over."""
    if line is None or line["after"] is not None:
        return False
    before = json.loads(str(line["before"]))
    return bool(before.get(RENTED_AT) == rental.get(RENTED_AT))


def _shown(value: object) -> str:
    return "empty" if value is None else str(value)


def _fault(fault: str, product_id: str, user_id: str | None, message: str) -> Document:
    return {"fault": fault, PRODUCT_ID: product_id, USER_ID: user_id, "message": message}


def _event(line: Document) -> Event:
    """A line of the history with its records as they were; of an import, whose `file` is added."""
    event: Event = {name: line.get(name) for name in ("at", "kind", *HISTORY.columns)}
    for name in ("before", "after"):
        if event[name] is not None:
            event[name] = json.loads(event[name])
    return event | {"file": None}


def _is_known(store: CounterStore, identity: str) -> bool:
    where = ((PRODUCTS, PRODUCT_ID), (CUSTOMERS, USER_ID))
    return any(store.get(name, (key,), (identity,)) is not None for name, key in where)

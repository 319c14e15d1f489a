"""The books: what happened to a record."""

import json
from typing import Any

from hpnorton.errors import UnknownIdError
from hpnorton.rental.names import USER_ID
from hpnorton.rental.queries import ids_alike, is_known
from hpnorton.stores import journal
from hpnorton.stores.base import CounterStore, Document
from hpnorton.stores.history import HISTORY, Kind
from hpnorton.stores.lookup import typed

Event = dict[str, Any]


def history(store: CounterStore, identity: str) -> list[Event]:
    """Every import, rental, return, count and edit that touched a record, the oldest first.

    `identity` is the id of a product or a customer, or the key of any record that was changed at
    the counter, as somebody types it: see lookup.py. Raises UnknownIdError if nothing is known of
    it, or several ids differ from it in case alone.
    """
    exact = typed(identity)
    if (events := _history(store, exact)) or is_known(store, exact):
        return events
    alike = sorted(set(ids_alike(store, exact)))
    if len(alike) > 1:
        listed = " and ".join(map(repr, alike))
        raise UnknownIdError(
            f"nothing is known of {identity!r}, but of {listed}, which differ from it in case "
            "only; type one of them exactly"
        )
    for candidate in (*alike, exact.upper()):
        if (events := _history(store, candidate)) or is_known(store, candidate):
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


def _shown(value: object) -> str:
    return "empty" if value is None else str(value)


def _event(line: Document) -> Event:
    """A line of the history with its records as they were; of an import, whose `file` is added."""
    event: Event = {name: line.get(name) for name in ("at", "kind", *HISTORY.columns)}
    for name in ("before", "after"):
        if event[name] is not None:
            event[name] = json.loads(event[name])
    return event | {"file": None}

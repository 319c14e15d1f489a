"""The history of a record: its imports, and what clerks did to it."""

import json
from typing import Any

from hpnorton.errors import UnknownIdError
from hpnorton.rental.names import USER_ID
from hpnorton.rental.queries import ids_alike, is_known
from hpnorton.stores import journal
from hpnorton.stores.base import ChangeStore, Document
from hpnorton.stores.history import HISTORY, Kind
from hpnorton.stores.lookup import key_from_text

# An entry of the history, with `before` and `after` as dictionaries, and the `file` of an import.
Event = dict[str, Any]


def history(store: ChangeStore, record_id: str) -> list[Event]:
    """Return every import, rental, return, adjustment and edit of a record, the oldest first.

    `record_id` is the id of a product or a customer, or the key of any record that was changed at
    the counter, as a clerk types it (see lookup.py). Raises UnknownIdError if nothing is known of
    it, or several ids differ from it in case only.
    """
    exact = key_from_text(record_id)
    if (events := _events(store, exact)) or is_known(store, exact):
        return events
    alike = sorted(set(ids_alike(store, exact)))
    if len(alike) > 1:
        listed = " and ".join(map(repr, alike))
        raise UnknownIdError(
            f"nothing is known of {record_id!r}, but of {listed}, which differ from it in case "
            "only; type one of them exactly"
        )
    for candidate in (*alike, exact.upper()):
        if (events := _events(store, candidate)) or is_known(store, candidate):
            return events
    raise UnknownIdError(
        f"nothing is known of {record_id!r}; --all-products and --all-customers list the ids"
    )


def describe_event(event: Event) -> str:
    """Return what has happened in words: the file, the reason, or what was changed."""
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


def _events(store: ChangeStore, record: str) -> list[Event]:
    entries = {
        tuple(entry[name] for name in HISTORY.key): entry
        for field in ("record", USER_ID)
        for entry in store.find(HISTORY.name, HISTORY.key, ((field, "=", record),))
    }
    events = [_event(entry) for entry in entries.values()]
    imports = {entry.id: entry for entry in journal.imports_of(store, record)}
    for event in events:  # an import that changed a stock has an entry of its own
        if event["kind"] == Kind.IMPORT and (found := imports.pop(event["reason"], None)):
            event["file"] = found.file
    events += [
        _event({"record": record, "at": entry.started, "kind": Kind.IMPORT.value})
        | {"reason": entry.id, "changed": entry.collection, "file": entry.file}
        for entry in imports.values()
    ]
    return sorted(events, key=lambda event: (event["at"], event.get("number") or 0))


def _event(entry: Document) -> Event:
    event: Event = {name: entry.get(name) for name in ("at", "kind", *HISTORY.columns)}
    for name in ("before", "after"):
        if event[name] is not None:
            event[name] = json.loads(event[name])
    return event | {"file": None}


def _shown(value: object) -> str:
    return "empty" if value is None else str(value)

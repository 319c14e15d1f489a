"""--history: what happened to a product or a customer, or all imports."""

import argparse
import os.path
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, fields
from typing import Any

from hpnorton.cli.arguments import CSV, CommandFlag, Parser, utf8
from hpnorton.cli.output import print_message, show_paged, to_the_minute
from hpnorton.errors import ExitStatus
from hpnorton.lazy import lazy_imports
from hpnorton.rental.names import USER_ID
from hpnorton.settings import Settings, redact

with lazy_imports():
    import json

    from hpnorton import stores
    from hpnorton.cli import table
    from hpnorton.rental import record_history
    from hpnorton.stores import journal, lookup
    from hpnorton.tabular import keys

_Document = dict[str, Any]

# The table of imports: what is always there, and what from which width of the terminal on.
_COLUMNS = ("collection", "status", "read")
_COUNTS = ("inserted", "updated", "unchanged", "conflicts", "rejected")
_MIN_WIDTHS = {"file": 100, "id": 160, "rejects_file": 240}
_MIN_WIDTH_FOR_COUNTS = 118  # narrower tables have one column for all counts


def add_flags(parser: Parser) -> None:
    """Add --history."""
    parser.group("query").add_argument(
        "--history",
        nargs="?",
        metavar="ID",
        type=utf8,
        action=CommandFlag,
        run=_run,
        help="list all that happened to a product or a customer; without ID list all imports: "
        "when, which file, and the result of its rows",
    )


def _run(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    if arguments.values is None:
        return _show_imports(arguments, settings)
    return _show_events(arguments, settings)


def _show_events(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    with closing(stores.open_store(settings.uri)) as store:
        store.finish(store.unfinished())
        events = record_history.history(store, arguments.values)
    shown = _events_for_table(events, arguments.values)
    if arguments.format == CSV:
        nested = ("before", "after")
        events = [
            e | {n: e[n] and json.dumps(e[n], ensure_ascii=False) for n in nested} for e in events
        ]
    show_paged(events, arguments, noun="event", as_table=shown)
    return ExitStatus.OK


def _events_for_table(events: Sequence[_Document], record_id: str) -> Iterator[_Document]:
    """Yield the events without the id that was asked for: its column would say nothing new."""
    own = keys.fold_case(lookup.key_from_text(record_id))
    ids = [
        name
        for name in ("record", USER_ID)
        if any(
            event.get(name) is not None and keys.fold_case(event[name]) != own for event in events
        )
    ]
    for event in events:
        yield (
            {"at": to_the_minute(event["at"]), "kind": event["kind"]}
            | {name: event.get(name) for name in ids}
            | {"delta": event.get("delta"), "stock": event.get("stock")}
            | {"what": record_history.describe_event(event)}
        )


def _show_imports(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    with closing(stores.open_store(settings.uri)) as store:
        imports = [asdict(entry) for entry in journal.imports(store)]
    if not imports and not arguments.quiet:
        print_message(f"Nothing was imported into {redact(settings.uri)}.")
    width = table.terminal_width()
    shown = (_import_for_table(entry, width) for entry in imports)
    columns = [field.name for field in fields(journal.ImportEntry)]
    show_paged(imports, arguments, noun="import", columns=columns, as_table=shown)
    return ExitStatus.OK


def _import_for_table(entry: _Document, width: int) -> _Document:
    """Return what a table of this width shows of an import."""
    more = [name for name, minimum in _MIN_WIDTHS.items() if width >= minimum]
    counts = {name: entry[name] for name in _COUNTS}
    if width < _MIN_WIDTH_FOR_COUNTS:
        counts = {"what": ", ".join(f"{count} {name}" for name, count in counts.items() if count)}
    shown = {"started": to_the_minute(entry["started"])}
    shown |= {name: entry[name] for name in _COLUMNS} | counts
    shown |= {name: entry[name] for name in more}
    if "file" in more and "rejects_file" not in more:
        shown["file"] = os.path.basename(entry["file"])
    return shown

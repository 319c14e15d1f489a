"""--fields: which fields the records of a database have."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from hpnorton.cli.arguments import CSV, TABLE, Parser, whole_number
from hpnorton.cli.output import print_message, show_paged
from hpnorton.cli.profile import Record, add_command, records_for_table, warm_up
from hpnorton.errors import ExitStatus
from hpnorton.lazy import lazy_imports
from hpnorton.settings import Settings

with lazy_imports():
    from hpnorton.cli import progress
    from hpnorton.profile import fields

_SCOPE = ("looked_at", "of")
_NOT_IN_TABLE = (*_SCOPE, "documents")
_FIELD_COLUMNS = ("field", "types", "count", "documents", "percentage", "example")


def add_flags(parser: Parser) -> None:
    """Add --fields and --sample."""
    about = "list the fields of the records, and the types of their values"
    add_command(parser, "--fields", _run, ("--workers", "--sample"), about)
    parser.group("profile").add_argument(
        "--sample",
        metavar="N",
        type=whole_number(1),
        help="with --fields: read only N random records of each collection (default: all)",
    )


def _run(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    warm_up("hpnorton.profile.fields", arguments, settings)
    with progress.show_profile(is_wanted=not arguments.quiet) as on_progress:
        profiled = fields.profile_fields(
            settings.uri,
            arguments.values,
            workers=arguments.workers,
            sample=arguments.sample,
            on_progress=on_progress,
        )
    for each in () if arguments.quiet else profiled:
        print_message(f"{each.collection}: {each.scope}")
    is_one = len(profiled) == 1
    show_paged(
        _records(profiled, arguments.format),
        arguments,
        columns=("collection", *_SCOPE, *_FIELD_COLUMNS),
        by=None if is_one else "collection",
        as_json=map(_document, profiled),
        as_table=records_for_table(
            _records(profiled, TABLE), (*_NOT_IN_TABLE, *(["collection"] if is_one else []))
        ),
    )
    return ExitStatus.OK


def _document(profiled: fields.CollectionFields) -> Record:
    return {
        "collection": profiled.collection,
        "looked_at": profiled.statistics.records,
        "of": profiled.total,
        "sampled": profiled.is_sampled,
        "fields": profiled.fields(),
    }


def _records(profiled: Sequence[fields.CollectionFields], form: str | None) -> Iterator[Record]:
    """Yield a record for each field of each collection, with its types as text in text formats."""
    for each in profiled:
        for field in each.fields():
            if form in (TABLE, CSV):
                field["types"] = ", ".join(f"{kind} {n:,}" for kind, n in field["types"].items())
            scope = dict(zip(_SCOPE, (each.statistics.records, each.total)))
            yield {"collection": each.collection, **scope, **field}

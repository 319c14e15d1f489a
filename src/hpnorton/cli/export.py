"""--export: the whole database as files."""

from __future__ import annotations

import argparse
from contextlib import closing

from hpnorton.cli.arguments import CommandFlag, Parser, file_path
from hpnorton.cli.output import print_message, show
from hpnorton.errors import ExitStatus
from hpnorton.lazy import lazy_imports
from hpnorton.sanitize import counted
from hpnorton.settings import Settings

with lazy_imports():
    from hpnorton import stores
    from hpnorton.rental import catalog, export


def add_flags(parser: Parser) -> None:
    """Add --export."""
    parser.group("audit and export").add_argument(
        "--export",
        metavar="DIR",
        type=file_path,
        action=CommandFlag,
        run=_run,
        help="write every collection and the history as CSV files with a datapackage.json; "
        "importing them into an empty database gives the same records; replace the files of an "
        "earlier export, and no others",
    )


def _run(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    with closing(stores.open_store(settings.uri)) as store:
        store.finish(store.unfinished())
        known = catalog.Catalog(store, settings.description_folders)
        written = export.export(store, known, arguments.values)
        left_out = sorted({*store.collections()} - {each.collection for each in written})
    show(
        (
            {"collection": each.collection, "records": each.records, "file": str(each.file)}
            for each in written
        ),
        arguments.format,
    )
    for exported in written:
        _warn_of_formulas(exported)
        for text in exported.texts:
            print_message(
                f"{exported.file}: {text}; it was written as it is, and cannot be imported again"
            )
    for name in left_out:
        print_message(
            f"Error: {name} was left out: HPNorton has not imported it and does not know its "
            "fields; describe it in a datapackage.json"
        )
    return ExitStatus.FAILED if left_out else ExitStatus.OK


def _warn_of_formulas(exported: export.Exported) -> None:
    for row, field in exported.formulas:
        print_message(
            f"{exported.file}, row {row}, {field}: a spreadsheet would take this for a formula; "
            "it was written as it is"
        )
    more = exported.formula_count - len(exported.formulas)
    if more:
        print_message(f"{exported.file}: and {counted(more, 'more cell')} like that")

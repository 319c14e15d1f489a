"""Results on stdout, in the format asked for."""
# pylint: disable=import-outside-toplevel # see hpnorton.cli

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hpnorton.cli.arguments import JSON, TABLE
from hpnorton.cli.pager import paged
from hpnorton.log import write_message
from hpnorton.rental.names import PRODUCT_ID, RENTED_AT, RETURNED_AT, USER_ID
from hpnorton.sanitize import tellable

_Records = Iterable[Mapping[str, Any]]
_WHOLE = (USER_ID, PRODUCT_ID, "record", "collection")
_PROSE = ("what", "message", "types")
_MOMENTS = (RENTED_AT, RETURNED_AT)


def chosen_format(form: str | None) -> str:
    """The format asked for; a table on a terminal, and JSON elsewhere, if none is."""
    return form or (TABLE if sys.stdout.isatty() else JSON)


def show(
    records: _Records,
    form: str | None,
    *,
    key: str | None = None,
    as_json: _Records | None = None,
    as_table: _Records | None = None,
) -> None:
    """Writes records to stdout: as a table on a terminal and JSON elsewhere, unless `form` says.

    `key` is as in output.write_records; `as_json` and `as_table` are the records in other shapes,
    for those formats. A reader that closes stdout, as `head` does, ends this and nothing else.
    """
    from hpnorton.cli.output import write_records

    chosen = chosen_format(form)
    records = _in_shape(chosen, records, as_json, as_table)
    with paged(False) as out:
        write_records(records, chosen, out, key=key)


def answer(
    records: _Records,
    arguments: argparse.Namespace,
    *,
    noun: str = "",
    key: str | None = None,
    columns: Sequence[str] = (),
    by: str | None = None,
    as_json: _Records | None = None,
    as_table: _Records | None = None,
) -> None:
    """Shows what a question has found, as show() does; on a terminal in a pager.

    There the number of records stands below their table, if `noun` says what they are. `columns`
    are as in output.write_records, `by` as in table.Table.
    """
    from hpnorton.cli.output import write_records
    from hpnorton.cli.table import Table

    chosen = chosen_format(arguments.format)
    records = _in_shape(chosen, records, as_json, as_table)
    if chosen != TABLE:
        with paged(not arguments.no_pager) as out:
            write_records(records, chosen, out, key=key, columns=columns)
        return
    table = Table(records, whole=_WHOLE, prose=_PROSE, by=by)
    with paged(not arguments.no_pager, len(table.header)) as out:
        for line in table.lines():
            out.write(line + "\n")
        if noun and table.count and out.isatty() and not arguments.quiet:
            out.write(f"\n{table.count:,} {noun}{'' if table.count == 1 else 's'}\n")


def _in_shape(
    form: str, records: _Records, as_json: _Records | None, as_table: _Records | None
) -> _Records:
    """The records in the shape that a format needs."""
    if form == JSON and as_json is not None:
        return as_json
    if form == TABLE:
        return map(_to_the_minute, records if as_table is None else as_table)
    return records


def _to_the_minute(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """A record with the moments that the counter notes as a person reads them."""
    moments = {name: minute(record[name]) for name in _MOMENTS if name in record}
    return {**record, **moments} if moments else record


def tell(message: object) -> None:
    """Writes a message to stderr; it may quote cells, names and URLs as they came."""
    write_message(tellable(str(message)) + "\n")


def minute(moment: Any) -> Any:
    """A moment, ISO 8601, as a person reads it; anything else as it is."""
    is_moment = isinstance(moment, str) and moment[10:11] == "T"
    return moment[:16].replace("T", " ") if is_moment else moment

"""Results on stdout as a table, JSON, JSON lines or CSV, and messages on stderr."""

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from typing import Any

from hpnorton.cli.arguments import CSV, JSON, JSONL, TABLE
from hpnorton.cli.pager import paged
from hpnorton.cli.standard_streams import Output
from hpnorton.errors import HPNortonError
from hpnorton.lazy import lazy_imports
from hpnorton.log import write_message
from hpnorton.rental.names import PRODUCT_ID, RENTED_AT, RETURNED_AT, USER_ID
from hpnorton.sanitize import printable, sanitize_message
from hpnorton.tabular.writer import LineFeedWriter, TextWriter

with lazy_imports():
    import csv
    import json

    from hpnorton.cli import table

_Record = Mapping[str, Any]
_Records = Iterable[_Record]
_KEYS = (USER_ID, PRODUCT_ID, "record", "collection")
_PROSE = ("what", "message", "types")
_MOMENTS = (RENTED_AT, RETURNED_AT)


def chosen_format(form: str | None) -> str:
    """Return the format of --format, or by default a table on a terminal and JSON elsewhere."""
    return form or (TABLE if sys.stdout.isatty() else JSON)


def show(
    records: _Records,
    form: str | None,
    *,
    key: str | None = None,
    as_json: _Records | None = None,
    as_table: _Records | None = None,
) -> None:
    """Write records to stdout in the format `form`, as chosen_format() chooses it.

    `key` is as in write_records(); `as_json` and `as_table` are the records in the shape that these
    formats need. A reader that closes stdout, as `head` does, is no error.
    """
    chosen = chosen_format(form)
    records = _in_shape(chosen, records, as_json, as_table)
    with paged(False) as out:
        write_records(records, chosen, out, key=key)


def show_paged(
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
    """Write records to stdout as show() does; on a terminal in a pager.

    On a terminal the number of records follows their table, if `noun` is what they are, such as
    "rental". `columns` are as in write_records(), `by` as in table.Table.
    """
    chosen = chosen_format(arguments.format)
    records = _in_shape(chosen, records, as_json, as_table)
    if chosen != TABLE:
        with paged(not arguments.no_pager) as out:
            write_records(records, chosen, out, key=key, columns=columns)
        return
    shown = table.Table(records, whole=_KEYS, prose=_PROSE, by=by)
    with paged(not arguments.no_pager, len(shown.header)) as out:
        for line in shown.lines():
            out.write(line + "\n")
        if noun and shown.count and out.isatty() and not arguments.quiet:
            out.write(f"\n{shown.count:,} {noun}{'' if shown.count == 1 else 's'}\n")


def print_message(message: object) -> None:
    """Write a message to stderr; it may quote cells, names and URLs from anywhere."""
    write_message(sanitize_message(str(message)) + "\n")


def to_the_minute(moment: Any) -> Any:
    """Return a moment in ISO 8601 as people read it, such as 2026-11-27 14:05.

    Any other value is returned unchanged.
    """
    is_moment = isinstance(moment, str) and moment[10:11] == "T"
    return moment[:16].replace("T", " ") if is_moment else moment


def write_records(
    records: _Records,
    form: str,
    out: Output,
    *,
    key: str | None = None,
    columns: Sequence[str] = (),
) -> None:
    """Write records to `out` as a `table`, `json`, `jsonl` or `csv`, one after the other.

    With `key`, JSON is an object with each record under its value of that field, otherwise a list.
    `columns` are the header of a CSV file without records. Whatever the format, no text can move
    the cursor or change the colours of a terminal.
    """
    is_screen = out.isatty()
    encode = _json_for_a_screen if is_screen else _encoder().encode
    if form == TABLE:
        for line in table.Table(records).lines():
            out.write(line + "\n")
    elif form == CSV:
        _write_csv(iter(records), columns, _Screen(out) if is_screen else out)
    elif form == JSONL:
        for record in records:
            out.write(encode(record) + "\n")
    elif key is not None:
        lines = (
            f"{encode(str(record[key]))}: {encode({k: v for k, v in record.items() if k != key})}"
            for record in records
        )
        _write_json_lines(lines, "{}", out)
    else:
        _write_json_lines(map(encode, records), "[]", out)


def _in_shape(
    form: str, records: _Records, as_json: _Records | None, as_table: _Records | None
) -> _Records:
    """Return the records in the shape that a format needs."""
    if form == JSON and as_json is not None:
        return as_json
    if form == TABLE:
        return map(_with_short_moments, records if as_table is None else as_table)
    return records


def _with_short_moments(record: _Record) -> _Record:
    moments = {name: to_the_minute(record[name]) for name in _MOMENTS if name in record}
    return {**record, **moments} if moments else record


@cache
def _encoder() -> "json.JSONEncoder":
    return json.JSONEncoder(ensure_ascii=False, default=str)


def _json_for_a_screen(value: object) -> str:
    """Return a value as JSON in which what a terminal would obey is escaped."""
    text = _encoder().encode(value)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    """Return a character as JSON escapes it; one beyond the first plane takes two escapes."""
    units = char.encode("utf-16-be", errors="surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


class _Screen:
    """A terminal as a target of CSV: each row on one line, without what a terminal would obey."""

    def __init__(self, out: TextWriter) -> None:
        self._out = out

    def write(self, row: str) -> object:
        """Write a row."""
        return self._out.write(printable(row.removesuffix("\n")) + "\n")


def _write_json_lines(items: Iterator[str], brackets: str, out: TextWriter) -> None:
    """Write a JSON list or object with one item a line, which people and diff can read."""
    first = next(items, None)
    if first is None:
        out.write(brackets + "\n")
        return
    out.write(f"{brackets[0]}\n  {first}")
    for item in items:
        out.write(f",\n  {item}")
    out.write(f"\n{brackets[1]}\n")


def _write_csv(records: Iterator[_Record], columns: Sequence[str], out: TextWriter) -> None:
    first = next(records, None)
    names = list(columns if first is None else first)
    if not names:
        return
    writer = csv.DictWriter(LineFeedWriter(out), names)
    writer.writeheader()
    if first is None:
        return
    for record in chain([first], records):
        if more := record.keys() - first.keys():
            raise HPNortonError(
                f"a record has {', '.join(sorted(more))}, which the first one has not, so they do "
                "not fit into one CSV file; use --format jsonl"
            )
        writer.writerow(record)

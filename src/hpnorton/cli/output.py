"""Records as a table, JSON, JSON lines or CSV."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Protocol

from hpnorton.cli.table import Table
from hpnorton.errors import HPNortonError
from hpnorton.sanitize import printable
from hpnorton.tabular.writer import LineFeedWriter, TextWriter


class Output(TextWriter, Protocol):
    """What records can be written to."""

    def isatty(self) -> bool:
        """Whether it is a terminal."""


def write_records(
    records: Iterable[Mapping[str, Any]],
    form: str,
    out: Output,
    *,
    key: str | None = None,
    columns: Sequence[str] = (),
) -> None:
    """Writes records to `out` as a `table`, `json`, `jsonl` or `csv`, as they come.

    With `key`, JSON is an object that holds each record under the value of that field; else a list.
    `columns` are the header of a CSV file without records. On a terminal no text can move the
    cursor or change colours, whatever the form.
    """
    is_screen = out.isatty()
    encode = _json_for_a_screen if is_screen else _json
    if form == "table":
        for line in Table(records).lines():
            out.write(line + "\n")
    elif form == "csv":
        _write_csv(iter(records), columns, _Screen(out) if is_screen else out)
    elif form == "jsonl":
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


_json = json.JSONEncoder(ensure_ascii=False, default=str).encode


def _json_for_a_screen(value: object) -> str:
    """The same JSON; what a terminal would obey is written as an escape."""
    text = _json(value)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    """A character as JSON escapes it: beyond the first plane as two."""
    units = char.encode("utf-16-be", errors="surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


class _Screen:
    """A terminal: a row of a CSV file goes to it on one line, without what it would obey."""

    def __init__(self, out: TextWriter) -> None:
        self._out = out

    def write(self, row: str) -> object:
        """Writes a row."""
        return self._out.write(printable(row.removesuffix("\n")) + "\n")


def _write_json_lines(items: Iterator[str], brackets: str, out: TextWriter) -> None:
    """A JSON list or object with one item a line, so that people and diff can read it."""
    first = next(items, None)
    if first is None:
        out.write(brackets + "\n")
        return
    out.write(f"{brackets[0]}\n  {first}")
    for item in items:
        out.write(f",\n  {item}")
    out.write(f"\n{brackets[1]}\n")


def _write_csv(
    records: Iterator[Mapping[str, Any]], columns: Sequence[str], out: TextWriter
) -> None:
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

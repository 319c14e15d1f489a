"""Records as a table, JSON, JSON lines or CSV."""

import csv
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Protocol, TextIO

from hpnorton.errors import HPNortonError
from hpnorton.texts import printable

_GAP = "  "
_NARROWEST = 8


def write_records(
    records: Iterable[Mapping[str, Any]], form: str, out: TextIO, *, key: str | None = None
) -> None:
    """Writes records to `out` as a `table`, `json`, `jsonl` or `csv`.

    With `key`, JSON is an object that holds each record under the value of that field; else a list.
    Records are written as they come, except for a table, whose columns have to be measured. On a
    terminal no text can move the cursor or change colours, whatever the form.
    """
    is_screen = out.isatty()
    encode = _json_for_a_screen if is_screen else _json
    if form == "table":
        _write_table(list(records), out)
    elif form == "csv":
        _write_csv(iter(records), _Screen(out) if is_screen else out)
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


_json = json.JSONEncoder(ensure_ascii=False).encode


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


class _Writing(Protocol):
    """What texts can be written to."""

    def write(self, text: str, /) -> int:
        """Writes a text."""


class _Screen:
    """A terminal: a row of a CSV file goes to it on one line, without what it would obey."""

    def __init__(self, out: _Writing) -> None:
        self._out = out

    def write(self, row: str) -> int:
        """Writes a row."""
        return self._out.write(printable(row.removesuffix("\n")) + "\n")


def _write_json_lines(items: Iterator[str], brackets: str, out: TextIO) -> None:
    """A JSON list or object with one item a line, so that people and diff can read it."""
    first = next(items, None)
    if first is None:
        out.write(brackets + "\n")
        return
    out.write(f"{brackets[0]}\n  {first}")
    for item in items:
        out.write(f",\n  {item}")
    out.write(f"\n{brackets[1]}\n")


class UnixLines:
    """Takes the rows of a csv.writer, which quotes every line end only if its own is CRLF."""

    def __init__(self, out: _Writing) -> None:
        self._out = out

    def write(self, row: str) -> int:
        """Writes a row, which ends with CRLF, with a line feed."""
        return self._out.write(row.removesuffix("\r\n") + "\n")


def _write_csv(records: Iterator[Mapping[str, Any]], out: _Writing) -> None:
    first = next(records, None)
    if first is None:
        return
    writer = csv.DictWriter(UnixLines(out), list(first))
    writer.writeheader()
    for record in chain([first], records):
        if more := record.keys() - first.keys():
            raise HPNortonError(
                f"a record has {', '.join(sorted(more))}, which the first one has not, so they do "
                "not fit into one CSV file; use --format jsonl"
            )
        writer.writerow(record)


def _write_table(records: Sequence[Mapping[str, Any]], out: TextIO) -> None:
    """Columns under a header, as wide as the terminal allows; nothing if there are no records."""
    names = list(dict.fromkeys(name for record in records for name in record))
    if not names:
        return
    rows = [[_cell(record.get(name)) for name in names] for record in records]
    header = [_cell(name) for name in names]
    widths = _fit([max(map(_width, column)) for column in zip(header, *rows)])
    is_number = [
        all(isinstance(record.get(name), int | float | None) for record in records)
        for name in names
    ]
    for row in chain([header, ["-" * width for width in widths]], rows):
        out.write(_GAP.join(map(_padded, row, widths, is_number)).rstrip() + "\n")


def _cell(value: object) -> str:
    return "" if value is None else printable(str(value))


def _width(text: str) -> int:
    """How many columns of a terminal a text takes: two for each wide character."""
    if text.isascii():
        return len(text)
    # pylint: disable-next=import-outside-toplevel # rich is slow to import, and seldom needed here
    from rich.cells import cell_len

    return cell_len(text)


def _padded(text: str, width: int, is_right: bool) -> str:
    room = width - _width(text)
    if room < 0:
        while _width(text) > width - 1:
            text = text[: -max(1, (_width(text) - width + 1) // 2)]
        text += "…"
        room = width - _width(text)
    return " " * room + text if is_right else text + " " * room


def _fit(widths: Sequence[int]) -> list[int]:
    """The widths of columns, cut to one width where the terminal has no room for the widest."""
    room = shutil.get_terminal_size((10_000, 24)).columns - len(_GAP) * (len(widths) - 1)
    most = max(widths)
    while most > _NARROWEST and sum(min(width, most) for width in widths) > room:
        most -= 1
    return [min(width, most) for width in widths]

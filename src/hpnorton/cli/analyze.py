"""--analyze: what is in a CSV file, before anybody imports it."""
# pylint: disable=import-outside-toplevel # see hpnorton.cli

import argparse
import os.path
import re
from contextlib import closing
from typing import TYPE_CHECKING, Any

from hpnorton.cli.arguments import CSV, TABLE, Act, Parser
from hpnorton.cli.pager import paged
from hpnorton.cli.show import answer, chosen_format, tell
from hpnorton.errors import ExitStatus, UsageError
from hpnorton.settings import Settings, expand_home

if TYPE_CHECKING:
    from hpnorton.profile.analysis import ColumnTally, Tally

    Document = dict[str, Any]

ANALYZE = "--analyze"
_WIDEST = 19  # as a date and time
_CODE = re.compile("(?=.*[0-9])[A-Za-z0-9./:+-]{1,40}")


def add_flags(parser: Parser) -> None:
    """Adds the flags of this group."""
    group = parser.add_argument_group(
        "analyze", "COLUMN is a column's name, or its number from 1 on."
    )
    group.add_argument(
        ANALYZE,
        metavar="FILE",
        action=Act,
        operation=_analyze,
        help="what is in the columns of a CSV file, .csv.gz, or - for stdin: filled cells, "
        "distinct values, lowest, highest, longest, and the type they seem to have",
    )
    group.add_argument(
        "--year-of",
        metavar="COLUMN",
        help="and the rows of each year of a column of dates, MM/DD/YYYY or ISO 8601",
    )
    group.add_argument(
        "--count",
        metavar="COLUMN=TEXT",
        action="append",
        help="and the rows whose column holds a text somewhere; may be given several times",
    )


def _analyze(arguments: argparse.Namespace, _settings: Settings) -> ExitStatus:
    from hpnorton.workers import warm_up

    workers = 1 if arguments.workers is None else arguments.workers
    if workers != 1:
        warm_up("hpnorton.profile.analysis")
    from hpnorton.cli.progress import show_analysis
    from hpnorton.profile.analysis import analyze, questions_for
    from hpnorton.tabular.location import is_url
    from hpnorton.tabular.reader import CsvFile

    asks = arguments.year_of is not None or arguments.count
    if arguments.format == CSV and asks:
        raise UsageError("--format csv has room for the columns only; use json, jsonl or table")
    place = arguments.values if is_url(arguments.values) else expand_home(arguments.values)
    with closing(CsvFile(place, "")) as file:
        questions = questions_for(file, arguments.year_of, arguments.count or ())
        with show_analysis(not arguments.quiet, os.path.basename(file.path)) as on_progress:
            tally = analyze(file, questions, workers, arguments.log_level, on_progress)
    _show(tally, file.path, file.header, arguments)
    try:
        file.check_unchanged()
    finally:
        for warning in file.warnings:
            tell(f"{file.path}: {warning}")
    return ExitStatus.OK


def _show(tally: "Tally", path: str, header: list[str], arguments: argparse.Namespace) -> None:
    from hpnorton.profile.column_types import DEFAULT
    from hpnorton.sanitize import readable

    names = [readable(name) for name in header]
    columns = [
        {"number": at, "column": name, **_column(column)}
        for at, (name, column) in enumerate(zip(names, tally.columns), 1)
    ]
    formats = [column.guess.format for column in tally.columns]
    if set(formats) - {DEFAULT}:
        columns = [column | {"format": form} for column, form in zip(columns, formats)]
    years = _years(tally, names)
    counts: list[Document] = [
        {"column": names[at], "text": text, "rows": rows}
        for (at, text), rows in zip(tally.questions.counts, tally.counts)
    ]
    document: Document = {"file": path, "rows": tally.rows, "uneven_rows": tally.uneven}
    document |= {
        "blank_rows": tally.left_out.blank,
        "repeated_headers": tally.left_out.repeated_headers,
        "misquoted_rows": tally.left_out.misquoted,
    }
    document |= {"columns": columns}
    document |= {"years": years} if years else {}
    document |= {"counts": counts} if counts else {}
    form = chosen_format(arguments.format)
    if form != TABLE:
        answer(columns if form == CSV else [document], arguments)
        return
    others = [table for table in (_year_rows(years), counts) if table]
    _show_tables(columns, others, _sentence(tally), arguments)


def _sentence(tally: "Tally") -> str:
    """How many rows there are, and what is odd about some."""
    uneven = f", {tally.uneven:,} of them with more or fewer cells" if tally.uneven else ""
    odd = (
        (tally.left_out.blank, "blank"),
        (tally.left_out.repeated_headers, "that repeat the header"),
        (tally.left_out.misquoted, "with wrong quotes"),
    )
    others = [f"{count:,} {what}" for count, what in odd if count]
    return f"{tally.rows:,} rows{uneven}{', and besides ' if others else ''}{', '.join(others)}"


def _show_tables(
    columns: "list[Document]",
    others: "list[list[Document]]",
    sentence: str,
    arguments: argparse.Namespace,
) -> None:
    """The columns of a file as a table, other tables below it, and a sentence."""
    from hpnorton.cli.table import Table

    whole = columns[0].keys() - {"min", "max"} if columns else ()
    tables = [Table(map(_short, columns), whole=whole), *map(Table, others)]
    with paged(not arguments.no_pager, len(tables[0].header)) as out:
        for table in tables:
            for line in table.lines():
                out.write(line + "\n")
            out.write("\n")
        out.write(sentence + "\n")


def _column(column: "ColumnTally") -> "Document":
    from hpnorton.profile.column_types import Kind
    from hpnorton.sanitize import readable

    guess = column.guess
    low, high = guess.shown(guess.low), guess.shown(guess.high)
    if guess.kind is Kind.STRING:
        low, high = readable(column.low_text or ""), readable(column.high_text or "")
    return {
        "type": guess.kind,
        "filled": column.filled,
        "distinct": len(column.distinct),
        "estimated": column.distinct.is_estimated,
        "min": low,
        "max": high,
        "longest": column.longest,
    }


def _short(column: "Document") -> "Document":
    """A column as a person has room for it: long texts are cut, but for numbers and codes."""
    from hpnorton.profile.column_types import DEFAULT

    left_out = ("number", "estimated", "format")
    short = {"#": column["number"], **{n: column[n] for n in column if n not in left_out}}
    if column.get("format", DEFAULT) != DEFAULT:
        short["type"] = f"{column['type']} {column['format']}"
    if column["estimated"]:
        short["distinct"] = f"{column['distinct']} (estimated)"
    for bound in ("min", "max"):
        value = column[bound]
        if isinstance(value, str) and len(value) > _WIDEST and not _CODE.fullmatch(value):
            short[bound] = f"{value[: _WIDEST - 1]}…"
    return short


def _years(tally: "Tally", names: list[str]) -> "Document | None":
    at = tally.questions.year_of
    if at is None:
        return None
    found = tally.years
    return {
        "column": names[at],
        "rows": {str(year): found[year] for year in sorted(year for year in found if year)},
        "no_date": found[None],
        "empty": tally.rows - tally.columns[at].filled,
    }


def _year_rows(years: "Document | None") -> "list[Document]":
    """The years as a table."""
    if years is None:
        return []
    rows = [{years["column"]: year, "rows": count} for year, count in years["rows"].items()]
    others = {"(no date)": years["no_date"], "(empty)": years["empty"]}
    return rows + [{years["column"]: name, "rows": n} for name, n in others.items() if n]

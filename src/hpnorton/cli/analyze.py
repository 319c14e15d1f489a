"""--analyze: what is in a CSV file, before it is imported."""

from __future__ import annotations

import argparse
import os.path
import re
from contextlib import closing
from typing import Any

from hpnorton.cli.arguments import CSV, TABLE, CommandFlag, Parser
from hpnorton.cli.output import chosen_format, print_message, show_paged
from hpnorton.cli.pager import paged
from hpnorton.errors import ExitStatus, UsageError
from hpnorton.lazy import lazy_imports
from hpnorton.sanitize import readable
from hpnorton.settings import Settings, expand_home

with lazy_imports():
    from hpnorton import workers
    from hpnorton.cli import progress, table
    from hpnorton.profile import analysis, column_types, file_profile, questions
    from hpnorton.tabular import location, reader

_Document = dict[str, Any]

_MAX_BOUND = 19  # characters of the lowest or highest text in a table, as many as a date and time
_CODE = re.compile("(?=.*[0-9])[A-Za-z0-9./:+-]{1,40}")


def add_flags(parser: Parser) -> None:
    """Add --analyze, --year-of and --count."""
    add = parser.group(
        "analyze", "COLUMN is the name of a column, or its number, counted from 1."
    ).add_argument
    add(
        "--analyze",
        metavar="FILE",
        action=CommandFlag,
        run=_run,
        takes=("--workers", "--year-of", "--count"),
        needs_shop=False,
        help="describe the columns of a CSV file, .csv.gz, or - for stdin: filled cells, distinct "
        "values, lowest, highest, longest, and the type they seem to have",
    )
    add(
        "--year-of",
        metavar="COLUMN",
        help="count the rows of each year of a column of dates, MM/DD/YYYY or ISO 8601",
    )
    add(
        "--count",
        metavar="COLUMN=TEXT",
        action="append",
        help="count the rows whose column contains a text; may be given several times",
    )


def _run(arguments: argparse.Namespace, _settings: Settings) -> ExitStatus:
    processes = 1 if arguments.workers is None else arguments.workers
    if processes != 1:
        workers.warm_up("hpnorton.profile.analysis")
    if arguments.format == CSV and (arguments.year_of is not None or arguments.count):
        raise UsageError("--format csv has room for the columns only; use json, jsonl or table")
    path = arguments.values
    if not location.is_url(path):
        path = expand_home(path)
    with closing(reader.CsvFile(path, "")) as file:
        asked = questions.make_questions(file, arguments.year_of, arguments.count or ())
        name = os.path.basename(file.path)
        with progress.show_analysis(not arguments.quiet, name) as on_progress:
            profile = analysis.analyze(file, asked, processes, arguments.log_level, on_progress)
    _show(profile, file.path, file.header, arguments)
    try:
        file.check_unchanged()
    finally:
        for warning in file.warnings:
            print_message(f"{file.path}: {warning}")
    return ExitStatus.OK


def _show(
    profile: file_profile.FileProfile, path: str, header: list[str], arguments: argparse.Namespace
) -> None:
    names = [readable(name) for name in header]
    columns = _columns(profile, names)
    years = _years(profile, names)
    counts: list[_Document] = [
        {"column": names[index], "text": text, "rows": rows}
        for (index, text), rows in zip(profile.questions.counts, profile.counts)
    ]
    form = chosen_format(arguments.format)
    if form == TABLE:
        others = [records for records in (_years_for_table(years), counts) if records]
        _show_tables(columns, others, _sentence(profile), arguments)
        return
    document: _Document = {
        "file": path,
        "rows": profile.rows,
        "uneven_rows": profile.uneven,
        "blank_rows": profile.ignored.blank,
        "repeated_headers": profile.ignored.repeated_headers,
        "misquoted_rows": profile.ignored.misquoted,
        "columns": columns,
    }
    document |= {"years": years} if years else {}
    document |= {"counts": counts} if counts else {}
    show_paged(columns if form == CSV else [document], arguments)


def _sentence(profile: file_profile.FileProfile) -> str:
    """Return how many rows there are, and how many of them are odd."""
    uneven = f", {profile.uneven:,} of them with more or fewer cells" if profile.uneven else ""
    odd = (
        (profile.ignored.blank, "blank"),
        (profile.ignored.repeated_headers, "that repeat the header"),
        (profile.ignored.misquoted, "with wrong quotes"),
    )
    others = [f"{count:,} {what}" for count, what in odd if count]
    return f"{profile.rows:,} rows{uneven}{', and besides ' if others else ''}{', '.join(others)}"


def _show_tables(
    columns: list[_Document],
    others: list[list[_Document]],
    sentence: str,
    arguments: argparse.Namespace,
) -> None:
    """Write the columns of a file as a table, other tables below it, and a sentence."""
    whole = columns[0].keys() - {"min", "max"} if columns else ()
    tables = [table.Table(map(_for_table, columns), whole=whole), *map(table.Table, others)]
    with paged(not arguments.no_pager, len(tables[0].header)) as out:
        for each in tables:
            for line in each.lines():
                out.write(line + "\n")
            out.write("\n")
        out.write(sentence + "\n")


def _columns(profile: file_profile.FileProfile, names: list[str]) -> list[_Document]:
    """Return what is known of each column; its format only if a column has an unusual one."""
    columns = [
        {"number": number, "column": name, **_column(column)}
        for number, (name, column) in enumerate(zip(names, profile.columns), 1)
    ]
    formats = [column.type.format for column in profile.columns]
    if set(formats) - {column_types.DEFAULT_FORMAT}:
        return [column | {"format": form} for column, form in zip(columns, formats)]
    return columns


def _column(column: file_profile.ColumnProfile) -> _Document:
    guess = column.type
    low, high = guess.to_value(guess.low), guess.to_value(guess.high)
    if guess.kind is column_types.ColumnType.STRING:
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


def _for_table(column: _Document) -> _Document:
    """Return a column as a table shows it: long texts are cut, but not numbers and codes."""
    left_out = ("number", "estimated", "format")
    short = {"#": column["number"], **{n: column[n] for n in column if n not in left_out}}
    if column.get("format", column_types.DEFAULT_FORMAT) != column_types.DEFAULT_FORMAT:
        short["type"] = f"{column['type']} {column['format']}"
    if column["estimated"]:
        short["distinct"] = f"{column['distinct']} (estimated)"
    for bound in ("min", "max"):
        value = column[bound]
        if isinstance(value, str) and len(value) > _MAX_BOUND and not _CODE.fullmatch(value):
            short[bound] = f"{value[: _MAX_BOUND - 1]}…"
    return short


def _years(profile: file_profile.FileProfile, names: list[str]) -> _Document | None:
    """Return how many rows each year has, if --year-of asks for it."""
    index = profile.questions.year_of
    if index is None:
        return None
    found = profile.years
    return {
        "column": names[index],
        "rows": {str(year): found[year] for year in sorted(year for year in found if year)},
        "no_date": found[None],
        "empty": profile.rows - profile.columns[index].filled,
    }


def _years_for_table(years: _Document | None) -> list[_Document]:
    if years is None:
        return []
    rows = [{years["column"]: year, "rows": count} for year, count in years["rows"].items()]
    others = {"(no date)": years["no_date"], "(empty)": years["empty"]}
    return rows + [{years["column"]: name, "rows": n} for name, n in others.items() if n]

"""--quality: what in a database is not as datapackage.json says."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence

from hpnorton.cli.arguments import JSONL, Parser
from hpnorton.cli.output import chosen_format, print_message, show, show_paged
from hpnorton.cli.profile import Record, add_command, records_for_table, warm_up
from hpnorton.errors import ExitStatus
from hpnorton.lazy import lazy_imports
from hpnorton.settings import Settings

with lazy_imports():
    from hpnorton.cli import progress
    from hpnorton.profile import quality

_ALL_FIELDS = "(all)"
# The heads of a table, which has 80 characters of room, for the names in JSON.
_HEADS = {
    "missing": "empty",
    "type_errors": "type",
    "constraint_errors": "rule",
    "duplicates": "twice",
    "orphans": "orphan",
    "untrimmed": "blank",
    "control": "ctrl",
    "decomposed": "parts",
    "marks": "mark",
    "twins": "case",
    "outliers": "far",
}
_RARE = ("decomposed", "marks", "twins")  # a table has no room for those without a count


def add_flags(parser: Parser) -> None:
    """Add --quality and --min-score."""
    about = "count what is not as datapackage.json says, and give a score from 0 to 100"
    add_command(parser, "--quality", _run, ("--workers", "--chunk-rows", "--min-score"), about)
    parser.group("profile").add_argument(
        "--min-score",
        metavar="S",
        type=_score,
        help="with --quality: exit with status 3 if the score of a collection is below S "
        "(default: 0)",
    )


def _run(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    warm_up("hpnorton.profile.quality", arguments, settings)
    form = chosen_format(arguments.format)
    with progress.show_profile(is_wanted=not arguments.quiet) as on_progress:
        assessed = quality.assess(
            settings.uri,
            arguments.values,
            settings.description_folders,
            chunk_rows=arguments.chunk_rows or settings.chunk_rows,
            workers=arguments.workers,
            on_part=_show_part if form == JSONL else _ignore_part,
            on_progress=on_progress,
        )
    for each in () if arguments.quiet else assessed:
        score = "no score" if each.score is None else f"score {each.score}"
        print_message(f"{each.collection}: {each.records:,} records, {score}")
    if form != JSONL:
        _show_all(assessed, arguments)
    if not any(each.records for each in assessed):
        print_message(
            "Error: nothing was checked: there are no records; import some first, with --linear"
        )
        return ExitStatus.FAILED
    minimum = arguments.min_score or 0
    is_below = any(each.score is not None and each.score < minimum for each in assessed)
    return ExitStatus.ROWS_REJECTED if is_below else ExitStatus.OK


def _show_part(part: quality.Quality) -> None:
    """Write what is known of a part of a collection as a line of JSON, at once."""
    assert part.part is not None
    document = part.as_document()
    name = document.pop("collection")
    show([{"collection": name, "range": part.part.as_document(), **document}], JSONL)
    sys.stdout.flush()


def _ignore_part(_part: quality.Quality) -> None:
    """Wait for the whole collection."""


def _show_all(assessed: Sequence[quality.Quality], arguments: argparse.Namespace) -> None:
    is_one = len(assessed) == 1
    hidden = ["completeness", *_rare_without_count(assessed), *(["collection"] if is_one else [])]
    show_paged(
        _records(assessed),
        arguments,
        by=None if is_one else "collection",
        as_json=(each.as_document() for each in assessed),
        as_table=records_for_table(_records(assessed), hidden, _HEADS),
    )


def _records(assessed: Sequence[quality.Quality]) -> Iterator[Record]:
    """Yield a record for each field of a collection, and then one for all its fields."""
    for each in assessed:
        document = each.as_document()
        for field in document["fields"]:
            yield {"collection": each.collection, **field}
        sums = {name: sum(field[name] for field in document["fields"]) for name in _HEADS}
        yield {
            "collection": each.collection,
            "field": _ALL_FIELDS,
            "completeness": document["completeness"],
            **sums,
            "score": each.score,
        }


def _rare_without_count(assessed: Sequence[quality.Quality]) -> list[str]:
    fields = [counts for each in assessed for counts in each.fields.values()]
    return [name for name in _RARE if not any(getattr(counts, name) for counts in fields)]


def _score(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]+)?", text) or float(text) > 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a score from 0 to 100")
    return float(text)

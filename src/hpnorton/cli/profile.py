"""--fields and --quality: what there is in a database, and how good it is."""
# pylint: disable=import-outside-toplevel # see hpnorton.cli

import argparse
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from hpnorton.cli.arguments import CSV, JSONL, TABLE, Act, Parser, utf8, whole
from hpnorton.cli.show import answer, chosen_format, show, tell
from hpnorton.errors import ExitStatus
from hpnorton.settings import Settings

if TYPE_CHECKING:
    from hpnorton.profile.fields import Crawled
    from hpnorton.profile.quality import Quality

FIELDS, QUALITY = FLAGS = ("--fields", "--quality")
_EVERY_FIELD = "(all)"
# A person has 80 characters of room: the heads of a table, for the names in JSON.
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
    """Adds the flags of this group."""
    group = parser.add_argument_group(
        "look",
        "At some COLLECTIONs of the database, or at all.",
    )
    for flag, operation, about in (
        (FIELDS, _show_fields, "which fields the records have, of which types"),
        (QUALITY, _show_quality, "what is not as datapackage.json says, and a score"),
    ):
        group.add_argument(
            flag,
            nargs="*",
            metavar="COLLECTION",
            type=utf8,
            action=Act,
            operation=operation,
            help=about,
        )
    group.add_argument(
        "--sample",
        metavar="N",
        type=whole(1),
        help="with --fields: look at N random records of each collection only",
    )
    group.add_argument(
        "--min-score",
        metavar="S",
        type=_score,
        help="with --quality: exit status 3 if a collection's score is below S (0 to 100)",
    )


def _warm_up(module: str, arguments: argparse.Namespace, settings: Settings) -> None:
    """Starts where workers come from, if some are asked for: without, a few records need none."""
    if arguments.workers in (None, 1):
        return
    from hpnorton.stores import warm_up_workers

    warm_up_workers(settings.uri, module)


def _show_fields(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    _warm_up("hpnorton.profile.fields", arguments, settings)
    from hpnorton.cli.progress import show_look
    from hpnorton.profile.fields import crawl

    with show_look(is_wanted=not arguments.quiet) as on_progress:
        found = crawl(
            settings.uri,
            arguments.values,
            workers=arguments.workers,
            sample=arguments.sample,
            on_progress=on_progress,
        )
    _tell(arguments, [(each.collection, each.scope) for each in found])
    answer(
        _field_records(found, arguments.format),
        arguments,
        by="collection" if len(found) > 1 else None,
        as_json=(
            {
                "collection": each.collection,
                "looked_at": each.tally.records,
                "of": each.total,
                "sampled": each.is_sampled,
                "fields": each.fields(),
            }
            for each in found
        ),
        as_table=_for_table(
            _field_records(found, TABLE), len(found), "looked_at", "of", "documents"
        ),
    )
    return ExitStatus.OK


def _field_records(found: Sequence["Crawled"], form: str | None) -> Iterator[dict[str, Any]]:
    """A record for each field of each collection; types as text where records are lines of text."""
    for each in found:
        for field in each.fields():
            if form in (TABLE, CSV):
                field["types"] = ", ".join(f"{kind} {n:,}" for kind, n in field["types"].items())
            scope = {"looked_at": each.tally.records, "of": each.total}
            yield {"collection": each.collection, **scope, **field}


def _show_quality(arguments: argparse.Namespace, settings: Settings) -> ExitStatus:
    _warm_up("hpnorton.profile.quality", arguments, settings)
    from hpnorton.cli.progress import show_look
    from hpnorton.profile.quality import assess

    form = chosen_format(arguments.format)

    def on_part(part: "Quality") -> None:
        if form == JSONL:
            assert part.part is not None
            document = part.as_document()
            name = document.pop("collection")
            show([{"collection": name, "range": part.part.as_document(), **document}], form)
            sys.stdout.flush()

    with show_look(is_wanted=not arguments.quiet) as on_progress:
        found = assess(
            settings.uri,
            arguments.values,
            [settings.data],
            chunk_rows=arguments.chunk_rows or settings.chunk_rows,
            workers=arguments.workers,
            on_part=on_part,
            on_progress=on_progress,
        )
    _tell(arguments, [(each.collection, _judged(each)) for each in found])
    if form != JSONL:
        answer(
            (line for each in found for line in _quality_records(each)),
            arguments,
            by="collection" if len(found) > 1 else None,
            as_json=(each.as_document() for each in found),
            as_table=_for_table(
                (line for each in found for line in _quality_records(each)),
                len(found),
                "completeness",
                *_uncounted(found),
            ),
        )
    if not any(each.records for each in found):
        tell("Error: nothing was checked: there are no records; import some first, with --linear")
        return ExitStatus.FAILED
    least = arguments.min_score
    is_below = least is not None and any(q.score is not None and q.score < least for q in found)
    return ExitStatus.ROWS_REJECTED if is_below else ExitStatus.OK


def _quality_records(quality: "Quality") -> Iterator[dict[str, Any]]:
    """A record for each field of a collection, and one for all of them."""
    document = quality.as_document()
    for field in document["fields"]:
        yield {"collection": quality.collection, **field}
    sums = {name: sum(field[name] for field in document["fields"]) for name in _HEADS}
    yield {
        "collection": quality.collection,
        "field": _EVERY_FIELD,
        "completeness": document["completeness"],
        **sums,
        "score": quality.score,
    }


def _uncounted(found: "Sequence[Quality]") -> list[str]:
    """The rare faults that no field of the collections has."""
    fields = [counts for quality in found for counts in quality.fields.values()]
    return [name for name in _RARE if not any(getattr(counts, name) for counts in fields)]


def _judged(quality: "Quality") -> str:
    score = "no score" if quality.score is None else f"score {quality.score}"
    return f"{quality.records:,} records, {score}"


def _for_table(
    records: Iterable[dict[str, Any]], collections: int, *left_out: str
) -> Iterator[dict[str, Any]]:
    """The same with less: of one collection each line need not say its name."""
    hidden = {*left_out, *(("collection",) if collections == 1 else ())}
    for record in records:
        yield {_HEADS.get(name, name): v for name, v in record.items() if name not in hidden}


def _tell(arguments: argparse.Namespace, found: Sequence[tuple[str, str]]) -> None:
    """What was looked at, for a person."""
    if arguments.quiet:
        return
    for collection, about in found:
        tell(f"{collection}: {about}")


def _score(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]+)?", text) or float(text) > 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a score from 0 to 100")
    return float(text)

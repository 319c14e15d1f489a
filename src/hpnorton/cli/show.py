"""Results on stdout, in the format asked for."""
# pylint: disable=import-outside-toplevel # see hpnorton.cli

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from hpnorton.cli.flags import JSON, TABLE
from hpnorton.streams import until_closed, write_message
from hpnorton.texts import tellable


def chosen_format(form: str | None) -> str:
    """The format asked for; a table on a terminal, and JSON elsewhere, if none is."""
    return form or (TABLE if sys.stdout.isatty() else JSON)


def show(
    records: Iterable[Mapping[str, Any]],
    form: str | None,
    *,
    key: str | None = None,
    as_json: Iterable[Mapping[str, Any]] | None = None,
    as_table: Iterable[Mapping[str, Any]] | None = None,
) -> None:
    """Writes records to stdout: as a table on a terminal and JSON elsewhere, unless `form` says.

    `key` is as in output.write_records; `as_json` and `as_table` are the records in other shapes,
    for those formats. A reader that closes stdout, as `head` does, ends this and nothing else.
    """
    from hpnorton.output import write_records

    chosen = chosen_format(form)
    if chosen == JSON and as_json is not None:
        records = as_json
    elif chosen == TABLE and as_table is not None:
        records = as_table
    with until_closed():
        write_records(records, chosen, sys.stdout, key=key)
        sys.stdout.flush()


def tell(message: object) -> None:
    """Writes a message to stderr; it may quote cells, names and URLs as they came."""
    write_message(tellable(str(message)) + "\n")


def minute(moment: Any) -> Any:
    """A moment, ISO 8601, as a person reads it; anything else as it is."""
    is_moment = isinstance(moment, str) and moment[10:11] == "T"
    return moment[:16].replace("T", " ") if is_moment else moment

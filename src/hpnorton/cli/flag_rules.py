"""Which flags go together: one table for the flags of all groups."""

import argparse

from hpnorton.cli.analyze import ANALYZE
from hpnorton.cli.arguments import flag_of
from hpnorton.cli.compare import COMPARE
from hpnorton.cli.counter import ADJUST_STOCK, RENT
from hpnorton.cli.drop import DROP_COLLECTIONS
from hpnorton.cli.import_ import FLAGS as IMPORTS
from hpnorton.cli.import_ import PARALLEL
from hpnorton.cli.profile import FIELDS, QUALITY
from hpnorton.cli.stream import STREAM
from hpnorton.errors import UsageError

# Actions whose values may stand behind other flags too.
TAKE_MORE = (*IMPORTS, COMPARE, FIELDS, QUALITY, DROP_COLLECTIONS)

# The actions that a flag goes with, by its name in the namespace. All other flags go with any.
GOES_WITH: dict[str, tuple[str, ...]] = {
    "workers": (PARALLEL, COMPARE, ANALYZE, FIELDS, QUALITY),
    "chunk_rows": (*IMPORTS, COMPARE, QUALITY),
    "mode": (*IMPORTS, STREAM),
    "dry_run": IMPORTS,
    "max_errors": IMPORTS,
    "rejects": (*IMPORTS, STREAM),
    "resume": IMPORTS,
    "retry_timeout": (*IMPORTS, STREAM),
    "scheduler": (PARALLEL,),
    "repeat": (COMPARE,),
    "report": (COMPARE,),
    "due": (RENT,),
    "reason": (ADJUST_STOCK,),
    "year_of": (ANALYZE,),
    "count": (ANALYZE,),
    "every": (STREAM,),
    "to": (STREAM,),
    "follow": (STREAM,),
    "sample": (FIELDS,),
    "min_score": (QUALITY,),
}
_NOT_TOGETHER = (("workers", "scheduler"), ("dry_run", "resume"), ("dry_run", "scheduler"))
_SEVERAL = ("workers", "chunk_rows")  # numbers, with --compare only


def settle(arguments: argparse.Namespace) -> None:
    """Leaves one number of flags that may have several, unless the action takes them all.

    Raises UsageError for flags that do not go together, or lack others.
    """
    for name, actions in GOES_WITH.items():
        if _is_given(arguments, name) and arguments.flag not in actions:
            but = f", not with {arguments.flag}" if arguments.flag else ""
            raise UsageError(f"{flag_of(name)} goes with {_one_of(actions)}{but}")
    for one, other in _NOT_TOGETHER:
        if _is_given(arguments, one) and _is_given(arguments, other):
            raise UsageError(
                f"{flag_of(one)} and {flag_of(other)} do not go together; leave one out"
            )
    if arguments.flag == ADJUST_STOCK and not (arguments.reason or "").strip():
        raise UsageError(f"{ADJUST_STOCK} needs a reason, for the history: --reason TEXT")
    if arguments.flag != COMPARE:
        for name in filter(lambda name: _is_given(arguments, name), _SEVERAL):
            setattr(arguments, name, _the_one(arguments, name))


def _is_given(arguments: argparse.Namespace, name: str) -> bool:
    return getattr(arguments, name) is not None


def _the_one(arguments: argparse.Namespace, name: str) -> int:
    first, *others = getattr(arguments, name)
    if others:
        raise UsageError(
            f"{flag_of(name)} takes one number with {arguments.flag}; several are for {COMPARE}"
        )
    number: int = first
    return number


def _one_of(actions: tuple[str, ...]) -> str:
    """Actions in words: --a, --b or --c."""
    *others, last = actions
    return f"{', '.join(others)} or {last}" if others else last

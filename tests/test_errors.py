"""Errors: their exit statuses, their tree, and their way across process borders."""

import inspect
import pickle
import re

import pytest

from hpnorton import errors
from hpnorton.errors import ExitStatus, HPNortonError, SettingsError, StoreError, UsageError

CLASSES: list[type[HPNortonError]] = [
    member
    for _, member in inspect.getmembers(errors, inspect.isclass)
    if issubclass(member, HPNortonError)
]
TREE = re.findall(r"^([ │├└─]*)(\w+Error) +(\d+)$", errors.__doc__ or "", flags=re.MULTILINE)


def test_exit_statuses_are_those_of_the_contract() -> None:
    """The exit statuses are those that the command line's contract promises."""
    assert {status.name: int(status) for status in ExitStatus} == {
        "OK": 0,
        "FAILED": 1,
        "USAGE": 2,
        "ROWS_REJECTED": 3,
        "TOO_MANY_REJECTED": 4,
        "INTERRUPTED": 130,
    }


def test_tree_names_every_class() -> None:
    """The tree in the docstring names every class once, with the status it ends with."""
    drawn = sorted((name, int(status)) for _, name, status in TREE)
    assert drawn == sorted((each.__name__, int(each.status)) for each in CLASSES)


def test_tree_draws_the_inheritance() -> None:
    """In the tree of the docstring every class hangs below its base."""
    above: list[str] = []
    for lines, name, _ in TREE:
        depth = (len(lines) - 4) // 4
        del above[depth:]
        base = getattr(errors, name).__base__
        assert base is (getattr(errors, above[-1]) if above else Exception), name
        above.append(name)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: str(kind.__name__))
def test_an_error_crosses_process_borders(kind: type[HPNortonError]) -> None:
    """A pickled error comes back as the same class, with its message and status."""
    message = "customers.csv is empty — 'wörds'\nand a second line"
    back = pickle.loads(pickle.dumps(kind(message)))
    assert (type(back), str(back), back.status) == (kind, message, kind.status)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (HPNortonError, ExitStatus.FAILED),
        (UsageError, ExitStatus.USAGE),
        (SettingsError, ExitStatus.FAILED),
        (StoreError, ExitStatus.FAILED),
        (errors.StoreBusyError, ExitStatus.FAILED),
        (errors.StoreLostError, ExitStatus.FAILED),
        (errors.ClusterError, ExitStatus.FAILED),
        (errors.OpenFilesError, ExitStatus.FAILED),
    ],
)
def test_only_wrong_usage_has_a_status_of_its_own(
    kind: type[HPNortonError], status: ExitStatus
) -> None:
    """An error ends the process with status 1, wrong usage with 2."""
    assert kind("why").status is status

"""The same work on many parts of a database, in processes with stores of their own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import hpnorton
from hpnorton.errors import HPNortonError, StoreMissingError
from hpnorton.parallel import parallel_map
from hpnorton.stores import open_store
from hpnorton.stores.base import ChangeStore
from hpnorton.stores.scan import Range
from tests.helpers.commandline import ROOT
from tests.helpers.stores import ANNA, BEN, CUSTOMERS, put


def total(store: ChangeStore, part: Range) -> tuple[int, int]:
    """The process that did it, and the sum of the credits in a range."""
    found = [
        value
        for (column,) in store.scan(part.collection).columns(part, ["credit"])
        for value in column
    ]
    return os.getpid(), sum(found)


def fail(_store: ChangeStore, part: int) -> int:
    """Raises for one of the parts."""
    if part == 3:
        raise ValueError("three")
    return part


def die(_store: ChangeStore, part: int) -> int:
    """Ends the process that does it."""
    os._exit(part)  # pylint: disable=protected-access # as a killed process ends


@pytest.fixture(name="ranges")
def ranges_of_customers(uri: str) -> Iterator[list[Range]]:
    """The ranges of a collection of two."""
    with closing(open_store(uri, create=True)) as store:
        put(store, CUSTOMERS, ANNA, BEN)
        yield store.scan("customers").ranges(1)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_every_range_is_worked_on_once(uri: str, ranges: list[Range], workers: int) -> None:
    """By other processes, or with one worker by this one."""
    results = list(hpnorton.parallel_map(uri, total, ranges, workers))
    assert sum(found for _, found in results) == 100 + 50
    if workers != 0:
        assert ({pid for pid, _ in results} == {os.getpid()}) == (workers == 1)


def test_there_may_be_any_number_of_parts(uri: str, ranges: list[Range]) -> None:
    """None at all, and more than can be in hand at once, from a generator."""
    assert not list(parallel_map(uri, total, [], 2))
    many = (ranges[at % len(ranges)] for at in range(50))
    assert len(list(parallel_map(uri, total, many, 2))) == 50


@pytest.mark.parametrize("workers", [1, 2])
def test_what_the_function_raises_is_raised_here(
    uri: str, ranges: list[Range], workers: int
) -> None:
    """And ends the work."""
    assert ranges
    with pytest.raises(ValueError, match="three"):
        list(parallel_map(uri, fail, range(10), workers))


def test_a_process_that_dies_is_told(uri: str, ranges: list[Range]) -> None:
    """With what to do."""
    assert ranges
    with pytest.raises(HPNortonError, match="died .*try again"):
        list(parallel_map(uri, die, [1], 2))


def test_a_database_that_is_not_there_is_told(sqlite_uri: str) -> None:
    """Before any process starts, and none is made."""
    with pytest.raises(StoreMissingError):
        list(parallel_map(sqlite_uri, fail, [1], 2))
    assert not Path(sqlite_uri.removeprefix("sqlite:///")).exists()


def test_the_example_of_the_guide_works(tmp_path: Path) -> None:
    """The program in docs/library.md runs as it is on the test dataset, and prints what it says."""
    guide = (ROOT / "docs" / "library.md").read_text("utf-8")
    code = guide.partition("```python\n")[2].partition("```")[0]
    assert "parallel_map" in code
    (tmp_path / "var").mkdir()
    uri = f"sqlite:///{tmp_path}/var/hpnorton-test.db"
    program = str(ROOT / "HPNorton.py")
    imported = [sys.executable, program, "--linear", "--quiet", "--uri", uri]
    subprocess.run(imported, check=True, capture_output=True)
    (tmp_path / "example.py").write_text(code, "utf-8")
    done = subprocess.run(
        [sys.executable, "example.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "{'Active': 8, 'Inactive': 2}\n"
    assert done.stdout in guide

"""Where the time goes: clocks that add up, around a real import in one process and in several."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hpnorton.compare.phases import PHASES, Clock, read_clocks
from hpnorton.importer import phases
from hpnorton.importer.phases import Phase
from tests.helpers.commandline import ROOT, CommandLine


def spin(seconds: float) -> None:
    """Works for a while."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


class ProcessClock(Clock):
    """A clock that listens to the phases of this process alone."""

    def end_task(self) -> None:
        """Write nothing."""


@pytest.fixture(name="clock")
def listening() -> Iterator[ProcessClock]:
    """A clock that the phases are reported to."""
    clock = ProcessClock()
    phases.listen(clock)
    yield clock
    phases.listen(None)


def test_a_phase_inside_another_counts_once(clock: ProcessClock) -> None:
    """The time inside is the inner one's, and the sum is the whole."""
    start = time.perf_counter()
    with phases.phase(Phase.DATABASE):
        spin(0.02)
        with phases.phase(Phase.WAIT):
            spin(0.05)
        spin(0.02)
    elapsed = time.perf_counter() - start
    spent = clock.spent
    assert spent[Phase.DATABASE].wall >= 0.04 and spent[Phase.WAIT].wall >= 0.05
    assert spent[Phase.DATABASE].wall + spent[Phase.WAIT].wall <= elapsed
    assert spent[Phase.READ].wall == spent[Phase.CHECK].wall == 0
    assert 0 < spent[Phase.DATABASE].cpu <= spent[Phase.DATABASE].wall + 0.02


def test_what_is_done_between_the_steps_of_an_iterator_is_not_its(clock: ProcessClock) -> None:
    """Only the steps count; what comes out is the same."""

    def numbers() -> Iterator[int]:
        for number in range(3):
            spin(0.01)
            yield number

    seen = []
    start = time.perf_counter()
    for number in phases.steps(Phase.READ, numbers()):
        spin(0.05)
        seen.append(number)
    elapsed = time.perf_counter() - start
    assert seen == [0, 1, 2]
    assert 0.03 <= clock.spent[Phase.READ].wall <= elapsed - 3 * 0.05


def test_a_phase_ends_with_an_error(clock: ProcessClock) -> None:
    """What comes after an error counts for nothing."""
    with pytest.raises(ValueError), phases.phase(Phase.CHECK):
        raise ValueError
    before = clock.spent[Phase.CHECK].wall
    with phases.phase(Phase.READ):
        spin(0.01)
    assert clock.spent[Phase.CHECK].wall == before


@pytest.mark.parametrize(
    ("variant", "is_module"),
    [
        ("--linear", False),
        ("--parallel", False),
        ("--parallel --workers 2", False),
        ("--linear", True),
    ],
)
def test_every_process_has_a_clock(
    hpnorton: CommandLine, tmp_path: Path, uri: str, variant: str, is_module: bool
) -> None:
    """Every phase has taken time in all processes of a script or a module, with its result."""
    folder = tmp_path / "clocks"
    folder.mkdir()
    program, script, *arguments = hpnorton.command(
        [*variant.split(), "--quiet", "--dataset", "test"], uri
    )
    start = ["-m", "hpnorton"] if is_module else [script]
    code = "from hpnorton.compare.phases import main; main()"
    done = subprocess.run(
        [program, "-c", code, str(folder), *start, *arguments],
        env=hpnorton.environment({"PYTHONPATH": str(ROOT / "src")}),
        cwd=hpnorton.folder,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    counts = [report for entry in json.loads(done.stdout) for report in entry.values()]
    assert [report["inserted"] for report in counts] == [10, 10, 11]
    clocks = list(folder.iterdir())
    assert len(clocks) >= (1 if variant == "--linear" else 2)
    spent = read_clocks(folder)
    assert set(spent) == set(PHASES)
    assert all(each.wall > 0 for each in spent.values())
    assert all(each.cpu >= 0 for each in spent.values())


def test_no_clock_without_being_asked() -> None:
    """To import the module does not set a listener."""
    code = (
        "import hpnorton.compare.phases\nfrom hpnorton.importer.phases import current_listener\n"
        "assert current_listener() is None"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)

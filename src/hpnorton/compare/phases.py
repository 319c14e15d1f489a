"""Where the time of an import goes: the command line once more, with a clock in every process.

The import reports its phases to a listener (importer/phases.py): here a clock. Clocks cost a few
percent, so these runs are no timing runs.
"""

import json
import os
import runpy
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter, process_time

from hpnorton.importer.phases import Phase, listen

READ, CHECK, WAIT, DATABASE = PHASES = tuple(Phase)


@dataclass
class Spent:
    """Seconds by the clock on the wall, and those of the processor."""

    wall: float = 0.0
    cpu: float = 0.0


class Clock:
    """Adds up what is spent in each phase of a process.

    A phase inside another one does not count for both.
    """

    def __init__(self) -> None:
        self.spent = {phase: Spent() for phase in PHASES}
        self._running: list[Phase] = []
        self._since = Spent()

    def enter(self, phase: Phase) -> None:
        """Count for a phase from now on."""
        self._turn()
        self._running.append(phase)

    def leave(self) -> None:
        """Count for the phase around the one that was entered last."""
        self._turn()
        self._running.pop()

    def _turn(self) -> None:
        now = Spent(perf_counter(), process_time())
        if self._running:
            spent = self.spent[self._running[-1]]
            spent.wall += now.wall - self._since.wall
            spent.cpu += now.cpu - self._since.cpu
        self._since = now


_CLOCKS: dict[str, Clock] = {}


@dataclass(frozen=True)
class ClockListener:
    """A listener that leads to the clock of the process it is called in.

    What the clock shows is written to a file of the process in `folder`.
    """

    folder: str

    @property
    def clock(self) -> Clock:
        """The clock of this process."""
        return _CLOCKS.setdefault(self.folder, Clock())

    def enter(self, phase: Phase) -> None:
        """Count for a phase from now on."""
        self.clock.enter(phase)

    def leave(self) -> None:
        """Count for the phase around the one that was entered last."""
        self.clock.leave()

    def end_task(self) -> None:
        """Write what the clock shows."""
        text = json.dumps({phase: asdict(spent) for phase, spent in self.clock.spent.items()})
        Path(self.folder, f"{os.getpid()}.json").write_text(text, encoding="utf-8")


def read_clocks(folder: Path) -> Mapping[str, Spent]:
    """Return what all processes of a run have spent together, by phase."""
    total: dict[str, Spent] = {phase: Spent() for phase in PHASES}
    for path in folder.glob("*.json"):
        for phase, spent in json.loads(path.read_text("utf-8")).items():
            total[phase].wall += spent["wall"]
            total[phase].cpu += spent["cpu"]
    return total


def main() -> None:
    """Run a program with a clock: the arguments are a folder, the program, and its arguments."""
    folder, *sys.argv = sys.argv[1:]
    listener = ClockListener(folder)
    listen(listener)
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    finally:
        listener.end_task()

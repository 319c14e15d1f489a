"""Where the time of an import goes: another run of the command, with a clock in every process.

The import reports its phases to a listener (importer/phases.py): here a clock. Clocks cost
some time, so these runs are not compared with others.
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
class ElapsedTime:
    """Elapsed seconds (`wall`) and seconds of the processor (`cpu`)."""

    wall: float = 0.0
    cpu: float = 0.0


class Clock:
    """Adds up the time of each phase of a process.

    Time in a phase inside another one counts for the inner phase only.
    """

    def __init__(self) -> None:
        self.spent = {phase: ElapsedTime() for phase in PHASES}
        self._running: list[Phase] = []
        self._since = ElapsedTime()

    def enter(self, phase: Phase) -> None:
        """Count for a phase from now on."""
        self._turn()
        self._running.append(phase)

    def leave(self) -> None:
        """Count for the phase around the one that was entered last."""
        self._turn()
        self._running.pop()

    def _turn(self) -> None:
        now = ElapsedTime(perf_counter(), process_time())
        if self._running:
            spent = self.spent[self._running[-1]]
            spent.wall += now.wall - self._since.wall
            spent.cpu += now.cpu - self._since.cpu
        self._since = now


_CLOCKS: dict[str, Clock] = {}


@dataclass(frozen=True)
class ClockListener:
    """A listener that uses the clock of the process it is called in.

    The times of each process are written to a file in `folder`.
    """

    folder: str

    @property
    def clock(self) -> Clock:
        """Return the clock of this process."""
        return _CLOCKS.setdefault(self.folder, Clock())

    def enter(self, phase: Phase) -> None:
        """Count for a phase from now on."""
        self.clock.enter(phase)

    def leave(self) -> None:
        """Count for the phase around the one that was entered last."""
        self.clock.leave()

    def end_task(self) -> None:
        """Write the times of this process."""
        text = json.dumps({phase: asdict(spent) for phase, spent in self.clock.spent.items()})
        Path(self.folder, f"{os.getpid()}.json").write_text(text, encoding="utf-8")


def read_clocks(folder: Path) -> Mapping[str, ElapsedTime]:
    """Return the time of all processes of a run together, by phase."""
    total: dict[str, ElapsedTime] = {phase: ElapsedTime() for phase in PHASES}
    for path in folder.glob("*.json"):
        for phase, spent in json.loads(path.read_text("utf-8")).items():
            total[phase].wall += spent["wall"]
            total[phase].cpu += spent["cpu"]
    return total


def main() -> None:
    """Run a program with a clock.

    The arguments are a folder, the program (a script, or -m and a module), and its arguments.
    """
    folder, *sys.argv = sys.argv[1:]
    listener = ClockListener(folder)
    listen(listener)
    try:
        if sys.argv[0] == "-m":
            del sys.argv[0]
            runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(sys.argv[0], run_name="__main__")
    finally:
        listener.end_task()

"""The progress of very many files on a terminal."""

import io
import sys

import pytest

from hpnorton.cli.progress import show_import
from hpnorton.importer.report import FileReport


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


def test_the_bars_of_very_many_files_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last files are drawn; a file that continues is drawn again."""
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("LINES", "300")
    reports = [FileReport(f"{n}.csv", f"file{n}") for n in range(100)]
    with show_import(is_wanted=True) as on_progress:
        for report in (*reports, reports[0]):
            on_progress(report, 10, 10)
    last = screen.getvalue().split("\x1b[2K")[-40:]
    drawn = [n for n in range(100) if any(f"file{n} " in line for line in last)]
    assert drawn == [0, *range(61, 100)]

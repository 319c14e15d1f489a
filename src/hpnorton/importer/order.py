"""The order of files: parents first, and files of one collection one after the other."""

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter
from heapq import heappop, heappush

from hpnorton.errors import SchemaError
from hpnorton.importer.file_import import FileImport
from hpnorton.importer.report import FileReport
from hpnorton.stores.counts import Ending


class Order:
    """The order in which files start: the first of those that need not wait for others.

    A file waits for the files of its parents, and for those before it that go into the same
    collection, since the first of two rows with one key decides. Raises SchemaError if foreign keys
    form a circle.
    """

    def __init__(self, files: Sequence[FileImport]) -> None:
        self._files = files
        self._sorter: TopologicalSorter[int] = TopologicalSorter()
        self._ready: list[int] = []
        self._failed: dict[str, list[FileReport]] = {}
        self.waiting = len(files)
        last = {file.report.collection: at for at, file in enumerate(files)}
        before: dict[str, int] = {}
        for at, file in enumerate(files):
            name = file.report.collection
            parents = [last[parent] for parent in _parents(file) if parent in last]
            same = [before[name]] if name in before else []
            self._sorter.add(at, *parents, *same)  # the last file of a collection waits for all
            before[name] = at
        try:
            self._sorter.prepare()
        except CycleError as error:
            circle = sorted(set(error.args[1]))
            stuck = ", ".join(dict.fromkeys(files[at].report.collection for at in circle))
            raise SchemaError(
                f"the foreign keys of {stuck} form a circle, so none can be imported first; "
                "take one of them out of datapackage.json"
            ) from error
        self._add_ready()

    def next(self) -> int | None:
        """Return the number of a file that may start now, the first of them, or None."""
        if not self._ready:
            return None
        self.waiting -= 1
        return heappop(self._ready)

    def stuck(self, file: FileImport) -> list[FileReport]:
        """Return the reports of those files of a file's parents that were not imported."""
        return [report for parent in _parents(file) for report in self._failed.get(parent, ())]

    def end(self, number: int) -> None:
        """Let the files start that have waited for this one alone."""
        report = self._files[number].report
        if report.ending is not Ending.DONE:
            self._failed.setdefault(report.collection, []).append(report)
        self._sorter.done(number)
        self._add_ready()

    def _add_ready(self) -> None:
        for number in self._sorter.get_ready():
            heappush(self._ready, number)


def _parents(file: FileImport) -> list[str]:
    """Return the collections that a file's rows refer to."""
    foreign_keys = file.spec.collection.foreign_keys
    return list(dict.fromkeys(foreign.parent for foreign in foreign_keys))

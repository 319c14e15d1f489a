"""Records as a table that fits a terminal.

Only the first records decide how wide the columns are, so that a table of any length takes little
memory and begins at once.
"""

import shutil
from collections.abc import Collection, Generator, Iterable, Iterator
from itertools import chain, islice

from hpnorton.cli.columns import cell_of, measure_column
from hpnorton.cli.layout import Layout, Record

_SAMPLED_RECORDS = 1000
_UNLIMITED = 10_000


class Table:
    """Records under a header, or in blocks, no wider than the terminal.

    Numbers, dates, times, phone numbers, ids and e-mail addresses are never cut, nor is anything in
    the columns `whole`; the texts in the columns `prose` are wrapped. With `by`, each value of that
    field starts a new table and is its title.

    `header` holds the lines above the first record: none above blocks, and none without records.
    `count` is the number of records that lines() has yielded so far.
    """

    def __init__(
        self,
        records: Iterable[Record],
        *,
        whole: Collection[str] = (),
        prose: Collection[str] = (),
        by: str | None = None,
        room: int | None = None,
    ) -> None:
        self._records = iter(records)
        self._whole = frozenset(whole)
        self._prose = frozenset(prose)
        self._by = by
        self._room = terminal_width() if room is None else room
        self.count = 0
        self.header: list[str] = []
        self._layout = self._measure()

    def lines(self) -> Iterator[str]:
        """Yield the lines of the whole table, the header first."""
        while self._layout.columns:
            yield from self.header
            later = yield from self._rows(self._layout)
            if later is None:
                return
            # It has another title, or a field that no record had before, and starts a new table.
            self._records = chain([later], self._records)
            self._layout = self._measure()
            yield ""

    def _measure(self) -> Layout:
        """Fit the columns to the next records, and put these back."""
        sample: list[Record] = []
        read: list[Record] = []
        for record in islice(self._records, _SAMPLED_RECORDS):
            read.append(record)
            if self._title(record) != self._title(read[0]):
                break
            sample.append(record)
        self._records = chain(read, self._records)
        names = dict.fromkeys(name for record in sample for name in record if name != self._by)
        columns = [
            measure_column(
                name,
                [record.get(name) for record in sample],
                is_key=name in self._whole,
                is_prose=name in self._prose,
            )
            for name in names
        ]
        layout = Layout(columns, self._room)
        title = self._title(read[0]) if read else None
        self.header = ([] if title is None else [cell_of(title)]) + layout.header()
        return layout

    def _title(self, record: Record) -> object:
        return None if self._by is None else record.get(self._by)

    def _rows(self, layout: Layout) -> Generator[str, None, Record | None]:
        """Yield the lines of records; stop at one that needs a new table, and return it."""
        known = {column.name for column in layout.columns} | {self._by}
        title: object = None
        was_block = False
        for index, record in enumerate(self._records):
            title = title if index else self._title(record)
            if not known.issuperset(record) or self._title(record) != title:
                return record
            self.count += 1
            is_block, lines = layout.lines(record)
            if index and (is_block or was_block):
                yield ""
            was_block = is_block
            yield from lines
        return None


def terminal_width() -> int:
    """Return how many columns the terminal has; a file or a pipe has no limit."""
    return shutil.get_terminal_size((_UNLIMITED, 24)).columns

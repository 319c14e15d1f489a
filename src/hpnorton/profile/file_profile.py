"""The profile of a CSV file: its columns, its rows per year, and rows that hold a text.

The profile of some rows does not depend on their order, and profiles can be merged: a file has one
profile, whether it is read as a whole or in ranges side by side.
"""

from collections import Counter
from collections.abc import Callable, Collection, Container, Sequence

from hpnorton.profile.cardinality import DistinctCounter
from hpnorton.profile.column_types import ColumnType, InferredType, extent_of, infer_type, year_of
from hpnorton.profile.ignored_rows import IgnoredRows, may_be_ignored
from hpnorton.profile.questions import Questions
from hpnorton.tabular.chunk import Chunk, read_blocks
from hpnorton.tabular.rows import Row
from hpnorton.workers import no_garbage_collection

_MAX_DATES = 2**16  # that are kept until their years are counted


class ColumnProfile:
    """What a column holds: the number of `filled` cells, their `distinct` texts and their type.

    `longest` counts characters. `low_text` and `high_text` are the first and the last text in the
    order of characters.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.filled = 0
        self.longest = 0
        self.low_text: str | None = None
        self.high_text: str | None = None
        self.type = InferredType()
        self.distinct = DistinctCounter(limit)
        self._is_mostly_new = False

    def add(self, cells: Sequence[str]) -> None:
        """Add cells. All attributes but `filled` follow from the distinct texts.

        If nearly all texts are new, their distinct ones are not sought first, which is faster.
        """
        texts: Collection[str] = cells if self._is_mostly_new else set(cells)
        self.filled += len(cells)
        if "" in texts:
            self.filled -= cells.count("")
            texts = set(texts) - {""}
        if isinstance(texts, set):
            texts = self.distinct.without_known(texts)
            self._is_mostly_new = self.distinct.is_estimated and 2 * len(texts) > len(cells)
        if not texts:
            return
        extent = extent_of(texts)
        self.longest = max(self.longest, *extent.lengths)
        self._widen(extent.low, extent.high)
        if self.type.kind is not ColumnType.STRING:
            self.type = self.type.merge(infer_type(texts, extent))
        self.distinct.add(texts)

    def merge(self, other: "ColumnProfile") -> None:
        """Add the cells of another part of the file."""
        self.filled += other.filled
        self.longest = max(self.longest, other.longest)
        if other.low_text is not None and other.high_text is not None:
            self._widen(other.low_text, other.high_text)
        self.type = self.type.merge(other.type)
        self.distinct.merge(other.distinct)

    def _widen(self, low: str, high: str) -> None:
        self.low_text = low if self.low_text is None else min(self.low_text, low)
        self.high_text = high if self.high_text is None else max(self.high_text, high)


class FileProfile:
    """What rows of a file hold, and the answers to `questions`.

    `rows` does not count the `ignored` ones. `uneven` rows have more or fewer cells than the
    header: missing cells count as empty, surplus ones are not read. `years` counts the rows of each
    year, and under None those with a filled cell that is no date; it is complete after
    `count_years`. `counts` answers `questions.counts`.

    `limits` are those of profiles of other rows of the file (see cardinality.DistinctCounter).
    """

    def __init__(self, questions: Questions, limits: Sequence[int | None] = ()) -> None:
        self.questions = questions
        self.rows = 0
        self.ignored = IgnoredRows()
        self.uneven = 0
        self.columns = [ColumnProfile(limit) for limit in limits or [None] * questions.width]
        self.counts = [0] * len(questions.counts)
        self.years: Counter[int | None] = Counter()
        self._dates: Counter[str] = Counter()

    @property
    def limits(self) -> list[int | None]:
        """Return the limits from which the profile of other rows of the file may start."""
        return [column.distinct.limit for column in self.columns]

    def add(self, rows: Sequence[Row], misquoted: Container[int] = ()) -> None:
        """Add rows, column by column, which is several times faster than row by row."""
        width = self.questions.width
        if misquoted or may_be_ignored(rows, self.questions.header):
            rows = self.ignored.filter(rows, misquoted, list(self.questions.header))
            if not rows:
                return
        self.rows += len(rows)
        if set(map(len, rows)) - {width}:
            self.uneven += sum(len(row) != width for row in rows)
            rows = [(row + [""] * (width - len(row)))[:width] for row in rows]
        columns = list(zip(*rows))
        for profile, cells in zip(self.columns, columns):
            profile.add(cells)
        if self.questions.year_of is not None:
            self._dates.update(columns[self.questions.year_of])
            if len(self._dates) > _MAX_DATES:
                self.count_years()
        for at, (column, text) in enumerate(self.questions.counts):
            self.counts[at] += len([None for cell in columns[column] if text in cell])

    def count_years(self) -> None:
        """Count the years of the dates that were added, each distinct text once."""
        for text, rows in self._dates.items():
            if text:
                self.years[year_of(text)] += rows
        self._dates.clear()

    def merge(self, other: "FileProfile") -> None:
        """Add the rows of another part of the file, whose years are counted."""
        self.rows += other.rows
        self.ignored.merge(other.ignored)
        self.uneven += other.uneven
        for mine, others in zip(self.columns, other.columns):
            mine.merge(others)
        self.years.update(other.years)
        self.counts = [mine + others for mine, others in zip(self.counts, other.counts)]


@no_garbage_collection()
def profile_chunks(
    questions: Questions,
    chunks: Sequence[Chunk],
    limits: Sequence[int | None] = (),
    on_chunk: Callable[[int, int], None] = lambda rows, length: None,
) -> FileProfile:
    """Return the profile of chunks; `on_chunk` is called with the rows and bytes of each."""
    profile = FileProfile(questions, limits)
    for chunk in chunks:
        for block in read_blocks(chunk):
            profile.add(block.cells, block.misquoted)
        on_chunk(chunk.rows, chunk.length)
    profile.count_years()
    return profile

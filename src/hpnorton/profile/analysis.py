"""What is in a CSV file that nobody has described: its columns, its years, rows that hold a text.

A tally of some rows is the same whoever makes it, and tallies add up: one for the whole file, or
one for each range of it, made side by side.
"""

import difflib
from collections import Counter, deque
from collections.abc import Callable, Collection, Container, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future
from dataclasses import dataclass
from functools import partial

from hpnorton.errors import FileError, UsageError
from hpnorton.profile.cardinality import Distinct, lower
from hpnorton.profile.column_types import Guess, Kind, extent_of, guess, year_of
from hpnorton.profile.oddities import LeftOut, may_have_odd
from hpnorton.schema.layout import check_delimiter, clean_header
from hpnorton.tabular.chunk import Chunk, read_blocks
from hpnorton.tabular.keys import to_nfc
from hpnorton.tabular.reader import CsvFile
from hpnorton.tabular.rows import Row
from hpnorton.workers import cores, died, no_garbage_collection, open_workers

_CHUNK_ROWS = 10_000
_MOST_DATES = 2**16
# Bytes of a range. The ranges become smaller towards the end, so that all workers end together.
_SMALLEST, _LARGEST = 2 * 2**20, 64 * 2**20
_RANGE_OF_A_STREAM = 8 * 2**20  # it is kept in memory


# Is told how many rows and bytes were looked at, and how many bytes there are, if that is known.
OnProgress = Callable[[int, int, int | None], None]


@dataclass(frozen=True)
class Questions:
    """What to tell of a file of `width` columns, besides what is in each of them.

    The rows per year of the date column `year_of`, if given, and for each column and text of
    `counts` the rows whose cell holds the text. Columns count from 0. Rows that are the same as the
    `header` are told apart.
    """

    width: int
    year_of: int | None = None
    counts: tuple[tuple[int, str], ...] = ()
    header: tuple[str, ...] = ()


class ColumnTally:
    """What is in a column: `filled` cells, how many `distinct` texts, and what they are.

    `longest` counts characters. `low_text` and `high_text` are the first and the last text in the
    order of characters.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.filled = 0
        self.longest = 0
        self.low_text: str | None = None
        self.high_text: str | None = None
        self.guess = Guess()
        self.distinct = Distinct(limit)
        self._is_mostly_new = False

    def add(self, cells: Sequence[str]) -> None:
        """Adds some cells. All but `filled` follows from the different ones.

        Where many are known to be different and hardly one was there twice, all are looked at:
        that takes less time than to find the different ones.
        """
        texts: Collection[str] = cells if self._is_mostly_new else set(cells)
        self.filled += len(cells)
        if "" in texts:
            self.filled -= cells.count("")
            texts = set(texts) - {""}
        if isinstance(texts, set):
            texts = self.distinct.new(texts)
            self._is_mostly_new = self.distinct.is_estimated and 2 * len(texts) > len(cells)
        if not texts:
            return
        extent = extent_of(texts)
        self.longest = max(self.longest, *extent.lengths)
        self._bound(extent.low, extent.high)
        if self.guess.kind is not Kind.STRING:
            self.guess = self.guess.merge(guess(texts, extent))
        self.distinct.add(texts)

    def merge(self, other: "ColumnTally") -> None:
        """Adds the cells of another part of the file."""
        self.filled += other.filled
        self.longest = max(self.longest, other.longest)
        if other.low_text is not None and other.high_text is not None:
            self._bound(other.low_text, other.high_text)
        self.guess = self.guess.merge(other.guess)
        self.distinct.merge(other.distinct)

    def _bound(self, low: str, high: str) -> None:
        self.low_text = low if self.low_text is None else min(self.low_text, low)
        self.high_text = high if self.high_text is None else max(self.high_text, high)


class Tally:
    """What is in some rows of a file: the answers to `questions`.

    Those that are `left_out` are not among the `rows`. `uneven` rows have more or fewer cells than
    the header: what they lack is empty, what they have too much is not looked at. `years` counts
    the rows of each year, and under None those whose cell is filled, but with no date; all are in
    when it is settled. `counts` are those asked for. It may begin with the `limits` of other rows'
    columns (see sketch.Distinct).
    """

    def __init__(self, questions: Questions, limits: Sequence[int | None] = ()) -> None:
        self.questions = questions
        self.rows = 0
        self.left_out = LeftOut()
        self.uneven = 0
        self.columns = [ColumnTally(limit) for limit in limits or [None] * questions.width]
        self.counts = [0] * len(questions.counts)
        self.years: Counter[int | None] = Counter()
        self._dates: Counter[str] = Counter()

    @property
    def limits(self) -> list[int | None]:
        """What the tally of other rows of the same file can start from."""
        return [column.distinct.limit for column in self.columns]

    def add(self, rows: Sequence[Row], misquoted: Container[int] = ()) -> None:
        """Adds some rows, column by column: that is several times faster than row by row."""
        width = self.questions.width
        if misquoted or may_have_odd(rows, self.questions.header):
            rows = self.left_out.take(rows, misquoted, list(self.questions.header))
            if not rows:
                return
        self.rows += len(rows)
        if set(map(len, rows)) - {width}:
            self.uneven += sum(len(row) != width for row in rows)
            rows = [(row + [""] * (width - len(row)))[:width] for row in rows]
        columns = list(zip(*rows))
        for tally, cells in zip(self.columns, columns):
            tally.add(cells)
        if self.questions.year_of is not None:
            self._dates.update(columns[self.questions.year_of])
            if len(self._dates) > _MOST_DATES:
                self.settle()
        for at, (column, text) in enumerate(self.questions.counts):
            self.counts[at] += len([None for cell in columns[column] if text in cell])

    def settle(self) -> None:
        """Counts the years of the dates that were added, each different text once."""
        for text, rows in self._dates.items():
            if text:
                self.years[year_of(text)] += rows
        self._dates.clear()

    def merge(self, other: "Tally") -> None:
        """Adds the rows of another part of the file, which are settled."""
        self.rows += other.rows
        self.left_out.merge(other.left_out)
        self.uneven += other.uneven
        for mine, others in zip(self.columns, other.columns):
            mine.merge(others)
        self.years.update(other.years)
        self.counts = [mine + others for mine, others in zip(self.counts, other.counts)]


@no_garbage_collection()
def tally_chunks(
    questions: Questions,
    chunks: Sequence[Chunk],
    limits: Sequence[int | None] = (),
    tell: Callable[[int, int], None] = lambda rows, length: None,
) -> Tally:
    """What is in some chunks of a file; `tell` hears of each, with its rows and its bytes."""
    tally = Tally(questions, limits)
    for chunk in chunks:
        for rows in read_blocks(chunk):
            tally.add(rows.cells, rows.misquoted)
        tell(chunk.rows, chunk.length)
    tally.settle()
    return tally


_LOWEST: list[int | None] = []  # the limits that this worker has come to: it looks at one file


def _tally_in_worker(
    questions: Questions, chunks: Sequence[Chunk], limits: Sequence[int | None]
) -> Tally:
    """As tally_chunks, from the limits on that other workers or this one have come to before."""
    known = limits if not _LOWEST else list(map(lower, limits, _LOWEST))
    tally = tally_chunks(questions, chunks, known)
    _LOWEST[:] = tally.limits
    return tally


def analyze(
    file: CsvFile,
    questions: Questions,
    workers: int,
    log_level: str | None,
    on_progress: OnProgress = lambda rows, done, size: None,
) -> Tally:
    """What is in a file. So many processes share its ranges; 1 is this one, 0 one for each core.

    Raises FileError.
    """
    count = workers or cores()
    seen, done = 0, file.offset

    def tell(rows: int, length: int) -> None:
        nonlocal seen, done
        seen, done = seen + rows, done + length
        on_progress(seen, done, file.size)

    tell(0, 0)
    executor = open_workers(count if count > 1 else 0, log_level)
    whole = Tally(questions)
    in_flight: deque[tuple[Future[Tally], int]] = deque()

    def take() -> None:
        future, length = in_flight.popleft()
        tally = future.result()
        whole.merge(tally)
        if count > 1:
            tell(tally.rows, length)

    make = _tally_in_worker if count > 1 else partial(tally_chunks, tell=tell)
    try:
        for chunks in _ranges(file, count):
            if len(in_flight) == 2 * count:
                take()
            future = executor.submit(make, questions, chunks, whole.limits)
            in_flight.append((future, sum(chunk.length for chunk in chunks)))
        while in_flight:
            take()
    except BrokenExecutor as error:
        raise FileError(
            f"{file.path}: {died('looked at it')}; try it with fewer --workers"
        ) from error
    finally:
        executor.shutdown(cancel_futures=True)
    return whole


def _ranges(file: CsvFile, workers: int) -> Iterator[list[Chunk]]:
    """The chunks of a file, a range of it at a time."""
    some: list[Chunk] = []
    size = 0
    for chunk in file.chunks(_CHUNK_ROWS):
        some.append(chunk)
        size += chunk.length
        if size >= _share(file, workers):
            yield some
            some, size = [], 0
    if some:
        yield some


def _share(file: CsvFile, workers: int) -> int:
    if file.size is None:
        return _RANGE_OF_A_STREAM
    return min(max(_SMALLEST, (file.size - file.offset) // (2 * workers)), _LARGEST)


def questions_for(file: CsvFile, year_of_: str | None, counts: Sequence[str]) -> Questions:
    """The questions about an open file: a column, and texts to count as COLUMN=TEXT.

    Raises UsageError for what is no column of the file, FileError for a file that is no CSV.
    """
    check_delimiter(file.header, file.path)
    raw = tuple(file.header)
    file.header = clean_header(raw, (), file.path, file.warnings)
    asked = []
    for text in counts:
        column, sign, wanted = to_nfc(text).partition("=")
        if not sign or not wanted:
            raise UsageError(f"--count {text}: say COLUMN=TEXT, the rows whose column holds a text")
        asked.append((find_column(file, column), wanted))
    year_column = None if year_of_ is None else find_column(file, year_of_)
    return Questions(len(raw), year_column, tuple(asked), raw)


def find_column(file: CsvFile, text: str) -> int:
    """The position of a column, which is told by its name or by its number from 1 on.

    Raises UsageError.
    """
    numbers = [number for number, name in enumerate(file.header, 1) if name == text]
    if len(numbers) == 1:
        return numbers[0] - 1
    if numbers:
        listed = ", ".join(map(str, numbers))
        raise UsageError(
            f"{file.path} has {len(numbers)} columns {text!r}; say which one by number: {listed}"
        )
    if text.isascii() and text.isdigit():
        if 1 <= int(text) <= len(file.header):
            return int(text) - 1
        raise UsageError(
            f"{file.path} has no column {text}; its columns are 1 to {len(file.header)}"
        )
    close = difflib.get_close_matches(text, file.header, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"it has: {', '.join(file.header)}"
    raise UsageError(f"{file.path} has no column {text!r}; {hint}")

"""A CSV file becomes chunks with exact boundaries.

The rows of all chunks are those that one csv.reader over the whole file yields, for every input;
`record_ends` tells why.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hpnorton.errors import FileError
from hpnorton.tabular.chunk import Chunk, Span
from hpnorton.tabular.open import Input, Reading
from hpnorton.tabular.record_ends import Cut, Passage, cut_records, is_open
from hpnorton.tabular.rows import parse
from hpnorton.tabular.signatures import START_BYTES, is_cp1252, not_csv

_BOM = b"\xef\xbb\xbf"
_FIRST_LINE = re.compile(rb"\s*[^\s][^\r\n]*+[\r\n]")


@dataclass(frozen=True)
class Sizes:
    """Numbers of bytes: of the longest record, of a block that is read, and of one of a live feed.

    The longest record is longer than any that a database takes: see rows.MAX_RECORD_BYTES. A block
    of a live feed is a few rows, as the buffer is searched for each chunk.
    """

    max_record: int = 16 * 2**20
    block: int = 2**20
    live_block: int = 2**12


SIZES = Sizes()


class CsvFile:
    """An open CSV file: its `header`, and its chunks in order.

    `path` may be `-` for stdin; a name that ends in .gz is read through gzip. `offset` is where the
    next chunk begins, `raw_header` the header as it stands there. `place` is where it can be opened
    again, `path` the same without a password that a URL may hold. `warnings` are sentences about
    what was read, but deserves a look.

    `reading` says how. A chunk of a file that is not read in bulk comes as soon as it is there, and
    holds its bytes; the chunks of one that is followed have no end. Raises FileError for a file
    that cannot be read or has no header, and for one that does not only grow while it is followed.
    """

    def __init__(
        self,
        path: str,
        collection: str,
        reading: Reading = Reading.BULK,
        *,
        sizes: Sizes | None = None,
    ) -> None:
        self._sizes = sizes or SIZES
        self._input = Input(path, reading)
        self.path = self._input.path
        self.place = self._input.place
        self.collection = collection
        self.warnings: list[str] = []
        self._is_live = reading is not Reading.BULK
        self._buffer = b""
        self._at_end = False
        self._bytes_a_row = 0.0
        self._row = 1
        self._line = 1
        self.offset = 0
        self.raw_header = b""
        try:
            self.header = self._read_header()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Closes the file; stdin stays open."""
        self._input.close()

    def rest(self) -> None:
        """Close the file until its chunks are asked for, if it can be opened again then."""
        if self._input.rest(self.offset):
            self._buffer, self._at_end = b"", False

    def check_unchanged(self) -> None:
        """Raises FileError if the file has changed since it was opened."""
        if unknown := self._input.check_unchanged():
            self.warnings.append(unknown)

    @property
    def size(self) -> int | None:
        """The number of bytes of a plain file, None where nobody knows it beforehand."""
        return self._input.size

    @property
    def is_repeatable(self) -> bool:
        """Whether the file can be opened again and read from its beginning."""
        return self._input.is_repeatable

    def chunks(
        self,
        rows: int,
        done: Iterable[Span] = (),
        *,
        passes_long_rows: bool = False,
        with_data: bool = False,
    ) -> Iterator[Chunk]:
        """The rest of the file as chunks of `rows` rows, fewer where they are very long.

        They hold their bytes if these cannot be read again, or `with_data`: for this process.
        What is `done` is passed over. A row that is longer than `sizes` allow raises FileError, or,
        if it has an end, is passed over too: then it is a chunk by itself.
        """
        spans = sorted(done, key=lambda span: span.first_row, reverse=True)
        while True:
            while spans and spans[-1].first_row == self._row:
                self._skip(spans.pop())
            cut = self._take(min(rows, spans[-1].first_row - self._row) if spans else rows)
            if not cut.rows:
                if not self._buffer:
                    return
                if not passes_long_rows:
                    raise self._too_long()
                cut = self._pass_over()
            yield Chunk(
                first_row=self._row,
                rows=cut.rows,
                first_line=self._line,
                lines=cut.lines,
                offset=self.offset,
                length=cut.length,
                file=self.place,
                is_row_a_line=cut.is_row_a_line,
                data=cut.data if with_data or self.size is None else None,
                is_too_long=cut.passed > 0,
            )
            if self._at_end and not self._buffer and is_open(cut.data):
                row = self._row + cut.rows - 1
                self.warnings.append(
                    f"row {row} opens a quote that nothing closes: the rest of the file is one cell"
                )
            self._pass(cut)

    def _skip(self, span: Span) -> None:
        ahead = span.offset + span.length - self.offset
        if ahead > len(self._buffer):
            self._input.seek(span.offset + span.length)
            self._at_end = False
        self._buffer = self._buffer[ahead:]
        self._row += span.rows
        self._line += span.lines
        self.offset += ahead

    def _read_header(self) -> list[str]:
        enough = min(START_BYTES, self._sizes.max_record)
        while not (self._at_end or _tells_its_kind(self._buffer, enough)):  # a feed sends pieces
            self._fill(self._sizes.live_block if self._is_live else self._sizes.block)
        if what := not_csv(self._buffer.removeprefix(_BOM)):
            raise FileError(f"{self.path} is {what}")
        if self._buffer.startswith(_BOM):
            self._buffer = self._buffer[len(_BOM) :]
            self.offset = len(_BOM)
            self.raw_header = _BOM
        cut = self._take(1)
        if not cut.rows and self._buffer:
            raise self._too_long()
        if not cut.rows:
            raise FileError(f"{self.path} is empty; its first line has to name the columns")
        self.raw_header += cut.data
        try:
            text = cut.data.decode()
        except UnicodeDecodeError:
            hint = "; it looks like Windows-1252 (cp1252)" if is_cp1252(cut.data) else ""
            raise FileError(
                f"{self.path}: the header is not UTF-8 text{hint}; save the file as CSV UTF-8"
            ) from None
        (header,), misquoted = next(parse(text, cut.is_row_a_line, 1))
        if misquoted:
            raise FileError(f"{self.path}: the header {misquoted[0].reason}")
        if not any(name.strip() for name in header):
            raise FileError(f"{self.path}: the first line is blank; it has to name the columns")
        self._pass(cut)
        self._bytes_a_row = 0.0  # that of the header tells nothing
        return header

    def _take(self, rows: int) -> Cut:
        """The next `rows` records, or fewer where they are very long or the file ends.

        There are none if the next one is too long: the buffer then holds its start.
        """
        while True:
            # Scan the buffer when it probably holds enough, and so but once.
            likely = min(int(rows * self._bytes_a_row * 1.02), self._sizes.max_record)
            if not self._is_live and not self._at_end and len(self._buffer) < likely:
                self._fill(likely - len(self._buffer))
            cut = self._cut(rows, likely * 3 // 2)
            if cut.rows == rows or self._at_end or len(self._buffer) >= self._sizes.max_record:
                break
            block = self._sizes.block
            least = self._sizes.live_block if self._is_live else min(block, likely * 8 or block)
            self._fill(max(least, len(self._buffer) // 4))
        self._buffer = self._buffer[cut.length :]
        self._bytes_a_row = cut.length / max(cut.rows, 1)
        return cut

    def _cut(self, rows: int, enough: int) -> Cut:
        """The next records of the buffer, of which so many bytes most often are `enough`.

        A buffer that holds many small chunks would be scanned anew for each: of 100 rows a chunk
        that was most of an import's time (measured).
        """
        if enough < len(self._buffer):
            cut = cut_records(self._buffer[:enough], rows, at_end=False)
            if cut.rows == rows:
                return cut
        return cut_records(self._buffer, rows, self._at_end)

    def _pass_over(self) -> Cut:
        """The record at the start of the buffer, of which a block at a time is kept.

        Raises FileError if it never ends, because a quote is not closed: then no row follows.
        """
        passage = Passage()
        while True:
            self._buffer = self._buffer[passage.take(self._buffer) :]
            if passage.is_over or self._at_end:
                break
            self._fill(self._sizes.block)
        if passage.is_open:
            raise self._too_long()
        return Cut(b"", 1, passage.lines, is_row_a_line=False, passed=passage.length)

    def _too_long(self) -> FileError:
        return FileError(
            f"{self.path}: row {self._row} (line {self._line}) does not end within "
            f"{self._sizes.max_record >> 20} MiB; is a closing quote missing?"
        )

    def _pass(self, cut: Cut) -> None:
        self._row += cut.rows
        self._line += cut.lines
        self.offset += cut.length
        if cut.data and not cut.data.endswith((b"\n", b"\r")):
            self.warnings.append(
                f"row {self._row - 1}, the last one, has no line end; was the file copied whole?"
            )

    def _fill(self, size: int) -> None:
        # What is too long then never depends on what else was read.
        block = self._input.read(min(size, self._sizes.max_record - len(self._buffer)))
        self._at_end = not block
        self._buffer += block


def _tells_its_kind(start: bytes, enough: int) -> bool:
    """Whether a file's first bytes tell what it is: a line that is not blank, or enough of it."""
    return len(start) >= enough or _FIRST_LINE.match(start) is not None

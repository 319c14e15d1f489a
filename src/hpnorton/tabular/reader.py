"""A CSV file, read as chunks of rows.

The rows of all chunks are those that one csv.reader over the whole file yields, for every input:
see `record_ends`.
"""

import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hpnorton.errors import FileError
from hpnorton.tabular.chunk import Chunk, Span
from hpnorton.tabular.fingerprint import checksum_text
from hpnorton.tabular.open import Input, ReadMode
from hpnorton.tabular.record_ends import (
    OversizedRecord,
    RecordSlice,
    has_open_quote,
    slice_records,
)
from hpnorton.tabular.rows import parse_rows
from hpnorton.tabular.signatures import START_BYTES, find_other_format, is_cp1252

_BOM = b"\xef\xbb\xbf"
_FIRST_LINE = re.compile(rb"\s*[^\s][^\r\n]*+[\r\n]")


@dataclass(frozen=True)
class ReadSizes:
    """Numbers of bytes: of the longest record, and of a block that is read.

    The longest record is longer than any that a database takes: see rows.MAX_RECORD_BYTES. A block
    of a stream is smaller, since each of its small chunks searches the whole buffer.
    """

    max_record: int = 16 * 2**20
    block: int = 2**20
    stream_block: int = 2**12


READ_SIZES = ReadSizes()


class CsvFile:
    """An open CSV file: its `header`, and its chunks in order.

    `path` may be `-` for stdin; a file whose name ends in .gz is decompressed. `location` is where
    the file can be opened again, `path` the same without a password that a URL may hold. `offset`
    is where the next chunk begins, in bytes; `raw_header` are the bytes of the header. `warnings`
    are sentences for the user.

    A chunk of a file that is not read in mode BUFFERED is yielded as soon as its rows have arrived,
    and holds its bytes; the chunks of one in mode TAIL have no end. Raises FileError for a file
    that cannot be read or has no header, and for one that is replaced or shortened in mode TAIL.
    """

    def __init__(
        self,
        path: str,
        collection: str,
        mode: ReadMode = ReadMode.BUFFERED,
        *,
        sizes: ReadSizes | None = None,
    ) -> None:
        self._sizes = sizes or READ_SIZES
        self._input = Input(path, mode)
        self.path = self._input.path
        self.location = self._input.location
        self.collection = collection
        self.warnings: list[str] = []
        self._is_stream = mode is not ReadMode.BUFFERED
        self._buffer = b""
        self._at_end = False
        self._bytes_a_row = 0.0
        self._row = 1
        self._line = 1
        self.offset = 0
        self.raw_header = b""
        self._crc = 0
        try:
            self.header = self._read_header()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file; stdin stays open."""
        self._input.close()

    def suspend(self) -> None:
        """Close the file until its chunks are needed, if it can be opened again then."""
        if self._input.suspend(self.offset):
            self._buffer, self._at_end = b"", False

    @property
    def is_suspended(self) -> bool:
        """Return whether the file is closed until its chunks are needed."""
        return self._input.is_suspended

    def reopen(self) -> None:
        """Open the file again if it is suspended. Raises FileError if it has changed."""
        if self.is_suspended:
            self._input.seek(self.offset)

    def check_unchanged(self) -> None:
        """Raise FileError if the file has changed since it was opened."""
        if unknown := self._input.check_unchanged():
            self.warnings.append(unknown)

    @property
    def size(self) -> int | None:
        """Return the number of bytes of a plain file; None if it is not known beforehand."""
        return self._input.size

    @property
    def is_repeatable(self) -> bool:
        """Return whether the file can be opened again and read from its beginning."""
        return self._input.is_repeatable

    @property
    def checksum(self) -> str:
        """Return the checksum of a plain file up to the next chunk: see Fingerprint."""
        return checksum_text(self._crc)

    def chunks(
        self,
        rows: int,
        done: Iterable[Span] = (),
        *,
        skips_long_rows: bool = False,
        with_data: bool = False,
    ) -> Iterator[Chunk]:
        """Yield the rest of the file as chunks of `rows` rows, fewer if they are very long.

        Chunks hold their bytes if these cannot be read again, or `with_data`. The spans in `done`
        are skipped. A row longer than `ReadSizes.max_record` raises FileError, or, with
        `skips_long_rows` and if it has an end, is a chunk of its own without its bytes.
        """
        spans = sorted(done, key=lambda span: span.first_row, reverse=True)
        while True:
            while spans and spans[-1].first_row == self._row:
                self._skip_span(spans.pop())
            cut = self._take(min(rows, spans[-1].first_row - self._row) if spans else rows)
            if not cut.rows:
                if not self._buffer:
                    return
                if not skips_long_rows:
                    raise self._too_long()
                cut = self._skip_record()
            yield Chunk(
                first_row=self._row,
                rows=cut.rows,
                first_line=self._line,
                lines=cut.lines,
                offset=self.offset,
                length=cut.length,
                location=self.location,
                is_row_a_line=cut.is_row_a_line,
                data=cut.data if with_data or self.size is None else None,
                is_oversized=cut.skipped_bytes > 0,
            )
            if self._at_end and not self._buffer and has_open_quote(cut.data):
                row = self._row + cut.rows - 1
                self.warnings.append(
                    f"row {row} opens a quote that is never closed: the rest of the file is a cell"
                )
            self._advance(cut)

    def _skip_span(self, span: Span) -> None:
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
        while not (self._at_end or _has_first_line(self._buffer, enough)):  # streams come in pieces
            self._fill(self._sizes.stream_block if self._is_stream else self._sizes.block)
        if what := find_other_format(self._buffer.removeprefix(_BOM)):
            raise FileError(f"{self.path} is {what}")
        if self._buffer.startswith(_BOM):
            self._buffer = self._buffer[len(_BOM) :]
            self.offset = len(_BOM)
            self.raw_header = _BOM
            self._add_to_checksum(_BOM)
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
        (header,), misquoted = next(parse_rows(text, cut.is_row_a_line, 1))
        if misquoted:
            raise FileError(f"{self.path}: the header {misquoted[0].reason}")
        if not any(name.strip() for name in header):
            raise FileError(f"{self.path}: the first line is blank; it has to name the columns")
        self._advance(cut)
        self._bytes_a_row = 0.0  # rows may be longer than the header
        return header

    def _take(self, rows: int) -> RecordSlice:
        """Return the next `rows` records, fewer if they are very long or the file ends.

        There are none if the next one is too long: the buffer then holds its start.
        """
        while True:
            # Read about as much as the rows need, so that the buffer is searched only once.
            likely = min(int(rows * self._bytes_a_row * 1.02), self._sizes.max_record)
            if not self._is_stream and not self._at_end and len(self._buffer) < likely:
                self._fill(likely - len(self._buffer))
            cut = self._cut(rows, likely * 3 // 2)
            if cut.rows == rows or self._at_end or len(self._buffer) >= self._sizes.max_record:
                break
            block = self._sizes.block
            min_bytes = (
                self._sizes.stream_block if self._is_stream else min(block, likely * 8 or block)
            )
            self._fill(max(min_bytes, len(self._buffer) // 4))
        self._buffer = self._buffer[cut.length :]
        self._bytes_a_row = cut.length / max(cut.rows, 1)
        return cut

    def _cut(self, rows: int, enough: int) -> RecordSlice:
        """Return the next `rows` records of the buffer; its first `enough` bytes mostly hold them.

        To search the whole buffer for each of many small chunks would take most of the time.
        """
        if enough < len(self._buffer):
            cut = slice_records(self._buffer[:enough], rows, at_end=False)
            if cut.rows == rows:
                return cut
        return slice_records(self._buffer, rows, self._at_end)

    def _skip_record(self) -> RecordSlice:
        """Skip the record at the start of the buffer, a block at a time.

        Raises FileError if it has no end, because a quote is not closed.
        """
        record = OversizedRecord()
        while True:
            skipped = record.skip(self._buffer)
            self._add_to_checksum(self._buffer[:skipped])
            self._buffer = self._buffer[skipped:]
            if record.is_complete or self._at_end:
                break
            self._fill(self._sizes.block)
        if record.is_open:
            raise self._too_long()
        return RecordSlice(b"", 1, record.lines, is_row_a_line=False, skipped_bytes=record.length)

    def _too_long(self) -> FileError:
        return FileError(
            f"{self.path}: row {self._row} (line {self._line}) does not end within "
            f"{self._sizes.max_record >> 20} MiB; is a closing quote missing?"
        )

    def _advance(self, cut: RecordSlice) -> None:
        self._row += cut.rows
        self._line += cut.lines
        self.offset += cut.length
        self._add_to_checksum(cut.data)
        if cut.data and not cut.data.endswith((b"\n", b"\r")):
            self.warnings.append(
                f"row {self._row - 1}, the last one, has no line end; was the file copied whole?"
            )

    def _add_to_checksum(self, data: bytes) -> None:
        if self.size is not None:
            self._crc = zlib.crc32(data, self._crc)

    def _fill(self, size: int) -> None:
        # The buffer never holds more than the longest record, whatever the sizes of blocks.
        block = self._input.read(min(size, self._sizes.max_record - len(self._buffer)))
        self._at_end = not block
        self._buffer += block


def _has_first_line(start: bytes, enough: int) -> bool:
    """Return whether a file's first bytes hold a line that is not blank, or are `enough`."""
    return len(start) >= enough or _FIRST_LINE.match(start) is not None

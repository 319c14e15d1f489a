"""The ends of the records of a CSV file, found in its bytes: those of csv.reader, for every input.

The state machine of csv.reader (CPython, Modules/_csv.c) opens a quoted field only where a quote
is the first byte of a field, that is after a comma or a line end; any other quote, as in
`Screen 5" stand`, is an ordinary character. In a quoted field everything up to the closing quote
is data, including two quotes in a row. So every line end outside the quoted fields, which are
found from the start of a record on, ends a record.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto

# A pattern that begins with a literal byte is searched for ten times faster. The lookbehind reads:
# not after a byte other than a comma or a line end, so at the start of the data too.
_QUOTED_FIELD = rb'"(?<![^,\r\n]")(?:[^"]++|"")*+(?:"|\Z)'
_ONE_QUOTED_FIELD = re.compile(_QUOTED_FIELD)
_QUOTED_FIELDS = re.compile(_QUOTED_FIELD + rb"(?:," + _QUOTED_FIELD + rb")*+")
_LONE_RETURN = re.compile(rb"\r(?!\n)")
_HIDE_LINE_ENDS = bytes.maketrans(b"\r\n", b"xx")
# The same for a record that is read in pieces: what may follow in an unquoted and a quoted field,
# up to what may end it. A quoted field is skipped as a whole if its end has been read.
_PLAIN_REST = re.compile(rb'(?:[^,\r\n]++|,(?!")|,"(?:[^"]++|(?:"")++)*+"(?=[^"]))*+')
_QUOTED_REST = re.compile(rb'(?:[^"]++|(?:"")++)*+')
_QUOTE, _COMMA, _FEED = b'",\n'


class _State(Enum):
    """The state of csv.reader between two bytes."""

    FIELD_START = auto()
    UNQUOTED = auto()  # in an unquoted field, or after a closing quote
    QUOTED = auto()
    QUOTE_IN_QUOTED = auto()  # after a quote that closes the field or is the first of two
    RETURN = auto()  # after a carriage return, to which a line feed may belong


class OversizedRecord:
    """A record that is too long for memory, skipped piece by piece from its start on.

    `length` and `lines` count its bytes and line ends so far; `is_complete` says that it has ended.
    """

    def __init__(self) -> None:
        self.length = 0
        self.lines = 0
        self.is_complete = False
        self._state = _State.FIELD_START
        self._last_byte = b""  # a line end may be cut in two

    @property
    def is_open(self) -> bool:
        """Return whether it would end in a quoted field without its closing quote."""
        return self._state is _State.QUOTED

    def skip(self, piece: bytes) -> int:
        """Skip what belongs to the record of the file's next bytes; return how many these are."""
        at = 0
        while at < len(piece) and not self.is_complete:
            at = self._step(piece, at)
        self.length += at
        self.lines += count_line_ends(self._last_byte + piece[:at])
        self.lines -= count_line_ends(self._last_byte)
        self._last_byte = piece[:at][-1:]
        return at

    def _step(self, piece: bytes, at: int) -> int:
        """Skip the rest of a field, or a quote, comma or line end; return the next offset."""
        if self._state is _State.RETURN:
            self.is_complete = True
            return at + (piece[at] == _FEED)
        if self._state in (_State.FIELD_START, _State.QUOTE_IN_QUOTED):
            is_quote = piece[at] == _QUOTE
            self._state = _State.QUOTED if is_quote else _State.UNQUOTED
            return at + is_quote
        is_quoted = self._state is _State.QUOTED
        match = (_QUOTED_REST if is_quoted else _PLAIN_REST).match(piece, at)
        assert match is not None, "both match the empty text, too"
        end = match.end()
        if end == len(piece):
            if not is_quoted and piece[-1] == _COMMA:
                self._state = _State.FIELD_START
            return end
        if is_quoted:
            self._state = _State.QUOTE_IN_QUOTED
        elif piece[end] == _COMMA:
            self._state = _State.FIELD_START
        elif piece[end] == _FEED:
            self.is_complete = True
        else:
            self._state = _State.RETURN
        return end + 1


@dataclass(frozen=True)
class RecordSlice:
    """Whole records from the start of a buffer: their bytes, their number and their lines.

    A record that is too long for memory is a slice of its own without `data`: its bytes are only
    counted, as `skipped_bytes`.
    """

    data: bytes
    rows: int
    lines: int
    is_row_a_line: bool
    skipped_bytes: int = 0

    @property
    def length(self) -> int:
        """Return the number of bytes of all the records."""
        return self.skipped_bytes or len(self.data)


def slice_records(data: bytes, rows: int, at_end: bool) -> RecordSlice:
    """Return the first `rows` records of `data`, or as many as are complete.

    `data` starts with a record. Unless `at_end`, more bytes may follow it.
    """
    ends = hide_quoted_line_ends(data)
    if not at_end and ends.endswith(b"\r"):
        ends = ends[:-1]  # a line feed may follow
    if b"\r" in ends and _LONE_RETURN.search(ends):
        ends = ends.replace(b"\r\n", b"x\n").replace(b"\r", b"\n")
    *complete, rest = ends.split(b"\n", rows)
    count = len(complete)
    if at_end and rest and count < rows:
        length, count = len(data), count + 1
    else:
        length = len(ends) - len(rest)
    head = data[:length]
    # Mostly every line is a record, and counted already.
    is_row_a_line = ends is data
    lines = count if is_row_a_line else count_line_ends(head)
    return RecordSlice(head, count, lines, is_row_a_line)


def has_open_quote(data: bytes) -> bool:
    """Return whether the records at the end of a file end in a quoted field that is not closed."""
    if b'"' not in data:
        return False
    *_, last = (b"", *_ONE_QUOTED_FIELD.findall(data))
    return data.endswith(last) and last.count(b'"') % 2 == 1


def hide_quoted_line_ends(data: bytes) -> bytes:
    """Return `data` with the line ends inside quoted fields replaced by other bytes.

    It is `data` itself if there are none.
    """
    if b'"' not in data:
        return data
    quoted = b"".join(_QUOTED_FIELDS.findall(data))
    if b"\n" not in quoted and b"\r" not in quoted:
        return data
    return _QUOTED_FIELDS.sub(lambda found: found[0].translate(_HIDE_LINE_ENDS), data)


def split_records(data: bytes) -> list[bytes]:
    """Return the records of `data`, each with its line end."""
    records, start = [], 0
    for length in map(len, hide_quoted_line_ends(data).splitlines(keepends=True)):
        records.append(data[start : start + length])
        start += length
    return records


def count_line_ends(data: bytes) -> int:
    """Return the number of line ends; CRLF is one."""
    returns = data.count(b"\r")
    feeds = data.count(b"\n")
    return feeds + returns - data.count(b"\r\n") if returns else feeds

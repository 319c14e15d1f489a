"""Where the records of a CSV file end, as bytes: as csv.reader reads them, for every input.

Its state machine (CPython, Modules/_csv.c) opens a quoted field only where a quote is the first
byte of a field, that is after a comma or a line end; any other quote, as in `Screen 5" stand`, is
a character like others. In a quoted field everything up to the closing quote is data, two quotes
in a row included. So once the quoted fields are found from the start of a record on, every line
end outside them ends a record.
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
# The same for a record that comes in pieces: what may follow in a field without quotes and in one
# with quotes, up to what may end it. A quoted field is passed as a whole where its end is there.
_PLAIN_REST = re.compile(rb'(?:[^,\r\n]++|,(?!")|,"(?:[^"]++|(?:"")++)*+"(?=[^"]))*+')
_QUOTED_REST = re.compile(rb'(?:[^"]++|(?:"")++)*+')
_QUOTE, _COMMA, _FEED = b'",\n'


class _At(Enum):
    """Where in a record a piece of it ends."""

    FIELD = auto()  # at the start of a field
    PLAIN = auto()  # in a field without quotes, or behind the closing one
    QUOTED = auto()  # in a quoted field
    QUOTE = auto()  # after a quote there, which closes the field or is the first of two
    RETURN = auto()  # after a carriage return, to which a line feed may belong


class Passage:
    """A record too long to be kept, passed over from its start on, piece by piece.

    `length` and `lines` are its bytes and line ends so far, `is_over` says that it has ended.
    """

    def __init__(self) -> None:
        self.length = 0
        self.lines = 0
        self.is_over = False
        self._at = _At.FIELD
        self._last = b""  # byte: a line end may be cut in two

    @property
    def is_open(self) -> bool:
        """Whether it would end in a quoted field without its closing quote."""
        return self._at is _At.QUOTED

    def take(self, piece: bytes) -> int:
        """Takes what is its own of the next bytes of the file, and says how much that is."""
        at = 0
        while at < len(piece) and not self.is_over:
            at = self._step(piece, at)
        self.length += at
        self.lines += count_line_ends(self._last + piece[:at]) - count_line_ends(self._last)
        self._last = piece[:at][-1:]
        return at

    def _step(self, piece: bytes, at: int) -> int:
        """Passes over the rest of a field, or a mark; where it comes to."""
        if self._at is _At.RETURN:
            self.is_over = True
            return at + (piece[at] == _FEED)
        if self._at in (_At.FIELD, _At.QUOTE):
            is_quote = piece[at] == _QUOTE
            self._at = _At.QUOTED if is_quote else _At.PLAIN
            return at + is_quote
        is_quoted = self._at is _At.QUOTED
        found = (_QUOTED_REST if is_quoted else _PLAIN_REST).match(piece, at)
        assert found is not None, "both match nothing, too"
        end = found.end()
        if end == len(piece):
            if not is_quoted and piece[-1] == _COMMA:
                self._at = _At.FIELD
            return end
        if is_quoted:
            self._at = _At.QUOTE
        elif piece[end] == _COMMA:
            self._at = _At.FIELD
        elif piece[end] == _FEED:
            self.is_over = True
        else:
            self._at = _At.RETURN
        return end + 1


@dataclass(frozen=True)
class Cut:
    """Whole records from the start of a buffer: their bytes, how many, and on how many lines.

    A record that is too long to be kept comes alone and without its bytes: so many were `passed`.
    """

    data: bytes
    rows: int
    lines: int
    is_row_a_line: bool
    passed: int = 0

    @property
    def length(self) -> int:
        """The bytes of all the records."""
        return self.passed or len(self.data)


def cut_records(data: bytes, rows: int, at_end: bool) -> Cut:
    """Cuts the first `rows` records off `data`, or as many as are complete.

    `data` starts with a record. Unless `at_end`, bytes may follow that are not there yet.
    """
    ends = only_record_ends(data)
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
    # Most often every line is a record, and there is nothing left to count.
    is_row_a_line = ends is data
    lines = count if is_row_a_line else count_line_ends(head)
    return Cut(head, count, lines, is_row_a_line)


def is_open(data: bytes) -> bool:
    """Whether records at the end of a file end in a quoted field without its closing quote."""
    if b'"' not in data:
        return False
    *_, last = (b"", *_ONE_QUOTED_FIELD.findall(data))
    return data.endswith(last) and last.count(b'"') % 2 == 1


def only_record_ends(data: bytes) -> bytes:
    """`data`, of the same length, with the line ends inside quoted fields hidden.

    `data` itself where there are none.
    """
    if b'"' not in data:
        return data
    quoted = b"".join(_QUOTED_FIELDS.findall(data))
    if b"\n" not in quoted and b"\r" not in quoted:
        return data
    return _QUOTED_FIELDS.sub(lambda found: found[0].translate(_HIDE_LINE_ENDS), data)


def split_records(data: bytes) -> list[bytes]:
    """Whole records, each as it stands."""
    records, start = [], 0
    for length in map(len, only_record_ends(data).splitlines(keepends=True)):
        records.append(data[start : start + length])
        start += length
    return records


def count_line_ends(data: bytes) -> int:
    """How many lines end; a line feed belongs to the carriage return before it."""
    returns = data.count(b"\r")
    feeds = data.count(b"\n")
    return feeds + returns - data.count(b"\r\n") if returns else feeds

"""Rows as CSV text that csv.reader reads back as they were."""

from typing import Protocol


class TextWriter(Protocol):
    """Where text is written."""

    def write(self, text: str, /) -> object:
        """Write some text."""


class UnixLines:
    """Takes the rows of a csv.writer, which quotes every line end only if its own is CRLF."""

    def __init__(self, out: TextWriter) -> None:
        self._out = out

    def write(self, row: str) -> int:
        """Write a row, which ends with CRLF, with a line feed; return how many characters."""
        text = row.removesuffix("\r\n") + "\n"
        self._out.write(text)
        return len(text)

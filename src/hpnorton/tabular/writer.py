"""CSV text that csv.reader reads back unchanged."""

from typing import Protocol


class TextWriter(Protocol):
    """An object with a `write` method for text."""

    def write(self, text: str, /) -> object:
        """Write a text."""


class LineFeedWriter:
    """Writes the rows of a csv.writer with line feeds.

    csv.writer quotes carriage returns in cells only if its own line ends are CRLF.
    """

    def __init__(self, out: TextWriter) -> None:
        self._out = out

    def write(self, row: str) -> int:
        """Write a row that ends with CRLF with a line feed; return the number of characters."""
        text = row.removesuffix("\r\n") + "\n"
        self._out.write(text)
        return len(text)

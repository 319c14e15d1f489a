"""The fields of BSON documents, counted without decoding them.

Documents of a collection have few shapes: the same names with values of the same types, one after
the other. The first documents of a shape are walked through, element by element; for more of them a
regular expression of the shape's bytes is made, which recognizes the next one in a single call.
That is three times as fast as decoding, by C code, and looking at the types of the values
(measured; see benchmarks/README.md). The format: https://bsonspec.org/spec.html.
"""

import os.path
import re
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import bson
from bson import CodecOptions
from bson.codec_options import DatetimeConversion

from hpnorton.schema.collection import OWN_PREFIX
from hpnorton.stores.tallies import Example, FieldTally, Seen

# The names are those of MongoDB's operator $type.
_OBJECT, _ARRAY, _BINARY = 0x03, 0x04, 0x05
_NAMES = {
    0x01: "double",
    0x02: "string",
    _OBJECT: "object",
    _ARRAY: "array",
    _BINARY: "binData",
    0x06: "undefined",
    0x07: "objectId",
    0x08: "bool",
    0x09: "date",
    0x0A: "null",
    0x0B: "regex",
    0x0C: "dbPointer",
    0x0D: "javascript",
    0x0E: "symbol",
    0x0F: "javascriptWithScope",
    0x10: "int",
    0x11: "timestamp",
    0x12: "long",
    0x13: "decimal",
    0xFF: "minKey",
    0x7F: "maxKey",
}
# Bytes of a value. Of a document the length before its elements; 0x00 ends a document.
_SIZES = {
    0x00: 0,
    0x01: 8,
    _OBJECT: 4,
    _ARRAY: 4,
    0x06: 0,
    0x07: 12,
    0x08: 1,
    0x09: 8,
    0x0A: 0,
    0x10: 4,
    0x11: 8,
    0x12: 8,
    0x13: 16,
    0xFF: 0,
    0x7F: 0,
}
# Of other values their length is told at their beginning: what comes beyond it.
_REGEX = 0x0B  # but for this one, which is two texts
_BEYOND = {0x02: 4, _BINARY: 5, 0x0C: 16, 0x0D: 4, 0x0E: 4, 0x0F: 0}
# What matches them: a text up to its NUL, and of binary data only UUIDs and the like.
_TEXT = rb"(....)([^\0]*+\0)"
_UNSIZED = {0x02: _TEXT, 0x0D: _TEXT, 0x0E: _TEXT, _BINARY: rb"\x10\0\0\0.{17}"}
_NO_EXAMPLE = (_OBJECT, _ARRAY, 0x06, 0x0A, 0xFF, 0x7F)
_LENGTH = struct.Struct("<i")
_HEADERS = re.compile(rb"\0|[^\0]+\0")
_LENIENT: CodecOptions[dict[str, Any]] = CodecOptions(
    datetime_conversion=DatetimeConversion.DATETIME_AUTO, unicode_decode_error_handler="replace"
)
_WALKS = 100  # take as long as making a regular expression
_MOST_PATTERNS = 16
_MOST_HEADERS = 200
_MOST_NODES = 1000
_MOST_SHAPES = 10_000


class Shapes:
    """Counts the documents of a range by shape.

    A shape is told by its skeleton: the bytes of a document without the lengths and values.
    """

    def __init__(self, range_number: int = 0) -> None:
        self._number = range_number
        self._tally = FieldTally()
        self._counts: Counter[bytes] = Counter()
        self._walked: Counter[bytes] = Counter()
        self._tree = _Tree()

    def add(self, batch: bytes) -> int:
        """Counts the documents that follow each other in a batch, and says how many they are."""
        counts = self._match(batch)
        if counts is None:
            counts = self._walk(batch)
        self._counts.update(counts)
        if len(self._counts) > _MOST_SHAPES:
            self._fold()
        return counts.total()

    def tally(self) -> FieldTally:
        """The fields of all documents so far."""
        self._fold()
        return self._tally

    def _match(self, batch: bytes) -> Counter[bytes] | None:
        """The documents by shape; None if a text that holds a NUL has misled the tree."""
        tree = self._tree
        counts: Counter[bytes] = Counter()
        at, end = 0, len(batch)
        while at < end:
            after = tree.match(batch, at)
            if after is None:
                skeleton, after = _skeleton(batch, at)
                self._meet(skeleton, batch, at)
                counts[skeleton] += 1
            at = after
        return counts if tree.settle(counts) else None

    def _walk(self, batch: bytes) -> Counter[bytes]:
        """The same without the tree."""
        counts: Counter[bytes] = Counter()
        at = 0
        while at < len(batch):
            skeleton, after = _skeleton(batch, at)
            self._take_examples(skeleton, batch, at)
            counts[skeleton] += 1
            at = after
        return counts

    def _meet(self, skeleton: bytes, batch: bytes, at: int) -> None:
        """Notes a document of a shape that the tree does not know; it learns it when that pays."""
        self._walked[skeleton] += 1
        if self._walked[skeleton] == 1:
            self._take_examples(skeleton, batch, at)
        elif self._walked[skeleton] == _WALKS:
            self._tree.learn(skeleton)

    def _take_examples(self, skeleton: bytes, batch: bytes, at: int) -> None:
        """Takes the values of a document for the fields of which there is no example."""
        fields = self._tally.fields
        values = _values(batch, at)
        for named in _fields(skeleton):
            kind, value = next(values)
            if named is not None and kind not in _NO_EXAMPLE:
                seen = fields.setdefault(named[0], Seen())
                if seen.example is None:
                    seen.example = Example.of(self._number, _decoded(kind, value))

    def _fold(self) -> None:
        """Adds up the fields of all shapes, and forgets these."""
        for skeleton, count in self._counts.items():
            self._tally.add([named for named in _fields(skeleton) if named is not None], count)
        self._counts.clear()
        self._walked.clear()


class _Node:
    """Fields that follow each other in some shapes; what may follow them are its children.

    `documents` are those that ended here; `texts` the lengths and the texts that were found here.
    """

    def __init__(self, headers: tuple[bytes, ...]) -> None:
        self.headers = headers
        self.match = _expression(headers).match
        self.children: list[_Node] = []
        self.skeleton = b""
        self.documents = 0
        self.texts: list[tuple[bytes, ...]] = []

    def split(self, place: int) -> None:
        """Leaves the first headers here, and gives the others to a child."""
        child = _Node(self.headers[place:])
        child.children, child.skeleton = self.children, self.skeleton
        self.headers = self.headers[:place]
        self.match = _expression(self.headers).match
        self.children, self.skeleton = [child], b""

    def is_sound(self) -> bool:
        """Forgets the texts; False if one of them is not as long as it should be.

        A text is taken to end at the first NUL. Where it holds one, what comes after it might look
        like other fields.
        """
        texts, self.texts = self.texts, []
        columns = list(zip(*texts))
        return all(
            struct.unpack(f"<{len(found)}i", b"".join(lengths)) == tuple(map(len, found))
            for lengths, found in zip(columns[::2], columns[1::2])
        )


class _Tree:
    """Shapes that were learned: those that begin with the same fields share nodes for these."""

    def __init__(self) -> None:
        self._roots: list[_Node] = []
        self._nodes: list[_Node] = []
        self._misled = False
        self._counts: Counter[bytes] = Counter()

    def match(self, batch: bytes, at: int) -> int | None:
        """Counts the document at a position, and says where it ends; None if it is unknown."""
        nodes = self._roots
        end: int = at + _LENGTH.unpack_from(batch, at)[0]
        at += _LENGTH.size
        while True:
            for node in nodes:
                found = node.match(batch, at)
                if found:
                    break
            else:
                return None
            node.texts.append(found.groups())
            at = found.end()
            nodes = node.children
            if not nodes:
                if at != end:  # misled by a text that holds a NUL
                    return None
                node.documents += 1
                return at

    def settle(self, counts: Counter[bytes]) -> bool:
        """Adds the documents since the last time by shape; False if a match may have been wrong."""
        self._gather()
        is_sound = not self._misled
        counts.update(self._counts)
        self._counts.clear()
        self._misled = False
        return is_sound

    def learn(self, skeleton: bytes) -> None:
        """Takes up a shape, unless it has values whose length is not known, or too many fields."""
        headers = tuple(_HEADERS.findall(skeleton))
        is_plain = all(header[0] in _SIZES or header[0] in _UNSIZED for header in headers)
        if not is_plain or len(headers) > _MOST_HEADERS or len(self._nodes) > _MOST_NODES:
            return
        self._gather()
        nodes = self._roots
        while True:
            node = next((node for node in nodes if node.headers[0] == headers[0]), None)
            if node is None:
                node = _Node(headers)
                node.skeleton = skeleton
                nodes.append(node)
                break
            shared = len(os.path.commonprefix([node.headers, headers]))
            if shared < len(node.headers):
                node.split(shared)
            headers = headers[shared:]
            nodes = node.children
        self._nodes = list(_descendants(self._roots))

    def _gather(self) -> None:
        for node in self._nodes:
            node.children.sort(key=_uses, reverse=True)  # what is seldom is tried last
        for node in self._nodes:
            if node.documents:
                self._counts[node.skeleton] += node.documents
                node.documents = 0
            self._misled |= not node.is_sound()


def _uses(node: _Node) -> int:
    return len(node.texts)


def _descendants(nodes: Sequence[_Node]) -> Iterator[_Node]:
    for node in nodes:
        yield node
        yield from _descendants(node.children)


def _skeleton(data: bytes, at: int) -> tuple[bytes, int]:
    """The skeleton of the document at a position, and where the document ends."""
    end: int = at + _LENGTH.unpack_from(data, at)[0]
    at += _LENGTH.size
    headers = []
    while at < end:
        after = data.index(0, at) + 1
        headers.append(data[at:after])
        kind = data[at]
        at = after + _SIZES[kind] if kind in _SIZES else _end(data, kind, after)
    return b"".join(headers), end


def _end(data: bytes, kind: int, at: int) -> int:
    """Where a value ends that begins at a position, of a type whose values have several lengths."""
    if kind == _REGEX:
        return data.index(0, data.index(0, at) + 1) + 1
    length: int = _LENGTH.unpack_from(data, at)[0]
    return at + length + _BEYOND[kind]


def _values(data: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """The type and the bytes of each value in the document at a position."""
    end = at + _LENGTH.unpack_from(data, at)[0]
    at += _LENGTH.size
    while at < end:
        kind = data[at]
        start = data.index(0, at) + 1
        at = start + _SIZES[kind] if kind in _SIZES else _end(data, kind, start)
        yield kind, data[start:at]


@lru_cache(_MOST_SHAPES)
def _fields(skeleton: bytes) -> Sequence[tuple[str, str] | None]:
    """For each header its path and its type; None for ends, and for what is our own."""
    prefixes: list[str | None] = [""]  # of what is in the document, the array, that is open
    arrays = [False]
    found: list[tuple[str, str] | None] = []
    for header in _HEADERS.findall(skeleton):
        kind = header[0]
        if kind == 0:
            prefixes.pop()
            arrays.pop()
            found.append(None)
            continue
        path = _path(prefixes[-1], arrays[-1], header[1:-1].decode(errors="replace"))
        found.append(None if path is None else (path, _NAMES[kind]))
        if kind in (_OBJECT, _ARRAY):
            prefixes.append(path)
            arrays.append(kind == _ARRAY)
    return found


def _path(prefix: str | None, is_element: bool, name: str) -> str | None:
    if prefix is None or (prefix == "" and name.startswith(OWN_PREFIX)):
        return None
    if is_element:
        return f"{prefix}[]"
    return f"{prefix}.{name}" if prefix else name


@lru_cache(_MOST_NODES)
def _expression(headers: tuple[bytes, ...]) -> re.Pattern[bytes]:
    """What matches some fields that follow each other."""
    parts = []
    for header in headers:
        kind = header[0]
        parts.append(re.escape(header))
        parts.append(b".{%d}" % _SIZES[kind] if kind in _SIZES else _UNSIZED[kind])
    return re.compile(b"".join(parts), re.DOTALL)


def _decoded(kind: int, value: bytes) -> Any:
    """A value alone, from its bytes."""
    element = bytes([kind]) + b"v\0" + value + b"\0"
    whole = _LENGTH.pack(_LENGTH.size + len(element)) + element
    return bson.decode(whole, _LENIENT)["v"]

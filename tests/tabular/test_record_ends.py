"""A record that is passed over in pieces ends where csv.reader ends it."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpnorton.tabular.record_ends import (
    OversizedRecord,
    count_line_ends,
    has_open_quote,
    slice_records,
)

SCRAPS = b'a|,|"|""|"""|\n|\r|\r\n|,"|",|"\n|\n"|\r"|"\r|a"|"a| '
BODIES = st.lists(st.sampled_from(SCRAPS.split(b"|")), min_size=1, max_size=30).map(b"".join)


def _skip(data: bytes, sizes: list[int]) -> OversizedRecord:
    """Skip the record at the start of some bytes, which come in pieces of these sizes in turn."""
    record, at = OversizedRecord(), 0
    while at < len(data):
        size = sizes[at % len(sizes)]
        piece = data[at : at + size]
        taken = record.skip(piece)
        at += taken
        assert taken <= len(piece)
        if record.is_complete:
            assert record.length == at
            break
        assert taken == len(piece)
    return record


@settings(max_examples=1000)
@given(data=BODIES, sizes=st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_it_ends_where_csv_reader_ends_it(data: bytes, sizes: list[int]) -> None:
    """Its length, its lines and whether a quote is left open, however it comes."""
    record = _skip(data, sizes)
    first = slice_records(data, 1, at_end=True)
    text = data[: record.length].decode()
    assert (record.length, record.is_open) == (first.length, has_open_quote(first.data))
    assert record.lines == count_line_ends(text.encode())
    assert len(list(csv.reader(io.StringIO(text, newline="")))) == 1


@pytest.mark.parametrize(
    ("record", "rest"),
    [
        (b"a\n", b"b"),
        (b"a\r\n", b"\n"),
        (b"a\r", b"b"),
        (b'"a\r\nb"\r\n', b"c"),
        (b'a,"b\n""c",d\n', b'"'),
        (b'a,5" tv\n', b'"'),
        (b'a,"b"c"d\n', b'"'),
        (b'"a', b""),
        (b'a,"', b""),
    ],
)
def test_some_records(record: bytes, rest: bytes) -> None:
    """What follows is left, and only an open quote leaves the record open, byte by byte too."""
    for size in (1, 100):
        skipped = _skip(record + rest, [size])
        assert skipped.length == len(record)
        assert skipped.is_open == (record in (b'"a', b'a,"'))

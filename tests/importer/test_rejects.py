"""Rejected rows: kept in the order of the file, and written so that they can be mended."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpnorton.errors import FileError
from hpnorton.importer import rejects
from hpnorton.importer.rejects import (
    Reason,
    RejectedRow,
    Rejects,
    check_folder,
    from_entry,
    to_entry,
    write_rejects,
)
from hpnorton.importer.report import RowFault
from tests.conftest import Run

WRONG = Reason("stock", "type-error", "five", "is not a whole number")
BLANK = Reason(None, "blank-row", None, "the row is blank")
TAKEN = Reason("id", "primary-key", "1", "is there already")

# What a file may hold, as it is read: bytes that are not UTF-8 are lone surrogates.
TEXTS = st.binary(max_size=12).map(lambda data: data.decode(errors="surrogateescape"))
VALUES = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=5)
FLAWS = st.builds(
    Reason,
    field=st.none() | st.text(max_size=5),
    code=st.sampled_from(["type-error", "blank-row"]),
    value=st.none() | TEXTS,
    message=st.text(max_size=9),
)
NUMBERS = st.integers(2, 2**40)
ROWS = st.builds(
    RejectedRow,
    row=NUMBERS,
    line=NUMBERS,
    raw=st.binary(max_size=20),
    reasons=st.lists(FLAWS, min_size=1, max_size=3),
    key=st.none() | st.lists(VALUES, min_size=1, max_size=3).map(tuple),
)


def refused(row: int, raw: bytes = b"1,five\n", reason: Reason = WRONG) -> RejectedRow:
    """A row of a file that has no line breaks in cells."""
    return RejectedRow(row, row, raw, [reason])


@pytest.fixture(name="kept")
def open_rejects() -> Iterator[Rejects]:
    """The refused rows of a file of which nothing is known yet."""
    with closing(Rejects()) as kept:
        yield kept


@given(row=ROWS)
def test_a_row_comes_back_from_the_journal(row: RejectedRow) -> None:
    """Whatever bytes it has: it is kept as it stands, and its reasons are plain ASCII."""
    entry = to_entry("r1", row)
    assert (entry.run, entry.row, entry.raw) == ("r1", row.row, row.raw)
    assert entry.reasons.isascii()
    assert from_entry(entry) == row


def test_a_row_tells_its_faults() -> None:
    """Each reason of a row is told with the file, the row and the line it begins on."""
    row = RejectedRow(7, 9, b"x\n", (WRONG, BLANK))
    assert list(row.faults("a.csv")) == [
        RowFault("a.csv", 7, 9, "stock", "type-error", "five", "is not a whole number"),
        RowFault("a.csv", 7, 9, None, "blank-row", None, "the row is blank"),
    ]


@given(
    chunks=st.lists(st.integers(0, 4), max_size=6),
    amended=st.dictionaries(st.integers(0, 40), st.booleans(), max_size=8),
    data=st.data(),
)
@pytest.mark.parametrize("memory", [10, 2**20], ids=["on disk", "in memory"])
def test_rows_come_in_the_order_of_the_file(
    memory: int, chunks: list[int], amended: dict[int, bool], data: st.DataObject
) -> None:
    """Chunks may be done in any order, and what is put in place of a row stands where it stood."""
    model: dict[int, RejectedRow] = {}
    parts: list[list[RejectedRow]] = []
    for number, count in enumerate(chunks):
        first = 2 + 6 * number
        rows = [refused(first + at, b"%d\n" % at) for at in range(count)]
        model |= {row.row: row for row in rows}
        parts.append(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rejects, "_MEMORY_BYTES", memory)
        with closing(Rejects()) as kept:
            for rows in data.draw(st.permutations(parts)):
                kept.add(rows)
            assert list(kept) == [model[row] for row in sorted(model)]
            for row, is_refused in amended.items():
                other = refused(row, b"other\n", TAKEN) if is_refused else None
                kept.amend(row, other)
                model.pop(row, None)
                if other is not None:
                    model[row] = other
            for _ in range(2):  # it can be asked again
                assert list(kept) == [model[row] for row in sorted(model)]


def test_rows_may_be_added_after_a_look(kept: Rejects) -> None:
    """To look at the rows so far does not get in the way of more, nor do two looks at once."""
    kept.add([refused(11), refused(12)])
    kept.add([refused(21)])
    one, other = iter(kept), iter(kept)
    assert [next(one).row, next(other).row, next(one).row, next(other).row] == [11, 11, 12, 12]
    kept.add([refused(3)])
    assert [row.row for row in kept] == [3, 11, 12, 21]
    assert [row.row for row in one] == [21]


def test_the_last_word_on_a_row_counts(kept: Rejects) -> None:
    """A row may be amended more than once."""
    kept.add([refused(3), refused(4)])
    kept.amend(3, None)
    kept.amend(3, refused(3, b"again\n"))
    kept.amend(4, refused(4, b"again\n"))
    kept.amend(4, None)
    assert list(kept) == [refused(3, b"again\n")]


@pytest.mark.parametrize(
    ("header", "raws", "content"),
    [
        (b"id,x\n", [b"1,a\n", b"2,b\n"], b"id,x\n1,a\n2,b\n"),
        (b"id,x\n", [b"1,a\n", b"2,b"], b"id,x\n1,a\n2,b\n"),
        (b"id,x", [], b"id,x\n"),
        (b"id,x\r\n", [b"1,a\r\n", b"\r\n", b"2,b"], b"id,x\r\n1,a\r\n\r\n2,b\n"),
        (b"id,x\r", [b"1,a\r", b"2,b"], b"id,x\r1,a\r2,b\n"),
        (b"\xef\xbb\xbfid,x\n", [b'1,"a\nb"\n'], b'\xef\xbb\xbfid,x\n1,"a\nb"\n'),
        (b'"i\nd",x\n', [b"caf\xe9,\0\n", b'5" tv,"x'], b'"i\nd",x\ncaf\xe9,\0\n5" tv,"x\n'),
    ],
    ids=["plain", "no end", "none", "windows", "lone returns", "mark", "odd bytes"],
)
def test_rows_are_written_as_they_stood(
    tmp_path: Path, header: bytes, raws: list[bytes], content: bytes
) -> None:
    """The file is the header and the rows, byte by byte; only a line end that lacks is added."""
    rows = iter([refused(at, raw) for at, raw in enumerate(raws, 2)])
    path = write_rejects(rows, tmp_path / "new" / "folder", "things-1", "things.csv", header)
    assert path == tmp_path / "new" / "folder" / "things-1.csv"
    assert path.read_bytes() == content
    assert sorted(each.name for each in path.parent.iterdir()) == [
        "things-1.csv",
        "things-1.reasons.jsonl",
    ]


def test_reasons_are_one_object_a_fault(tmp_path: Path) -> None:
    """Each fault is a line of JSON with the place, the code, the cell and why, for programs."""
    rows = [
        RejectedRow(2, 2, b"x\n", (WRONG, BLANK)),
        RejectedRow(
            5, 9, b"y\n", (Reason("näme", "encoding-error", "caf\udce9 é\n\u2028", "is odd"),)
        ),
    ]
    path = write_rejects(iter(rows), tmp_path, "things-1", "d/things.csv", b"id\n")
    reasons = path.with_name("things-1.reasons.jsonl").read_bytes()
    assert "näme".encode() in reasons
    assert [json.loads(line) for line in reasons.split(b"\n")[:-1]] == [
        {
            "file": "d/things.csv",
            "row": 2,
            "line": 2,
            "field": "stock",
            "code": "type-error",
            "value": "five",
            "message": "is not a whole number",
        },
        {
            "file": "d/things.csv",
            "row": 2,
            "line": 2,
            "field": None,
            "code": "blank-row",
            "value": None,
            "message": "the row is blank",
        },
        {
            "file": "d/things.csv",
            "row": 5,
            "line": 9,
            "field": "näme",
            "code": "encoding-error",
            "value": "caf\\xe9 é\n\u2028",
            "message": "is odd",
        },
    ]


@given(rows=st.lists(ROWS, max_size=4))
def test_any_rows_can_be_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[RejectedRow]
) -> None:
    """Whatever a row and its cells hold, there is a line of JSON for each of its faults."""
    path = write_rejects(iter(rows), tmp_path_factory.mktemp("x"), "x-1", "x.csv", b"id\n")
    lines = path.with_name("x-1.reasons.jsonl").read_bytes().split(b"\n")
    assert lines.pop() == b""
    assert [json.loads(line)["row"] for line in lines] == [
        row.row for row in rows for _ in row.reasons
    ]


def test_a_file_may_have_any_name(tmp_path: Path) -> None:
    """A name that is not UTF-8, which a file may have, is told as a cell would be."""
    path = write_rejects(iter([refused(2)]), tmp_path, "x-1", "caf\udce9.csv", b"id\n")
    (line,) = path.with_name("x-1.reasons.jsonl").read_text("utf-8").splitlines()
    assert json.loads(line)["file"] == "caf\\xe9.csv"


def test_files_of_the_same_names_are_replaced(tmp_path: Path) -> None:
    """An import that is resumed writes its rejected rows anew."""
    for raw in (b"a long row that was refused\n", b"x\n"):
        path = write_rejects(iter([refused(2, raw)]), tmp_path, "x-1", "x.csv", b"id\n")
    assert path.read_bytes() == b"id\nx\n"
    assert path.with_name("x-1.reasons.jsonl").read_bytes().count(b"\n") == 1


@pytest.mark.parametrize("place", ["taken", "taken/folder", "x" * 300])
def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, place: str) -> None:
    """The message names the file, the folder and the flag to change."""
    (tmp_path / "taken").touch()
    with pytest.raises(
        FileError,
        match=f"^the rejected rows of x.csv cannot be written to {tmp_path / place}: "
        r"\w[\w ]+; name another folder with --rejects$",
    ):
        write_rejects(iter([refused(2)]), tmp_path / place, "x-1", "x.csv", b"id\n")


def test_what_cannot_be_written_to_its_end_replaces_nothing(tmp_path: Path) -> None:
    """Rows that were written before stay until all the new ones are."""
    path = write_rejects(iter([refused(2)]), tmp_path, "x-1", "x.csv", b"id\n")
    before = path.read_bytes()
    (tmp_path / "x-1.reasons.jsonl.part").mkdir()
    with pytest.raises(FileError, match="--rejects"):
        write_rejects(iter([refused(3, b"y\n")]), tmp_path, "x-1", "x.csv", b"id\n")
    assert path.read_bytes() == before


@pytest.mark.parametrize("way", ["--linear", "--parallel", "--linear --dry-run", "--stream"])
def test_a_folder_for_rejects_that_is_a_file(
    run: Run, sqlite_uri: str, tmp_path: Path, way: str
) -> None:
    """It is found before any row is imported, wherever in the path the file is."""
    path, taken = tmp_path / "thing.csv", tmp_path / "zz.csv"
    path.write_text("id,n\nA,1\nB\n")
    taken.write_text("a file")
    for folder in (taken, taken / "deeper" / "still"):
        done = run(f"{way} {path} --rejects {folder} --quiet", sqlite_uri)
        assert (done.status, done.out) == (1, "")
        assert done.err == (
            f"Error: {taken} is a file, not a folder; name a folder with --rejects\n"
        )
        assert not (tmp_path / "store.db").exists()


def test_no_empty_folder_for_rejects_stays(run: Run, sqlite_uri: str, tmp_path: Path) -> None:
    """It is made when a row is rejected."""
    path, folder = tmp_path / "thing.csv", tmp_path / "a" / "b"
    path.write_text("id,n\nA,1\n")
    assert run(f"--linear {path} --rejects {folder} --quiet", sqlite_uri).status == 0
    assert not folder.parent.exists()
    path.write_text("id,n\nB\n")
    assert run(f"--linear {path} --rejects {folder} --quiet", sqlite_uri).status == 3
    assert len(list(folder.iterdir())) == 2


def test_a_folder_for_rejects_without_permission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that somebody has named is refused at once; the default may not be needed."""
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path)  # root may write anywhere
    with pytest.raises(FileError, match=f"no permission to write in {tmp_path}; name another"):
        check_folder(tmp_path / "new", is_named=True)
    check_folder(tmp_path / "new", is_named=False)

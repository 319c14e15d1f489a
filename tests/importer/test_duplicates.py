"""The order of the file decides, in whatever order its chunks were done."""

import struct
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpnorton.importer import duplicates
from hpnorton.importer.bitmap import bitmap
from hpnorton.importer.chunk_result import ChunkResult, hash_of
from hpnorton.importer.duplicates import (
    DuplicateResolution,
    KeyHashes,
    SkippedRows,
    conflicting_hashes,
    hash_batches,
)
from hpnorton.importer.load import FoundRow, find_rows, hash_keys, load_chunks
from hpnorton.importer.options import ImportSpec, Resume
from hpnorton.importer.rejects import Reason, RejectedRow, Rejects
from hpnorton.schema.collection import Collection
from hpnorton.schema.field import Field
from hpnorton.schema.layout import make_layout
from hpnorton.schema.validate import Record
from hpnorton.stores import close_process_stores, journal, process_store
from hpnorton.stores.base import Mode
from hpnorton.stores.counts import Counts
from hpnorton.stores.journal import StartedChunk
from hpnorton.tabular.chunk import Chunk
from hpnorton.tabular.reader import CsvFile
from tests.helpers.properties import costly
from tests.helpers.stores import INSERT, UPSERT, batch_of, records_of

FIELDS = (Field("id"), Field("a"), Field("n", "integer"))
_NUMBERS = count()


def put_in_order(look: DuplicateResolution, found: Sequence[FoundRow]) -> None:
    """Settles what was found, as an import does: the records are put right, then counted."""
    wrong = look.correction(found)
    if wrong is not None:
        wrong.on_result(wrong.function(*wrong.arguments))


# Many small ones, some large ones, and those at the borders of parts.
HASHES = (
    st.integers(0, 20)
    | st.integers(0, 2**32 - 1)
    | st.builds(
        lambda part, off: (part * 2**26 + off) % 2**32, st.integers(0, 64), st.integers(-1, 1)
    )
)


@pytest.fixture(autouse=True)
def close_stores() -> Iterator[None]:
    """Every test opens the stores of this process anew."""
    yield
    close_process_stores()


@given(chunks=st.lists(st.lists(HASHES, max_size=30), max_size=6))
@pytest.mark.parametrize("memory", [1, 2**18], ids=["on disk", "in memory"])
def test_repeated_hashes_are_found(memory: int, chunks: list[list[int]]) -> None:
    """Each hash that was added more than once, in one chunk or in several, is given once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "_MEMORY_BYTES", memory)
        with closing(KeyHashes()) as hashes:
            for chunk in chunks:
                hashes.add(array("I", sorted(chunk)).tobytes())
            found = list(hashes.repeated())
    times = Counter(number for chunk in chunks for number in chunk)
    assert sorted(found) == sorted(number for number, how_often in times.items() if how_often > 1)


def test_hashes_may_be_added_after_a_look() -> None:
    """What was added before and what comes later belong together."""
    with closing(KeyHashes()) as hashes:
        hashes.add(array("I", [7, 2**32 - 1]).tobytes())
        assert not list(hashes.repeated())
        hashes.add(array("I", [2**32 - 1]).tobytes())
        assert list(hashes.repeated()) == [2**32 - 1]


def test_hashes_are_numbers_of_32_bits() -> None:
    """The bytes that are added are those of an array of 32-bit numbers, in every process."""
    assert array("I", [1, 2**32 - 1]).tobytes() == struct.pack("=II", 1, 2**32 - 1)


@given(hashes=st.lists(st.integers(0, 30), max_size=60), most=st.integers(1, 10))
def test_rounds_are_small_and_leave_nothing_out(hashes: list[int], most: int) -> None:
    """Every hash is in a round, no round has too many, and all but the last are full."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "_MAX_HASHES", most)
        made = list(hash_batches(iter(hashes)))
    assert frozenset().union(*made) == set(hashes)
    assert all(len(some) == most for some in made[:-1])
    assert all(0 < len(some) <= most for some in made)


@given(data=st.data(), sizes=st.lists(st.integers(1, 12), min_size=1, max_size=6))
def test_rows_whose_keys_were_taken(data: st.DataObject, sizes: list[int]) -> None:
    """Of every row of a file it is known, whatever order the chunks came in."""
    notes, wanted, first = [], [], 2
    for size in sizes:
        positions = data.draw(st.lists(st.integers(0, size - 1), unique=True))
        notes.append((first, bitmap(positions, size)))
        wanted += [first + at for at in sorted(positions)]
        first += size
    taken = SkippedRows()
    *some, last = data.draw(st.permutations(notes))
    for number, text in some:
        taken.add(number, text)
    if some:
        assert some[0][0] in taken or some[0][0] not in wanted  # a look in between does no harm
    taken.add(*last)
    for _ in range(2):
        assert [row for row in range(2, first) if row in taken] == wanted


@given(
    data=st.data(),
    spans=st.lists(st.tuples(st.integers(2, 30), st.integers(1, 12)), max_size=5),
    is_repeated=st.booleans(),
)
def test_what_was_noted_at_the_beginning_is_believed(
    data: st.DataObject, spans: list[tuple[int, int]], is_repeated: bool
) -> None:
    """Of a row that was done again, a key was taken by others only if it always was at the start.

    A row was done again if its chunk was, or if two chunks that are cut in other ways hold it.
    """

    def some(size: int) -> list[int]:
        return data.draw(st.lists(st.integers(0, size - 1), unique=True))

    in_the_end = some(40)
    taken = SkippedRows()
    taken.add(2, bitmap(in_the_end, 40), is_repeated=is_repeated)
    begun = {span: some(span[1]) for span in spans}
    taken.use_started(
        StartedChunk(run="r", first_row=first, rows=rows, taken=bitmap(positions, rows))
        for (first, rows), positions in begun.items()
    )
    wanted = []
    for row in sorted(at + 2 for at in in_the_end):
        with_it = [
            row - first in positions
            for (first, rows), positions in begun.items()
            if first <= row < first + rows
        ]
        if not (is_repeated or len(with_it) > 1) or (with_it and all(with_it)):
            wanted.append(row)
    assert [row for row in range(2, 42) if row in taken] == wanted
    assert taken.has_repeated or not any(taken.may_be_own(row) for row in range(2, 42))


def test_the_keys_in_conflict_are_suspects() -> None:
    """Rows that were rejected for other reasons have no key that could be another one's."""
    reason = Reason("id", "primary-key", "k", "is there already")
    with closing(Rejects()) as rejects:
        rejects.add(
            [
                RejectedRow(2, 2, b"k,1\n", [reason], ("k",)),
                RejectedRow(3, 3, b"\n", [reason]),
                RejectedRow(4, 4, b"l,1\n", [reason], ("l", 1)),
            ]
        )
        assert list(conflicting_hashes(rejects)) == [hash_of(("k",)), hash_of(("l", 1))]


@dataclass
class Import:
    """What an import has counted, refused and stored."""

    counts: Counts
    refused: list[RejectedRow]
    records: list[Record]


@dataclass(frozen=True)
class Case:
    """A file in chunks, what was stored before it, and how it is imported."""

    chunks: Sequence[Chunk]
    before: Sequence[Record]
    mode: Mode

    def run(self, uri: str, order: Sequence[int]) -> Import:
        """Imports the chunks in an order, into a collection of its own."""
        with self._begun(uri) as (spec, made):
            _load(made, spec, [self.chunks[at] for at in order])
            return made.result(spec)

    def run_in_disorder(self, uri: str, order: Sequence[int], *, late_hashes: bool) -> Import:
        """The same, with duplicates resolved; hashes come with the chunks, or afterwards."""
        with self._begun(uri) as (spec, made), closing(KeyHashes()) as hashes:
            with_hashes = self.mode is UPSERT and not late_hashes
            wanting = replace(
                spec,
                wants_hashes=with_hashes,
                resume=Resume.STARTED if self.mode is INSERT else Resume.DONE,
            )
            for result in _load(made, wanting, [self.chunks[at] for at in order]):
                hashes.add(result.hashes)
            wanted = list(conflicting_hashes(made.rejects))
            if self.mode is UPSERT:
                for chunk in self.chunks if late_hashes else ():
                    hashes.add(hash_keys(spec, chunk))
                wanted = list(hashes.repeated())
            made.taken.use_started(journal.started_chunks(spec.open_store(), spec.import_id))
            look = DuplicateResolution(spec, made.taken, made.rejects, made.counts)
            for some in hash_batches(wanted):
                found = [row for chunk in self.chunks for row in find_rows(spec, chunk, some)]
                put_in_order(look, found)
            return made.result(spec)

    @contextmanager
    def _begun(self, uri: str) -> Iterator[tuple[ImportSpec, "Made"]]:
        collection = Collection(f"thing{next(_NUMBERS)}", FIELDS, ("id",))
        layout = make_layout(collection, collection.columns, "x.csv")
        spec = ImportSpec(uri, layout, self.mode, collection.name)
        store = process_store(uri)
        store.ensure(collection)
        journal.prepare(store)
        store.write(batch_of(collection, *self.before), INSERT)
        with closing(Rejects()) as rejects:
            yield spec, Made(rejects)
        store.drop_collection(collection.name)


@dataclass
class Made:
    """What is known of chunks that are done."""

    rejects: Rejects
    counts: Counts = field(default_factory=Counts)
    taken: SkippedRows = field(default_factory=SkippedRows)

    def result(self, spec: ImportSpec) -> Import:
        """All that there is to compare."""
        records = records_of(spec.open_store(), spec.layout.collection)
        return Import(self.counts, list(self.rejects), records)


def _load(made: Made, spec: ImportSpec, chunks: Sequence[Chunk]) -> Iterable[ChunkResult]:
    """Loads chunks; of one that is loaded again only the last result counts."""
    results = {}
    for chunk in chunks:
        (results[chunk.first_row],) = load_chunks(spec, [chunk])
    for result in results.values():
        note = result.entry
        made.counts.add(note.counts)
        made.taken.add(note.first_row, note.taken, is_repeated=note.is_repeated)
        made.rejects.add(result.rejected)
    return results.values()


@st.composite
def cases(draw: st.DrawFn, folder: Path, most_before: int) -> Case:
    """Files of few keys, so that most of them come again in other chunks."""
    key = st.sampled_from("abcd")
    values = st.tuples(st.sampled_from(["x", "y", "", "x,"]), st.sampled_from(["1", "2", "no"]))
    lines = [f"{k},{a},{n}" for k, (a, n) in draw(st.lists(st.tuples(key, values), max_size=14))]
    path = folder / "things.csv"
    path.write_text("".join(f"{line}\n" for line in ["id,a,n", *lines]), "utf-8")
    with closing(CsvFile(str(path), "things")) as file:
        chunks = list(file.chunks(draw(st.integers(1, 4))))
    record = st.tuples(key, st.sampled_from(["x", "y"]), st.integers(1, 2))
    before = st.lists(record, max_size=most_before, unique_by=lambda each: each[0])
    return Case(chunks, draw(before), draw(st.sampled_from(Mode)))


@pytest.fixture(name="folder", scope="module")
def make_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the files of all examples in turn."""
    return tmp_path_factory.mktemp("duplicates")


IN_DISORDER = costly(120)


@IN_DISORDER
@given(data=st.data(), most=st.integers(1, 5), late_hashes=st.booleans())
def test_the_order_of_chunks_makes_no_difference(
    folder: Path, uri: str, data: st.DataObject, most: int, late_hashes: bool
) -> None:
    """Contents, counts and refused rows are in the end those of the order of the file."""
    case = data.draw(cases(folder, most_before=3))
    numbers = range(len(case.chunks))
    wanted = case.run(uri, numbers)
    order = data.draw(st.permutations(numbers))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "_MAX_HASHES", most)
        found = case.run_in_disorder(uri, order, late_hashes=late_hashes)
    found.counts.check()
    if case.mode is UPSERT:  # how often a record is updated depends on the order
        for counts in (found.counts, wanted.counts):
            counts.updated, counts.unchanged = 0, counts.updated + counts.unchanged
    assert found == wanted


@IN_DISORDER
@given(data=st.data())
def test_chunks_that_were_repeated_make_no_difference(
    folder: Path, uri: str, data: st.DataObject
) -> None:
    """A chunk may be in the database when it is done again: what was there before is known."""
    case = data.draw(cases(folder, most_before=3))
    numbers = range(len(case.chunks))
    wanted = case.run(uri, numbers)
    again = data.draw(st.lists(st.sampled_from(numbers), max_size=3)) if numbers else []
    order = data.draw(st.permutations([*numbers, *again]))
    found = case.run_in_disorder(uri, order, late_hashes=True)
    found.counts.check()
    assert (found.records, found.refused) == (wanted.records, wanted.refused)
    assert (found.counts.read, found.counts.failed) == (wanted.counts.read, wanted.counts.failed)


class TestCorrections:
    """What the resolution changes, case by case: rows 2, 5 and 9 have one key."""

    ANNA: Record = ("C1", "Anna", 1)
    ANNE: Record = ("C1", "Anne", 2)
    COLLECTION = Collection("customers", FIELDS, ("id",))

    @pytest.fixture(name="spec")
    def prepare(self, uri: str) -> ImportSpec:
        """A database in which Anne is stored."""
        layout = make_layout(self.COLLECTION, self.COLLECTION.columns, "x.csv")
        spec = ImportSpec(uri, layout)
        store = process_store(uri)
        store.ensure(self.COLLECTION)
        store.write(batch_of(self.COLLECTION, self.ANNE), INSERT)
        return spec

    @staticmethod
    def found(row: int, record: Record) -> FoundRow:
        """A row that was found, in a file with a line break in a cell above."""
        return FoundRow(record[:1], row, row + 1, b"row %d\n" % row, record)

    @staticmethod
    def conflict(row: int, key: str = "C1") -> RejectedRow:
        """A row that is in conflict."""
        reason = Reason("id", "primary-key", key, "is there already")
        return RejectedRow(row, row + 1, b"row %d\n" % row, [reason], (key,))

    def correction(
        self,
        spec: ImportSpec,
        rows: Sequence[FoundRow],
        *,
        conflicts: Sequence[int],
        taken: Sequence[int],
        is_repeated: bool = False,
    ) -> tuple[Counts, dict[int, str], list[Record]]:
        """The counts, why each refused row is refused, and what is stored, after a look at rows."""
        bits = SkippedRows()
        bits.add(2, bitmap([row - 2 for row in taken], 10), is_repeated=is_repeated)
        unchanged = len(rows) - len(conflicts) - sum(row.row not in taken for row in rows)
        counts = Counts(
            read=len(rows) + 1,
            inserted=len(rows) - len(conflicts) - unchanged,
            unchanged=unchanged,
            conflicts=len(conflicts) + 1,
        )
        counts.check()
        with closing(Rejects()) as rejects:
            rejects.add([self.conflict(row) for row in conflicts])
            rejects.add([self.conflict(11, "C7")])
            put_in_order(DuplicateResolution(spec, bits, rejects, counts), rows)
            counts.check()
            why = {refused.row: refused.reasons[0].message for refused in rejects}
        assert why.pop(11) == "is there already"  # whose key was not looked for
        return counts, why, records_of(spec.open_store(), self.COLLECTION)

    def test_a_later_row_that_was_first_gives_way(self, spec: ImportSpec) -> None:
        """The first row is stored; the one that was inserted is in conflict with it."""
        rows = [self.found(5, self.ANNE), self.found(2, self.ANNA)]
        counts, why, records = self.correction(spec, rows, conflicts=[2], taken=[2])
        assert counts == Counts(3, inserted=1, conflicts=2)
        assert why == {
            5: 'is there already, with another a: "Anna" is kept, not "Anne"',
        }
        assert records == [self.ANNA]

    def test_rows_are_compared_with_the_first_one_then(self, spec: ImportSpec) -> None:
        """One that is like the first is unchanged, though it was in conflict before."""
        rows = [self.found(2, self.ANNA), self.found(5, self.ANNE), self.found(9, self.ANNA)]
        counts, why, records = self.correction(spec, rows, conflicts=[2, 9], taken=[2, 9])
        assert counts == Counts(4, inserted=1, unchanged=1, conflicts=2)
        assert list(why) == [5]
        assert records == [self.ANNA]

    def test_rows_like_the_one_that_gives_way_are_in_conflict(self, spec: ImportSpec) -> None:
        """One that was unchanged is not, when another record is stored."""
        rows = [self.found(2, self.ANNA), self.found(5, self.ANNE), self.found(9, self.ANNE)]
        counts, why, records = self.correction(spec, rows, conflicts=[2], taken=[2, 9])
        assert counts == Counts(4, inserted=1, conflicts=3)
        assert list(why) == [5, 9]
        assert records == [self.ANNA]

    @pytest.mark.parametrize("is_repeated", [True, False])
    def test_what_is_right_is_left_alone(self, spec: ImportSpec, is_repeated: bool) -> None:
        """Where the first row is the one that is stored, nothing changes."""
        rows = [self.found(2, self.ANNE), self.found(5, self.ANNA)]
        counts, why, records = self.correction(
            spec, rows, conflicts=[5], taken=[5], is_repeated=is_repeated
        )
        assert counts == Counts(3, inserted=1, conflicts=2)
        assert why == {5: "is there already"}
        assert records == [self.ANNE]

    def test_what_was_stored_before_the_import_stays(self, spec: ImportSpec) -> None:
        """If no row of the file was inserted, all are in conflict with a record from before."""
        rows = [self.found(2, self.ANNA), self.found(5, self.ANNA)]
        counts, why, records = self.correction(spec, rows, conflicts=[2, 5], taken=[2, 5])
        assert counts == Counts(3, conflicts=3)
        assert list(why) == [2, 5]
        assert records == [self.ANNE]

    def test_a_chunk_that_was_repeated_inserted_none(self, spec: ImportSpec) -> None:
        """The record is that of a row of this file, though no row was inserted the last time."""
        rows = [self.found(2, self.ANNA), self.found(5, self.ANNE)]
        counts, why, records = self.correction(
            spec, rows, conflicts=[2], taken=[2, 5], is_repeated=True
        )
        assert counts == Counts(3, inserted=1, conflicts=2)
        assert list(why) == [5]
        assert records == [self.ANNA]

    @pytest.mark.parametrize("is_repeated", [True, False])
    def test_a_record_of_somebody_else_is_not_replaced(
        self, spec: ImportSpec, is_repeated: bool
    ) -> None:
        """It came meanwhile, and is none of the file's rows, so it stays, and both conflict."""
        rows = [self.found(2, self.ANNA), self.found(5, ("C1", "Ann", 3))]
        counts, why, records = self.correction(
            spec, rows, conflicts=[2, 5], taken=[2, 5], is_repeated=is_repeated
        )
        assert counts == Counts(3, conflicts=3)
        assert list(why) == [2, 5]
        assert records == [self.ANNE]

    def test_what_the_counter_has_changed_since_is_not_replaced(self, spec: ImportSpec) -> None:
        """A row of the file was inserted, but it is not what is stored now."""
        rows = [self.found(2, self.ANNA), self.found(5, ("C1", "Ann", 3))]
        counts, why, records = self.correction(spec, rows, conflicts=[2], taken=[2])
        assert counts == Counts(3, inserted=1, conflicts=2)
        assert list(why) == [2]
        assert records == [self.ANNE]

    def test_a_second_correction_changes_nothing_more(self, spec: ImportSpec) -> None:
        """An import that is killed here is resumed, and resolves the duplicates again."""
        rows = [self.found(2, self.ANNA), self.found(5, self.ANNE)]
        for _ in range(2):
            result = self.correction(spec, rows, conflicts=[2], taken=[2])
            assert result[0] == Counts(3, inserted=1, conflicts=2)
            assert result[2] == [self.ANNA]

    def test_a_row_that_is_alone_is_as_it_should_be(self, spec: ImportSpec) -> None:
        """A hash may be that of several keys; one row of a key has nobody to give way to."""
        counts, why, records = self.correction(
            spec, [self.found(2, self.ANNA)], conflicts=[2], taken=[2]
        )
        assert counts == Counts(2, conflicts=2)
        assert list(why) == [2]
        assert records == [self.ANNE]

    def test_nothing_found_is_nothing_to_do(self, spec: ImportSpec) -> None:
        """A round may find no rows."""
        assert self.correction(spec, [], conflicts=[], taken=[])[2] == [self.ANNE]

    def test_an_upsert_ends_with_the_last_row(self, spec: ImportSpec) -> None:
        """The last row of each key is stored, whatever came last; counts stay as they are."""
        rows = [
            self.found(9, self.ANNA),
            self.found(2, self.ANNA),
            self.found(5, self.ANNE),
            self.found(3, ("C2", "Ben", 1)),
        ]
        counts = Counts(3, inserted=1, updated=1, unchanged=1)
        with closing(Rejects()) as rejects:
            spec = replace(spec, mode=UPSERT)
            put_in_order(DuplicateResolution(spec, SkippedRows(), rejects, counts), rows)
            assert not list(rejects)
        assert counts == Counts(3, inserted=1, updated=1, unchanged=1)
        assert records_of(spec.open_store(), self.COLLECTION) == [self.ANNA]

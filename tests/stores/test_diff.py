"""What new records are to stored ones, as every store decides it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpnorton.schema.validate import Record
from hpnorton.stores.base import Conflict, Mode
from hpnorton.stores.diff import compare, first_difference
from tests.helpers.stores import (
    ANNA,
    ANNE,
    BEN,
    BOTH,
    CUSTOMERS,
    INSERT,
    KINDS,
    UPSERT,
    Model,
    batch_of,
    summary,
)


@pytest.mark.parametrize(
    ("one", "other", "at"),
    [
        (ANNA, ANNA, None),
        (ANNA, ("C1", "Anne", 7), 1),
        (ANNA, ("C1", "Anna", 7), 2),
        (ANNA, ("C1", None, 100), 1),
        ((), (), None),
    ],
)
def test_records_differ_first_in_one_value(one: Record, other: Record, at: int | None) -> None:
    """The first value that differs is found, null being one; equal records have none."""
    assert first_difference(one, other) == first_difference(other, one) == at


def test_an_insert_keeps_what_is_there() -> None:
    """New keys are to be inserted; a taken one with other values is a conflict."""
    batch = batch_of(CUSTOMERS, BEN, ANNE, ANNA)
    made = compare(batch, range(3), {("C1",): ANNA}, INSERT)
    assert (made.new, made.changed, made.updated) == ([0], {}, 0)
    assert made.conflicts == [Conflict(1, "name", "Anna")]


def test_an_upsert_takes_the_last_of_each_key() -> None:
    """Of several changes of one record only the last is to be written, but each is counted."""
    batch = batch_of(CUSTOMERS, ANNE, BEN, ANNA, ANNE, ("C2", "Benno", 50))
    made = compare(batch, range(5), {("C1",): ANNA}, UPSERT)
    assert (made.new, made.changed, made.updated) == ([1], {("C1",): 3, ("C2",): 4}, 4)
    assert not made.conflicts


@BOTH
def test_nothing_is_compared_with_nothing(mode: Mode) -> None:
    """Where there are no records there is nothing to do, and the others are all new."""
    made = compare(batch_of(CUSTOMERS, ANNA), [], {}, mode)
    assert (made.new, made.changed, made.conflicts) == ([], {}, [])
    assert summary(made.written([], 7)) == (7, 0, [], [])


@given(data=st.data())
@pytest.mark.parametrize("kind", KINDS)
def test_records_are_compared_as_if_one_by_one(kind: str, data: st.DataObject) -> None:
    """With whatever is stored, and wherever in a batch, the outcome is that of single writes."""
    collection = KINDS[kind].collection("thing")
    model = Model(collection)
    model.write(data.draw(KINDS[kind].batches(collection)), UPSERT)
    batch, mode = data.draw(KINDS[kind].batches(collection)), data.draw(st.sampled_from(Mode))
    positions = sorted(data.draw(st.sets(st.integers(0, max(0, len(batch) - 1)))))
    positions = positions if len(batch) else []
    stored = {
        key: tuple(record[name] for name in batch.columns) for key, record in model.stored.items()
    }
    before = dict(stored)
    made = compare(batch, positions, stored, mode)
    assert stored == before  # which belongs to the caller
    others = len(batch) - len(positions)
    written = made.written(positions, others)
    wanted = model.write(batch.only(positions), mode)
    assert written.inserted == wanted.inserted + others
    assert written.updated == wanted.updated
    assert list(written.taken) == [positions[at] for at in wanted.taken]
    assert list(written.conflicts) == [
        Conflict(positions[conflict.at], conflict.field, conflict.kept)
        for conflict in wanted.conflicts
    ]
    # What is to be written, new records first, makes the contents those of the model.
    last = {batch.keys[at]: batch.record(at) for at in [*made.new, *made.changed.values()]}
    assert {key: batch.keys[at] for key, at in made.changed.items()} == {
        key: key for key in made.changed
    }
    assert stored | last == {
        key: tuple(record[name] for name in batch.columns) for key, record in model.stored.items()
    }

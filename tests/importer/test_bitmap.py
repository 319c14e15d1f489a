"""Sets of rows as bytes."""

from hypothesis import given
from hypothesis import strategies as st

from hpnorton.importer.bitmap import bitmap, has_bit


@given(size=st.integers(1, 300), data=st.data())
def test_every_position_is_found(size: int, data: st.DataObject) -> None:
    """And no other one, near or far."""
    positions = data.draw(st.lists(st.integers(0, size - 1), unique=True))
    bits = bitmap(positions, size)
    assert (bits is None) is (not positions)
    assert [at for at in range(size + 50) if has_bit(bits, at)] == sorted(positions)


def test_a_bitmap_is_small() -> None:
    """A row takes a bit, however many are in the set."""
    for count in (1, 10_000):
        bits = bitmap(range(count), 10_000)
        assert bits is not None and len(bits) == 10_000 // 8 + 1

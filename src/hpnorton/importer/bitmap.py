"""A set of rows of a chunk as bytes, a bit for each row, as the journal keeps it."""

from collections.abc import Sequence


def bitmap(positions: Sequence[int], size: int) -> bytes | None:
    """Return positions among `size` as a bitmap, or None if there are none.

    Bit 0 of the first byte is position 0: bitmap([0, 9], 10) is b"\\x01\\x02".
    """
    if not positions:
        return None
    if len(positions) == size:  # all of them, as when a file is imported again
        return ((1 << size) - 1).to_bytes(size // 8 + 1, "little")
    bits = bytearray(size // 8 + 1)
    for at in positions:
        bits[at >> 3] |= 1 << (at & 7)
    return bytes(bits)


def has_bit(bits: bytes | None, at: int) -> bool:
    """Return whether a position is in a bitmap."""
    return bits is not None and at >> 3 < len(bits) and bool(bits[at >> 3] >> (at & 7) & 1)

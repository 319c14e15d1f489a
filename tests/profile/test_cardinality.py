"""Different texts: counted while they are few, estimated when they are many, however shared."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpnorton.profile.cardinality import MAX_COUNTED, DistinctCounter

# Texts that resemble each other, as hashes of them might: the text of a number.
KINDS: dict[str, Callable[[int], str]] = {
    "numbers": str,
    "ids": "C{:07}".format,
    "hexadecimal": "{:08x}".format,
    "binary": "{:032b}".format,
    "steps of 8": lambda number: str(8 * number),
    "steps of 4096": lambda number: f"{4096 * number:x}",
    "addresses": "user{}@example.com".format,
    "GUIDs in a row": "00000000-0000-0000-0000-{:012x}".format,
}


def parts(texts: Iterable[str], size: int = 2000) -> Iterator[set[str]]:
    """The texts in sets, as they come in blocks of rows."""
    rest = iter(texts)
    while part := set(islice(rest, size)):
        yield part


def distinct_of(texts: Iterable[str]) -> DistinctCounter:
    """What is known after all texts were added."""
    distinct = DistinctCounter()
    for part in parts(texts):
        distinct.add(part)
    return distinct


def test_few_are_counted() -> None:
    """Up to 100,000 texts are counted, one more is an estimate that is more than that."""
    texts = list(map(str, range(MAX_COUNTED)))
    distinct = distinct_of([*texts, *texts])
    assert (len(distinct), distinct.is_estimated) == (MAX_COUNTED, False)
    distinct.add({"one more"})
    assert len(distinct) > MAX_COUNTED and distinct.is_estimated


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [MAX_COUNTED + 1, 400_000])
def test_many_are_estimated(kind: str, count: int) -> None:
    """Estimates are off by a few percent at most, however regular the texts are."""
    distinct = distinct_of(map(KINDS[kind], range(count)))
    assert distinct.is_estimated
    assert abs(len(distinct) - count) < 0.04 * count


def test_repeated_texts_change_nothing() -> None:
    """An estimate is of different texts, however often each of them comes."""
    texts = list(map(str, range(MAX_COUNTED + 1)))
    distinct = distinct_of(texts)
    before = len(distinct)
    distinct.add(set(texts[:5000]))
    assert len(distinct) == before


def test_bytes_that_are_no_text_are_counted_too() -> None:
    """Lone surrogates, which stand for bytes that are not UTF-8, can be hashed."""
    distinct = distinct_of(f"\udcff{number}" for number in range(MAX_COUNTED + 1))
    assert abs(len(distinct) - MAX_COUNTED) < 0.04 * MAX_COUNTED


@given(
    texts=st.lists(st.text(max_size=3), max_size=60),
    cuts=st.lists(st.integers(0, 60), max_size=4),
    max_texts=st.integers(1, 40),
    max_hashes=st.integers(1, 20),
    starts_from_limit=st.booleans(),
)
def test_how_texts_are_shared_does_not_matter(
    texts: list[str], cuts: list[int], max_texts: int, max_hashes: int, starts_from_limit: bool
) -> None:
    """Counters of parts, merged in any order, equal that of the whole."""
    counter = partial(DistinctCounter, max_texts=max_texts, max_hashes=max_hashes)
    whole = counter()
    whole.add(set(texts))
    merged = counter()
    edges = sorted([0, *cuts, 60])
    for start, end in reversed(list(pairwise(edges))):
        part = counter(merged.limit if starts_from_limit else None)
        for text in texts[start:end]:
            part.add(part.without_known({text}))
        merged.merge(part)
    assert (len(merged), merged.limit) == (len(whole), whole.limit)
    if len(set(texts)) <= max_texts:
        assert len(whole) == len(set(texts)) and not whole.is_estimated
    else:
        assert whole.is_estimated

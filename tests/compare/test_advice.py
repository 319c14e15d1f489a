"""What is advised: lines through measurements, where they cross, and plain words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpnorton.compare.advice import Evidence, Line, advise, caution, crossover, fit, round_off

POOL = "--parallel --workers 2"
FILES = "--parallel"
SLOW_START, FAST_START = 0.41, 0.15


def evidence(
    rows: int,
    linear: Line | None,
    pool: Line | None,
    files: Line | None = None,
    usual: int = 10_000,
) -> Evidence:
    """What would be measured if the variants took exactly as long as their lines say."""
    lines = {"--linear": linear, POOL: pool, FILES: files}
    seconds = {
        (variant, usual): line.seconds(rows) if line else 99 for variant, line in lines.items()
    }
    return Evidence(rows, seconds, lines, usual, 10_000)


@given(
    st.floats(0.01, 5),
    st.floats(1e-7, 1e-3),
    st.lists(st.integers(1, 10**6), min_size=2, unique=True),
)
def test_a_line_is_found_again(start: float, per_row: float, rows: list[int]) -> None:
    """Points on a line give that line, if rows take a large enough share of the time."""
    line = Line(start, per_row)
    found = fit([(each, line.seconds(each)) for each in rows])
    if max(rows) * per_row > 0.11 * line.seconds(max(rows)):
        assert found is not None
        assert found.start == pytest.approx(start, rel=1e-3, abs=1e-3)
        assert found.per_row == pytest.approx(per_row, rel=1e-3)
        assert found.rate == pytest.approx(1 / per_row, rel=1e-3)
    elif max(rows) * per_row < 0.09 * line.seconds(max(rows)):
        assert found is None


@pytest.mark.parametrize("points", [[], [(5, 1.0)], [(5, 1.0), (5, 2.0)], [(3, 0.2), (31, 0.19)]])
def test_too_few_points_give_no_rate(points: list[tuple[int, float]]) -> None:
    """One sample, or samples that take as long as starting does, give no line."""
    assert fit(points) is None


def test_a_crossing_is_where_both_take_as_long() -> None:
    """The other variant is faster from there on; there is none if it is hardly faster per row."""
    linear, pool = Line(FAST_START, 6e-6), Line(SLOW_START, 4e-6)
    rows = crossover(linear, pool)
    assert rows == pytest.approx(130_000)
    assert linear.seconds(rows or 0) == pytest.approx(pool.seconds(rows or 0))
    assert crossover(linear, Line(SLOW_START, 5.9e-6)) is None
    assert crossover(linear, Line(SLOW_START, 7e-6)) is None
    assert crossover(linear, Line(0.1, 4e-6)) == 0


def test_too_few_rows_are_for_linear() -> None:
    """The sentence says what starting costs, what it saves, and from how many rows on it pays."""
    made = advise(evidence(29_997, Line(FAST_START, 6e-6), Line(SLOW_START, 4e-6)))
    assert made.flags == "--linear"
    assert (made.pays_from, made.pays_with) == (130_000, POOL)
    assert made.sentence == (
        "Use --linear: 29,997 rows are too few: starting more processes costs 0.26 s and saves "
        "0.06 s; parallel is faster from about 130,000 rows here (--parallel --workers 2)."
    )


def test_many_rows_are_for_parallel() -> None:
    """The sentence compares with linear, and says from how many rows on it pays."""
    made = advise(evidence(1_000_000, Line(FAST_START, 6e-6), Line(SLOW_START, 4e-6)))
    assert made.flags == POOL
    assert made.sentence == (
        "Use --parallel --workers 2: 1,000,000 rows take 4.41 s, with --linear 6.15 s; it is "
        "faster from about 130,000 rows here."
    )


def test_another_variant_may_pay_earlier() -> None:
    """The one that pays first is named if it is not the best for so many rows."""
    files = Line(0.2, 5e-6)
    made = advise(evidence(1_000_000, Line(FAST_START, 6e-6), Line(SLOW_START, 4e-6), files))
    assert made.flags == POOL and made.pays_with == FILES
    assert "; --parallel is faster from about 50,000 rows here." in made.sentence


def test_parallel_may_never_pay() -> None:
    """Where a row takes no less time in parallel, linear is best for any number of rows."""
    made = advise(evidence(500_000, Line(FAST_START, 5e-6), Line(SLOW_START, 5e-6)))
    assert (made.flags, made.pays_from, made.pays_with) == ("--linear", None, None)
    assert made.sentence.startswith("Use --linear: more processes gain nothing here, however many")
    assert "--linear does 200,000 rows/s" in made.sentence


def test_nothing_is_guessed_from_a_handful_of_rows() -> None:
    """Without a rate, linear is for the rows at hand, and larger files are asked for."""
    made = advise(evidence(31, None, None))
    assert made.pays_from is None
    assert "with 31 rows, start-up time dominates; compare larger files" in made.sentence


def test_a_far_estimate_is_rounded() -> None:
    """Beyond twenty times what was measured, only that is said."""
    made = advise(evidence(1000, Line(FAST_START, 6e-6), Line(SLOW_START, 4e-6)))
    assert "parallel is faster from more than 20,000 rows here, if ever" in made.sentence


def test_a_small_gain_is_not_worth_it() -> None:
    """Five percent more speed does not make up for more processes."""
    made = advise(evidence(140_000, Line(FAST_START, 6e-6), Line(SLOW_START, 4e-6)))
    assert made.flags == "--linear"
    assert "nothing else is faster by more than 5% for 140,000 rows here" in made.sentence


def test_chunk_rows_are_named_only_if_they_matter() -> None:
    """The usual number stays unless another is clearly faster, or it is not the default."""
    lines = {"--linear": Line(0.1, 1e-5), POOL: None}
    times = {("--linear", 10_000): 1.0, (POOL, 10_000): 2.0, (POOL, 1000): 2.0}
    better = Evidence(100_000, times | {("--linear", 1000): 0.97}, lines, 10_000, 10_000)
    assert advise(better).flags == "--linear"
    much = Evidence(100_000, times | {("--linear", 1000): 0.9}, lines, 10_000, 10_000)
    assert advise(much).flags == "--linear --chunk-rows 1000"
    other = Evidence(100_000, times | {("--linear", 1000): 0.97}, lines, 10_000, 5000)
    assert advise(other).flags == "--linear --chunk-rows 10000"


@pytest.mark.parametrize(
    ("number", "rounded"),
    [(0, 0), (0.4, 0), (7.2, 7), (83_412, 83_000), (98_999, 99_000), (995, 1000)],
)
def test_two_digits_count(number: float, rounded: int) -> None:
    """What is known no better is not said more exactly."""
    assert round_off(number) == rounded


def test_doubtful_figures_are_said_to_be_so() -> None:
    """One run of each variant, or a machine that was busy before, is named with what to do."""
    assert caution(3, 1.9, 2) == ""
    assert caution(1, 0.5, 2) == (
        "Each variant ran once only. Repeat the runs with --repeat 5 to be sure."
    )
    busy = caution(3, 17.45, 2)
    assert busy.startswith("The machine was busy when the comparison began (load 17.4 on 2 cores)")
    assert "Compare again when it is quiet" in busy
    assert "busy" in caution(1, 3.0, 2) and "--repeat" in caution(1, 3.0, 2)

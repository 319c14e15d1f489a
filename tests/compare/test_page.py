"""The report: a page that needs nothing else, and plots that can be read without colours."""

import re
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from hpnorton.compare.advice import Advice, Line
from hpnorton.compare.children import CommandResult
from hpnorton.compare.page import page, write_report
from hpnorton.compare.phases import PHASES
from hpnorton.compare.plots import Plot, draw
from hpnorton.compare.results import Comparison, Measurement, PhaseTimes
from hpnorton.compare.variants import Sample, Variant
from hpnorton.errors import ComparisonError
from hpnorton.importer.sources import Source

VARIANTS = (Variant(), Variant(True), Variant(True, 1), Variant(True, 2), Variant(True, 4))
SVG = "{http://www.w3.org/2000/svg}"
NAMES = ["rows", "rates", "workers", "chunks", "parts"]
# Elements of HTML that have no end.
VOID = ("meta", "br")


def seconds_of(variant: Variant, chunk_rows: int, rows: int) -> float:
    """A plausible time."""
    start = 0.15 + 0.1 * variant.is_parallel + 0.05 * (variant.workers or 0)
    return start + rows * 6e-6 / max(1, (variant.workers or 0) / 1.3) + 20 / chunk_rows


def measurement(variant: Variant, chunk_rows: int, rows: int) -> Measurement:
    """Three runs."""
    middle = seconds_of(variant, chunk_rows, rows)
    runs = [CommandResult(0, middle * factor, 0.1, 40_000_000, b"", "") for factor in (1, 0.9, 1.2)]
    return Measurement(variant, chunk_rows, Sample([Source("a.csv", "a")], rows, rows), runs)


def comparison(
    *, variants: tuple[Variant, ...] = VARIANTS, pays: int | None = 60_000
) -> Comparison:
    """What might have been measured."""
    lines = {
        variant.flags: Line(seconds_of(variant, 10_000, 0), 6e-6 / (variant.workers or 1))
        for variant in variants
    }
    return Comparison(
        files=["data/a&b.csv", "<b>.csv"],
        rows=30_000,
        rejected=12,
        usual_chunk_rows=10_000,
        measurements=[
            measurement(variant, size, 30_000) for size in (1000, 10_000) for variant in variants
        ],
        sample_measurements=[
            measurement(variant, 10_000, rows)
            for rows in (3, 15_000, 30_000)
            for variant in variants
        ],
        phase_times=[
            PhaseTimes(variant, dict.fromkeys(PHASES, 0.1), 0.2, 0.5) for variant in variants
        ],
        lines=lines if pays else dict.fromkeys(lines),
        advice=Advice(
            "--linear", pays, variants[-1].flags if pays else None, "Use --linear: 1 < 2."
        ),
        machine={"CPU": "a & b", "Memory": "24 GiB"},
    )


class Reader(HTMLParser):
    """Collects the tags and attributes of a page; fails if they are not nested."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(name="plots", scope="module")
def draw_plots() -> list[Plot]:
    """The plots of a comparison."""
    return draw(comparison())


def texts(plot: Plot) -> list[str]:
    """All that is written in a plot."""
    return [element.text or "" for element in ET.fromstring(plot.svg).iter(f"{SVG}text")]


def test_the_plots_are_those_of_the_contract(plots: list[Plot]) -> None:
    """Well-formed SVG, with a name and a description each."""
    assert [plot.name for plot in plots] == NAMES
    for plot in plots:
        root = ET.fromstring(plot.svg)
        assert root.tag == f"{SVG}svg"
        assert root.attrib["role"] == "img" and root.attrib["aria-label"]
        assert len(plot.about) > 50


def test_axes_have_names_and_units(plots: list[Plot]) -> None:
    """Every axis with figures says of what; text is text."""
    expected = {
        "rows": ["rows in all files", "seconds, start-up included"],
        "rates": ["rows per second, start-up included"],
        "workers": ["worker processes", "times as fast as linear"],
        "chunks": ["rows in a chunk", "seconds"],
        "parts": ["seconds of all processes together; ◇ is the time that a person waits"],
    }
    for plot in plots:
        assert set(expected[plot.name]) <= set(texts(plot)), plot.name


def test_variants_differ_without_colours(plots: list[Plot]) -> None:
    """Lines by marker and dashes, bars by hatches: all that a black-and-white print shows."""
    by_name = {plot.name: plot for plot in plots}
    for name in ("rows", "chunks"):
        markers = set(re.findall(r'<path id="[^"]*" d="([^"]+)" style="stroke', by_name[name].svg))
        assert len(markers) >= len(VARIANTS), name
        dashes = set(re.findall(r"stroke-dasharray: ([\d., ]+)", by_name[name].svg))
        assert len(dashes) >= 3, name
    for name in ("rates", "parts"):
        patterns = re.findall(r"<pattern id", by_name[name].svg)
        assert len(patterns) == 4, name  # the fifth has none


def test_where_parallel_pays_is_written(plots: list[Plot]) -> None:
    """In the plot of samples, if anybody knows it."""
    assert "about 60,000 rows" in " ".join(texts(plots[0]))
    (other, *_) = draw(comparison(pays=None))
    assert "parallel is faster from" not in " ".join(texts(other))


@pytest.mark.parametrize("workers", [[1], [2], [1, 2, 4, 8, 16, 32, 64]])
def test_any_number_of_pools_can_be_drawn(workers: list[int]) -> None:
    """Also more than there are styles, and one alone."""
    variants = (Variant(), Variant(True), *(Variant(True, count) for count in workers))
    assert [plot.name for plot in draw(comparison(variants=variants))] == NAMES


def test_the_page_is_whole(plots: list[Plot]) -> None:
    """Well nested, with the advice, a row a run, all plots and the machine."""
    made = comparison()
    reader = Reader()
    reader.feed(page(made, plots))
    assert not reader.open
    assert reader.tags["svg"] == reader.tags["figure"] == reader.tags["figcaption"] == 5
    assert reader.tags["tr"] == 1 + len(made.measurements)
    for text in ("Use --linear: 1 < 2.", "data/a&b.csv, <b>.csv", "a & b", "12 of the rows"):
        assert text in reader.text


def test_the_page_names_the_flags_of_each_run(plots: list[Plot]) -> None:
    """Each row of the table shows what to type; with one run each there is no range."""
    made = comparison()
    text = page(made, plots)
    for variant in VARIANTS:
        assert f"<td><code>{variant.flags}</code></td>" in text
    assert "0.32 – 0.42" in text and 'class="caution"' not in text
    once = replace(
        made,
        measurements=[replace(t, runs=t.runs[:1]) for t in made.measurements],
        caution="Chance & luck.",
    )
    text = page(once, plots)
    assert '<p class="caution">Chance &amp; luck.</p>' in text
    assert "<td>–</td>" in text and "0.32 – 0.42" not in text


def test_a_variant_without_a_line_has_none_in_the_legend() -> None:
    """Where start-up hides the time per row, the legend shows the points alone."""
    made = comparison()
    flags = VARIANTS[-1].flags
    with_line, without = (
        draw(replace(made, lines={**made.lines, flags: line}))[0].svg
        for line in (made.lines[flags], None)
    )
    assert with_line.count("stroke-dasharray") > without.count("stroke-dasharray") + 1


def test_the_page_needs_nothing_else(plots: list[Plot]) -> None:
    """No address but the names of XML's vocabularies, no script, no style sheet, no image."""
    text = page(comparison(), plots)
    reader = Reader()
    reader.feed(text)
    bare = re.sub(r'xmlns(:\w+)?="http://www\.w3\.org/[^"]*"', "", text)
    assert "http" not in bare and "//" not in re.sub(r"<style>.*?</style>", "", bare, flags=re.S)
    assert not {"script", "link", "img", "iframe", "object"} & set(reader.tags)
    references = [v for name, v in reader.attributes if name.endswith("href") or name == "src"]
    assert references and all((value or "").startswith("#") for value in references)
    assert "@import" not in text


def test_ids_are_unique_on_the_page(plots: list[Plot]) -> None:
    """And whatever refers to one finds it in its own plot."""
    reader = Reader()
    reader.feed(page(comparison(), plots))
    ids = Counter(value for name, value in reader.attributes if name == "id")
    assert ids and set(ids.values()) == {1}
    for plot in plots:
        used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', plot.svg))
        assert used and used <= set(re.findall(r' id="([^"]+)"', plot.svg))


def test_the_same_comparison_gives_the_same_plots(plots: list[Plot]) -> None:
    """Byte for byte, so that a committed plot changes only with its figures."""
    assert [plot.svg for plot in draw(comparison())] == [plot.svg for plot in plots]


def test_the_report_is_written(tmp_path: Path) -> None:
    """The page, and each plot as a file, into a folder that need not be there."""
    path = write_report(comparison(), tmp_path / "a" / "b")
    assert path == tmp_path / "a" / "b" / "index.html"
    assert sorted(each.name for each in path.parent.iterdir()) == sorted(
        ["index.html", *(f"{name}.svg" for name in NAMES)]
    )
    for name in NAMES:
        ET.parse(path.parent / f"{name}.svg")


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """With what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ComparisonError, match="name another folder with --report"):
        write_report(comparison(), tmp_path / "file")

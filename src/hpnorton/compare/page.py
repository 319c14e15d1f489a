"""The report of a comparison: one HTML page with table, plots and machine."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from html import escape
from pathlib import Path

from hpnorton import __version__
from hpnorton.compare.plots import Plot, draw
from hpnorton.compare.results import Comparison
from hpnorton.errors import ComparisonError
from hpnorton.files import replace_atomically

PAGE = "index.html"
_HEADER = (
    "flags",
    "rows in a chunk",
    "seconds",
    "min – max",
    "rows/s",
    "speed-up",
    "peak memory, MB",
)
_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.55 system-ui, sans-serif; color: #222; background: #fff; max-width: 56rem;
  margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0; }
h2 { font-size: 1.25rem; margin: 3rem 0 .75rem; }
.files { color: #555; margin: .4rem 0 1.75rem; }
.advice { border-left: .35rem solid #222; background: #f4f4f2; padding: 1rem 1.25rem; margin: 0;
  font-size: 1.15rem; }
.caution { border-left: .35rem solid #b45309; padding: .25rem 1.25rem; margin: 1rem 0 0; }
.note, figcaption { color: #555; font-size: .9rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: right; font-size: .85rem; vertical-align: bottom; border-bottom: 2px solid #222; }
td { text-align: right; border-bottom: 1px solid #ddd; }
th, td { padding: .4rem .6rem; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
tr.best td { font-weight: 700; background: #f4f4f2; }
figure { margin: 0 0 2.5rem; }
figure svg { display: block; width: 100%; height: auto; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.5rem; margin: 0; }
dt { color: #555; }
dd { margin: 0; }
@media print { body { max-width: none; padding: 0; } figure, tr { break-inside: avoid; } }
"""


def write_report(comparison: Comparison, folder: Path) -> Path:
    """Write the page and each plot, as NAME.svg, to a folder; return the path of the page.

    Raises ComparisonError if they cannot be written.
    """
    plots = draw(comparison)
    path = folder / PAGE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for plot in plots:
            _write(folder / f"{plot.name}.svg", plot.svg)
        _write(path, page(comparison, plots))
    except OSError as error:
        raise ComparisonError(
            f"the report cannot be written to {folder}: {error.strerror}; name another folder "
            "with --report"
        ) from error
    return path


def _write(path: Path, text: str) -> None:
    with replace_atomically(path) as out:
        out.write(text.encode())


def page(comparison: Comparison, plots: Sequence[Plot]) -> str:
    """Return the page as HTML."""
    return "\n".join(_lines(comparison, plots))


def _lines(comparison: Comparison, plots: Sequence[Plot]) -> Iterator[str]:
    yield "<!DOCTYPE html>"
    yield '<html lang="en">'
    yield '<head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>Linear or parallel? {comparison.rows:,} rows</title>"
    yield f"<style>{_STYLE}</style></head>"
    yield "<body><main>"
    yield "<h1>Linear or parallel?</h1>"
    files = ", ".join(escape(name) for name in comparison.files)
    yield f'<p class="files">{comparison.rows:,} rows in {files}</p>'
    yield f'<p class="advice">{escape(comparison.advice.sentence)}</p>'
    if comparison.caution:
        yield f'<p class="caution">{escape(comparison.caution)}</p>'
    yield "<h2>What was measured</h2>"
    yield from _table(comparison)
    for number, plot in enumerate(plots):
        yield "<h2>The same as plots</h2>" if not number else ""
        yield f"<figure>{plot.svg}<figcaption>{escape(plot.about)}</figcaption></figure>"
    yield "<h2>The machine</h2>"
    yield from _facts(comparison.machine.items())
    measured_at = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
    yield f'<p class="note">Measured with HPNorton {__version__}, {measured_at}.</p>'
    yield "</main></body></html>"


def _table(comparison: Comparison) -> Iterator[str]:
    yield '<div class="wide"><table><thead><tr>'
    yield "".join(f"<th>{name}</th>" for name in _HEADER)
    yield "</tr></thead><tbody>"
    best = min(comparison.measurements, key=lambda each: each.seconds.median)
    for each in comparison.measurements:
        seconds = each.seconds
        cells = (
            f"<code>{each.variant.flags}</code>",
            f"{each.chunk_rows:,}",
            f"{seconds.median:.2f}",
            f"{seconds.low:.2f} – {seconds.high:.2f}" if len(each.runs) > 1 else "–",
            f"{each.rows_per_second.median:,.0f}",
            f"{comparison.linear_seconds / seconds.median:.2f}",
            f"{each.peak / 1e6:.0f}",
        )
        row = "".join(f"<td>{cell}</td>" for cell in cells)
        yield f'<tr class="best">{row}</tr>' if each is best else f"<tr>{row}</tr>"
    yield "</tbody></table></div>"
    rejected = (
        f" {comparison.rejected:,} of the rows were rejected, in every run."
        if comparison.rejected
        else ""
    )
    times = len(best.runs)
    turns = f"Medians of {times} runs each, run in turns." if times > 1 else "One run each."
    yield (
        f'<p class="note">{turns} Every run was '
        "the command in a process of its own, with the start-up of Python and the workers, into an "
        "empty database; all left the same records. Speed-up is relative to the best linear run. "
        f"Peak memory is that of the largest process.{rejected}</p>"
    )


def _facts(facts: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield "<dl>"
    yield from (f"<dt>{escape(name)}</dt><dd>{escape(fact)}</dd>" for name, fact in facts)
    yield "</dl>"

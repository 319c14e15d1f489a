"""The house stands: imports point downward only, and what is slow to import is imported late."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src"
TESTS = Path(__file__).parent
PACKAGE = "hpnorton"

# From the ground up; the modules of one floor do not know each other. The package's own __init__
# holds the version, which every module may read.
FLOORS = (
    ("hpnorton", "ingest", "look", "timing"),
    (
        "errors",
        "suggest",
        "shop",
        "streams",
        "signatures",
        "timing.figures",
        "timing.machine",
        "timing.advice",
        "timing.stopwatch",
    ),
    ("settings", "timing.children"),
    ("texts",),
    ("log", "patterns", "remotes", "marks", "lexical"),
    ("keys",),
    ("stored",),
    ("fields",),
    ("descriptors",),
    ("schema",),
    ("remarks",),
    ("records",),
    ("rows",),
    ("headers",),
    ("checks",),
    ("files",),
    ("inputs",),
    ("chunks",),
    ("csvfile",),
    ("workers",),
    ("look.sketch", "look.guess", "look.oddities"),
    ("look.analysis",),
    ("stores.changes",),
    ("stores.protocol",),
    ("stores.compare", "stores.sql", "stores.sqlite_files", "stores.tallies", "stores.pace"),
    ("stores.ranges", "stores.shapes", "stores.twins"),
    ("stores.mongo_ranges",),
    ("stores.sqlite_scan", "stores.mongo_scan", "stores.sqlite_readonly"),
    ("stores.sqlite_connection", "stores.mongo_connection"),
    ("stores.sqlite_batches", "stores.sqlite_search", "stores.mongo_documents"),
    ("stores.mongo_batches",),
    ("stores.mongo_counter",),
    ("stores.sqlite", "stores.mongo", "stores.dryrun"),
    ("stores",),
    ("parallel",),
    ("lookup",),
    ("ingest.reports",),
    ("ingest.rejects", "ingest.journal", "ingest.outage", "ingest.restock", "ingest.targets"),
    ("ingest.sources",),
    ("ingest.blocks",),
    ("ingest.loading",),
    ("ingest.secondlook",),
    ("ingest.work", "timing.scratch", "timing.shorten"),
    ("ingest.lanes", "timing.phases", "timing.trials"),
    ("ingest.order", "ingest.plan", "timing.comparison", "timing.styles", "feed"),
    ("ingest.run", "timing.plots"),
    ("stream", "catalog", "forms", "timing.page"),
    ("inventory",),
    ("counter", "books", "audit"),
    ("look.moments", "look.columns"),
    ("look.crawl",),
    ("look.quality",),
    ("progress",),
    ("widths",),
    ("layout",),
    ("table",),
    ("output",),
    ("export",),
    ("cli.flags", "cli.pager", "cli.summary"),
    ("cli.show", "cli.help", "cli.completion"),
    ("cli.imports", "cli.ask", "cli.counter", "cli.books", "cli.database", "cli.analyze"),
    ("cli.compare", "cli.stream", "cli.look"),
    ("cli.company",),
    ("cli",),
)
FLOOR_OF = {
    name if name == PACKAGE else f"{PACKAGE}.{name}": floor
    for floor, names in enumerate(FLOORS)
    for name in names
}
# What the package itself offers to programs; it is imported when it is used.
OFFERED = {"hpnorton.parallel"}
HEAVY = ("matplotlib", "pymongo", "rich", "loguru", "multiprocessing", "sqlite3")


def modules() -> dict[str, Path]:
    """The package's modules by name."""
    paths = sorted((SOURCE / PACKAGE).rglob("*.py"))
    parts = [path.relative_to(SOURCE).with_suffix("").parts for path in paths]
    names = [".".join(part for part in each if part != "__init__") for each in parts]
    return dict(zip(names, paths, strict=True))


MODULES = modules()


def imported(source: str) -> Iterator[str]:
    """The package's modules that a source imports anywhere: in functions and for types too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if is_ours(alias.name))
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative imports are not followed here"
            for alias in node.names if is_ours(node.module or "") else ():
                submodule = f"{node.module}.{alias.name}"
                yield submodule if submodule in MODULES else str(node.module)


def is_ours(name: str) -> bool:
    """Whether a module is one of the package."""
    return name.split(".", maxsplit=1)[0] == PACKAGE


def test_every_module_has_a_floor() -> None:
    """The list of floors names the package's modules, all of them and no others."""
    assert sorted(MODULES) == sorted(FLOOR_OF)


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_point_downward(name: str) -> None:
    """A module imports only modules of lower floors."""
    source = MODULES[name].read_text(encoding="utf-8")
    upward = {other for other in imported(source) if FLOOR_OF[other] >= FLOOR_OF[name]}
    assert upward == (OFFERED if name == PACKAGE else set())


def test_the_package_imports_nothing_of_its_own() -> None:
    """To import the package imports none of its modules; what it offers comes when it is used."""
    code = (
        "import sys, hpnorton; print(*(n for n in sys.modules if n.startswith('hpnorton.')));"
        "from hpnorton import parallel_map; print(parallel_map.__module__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "\nhpnorton.parallel\n"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import hpnorton.log as log", ["hpnorton.log"]),
        ("from hpnorton.cli import ask, main", ["hpnorton.cli.ask", "hpnorton.cli"]),
        ("from hpnorton import __version__", ["hpnorton"]),
        ("def f():\n  from hpnorton.errors import FileError", ["hpnorton.errors"]),
        ("if TYPE_CHECKING:\n  import hpnorton.ingest.reports", ["hpnorton.ingest.reports"]),
        ("import csv\nfrom hpnorton_other import cli", []),
    ],
)
def test_no_import_is_overlooked(source: str, found: list[str]) -> None:
    """The search of these tests sees imports in every form and place."""
    assert list(imported(source)) == found


@pytest.mark.parametrize("module", ["hpnorton.cli", "hpnorton.cli.flags"])
def test_the_command_line_imports_nothing_heavy(module: str) -> None:
    """To import the command line, as --help does, imports nothing that takes long."""
    code = f"import sys, {module}; print(*sys.modules)"
    # Coverage of subprocesses would import some of the heavy ones itself.
    clean = {k: v for k, v in os.environ.items() if not k.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=clean | {"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
    )
    names = done.stdout.split()
    assert module in names
    assert set(HEAVY).isdisjoint(names)


@pytest.mark.parametrize("path", sorted(TESTS.rglob("*.py")), ids=lambda path: path.name)
def test_no_test_is_imported(path: Path) -> None:
    """What several tests need is in tests/helpers: a test module stands for itself."""
    names = imported_by(path.read_text(encoding="utf-8"))
    assert [name for name in names if name.rpartition(".")[2].startswith("test_")] == []


def imported_by(source: str) -> Iterator[str]:
    """The modules that a source imports, of whatever package."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)

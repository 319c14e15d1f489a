"""The house stands: imports point downward only, and what is slow to import is imported late."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src"
TESTS = Path(__file__).parent
PACKAGE = "hpnorton"

# From the ground up: packages, and the modules beside them. Those of one layer do not know each
# other; the package's own __init__ holds the version, which every module may read.
LAYERS = (
    ("",),
    ("lazy",),
    ("errors",),
    ("settings", "files"),
    ("sanitize",),
    ("log",),
    ("workers", "interrupts"),
    ("tabular",),
    ("schema",),
    ("stores",),
    ("parallel",),
    ("importer",),
    ("profile", "compare", "rental"),
    ("cli",),
    ("__main__",),
)
LAYER_OF = {name: layer for layer, names in enumerate(LAYERS) for name in names}
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


def package_of(name: str) -> str:
    """The name of the package or module at the top that a module belongs to."""
    return name.split(".")[1] if "." in name else ""


def imports_of(name: str) -> set[str]:
    """The package's modules that a module imports."""
    return set(imported(MODULES[name].read_text(encoding="utf-8")))


def test_every_module_has_a_layer() -> None:
    """The list of layers names what is at the top of the package, all of it and nothing else."""
    assert {package_of(name) for name in MODULES} == set(LAYER_OF)


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_point_downward(name: str) -> None:
    """A module imports only from lower layers, and from its own package."""
    own = package_of(name)
    others = {other for other in imports_of(name) if package_of(other) != own}
    upward = {other for other in others if LAYER_OF[package_of(other)] >= LAYER_OF[own]}
    assert upward == (OFFERED if name == PACKAGE else set())


@pytest.mark.parametrize("package", sorted(LAYER_OF.keys() - {""}))
def test_no_package_has_a_circle(package: str) -> None:
    """The modules of a package import each other in one direction."""
    names = [name for name in MODULES if package_of(name) == package]
    TopologicalSorter({name: imports_of(name) & set(names) for name in names}).prepare()


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
        ("from hpnorton.cli import query, main", ["hpnorton.cli.query", "hpnorton.cli"]),
        ("from hpnorton import __version__", ["hpnorton"]),
        ("def f():\n  from hpnorton.errors import FileError", ["hpnorton.errors"]),
        ("if TYPE_CHECKING:\n  import hpnorton.importer.report", ["hpnorton.importer.report"]),
        ("import csv\nfrom hpnorton_other import cli", []),
    ],
)
def test_no_import_is_overlooked(source: str, found: list[str]) -> None:
    """The search of these tests sees imports in every form and place."""
    assert list(imported(source)) == found


@pytest.mark.parametrize("module", ["hpnorton.cli", "hpnorton.cli.arguments"])
def test_the_command_line_imports_nothing_heavy(module: str) -> None:
    """To import the command line, as --help does, imports nothing that takes long."""
    code = (
        f"import sys, {module}; from hpnorton.lazy import is_imported;"
        "print(*filter(is_imported, sys.modules))"
    )
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

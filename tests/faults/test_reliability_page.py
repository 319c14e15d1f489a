"""docs/reliability.md names the test of each fault, and every fault that is tested."""

import ast
import re
from pathlib import Path

from tests.helpers.commandline import ROOT

HERE = Path(__file__).parent
PAGE = ROOT / "docs" / "reliability.md"


def test_the_page_names_every_fault() -> None:
    """Each row's test exists, and each test of a fault has a row."""
    told = re.findall(r"\| `(\w+\.py::\w+)` \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    tested = [
        f"{path.name}::{node.name}"
        for path in HERE.glob("test_*.py")
        if path != Path(__file__)
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    assert sorted(told) == sorted(tested)


def test_every_row_of_the_page_has_a_test() -> None:
    """No row of its tables ends with anything else."""
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    heads = [row for row in rows if row.endswith("| test |")]
    assert len(heads) == 4
    assert all(re.search(r"\| `\w+\.py::\w+` \|$", row) for row in rows if row not in heads)

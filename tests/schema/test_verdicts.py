"""What HPNorton says of a row is what frictionless says of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import frictionless
import pytest

from tests.helpers.commandline import CommandLine, Outcome

Write = Callable[..., Path]
PACKAGE: dict[str, Any] = {
    "resources": [
        {
            "name": "customers",
            "path": "customers.csv",
            "schema": {
                "fields": [
                    {"name": "user_id", "constraints": {"required": True}},
                    {"name": "name", "constraints": {"required": True, "maxLength": 10}},
                    {"name": "status", "constraints": {"enum": ["Active", "Inactive"]}},
                    {"name": "limit", "type": "integer", "constraints": {"minimum": 0}},
                    {"name": "since", "type": "date"},
                ],
                "primaryKey": ["user_id"],
            },
        },
        {
            "name": "rental",
            "path": "rental.csv",
            "schema": {
                "fields": [
                    {"name": "user_id", "constraints": {"required": True}},
                    {"name": "product_id", "constraints": {"required": True}},
                    {"name": "days", "type": "number"},
                ],
                "primaryKey": ["user_id", "product_id"],
                "foreignKeys": [
                    {
                        "fields": ["user_id"],
                        "reference": {"resource": "customers", "fields": ["user_id"]},
                    }
                ],
            },
        },
    ]
}
CUSTOMERS_HEADER = "user_id,name,status,limit,since"
RENTAL_HEADER = "user_id,product_id,days"
GOOD = "C0,Zoe,Active,1,2026-01-31"
# Each a named oddity: rows of customers.csv after the good one, and rows of rental.csv.
NASTY: dict[str, tuple[list[str], list[str]]] = {
    "nothing wrong": (["C1,Ann,Active,0,"], ["C0,P1,2.5", "C1,P1,"]),
    "short and long rows": (["C1,Ann", "C2,Ben,Active,1,2026-02-28,more", "C3"], []),
    "blank rows": (["", ",,,,", "C1,Ann,Active,0,", ""], []),
    "types": (["C1,Ann,Active,x,2026-02-30", "C2,Ben,Active,1.5,31.01.2026"], ["C0,P1,many"]),
    "constraints": (["C1,,Active,1,", "C2,Ben,active,1,", "C3,Bartholomew,,-1,"], []),
    "several faults in one row": (["C1,,Perhaps,many,never"], []),
    "no key": ([",Ann,Active,1,", ",Ben,Active,1,"], ["C0,,1", ",P1,1"]),
    "a key twice": (["C1,Ann,Active,1,", "C2,Ben,Active,1,", "C1,Cy,Active,1,"], []),
    "a compound key twice": ([], ["C0,P1,1", "C0,P2,1", "C0,P1,2"]),
    "unknown customers": (["C1,Ann,Active,1,"], ["C1,P1,1", "C9,P1,1", "c1,P1,1", "C8 ,P1,1"]),
    "quotes": (
        ['C1,"A ""B""",Active,1,', 'C2,5" tv,Active,1,', '"C3","Cy\nPoe",Active,1,'],
        ['"C1",P1,1', 'C3,"P,1",2', 'C3,"P\n2",x'],
    ),
    "blanks around cells": ([" C1,Ann, Active,1,", "C2,Ben,Active,1,"], ["C2,P1,1.5"]),
    "other alphabets": (["Ä1,Zoë,Active,1,", "客,王,Active,3,"], ["Ä1,P1,1", "客,P1,1"]),
}
# What frictionless tells as well: what follows from a fault is not told twice here. A short
# row lacks required cells, and where the only cell of a key is empty, the key is.
CONSEQUENCES = {
    "missing-cell": ("constraint-error", "primary-key"),
    "constraint-error": ("primary-key",),
}


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_verdicts_agree(
    hpnorton: CommandLine, tmp_path: Path, sqlite_uri: str, name: str, end: str
) -> None:
    """The same rows of the same files are rejected for the same kinds of errors."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "datapackage.json").write_text(json.dumps(PACKAGE), "utf-8")
    people, rentals = NASTY[name]
    for file, lines in (
        ("customers", [CUSTOMERS_HEADER, GOOD, *people]),
        ("rental", [RENTAL_HEADER, *rentals]),
    ):
        (folder / f"{file}.csv").write_bytes("".join(line + end for line in lines).encode())
    done = hpnorton(
        "--linear", folder / "customers.csv", folder / "rental.csv", "--quiet", uri=sqlite_uri
    )
    ours, theirs = _our_verdicts(hpnorton, done), _verdicts(folder)
    blank = {fault[:2] for fault in theirs if fault[2] == "blank-row"}  # which we leave out
    theirs = {fault for fault in theirs if fault[:2] not in blank}
    assert {fault[:2] for fault in ours} == {fault[:2] for fault in theirs}
    assert ours <= theirs
    for *row, code in theirs - ours:
        reported = {fault[2] for fault in ours if list(fault[:2]) == row}
        assert any(code in CONSEQUENCES.get(mine, ()) for mine in reported), (row, code)
    assert done.status == (3 if ours else 0)


def _our_verdicts(hpnorton: CommandLine, done: Outcome) -> set[tuple[str, int, str]]:
    """What HPNorton says: collection, row and code."""
    found = set()
    for entry in done.data:
        ((collection, report),) = entry.items()
        if report["rejects_file"]:
            path = (hpnorton.folder / report["rejects_file"]).with_suffix(".reasons.jsonl")
            for line in path.read_text("utf-8").splitlines():
                reason = json.loads(line)
                found.add((collection, reason["row"], reason["code"]))
    return found


def _verdicts(folder: Path) -> set[tuple[str, int, str]]:
    """What frictionless says: collection, row and code."""
    package: Any = frictionless.Package(str(folder / "datapackage.json"))
    tasks = {task.name: task.flatten(["rowNumber", "type"]) for task in package.validate().tasks}
    assert set(tasks) == {"customers", "rental"}
    return {(name, row, code) for name, faults in tasks.items() for row, code in faults}

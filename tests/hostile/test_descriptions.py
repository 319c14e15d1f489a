"""A datapackage.json from somebody else: it decides neither what we read, nor for how long."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.commandline import CommandLine
from tests.hostile.conftest import Ask

Write = Callable[..., Path]
Describe = Callable[..., None]
ID = {"fields": [{"name": "id"}]}


@pytest.fixture(name="describe")
def write_descriptions(tmp_path: Path) -> Describe:
    """Writes a datapackage.json with these resources."""

    def write(*resources: Any) -> None:
        text = json.dumps({"resources": list(resources)})
        (tmp_path / "datapackage.json").write_text(text, encoding="utf-8")

    return write


def _field(**more: Any) -> dict[str, Any]:
    return {"fields": [{"name": "id"}, {"name": "a", **more}]}


RESOURCES: dict[str, tuple[dict[str, Any], str]] = {
    "an absolute path": ({"path": "/etc/passwd", "schema": ID}, "forbids"),
    "a parent path": ({"path": "../thing.csv", "schema": ID}, "forbids"),
    "a hidden parent path": ({"path": ["a.csv", "b/../../c.csv"], "schema": ID}, "forbids"),
    "an absolute schema": ({"schema": "/etc/passwd"}, "is outside the data package's folder"),
    "a parent schema": ({"schema": "../schema.json"}, "is outside the data package's folder"),
    "a schema elsewhere": ({"schema": "http://127.0.0.1:1/x.json"}, "is a URL; save the schema"),
    "a schema through a link": ({"schema": "link.json"}, "is outside the data package's folder"),
    "a schema that is a pipe": ({"schema": "pipe"}, "is not a plain file"),
    "a schema that is a loop": ({"schema": "loop"}, "is not a file name"),
    "a schema's name with NUL": ({"schema": "a\0b"}, "is not a file name"),
    "a schema that is deep": ({"schema": "deep.json"}, "too many brackets within brackets"),
    "a schema that is huge": ({"schema": "huge.json"}, "is larger than the 8 MiB"),
    "a parent that is not there": (
        {"schema": ID | {"foreignKeys": [{"fields": "id", "reference": {"resource": "x"}}]}},
        "malformed",
    ),
    "a foreign key to nothing": (
        {
            "schema": ID
            | {"foreignKeys": [{"fields": "id", "reference": {"resource": "x", "fields": "id"}}]}
        },
        "'x', but no resource here has that name",
    ),
    "a foreign key to itself": (
        {
            "schema": ID
            | {"foreignKeys": [{"fields": "id", "reference": {"resource": "", "fields": "id"}}]}
        },
        "refers to itself",
    ),
    "a key with a field twice": ({"schema": ID | {"primaryKey": ["id", "id"]}}, "field twice"),
    "a pattern that is none": ({"schema": _field(constraints={"pattern": "(a"})}, "is invalid"),
    "a date with a year twice": ({"schema": _field(type="date", format="%y%y")}, "is invalid"),
    "a format that is a list": ({"schema": _field(type="date", format=["%y"])}, "not a text"),
    "a sign that is a number": ({"schema": _field(type="number", decimalChar=5)}, "not a text"),
    "a limit that is endless": (
        {"schema": _field(type="integer", constraints={"minimum": float("inf")})},
        "is invalid",
    ),
    "words that are none": ({"schema": _field(type="boolean", trueValues="yes")}, "not a list"),
}


@pytest.mark.parametrize("case", RESOURCES)
def test_a_description_that_asks_for_too_much(
    ask: Ask, csv_file: Write, describe: Describe, sqlite_uri: str, tmp_path: Path, case: str
) -> None:
    """Exit 1 with a message that names the description, and nothing is written."""
    resource, message = RESOURCES[case]
    (tmp_path / "link.json").symlink_to("/etc/hostname")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "deep.json").write_text("[" * 100_000, encoding="ascii")
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(2**30)
    describe({"name": "thing", **resource})
    done = ask("--linear", csv_file("thing.csv", "id", "1"), uri=sqlite_uri)
    assert (done.status, done.out) == (1, "")
    assert "datapackage.json" in done.err or ".json" in done.err or "pipe" in done.err
    assert message in done.err
    assert not (tmp_path / "store.db").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "too many brackets"),
        ('{"resources": ' * 50_000, "too many brackets"),
        ('{"resources": [' + '{"a":' * 900 + "1" + "}" * 900 + "]}", None),
        ('{"resources": [{"name": ' + "[" * 900 + "]" * 900 + "}]}", None),
        ('{"resources": [' + "9" * 5000 + "]}", "is not JSON"),
        ('{"resources": [{"name": "a", "name": "thing", "schema": {"fields": []}}]}', "no schema"),
        ('{"resources": ["thing", null, 5, [], {}, {"name": null}, {"name": {}}]}', None),
    ],
    ids=lambda text: str(text)[:30],
)
def test_json_of_odd_shapes(
    ask: Ask, csv_file: Write, sqlite_uri: str, tmp_path: Path, text: str, message: str | None
) -> None:
    """Deep, long or doubled: refused, or passed over where it does not tell of the file."""
    (tmp_path / "datapackage.json").write_text(text, encoding="utf-8")
    done = ask("--linear", csv_file("thing.csv", "id", "1"), uri=sqlite_uri)
    assert done.status == (1 if message else 0)
    assert (message or "") in done.err


def test_a_name_that_is_a_number_names_nothing(
    ask: Ask, csv_file: Write, describe: Describe, sqlite_uri: str
) -> None:
    """The file 5.csv is imported as one that nobody describes."""
    describe({"name": 5, "schema": ID})
    done = ask("--linear", csv_file("5.csv", "id,a", "1,2"), uri=sqlite_uri)
    assert done.status == 0 and done.data[0]["5"]["inserted"] == 1


def test_resources_of_one_name(
    ask: Ask, csv_file: Write, describe: Describe, sqlite_uri: str
) -> None:
    """Two descriptions of one collection are one too many."""
    describe({"name": "thing", "schema": ID}, {"name": "thing", "schema": ID})
    done = ask("--linear", csv_file("thing.csv", "id", "1"), uri=sqlite_uri)
    assert done.status == 1 and "two resources named 'thing'; rename one" in done.err


def test_foreign_keys_in_a_circle(
    ask: Ask, csv_file: Write, describe: Describe, sqlite_uri: str
) -> None:
    """None of the files can be first: exit 1, before anything is written."""

    def resource(name: str, parent: str) -> dict[str, Any]:
        reference = {"resource": parent, "fields": "id"}
        return {
            "name": name,
            "schema": _field() | {"foreignKeys": [{"fields": "a", "reference": reference}]},
        }

    describe(resource("one", "two"), resource("two", "three"), resource("three", "one"))
    files = [csv_file(f"{name}.csv", "id,a", "1,1") for name in ("one", "two", "three")]
    for way in ("--linear", "--parallel"):
        done = ask(way, *files, uri=sqlite_uri)
        assert done.status == 1 and "form a circle" in done.err


@pytest.mark.parametrize("way", ["--linear", "--parallel --workers 2"])
def test_a_pattern_that_never_ends_is_given_up(
    hpnorton: CommandLine, csv_file: Write, describe: Describe, way: str
) -> None:
    """Exit 1 with the pattern and the text, whichever process has met it; the rest is told too."""
    describe({"name": "thing", "schema": _field(constraints={"pattern": "(a|aa)+b"})})
    path = csv_file("thing.csv", "id,a", "1,ab", f"2,{'a' * 40}")
    done = hpnorton(*way.split(), path, "--quiet")
    assert done.status == 1
    assert f'the pattern "(a|aa)+b" takes more than 2 s to match the text "{"a" * 40}"' in done.err
    assert done.data[0]["thing"]["read"] == done.data[0]["thing"]["inserted"] == 0


def test_a_long_cell_costs_no_more_than_its_length(
    ask: Ask, csv_file: Write, describe: Describe, sqlite_uri: str
) -> None:
    """What stands around a bare number is found in one pass: a hostile cell takes no hours."""
    describe({"name": "thing", "schema": _field(type="integer", bareNumber=False)})
    path = csv_file("thing.csv", "id,a", "1,EUR 7 each", f"2,1{'x' * 2_000_000}1x", "3,x-y")
    done = ask("--linear", path, uri=sqlite_uri)
    assert (done.status, done.data[0]["thing"]["inserted"]) == (3, 1)
    assert done.err.count("is not a whole number") == 2

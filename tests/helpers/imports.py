"""What tests of imports need: collections that refer to each other, and the entry of an import."""

import json
from datetime import UTC, datetime
from pathlib import Path

from hpnorton.stores import journal
from hpnorton.stores.base import Mode
from hpnorton.tabular.fingerprint import fingerprint


def package(folder: Path, **parents: str) -> None:
    """Write a datapackage.json of collections keyed by id, each referring to another, or to ''."""
    resources = [
        {
            "name": name,
            "path": f"{name}.csv",
            "schema": {
                "fields": [{"name": "id"}, {"name": "of"}],
                "primaryKey": "id",
                "foreignKeys": [{"fields": "of", "reference": {"resource": parent, "fields": "id"}}]
                if parent
                else [],
            },
        }
        for name, parent in parents.items()
    ]
    (folder / "datapackage.json").write_text(json.dumps({"resources": resources}), encoding="utf-8")


def started_import(path: Path, *, was_empty: bool) -> journal.ImportEntry:
    """The entry of an import of a file into the collection `thing` that has begun."""
    made = fingerprint(str(path))
    assert made is not None
    return journal.ImportEntry(
        id=journal.new_import_id(datetime.now(UTC)),
        started=journal.utc_now(),
        collection="thing",
        file=str(path.resolve()),
        mode=Mode.INSERT,
        size=made.size,
        checksum=made.checksum,
        is_ordered=False,
        was_empty=was_empty,
    )

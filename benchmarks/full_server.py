"""A MongoDB that has all rows of a customers.csv, and stores nothing: every key is taken.

As with null_server.py, what an upsert into it takes is what the client takes. It refuses what is
inserted, finds documents by their `_id`, and acknowledges updates. Its documents are made before
anybody asks.
"""

import argparse
import sys
from itertools import chain
from pathlib import Path

import bson
from bson.raw_bson import RawBSONDocument
from measure import exit_status
from null_server import FIRST, Answers, Document, listen, whole
from shell import COLLECTION, KEY, customers

PLACES = [b"\x03%d\0" % at for at in range(100_000)]  # in an array
TAKEN = {"code": 11000, "errmsg": "E11000 duplicate key error"}


class Full(Answers):
    """What is said to a command: of customers they are all there, of the rest nothing is."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._documents = {
            row[KEY]: bson.encode({"_id": row[KEY]} | row) for row in customers(file)
        }

    def __call__(self, command: Document, documents: int) -> Document:
        name, target = next(iter(command.items()))
        if target == COLLECTION and name == "insert":
            return {
                "n": 0,
                "writeErrors": [TAKEN | {"index": at} for at in range(documents)],
                "ok": 1,
            }
        if target == COLLECTION and name == "find":
            wanted = command.get("filter", {}).get("_id", {"$in": ()})
            keys = wanted["$in"] if isinstance(wanted, dict) else [wanted]
            return self._found(f"{command['$db']}.{COLLECTION}", keys)
        return super().__call__(command, documents)

    def _found(self, namespace: str, wanted: list[str]) -> Document:
        """All the documents in one reply; where each of them begins was put together before."""
        found = filter(None, map(self._documents.get, wanted))
        batch = whole(b"".join(chain.from_iterable(zip(PLACES, found))))
        cursor = bson.encode({"id": bson.Int64(0), "ns": namespace})[4:-1]
        cursor = whole(cursor + b"\x04%b\0%b" % (FIRST.encode(), batch))
        return RawBSONDocument(whole(b"\x03cursor\0" + cursor + bson.encode({"ok": 1})[4:-1]))


def main() -> int:
    """Does what the command line asks for, and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, metavar="FILE", help="a customers.csv")
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    options = parser.parse_args()
    return exit_status(lambda: listen(options.port, Full(options.file)))


if __name__ == "__main__":
    sys.exit(main())

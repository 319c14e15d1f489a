"""A MongoDB of canned replies: one collection, served by ranges of whole numbers.

The replies are made before anybody asks, so that what a crawl takes is what the client takes. The
server knows what a crawl asks for: how many documents there are, that there is an index, a sample
of `_id`s, and ranges, which begin and end where a batch does.
"""

import argparse
import sys
from typing import Any

import bson
from bson.int64 import Int64
from bson.raw_bson import RawBSONDocument
from measure import exit_status
from null_server import SAME_TO_ALL, Document, listen, whole

BATCH = 10_000
COLLECTION = "orders"
RARE = 3  # documents have the field of that name
_ENDS = 10**6  # a cursor's number is its next batch, and its end, in one


def document(number: int, documents: int) -> dict[str, Any]:
    """Nested, and of mixed types."""
    made: dict[str, Any] = {
        "_id": number,
        "name": f"user {number}",
        "age": number % 90 if number % 10 else "unknown",
        "address": {"city": "Oslo", "zip": f"{number % 10_000:05d}"},
        "total": number * 1.5,
        "tags": ["a", "b"],
    }
    if number % 4 == 0:
        made["note"] = "hello"
    if number % (documents // RARE) == RARE:  # at most RARE - 1 are left over
        made["rare"] = True
    return made


class Canned:
    """What is said to a command: answers that were made before."""

    def __init__(self, documents: int) -> None:
        self._count = documents - documents % BATCH
        self._said: dict[str, Document] = {
            "count": {"n": self._count, "ok": 1},
            "explain": {"queryPlanner": {"winningPlan": {"stage": "IXSCAN"}}, "ok": 1},
        }
        self._batches = [
            bson.encode({"a": [document(n, self._count) for n in range(start, start + BATCH)]})[
                7:-1
            ]
            for start in range(0, self._count, BATCH)
        ]

    def __call__(self, command: Document, _documents: int) -> Document:
        name, target = next(iter(command.items()))
        if name.lower() in SAME_TO_ALL:
            return SAME_TO_ALL[name.lower()]
        namespace = f"{command.get('$db')}.{COLLECTION}"
        if name in self._said:
            return self._said[name]
        if name == "find":
            return self._batch("firstBatch", namespace, *self._bounds(command["filter"]))
        if name == "getMore":
            return self._batch("nextBatch", namespace, *divmod(target, _ENDS))
        if name in ("aggregate", "listCollections"):
            found: list[Document] = [{"name": COLLECTION, "type": "collection", "options": {}}]
            if name == "aggregate":
                found = [{"_id": start} for start in range(0, self._count, BATCH)]
            return {"cursor": {"id": 0, "ns": namespace, "firstBatch": found}, "ok": 1}
        return {"ok": 1}

    def _bounds(self, condition: Document) -> tuple[int, int]:
        """The first batch of a range, and the one that it ends before."""
        outside = condition.get("$nor")
        limits: Document = condition.get("_id", {})
        if outside:
            limits = {"$lt": outside[0]["_id"]["$gte"]}
        low, high = limits.get("$gte", 0), limits.get("$lt", self._count)
        return low // BATCH, high // BATCH

    def _batch(self, key: str, namespace: str, at: int, end: int) -> Document:
        """A batch as a server's reply."""
        if at >= end:
            return {"cursor": {"id": 0, "ns": namespace, key: []}, "ok": 1}
        following = Int64((at + 1) * _ENDS + end if at + 1 < end else 0)
        cursor = bson.encode({"id": following, "ns": namespace})[4:-1]
        array = b"\x04" + key.encode() + b"\0" + self._batches[at]
        inner = whole(cursor + array)
        return RawBSONDocument(whole(b"\x03cursor\0" + inner + bson.encode({"ok": 1})[4:-1]))


def main() -> int:
    """Does what the command line asks for, and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    options = parser.parse_args()
    return exit_status(lambda: listen(options.port, Canned(options.documents)))


if __name__ == "__main__":
    sys.exit(main())

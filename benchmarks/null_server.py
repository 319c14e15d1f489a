"""A MongoDB that stores nothing: it takes what a client inserts, counts it, and says it is well.

So what an import takes is what the client takes. Of a message only the command is decoded;
documents are counted by their lengths, where pymongo puts them, in sections of their own. The
number is what count_documents({}) is told, until the collection or its database is dropped.
"""

import argparse
import socket
import struct
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import bson
from measure import exit_status

Document = Mapping[str, Any]

HOST = "127.0.0.1"
OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
# Of every message: its length, its number, that of the message it answers, what kind it is.
HEADER = struct.Struct("<iiii")
INT = struct.Struct("<i")
# Of an OP_REPLY, between its header and its document: flags, cursor, first document, documents.
REPLY = struct.Struct("<iqii")
MORE_TO_COME = 2  # a flag of an OP_MSG: nobody waits for an answer
HELLO: Document = {
    "ok": 1,
    "helloOk": True,
    "ismaster": True,
    "isWritablePrimary": True,
    "maxBsonObjectSize": 2**24,
    "maxMessageSizeBytes": 48_000_000,
    "maxWriteBatchSize": 100_000,
    "logicalSessionTimeoutMinutes": 30,
    "minWireVersion": 0,
    "maxWireVersion": 17,
}
VERSION: Document = {"version": "6.0.0", "versionArray": [6, 0, 0, 0], "ok": 1}
SAME_TO_ALL = {"hello": HELLO, "ismaster": HELLO, "buildinfo": VERSION}
WRITES = ("insert", "update", "delete")
FIRST = "firstBatch"
QUERIES = {"find": FIRST, "aggregate": FIRST, "listCollections": FIRST, "getMore": "nextBatch"}


# What is said to a command that came with so many documents.
Answer = Callable[[Document, int], Document]


class Answers:
    """What is said to a command, and how many documents were inserted, by namespace."""

    def __init__(self) -> None:
        self._inserted: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, command: Document, documents: int) -> Document:
        """The answer to a command that came with so many documents."""
        name, target = next(iter(command.items()))
        database = f"{command.get('$db')}."
        if name.lower() in SAME_TO_ALL:
            return SAME_TO_ALL[name.lower()]
        if name in WRITES:
            if name == "insert":
                with self._lock:
                    self._inserted[database + target] += documents
            return {"n": documents, "nModified": documents, "ok": 1}
        if name in QUERIES:
            return {"cursor": self._cursor(f"{database}{target}", command), "ok": 1}
        if name in ("drop", "dropDatabase"):
            self._drop(database, target if name == "drop" else None)
        return {"ok": 1}

    def _cursor(self, namespace: str, command: Document) -> Document:
        """What a query finds: nothing, but for count_documents, which is an aggregate."""
        is_count = any("$group" in stage for stage in command.get("pipeline", ()))
        count = self._inserted[namespace] if is_count else 0
        found = [{"n": count}] if count else []
        return {"id": 0, "ns": namespace, QUERIES[str(next(iter(command)))]: found}

    def _drop(self, database: str, collection: str | None) -> None:
        with self._lock:
            for name in [name for name in self._inserted if name.startswith(database)]:
                if collection is None or name == database + collection:
                    del self._inserted[name]


def serve(connection: socket.socket, answers: Answer) -> None:
    """Answers one client until it goes. Its messages all come into the same buffer."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buffer = bytearray(2**16)
    with connection, suppress(ConnectionError):
        while _receive(connection, memoryview(buffer)[: HEADER.size]):
            length, number, _, kind = HEADER.unpack_from(buffer)
            if length > len(buffer):
                buffer = bytearray(length)
            if not _receive(connection, memoryview(buffer)[HEADER.size : length]):
                break
            if kind == OP_QUERY:
                start = buffer.index(0, HEADER.size + 4) + 9  # after what it asks, and how much
                body = bson.encode(answers(bson.decode(buffer[start:length]), 0))
                extra, reply = REPLY.pack(0, 0, 0, 1), OP_REPLY
            else:
                body = bson.encode(answers(*_sections(buffer, length)))
                extra, reply = bytes(5), OP_MSG  # no flags, and a section of kind 0
                if INT.unpack_from(buffer, HEADER.size)[0] & MORE_TO_COME:
                    continue
            answer = extra + body
            header = HEADER.pack(HEADER.size + len(answer), 0, number, reply)
            connection.sendall(header + answer)


def _receive(connection: socket.socket, view: memoryview) -> bool:
    """Fills `view`, with as few calls as it takes; False if the client has gone."""
    while view:
        got = connection.recv_into(view, 0, socket.MSG_WAITALL)
        if not got:
            return False
        view = view[got:]
    return True


def _sections(buffer: bytearray, length: int) -> tuple[Document, int]:
    """The command in an OP_MSG, and how many documents its other sections hold."""
    command: Document = {}
    documents = 0
    at = HEADER.size + 4  # the flags
    while at < length:
        kind, at = buffer[at], at + 1
        end = at + INT.unpack_from(buffer, at)[0]
        if kind == 0:
            command = bson.decode(buffer[at:end])
        else:
            documents += _count(buffer, buffer.index(0, at + 4) + 1, end)
        at = end
    return command, documents


def _count(buffer: bytearray, at: int, end: int) -> int:
    """How many documents follow each other in the buffer; each begins with its length."""
    count = 0
    length_at = INT.unpack_from
    while at < end:
        at += length_at(buffer, at)[0]
        count += 1
    return count


def whole(elements: bytes) -> bytes:
    """A document of some elements: put together from bytes, where to encode it would take long."""
    return INT.pack(len(elements) + INT.size + 1) + elements + b"\0"


def listen(port: int, answers: Answer) -> None:
    """Says where it listens, and serves every client in a thread of its own, until interrupted."""
    with socket.create_server((HOST, port)) as server:
        print(f"mongodb://{HOST}:{server.getsockname()[1]}", flush=True)
        while True:
            connection, _ = server.accept()
            threading.Thread(target=serve, args=(connection, answers), daemon=True).start()


def main() -> int:
    """Does what the command line asks for, and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    options = parser.parse_args()
    return exit_status(lambda: listen(options.port, Answers()))


if __name__ == "__main__":
    sys.exit(main())

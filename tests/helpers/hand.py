"""Records changed behind HPNorton's back."""

import sqlite3
from contextlib import closing

import pymongo

from hpnorton.schema.stored import Value
from hpnorton.stores.base import Document

KEYS = {"product": ("product_id",), "rental": ("user_id", "product_id")}


class Hand:
    """Somebody who changes a database without HPNorton."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def set(self, table: str, key: dict[str, Value], **values: Value) -> None:
        """Overwrites fields of a record."""
        if self._is_sqlite:
            changed = ", ".join(f"{name} = ?" for name in values)
            self._run(
                f"UPDATE {table} SET {changed} WHERE {_all(key)}", *values.values(), *key.values()
            )
        else:
            with pymongo.MongoClient[Document](self._uri) as client:
                done = client.get_default_database()[table].update_one(key, {"$set": values})
                assert done.matched_count == 1

    def remove(self, table: str, **key: Value) -> None:
        """Removes a record."""
        if self._is_sqlite:
            self._run(f"DELETE FROM {table} WHERE {_all(key)}", *key.values())
        else:
            with pymongo.MongoClient[Document](self._uri) as client:
                assert client.get_default_database()[table].delete_one(key).deleted_count == 1

    def put(self, table: str, record: Document) -> None:
        """Puts a record in."""
        if self._is_sqlite:
            names, signs = ", ".join(record), ", ".join("?" * len(record))
            self._run(f"INSERT INTO {table} ({names}) VALUES ({signs})", *record.values())
        else:
            identity = "|".join(str(record[name]) for name in KEYS[table])
            with pymongo.MongoClient[Document](self._uri) as client:
                client.get_default_database()[table].insert_one({"_id": identity, **record})

    @property
    def _is_sqlite(self) -> bool:
        return self._uri.startswith("sqlite")

    def _run(self, statement: str, *values: Value) -> None:
        with closing(sqlite3.connect(self._uri.removeprefix("sqlite:///"))) as connection:
            assert connection.execute(statement, values).rowcount == 1
            connection.commit()


def _all(key: dict[str, Value]) -> str:
    return " AND ".join(f"{name} = ?" for name in key)

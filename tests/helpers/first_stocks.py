"""Products that have no first stock, as those of another program."""

import sqlite3
from contextlib import closing

import pymongo

from hpnorton.stores.base import Document


def forget_first_stocks(uri: str) -> None:
    """Remove the first stock of all products, as if another program had written them."""
    if uri.startswith("sqlite"):
        with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as connection:
            connection.execute("ALTER TABLE product DROP COLUMN hpnorton_stock")
            connection.commit()
    else:
        with pymongo.MongoClient[Document](uri) as client:
            products = client.get_default_database()["product"]
            products.update_many({}, {"$unset": {"hpnorton_stock": ""}})

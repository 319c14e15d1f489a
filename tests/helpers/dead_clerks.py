"""Clerks who die in the middle of a change at MongoDB."""
# pylint: disable=protected-access # a crash is made of the pieces that it leaves undone

from collections.abc import Sequence

from hpnorton.stores.history import Change
from hpnorton.stores.mongo.connection import RawDocument
from hpnorton.stores.mongo.store import MongoStore


def die_over(store: MongoStore, change: Change, steps: int) -> Sequence[RawDocument]:
    """Leaves what a clerk leaves who dies after so many steps: the lines, pending."""
    made = store._lines([change])
    assert store._insert_lines(made, None) == []
    for step in made[0]["hpnorton_steps"][:steps]:
        assert store._do([(made[0], step)], None) == 1
    return made

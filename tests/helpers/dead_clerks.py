"""Clerks who die in the middle of a change at MongoDB."""

from collections.abc import Sequence

from hpnorton.stores.history import Change
from hpnorton.stores.mongo.connection import RawDocument
from hpnorton.stores.mongo.store import MongoStore


def die_over(store: MongoStore, change: Change, steps: int) -> Sequence[RawDocument]:
    """Leaves what a clerk leaves who dies after so many steps: the entries, pending."""
    made = store.changes.pending_entries([change])
    assert store.changes.insert_entries(made) == []
    for step in made[0]["hpnorton_steps"][:steps]:
        assert store.changes.do_steps([(made[0], step)]) == 1
    return made

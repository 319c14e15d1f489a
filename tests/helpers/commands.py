"""What a store asks a MongoDB server for."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from hpnorton.stores.mongo.store import MongoStore

Command = dict[str, Any]


class _Recorder(CommandListener):
    """Keeps the commands that are sent."""

    def __init__(self) -> None:
        self.commands: list[Command] = []

    def started(self, event: CommandStartedEvent) -> None:
        self.commands.append(dict(event.command))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Nothing: what was sent counts."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Nothing: what was sent counts."""


@contextmanager
def watched(uri: str) -> Iterator[tuple[MongoStore, list[Command]]]:
    """A store, and the commands that it sends."""
    recorder = _Recorder()
    with closing(MongoStore(uri, event_listeners=[recorder])) as store:
        yield store, recorder.commands

"""A TCP proxy between HPNorton and a MongoDB server, which does harm at a chosen command.

It reads what the client sends (OP_MSG of MongoDB's wire protocol,
https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/), asks its rule about every
command, and passes the server's answers on as they come.
"""

import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import bson

_HEADER = struct.Struct("<iiii")  # length, request, the request that it answers, kind
_OP_MSG = 2013
_BODY = 21  # where the command begins: after the flags and the kind of the first section
_BLOCK = 65_536
_CONNECT_SECONDS = 5


class Fate(Enum):
    """What becomes of a command."""

    PASS = auto()
    STALL = auto()  # it waits until the proxy is released
    CUT = auto()  # the connection ends before the server hears of it
    CUT_ANSWER = auto()  # the server does it, and the connection ends instead of an answer
    GARBAGE = auto()  # the answer is noise
    ODD_BSON = auto()  # the answer is a message whose document is damaged


@dataclass(frozen=True)
class Command:
    """A command on its way: its name, the collection it is about, and the client's port."""

    name: str
    collection: str
    port: int

    @classmethod
    def of(cls, message: bytes, port: int) -> "Command":
        """What a message of the client's asks for; other kinds of messages have no name."""
        if _HEADER.unpack_from(message)[3] != _OP_MSG:
            return cls("", "", port)
        (length,) = struct.unpack_from("<i", message, _BODY)
        document: dict[str, Any] = bson.decode(message[_BODY : _BODY + length])
        name = next(iter(document))
        about = document.get("collection", "") if name == "getMore" else document[name]
        return cls(name, str(about), port)


Rule = Callable[[Command], Fate]


@dataclass
class Proxy:
    """The proxy: `target` is the server's port, `rule` may be changed at any time.

    `stalled` are the commands that wait; `harmed` those that were cut or answered with noise.
    """

    target: int
    rule: Rule
    port: int = 0  # where it listens, from start() on
    stalled: list[Command] = field(default_factory=list)
    harmed: list[Command] = field(default_factory=list)
    _released: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _sockets: list[socket.socket] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    @property
    def uri(self) -> str:
        """Where it listens."""
        return f"mongodb://127.0.0.1:{self.port}"

    def release(self) -> None:
        """Lets go on whatever waits, and whatever comes."""
        self.rule = lambda command: Fate.PASS
        self._released.set()

    def start(self) -> None:
        """Listens."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        self._sockets.append(listener)
        self._run(self._accept, listener)

    def stop(self) -> None:
        """Ends all connections."""
        self.release()
        for each in list(self._sockets):
            _end(each)
        for thread in list(self._threads):
            thread.join(_CONNECT_SECONDS)

    def _run(self, work: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # stop() has closed it
            while True:
                client, (_, port) = listener.accept()
                self._sockets.append(client)
                try:
                    server = socket.create_connection(("127.0.0.1", self.target), _CONNECT_SECONDS)
                except OSError:  # there is no server now
                    _end(client)
                    continue
                server.settimeout(None)
                self._sockets.append(server)
                connection = _Connection(client, server, port)
                self._run(self._pass_commands, connection)
                self._run(self._pass_answers, connection)

    def _pass_commands(self, connection: "_Connection") -> None:
        with connection.until_it_ends():
            for message in _messages(connection.client):
                command = Command.of(message, connection.port)
                with self._lock:  # a rule may count
                    fate = self.rule(command)
                if fate is Fate.STALL:
                    self.stalled.append(command)
                    self._released.wait()
                elif fate is not Fate.PASS:
                    self.harmed.append(command)
                    if fate is Fate.CUT:
                        return
                    connection.answer = fate
                connection.server.sendall(message)

    def _pass_answers(self, connection: "_Connection") -> None:
        with connection.until_it_ends():
            for message in _messages(connection.server):
                fate, connection.answer = connection.answer, Fate.PASS
                if fate is Fate.CUT_ANSWER:
                    return
                if fate is Fate.GARBAGE:
                    connection.client.sendall(random.Random(len(message)).randbytes(4096))
                    return
                if fate is Fate.ODD_BSON:
                    message = message[: _BODY + 4] + b"\x7f" * (len(message) - _BODY - 4)
                connection.client.sendall(message)


@dataclass
class _Connection:
    """A client's connection and ours to the server; `answer` is the next answer's fate."""

    client: socket.socket
    server: socket.socket
    port: int
    answer: Fate = Fate.PASS

    @contextmanager
    def until_it_ends(self) -> Iterator[None]:
        """Ends both sides when one of them has ended."""
        try:
            with suppress(OSError):
                yield
        finally:
            _end(self.client)
            _end(self.server)


def _end(connection: socket.socket) -> None:
    with suppress(OSError):  # it has ended before; a thread that waits for it is woken
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def _messages(connection: socket.socket) -> Iterator[bytes]:
    """The messages of one side, whole."""
    while header := _read(connection, _HEADER.size):
        length = _HEADER.unpack(header)[0]
        yield header + _read(connection, length - _HEADER.size)


def _read(connection: socket.socket, size: int) -> bytes:
    """So many bytes; none at the end. Raises OSError if it ends in between."""
    parts = bytearray()
    while len(parts) < size:
        block = connection.recv(min(size - len(parts), _BLOCK))
        if not block:
            if parts:
                raise ConnectionError("the connection has ended in the middle of a message")
            return b""
        parts += block
    return bytes(parts)


def at(name: str, collection: str, number: int = 1, fate: Fate = Fate.STALL) -> Rule:
    """A rule: the fate of the `number`th such command, and of those that follow it."""
    seen = 0

    def rule(command: Command) -> Fate:
        nonlocal seen
        if (command.name, command.collection) != (name, collection):
            return Fate.PASS
        seen += 1
        return fate if seen >= number else Fate.PASS

    return rule


def after_chunks(chunks: int, collection: str) -> Rule:
    """A rule that holds what is read of or written to a collection after so many chunks' notes."""
    notes = 0

    def rule(command: Command) -> Fate:
        nonlocal notes
        notes += (command.name, command.collection) == ("insert", "hpnorton_chunks")
        is_work = command.name in ("find", "insert", "update") and command.collection == collection
        return Fate.STALL if is_work and notes >= chunks else Fate.PASS

    return rule


def once(rule: Rule) -> Rule:
    """A rule that does harm one time only."""
    is_done = False

    def only_once(command: Command) -> Fate:
        nonlocal is_done
        fate = Fate.PASS if is_done else rule(command)
        is_done = is_done or fate is not Fate.PASS
        return fate

    return only_once


def from_then_on(rule: Rule) -> Rule:
    """A rule that holds everything, whatever it is, as soon as it would do harm once."""
    is_frozen = False

    def all_or_none(command: Command) -> Fate:
        nonlocal is_frozen
        is_frozen = is_frozen or rule(command) is not Fate.PASS
        return Fate.STALL if is_frozen else Fate.PASS

    return all_or_none


def at_random(seed: int, share: float, most: int) -> Rule:
    """A rule that cuts a share of all connections that are at a command, `most` of them."""
    dice = random.Random(seed)
    left = most

    def rule(command: Command) -> Fate:
        nonlocal left
        if not left or not command.name or dice.random() >= share:
            return Fate.PASS
        left -= 1
        return dice.choice((Fate.CUT, Fate.CUT_ANSWER))

    return rule

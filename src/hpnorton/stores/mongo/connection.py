"""A connection to MongoDB: how it is made, and how its errors are worded."""

import atexit
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import pymongo
from bson.errors import BSONError, InvalidBSON
from pymongo import ReadPreference, errors
from pymongo.collection import Collection as MongoCollection
from pymongo.synchronous import monitor

from hpnorton.errors import StoreAccessError, StoreError, StoreLostError
from hpnorton.settings import redact

RawDocument = dict[str, Any]

_DEFAULT_DATABASE = "hpnorton"
_TIMEOUT_OPTION = "serverSelectionTimeoutMS"
_TIMEOUT_MS = 3000
_SOCKET_OPTION = "socketTimeoutMS"
_SOCKET_MS = 60_000
_CLOSE_SECONDS = 1.0
_COMMAND_NOT_FOUND = 59
# Beside its own errors: what a document cannot be encoded or decoded for.
_RAISED = (errors.PyMongoError, BSONError, OverflowError, UnicodeEncodeError)

_Words = tuple[type[StoreError], str]
_NO_LOGIN: _Words = (
    StoreAccessError,
    "{at} refused the login; check user name, password and authSource",
)
_ABSENT: _Words = (
    StoreLostError,
    "no MongoDB answers at {at}; check that it runs and that the address is right",
)
_LOGIN_NEEDED: _Words = (
    StoreAccessError,
    "{at} asks for a login; put user and password into the URI: mongodb://USER:PASSWORD@...",
)
_LOST: _Words = (
    StoreLostError,
    "no MongoDB answers at {at} any more; see whether it still runs, and what its log says",
)
_UNAUTHORIZED = 13
_BY_CODE: Mapping[int, _Words] = {
    _UNAUTHORIZED: (
        StoreAccessError,
        "{at} does not let this user do that; ask for the role readWrite",
    ),
    18: _NO_LOGIN,
    8000: _NO_LOGIN,  # Atlas's
}
# For what has none of these codes: the first class that an error is of decides.
_BY_CLASS: Sequence[tuple[type[Exception], type[StoreError], str]] = (
    (errors.WaitQueueTimeoutError, StoreError, "MongoDB at {at} refused: {why}"),
    (
        errors.NetworkTimeout,
        StoreLostError,
        "MongoDB at {at} took the call and has not answered in time; see what keeps it, or give it "
        f"longer with {_SOCKET_OPTION} in the URI (milliseconds; {_SOCKET_MS} without it)",
    ),
    (errors.ServerSelectionTimeoutError, *_ABSENT),
    # It was there: some servers end the connection over a command that is too much for them.
    (errors.AutoReconnect, *_LOST),
    (errors.ConnectionFailure, *_ABSENT),
    (
        errors.CursorNotFound,
        StoreLostError,
        "MongoDB at {at} has forgotten a question that it was answering, as it does when it is "
        "started again; try again",
    ),
    (errors.ConfigurationError, StoreAccessError, "{at} cannot be used: {why}"),
    (errors.PyMongoError, StoreError, "MongoDB at {at} refused: {why}"),
    (InvalidBSON, StoreError, "MongoDB at {at} holds a document that cannot be read: {why}"),
    (Exception, StoreError, "MongoDB at {at} cannot hold a value: {why}"),
)
# As servers over PostgreSQL word it, without a code of its own.
_ENDING = re.compile("database system is (shutting down|starting up)")
_TLS_FAULT = re.compile(r"\[SSL: [A-Z0-9_]+\] ([^(]+)")  # as Python's ssl words it
_OF_PROPERTIES = "authMechanismProperties are KEY:VALUE pairs, with commas between them"

# At exit pymongo waits, for half a second, for threads that end by themselves. What waits has no
# public name; where it has another one, some function is unregistered that never was registered.
atexit.unregister(getattr(monitor, "_shutdown_resources", redact))


class MongoConnection:
    """A connection to the database that a MongoDB URI names."""

    def __init__(self, uri: str) -> None:
        self._shown = redact(uri)
        self._has_user = "@" in uri.partition("://")[2].partition("/")[0]
        self._hello: RawDocument = {}
        with self._errors():
            self._client = self._connect(uri)
            # A decision that is read from a secondary could be an old one.
            self._database = self._client.get_default_database(
                _DEFAULT_DATABASE, read_preference=ReadPreference.PRIMARY
            )
        try:
            self._log_in()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends the connections. A server that does not answer is not waited for."""
        with pymongo.timeout(_CLOSE_SECONDS):
            self._client.close()

    def _connect(self, uri: str) -> pymongo.MongoClient[RawDocument]:
        options: dict[str, Any] = {"appname": "hpnorton"}
        if _TIMEOUT_OPTION not in uri:
            options[_TIMEOUT_OPTION] = _TIMEOUT_MS
        if _SOCKET_OPTION not in uri:
            options[_SOCKET_OPTION] = _SOCKET_MS
        try:
            with warnings.catch_warnings():
                # pymongo warns of a wrong option and goes on without it, a login or TLS included.
                warnings.simplefilter("error", UserWarning)
                return pymongo.MongoClient(uri, **options)
        except (errors.InvalidURI, ValueError):
            # pymongo's text may quote a piece of the password, so it is not kept as the cause.
            raise StoreAccessError(
                f"{self._shown} is no valid MongoDB URI; escape characters such as @ : / in user "
                "name and password as %40 %3A %2F"
            ) from None
        except UserWarning as warning:
            # pymongo quotes properties that it does not know, and one may be a piece of a token.
            reason = _OF_PROPERTIES if "propert" in str(warning) else warning
            raise StoreAccessError(f"{self._shown} has a wrong option: {reason}") from None
        except OSError as error:  # of the files that TLS needs
            raise StoreAccessError(
                f"{self._shown} names a file for TLS that cannot be used: "
                f"{error.filename or ''} {error.strerror or error}".strip()
            ) from error

    def _of(self, collection: str) -> MongoCollection[RawDocument]:
        return self._database[collection]

    def _log_in(self) -> None:
        with self._errors():
            try:
                self._hello = self._greeting()
            except (KeyError, errors.OperationFailure) as error:
                # A server that knows no login answers without what pymongo looks for, or refuses.
                if isinstance(error, errors.OperationFailure) and error.code != _COMMAND_NOT_FOUND:
                    raise
                raise StoreAccessError(
                    f"{self._shown} did not understand the login; check user name, password and "
                    "authMechanism in the URI"
                ) from error

    def _greeting(self) -> RawDocument:
        """What the server says of itself."""
        try:
            return self._database.command("hello")
        except errors.OperationFailure as error:
            if error.code != _COMMAND_NOT_FOUND:
                raise
        return self._database.command("isMaster")  # its name before MongoDB 4.4.2

    @cached_property
    def _is_ferretdb(self) -> bool:
        """Whether the server is FerretDB 1; it is asked when that first matters."""
        return "ferretdbVersion" in self._client.admin.command("buildInfo")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Says in our words what pymongo raises."""
        try:
            yield
        except _RAISED as error:
            raise self._explained(error) from error

    def _explained(self, error: Exception) -> StoreError:
        code = error.code if isinstance(error, errors.OperationFailure) else None
        if tls := _TLS_FAULT.search(str(error)):
            return StoreAccessError(
                f"TLS with {self._shown} failed: {tls[1].strip()}; check that the server speaks "
                "TLS, and tls, tlsCAFile and tlsCertificateKeyFile in the URI"
            )
        why = _brief(error)
        by_class = next(row[1:] for row in _BY_CLASS if isinstance(error, row[0]))
        kind, words = _BY_CODE.get(code or 0, by_class)
        if code == _UNAUTHORIZED and not self._has_user:
            kind, words = _LOGIN_NEEDED
        elif code == _UNAUTHORIZED and "authentication" in why.lower():
            kind, words = _NO_LOGIN
        elif isinstance(error, errors.OperationFailure) and _ENDING.search(why):
            kind, words = _LOST
        return kind(words.format(at=self._shown, why=why))


def _brief(error: Exception) -> str:
    return str(error).split(", full error:", maxsplit=1)[0].partition("\n")[0][:300]

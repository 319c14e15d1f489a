"""A connection to MongoDB: how it is made, and what the server can do."""

import atexit
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import pymongo
from pymongo import ReadPreference
from pymongo.collection import Collection as MongoCollection
from pymongo.database import Database
from pymongo.errors import InvalidURI, OperationFailure
from pymongo.synchronous import monitor

from hpnorton.errors import StoreAccessError
from hpnorton.settings import redact
from hpnorton.stores.mongo.errors import RAISED, SOCKET_MS, SOCKET_OPTION, explain

RawDocument = dict[str, Any]

_DEFAULT_DATABASE = "hpnorton"
_TIMEOUT_OPTION = "serverSelectionTimeoutMS"
_TIMEOUT_MS = 3000
_CLOSE_SECONDS = 1.0
_COMMAND_NOT_FOUND = 59
_OF_PROPERTIES = "authMechanismProperties are KEY:VALUE pairs, with commas between them"


class MongoConnection:
    """A connection to the database that a MongoDB URI names; `options` are pymongo's.

    `shown` is the URI without user name and password.
    """

    def __init__(self, uri: str, **options: Any) -> None:
        self.shown = redact(uri)
        self._has_user = "@" in uri.partition("://")[2].partition("/")[0]
        self._hello: RawDocument = {}
        _skip_wait_at_exit()
        with self.translate_errors():
            self.client = self._connect(uri, options)
            # What a secondary answers may be out of date.
            self.database: Database[RawDocument] = self.client.get_default_database(
                _DEFAULT_DATABASE, read_preference=ReadPreference.PRIMARY
            )
        try:
            self._log_in()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the connections, without waiting for a server that does not answer."""
        with pymongo.timeout(_CLOSE_SECONDS):
            self.client.close()

    def _connect(self, uri: str, options: dict[str, Any]) -> pymongo.MongoClient[RawDocument]:
        options = {"appname": "hpnorton", **options}
        if _TIMEOUT_OPTION not in uri:
            options[_TIMEOUT_OPTION] = _TIMEOUT_MS
        if SOCKET_OPTION not in uri:
            options[SOCKET_OPTION] = SOCKET_MS
        try:
            with warnings.catch_warnings():
                # pymongo warns of a wrong option and goes on without it, a login or TLS included.
                warnings.simplefilter("error", UserWarning)
                return pymongo.MongoClient(uri, **options)
        except (InvalidURI, ValueError):
            # pymongo's text may quote a piece of the password, so it is not kept as the cause.
            raise StoreAccessError(
                f"{self.shown} is no valid MongoDB URI; escape characters such as @ : / in user "
                "name and password as %40 %3A %2F"
            ) from None
        except UserWarning as warning:
            # pymongo quotes properties that it does not know, and one may be a piece of a token.
            reason = _OF_PROPERTIES if "propert" in str(warning) else warning
            raise StoreAccessError(f"{self.shown} has a wrong option: {reason}") from None
        except OSError as error:  # of the files that TLS needs
            raise StoreAccessError(
                f"{self.shown} names a file for TLS that cannot be used: "
                f"{error.filename or ''} {error.strerror or error}".strip()
            ) from error

    def collection(self, name: str) -> MongoCollection[RawDocument]:
        """Return a collection of the database."""
        return self.database[name]

    def _log_in(self) -> None:
        with self.translate_errors():
            try:
                self._hello = self._greeting()
            except (KeyError, OperationFailure) as error:
                # A server that knows no login answers without what pymongo looks for, or refuses.
                if isinstance(error, OperationFailure) and error.code != _COMMAND_NOT_FOUND:
                    raise
                raise StoreAccessError(
                    f"{self.shown} did not understand the login; check user name, password and "
                    "authMechanism in the URI"
                ) from error

    def _greeting(self) -> RawDocument:
        """Return what the server says about itself."""
        try:
            return self.database.command("hello")
        except OperationFailure as error:
            if error.code != _COMMAND_NOT_FOUND:
                raise
        return self.database.command("isMaster")  # its name before MongoDB 4.4.2

    @cached_property
    def is_ferretdb(self) -> bool:
        """Whether the server is FerretDB 1; it is asked when that first matters."""
        return "ferretdbVersion" in self.client.admin.command("buildInfo")

    @property
    def has_transactions(self) -> bool:
        """Whether the server is a member of a replica set, or a mongos."""
        return self._hello.get("msg") == "isdbgrid" or "setName" in self._hello

    @contextmanager
    def translate_errors(self) -> Iterator[None]:
        """Raise StoreError, with advice, for what pymongo raises inside."""
        try:
            yield
        except RAISED as error:
            raise explain(error, self.shown, has_user=self._has_user) from error


def _skip_wait_at_exit() -> None:
    """Keep pymongo from waiting at exit, for half a second, for threads that end by themselves.

    pymongo has no public option for that. Where the function has another name, the wait stays.
    """
    if wait := getattr(monitor, "_shutdown_resources", None):
        atexit.unregister(wait)

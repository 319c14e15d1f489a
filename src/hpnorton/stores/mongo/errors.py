"""MongoDB's errors in our words: what is wrong, and what to do next."""

import re
from collections.abc import Mapping, Sequence

from bson.errors import BSONError, InvalidBSON
from pymongo import errors

from hpnorton.errors import StoreAccessError, StoreError, StoreLostError

SOCKET_OPTION = "socketTimeoutMS"
SOCKET_MS = 60_000
# Beside pymongo's own errors: those for documents that cannot be encoded or decoded.
RAISED = (errors.PyMongoError, BSONError, OverflowError, UnicodeEncodeError)

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
# For an error with none of these codes: the first class that it is an instance of.
_BY_CLASS: Sequence[tuple[type[Exception], type[StoreError], str]] = (
    (errors.WaitQueueTimeoutError, StoreError, "MongoDB at {at} refused: {why}"),
    (
        errors.NetworkTimeout,
        StoreLostError,
        "MongoDB at {at} took the call and has not answered in time; see what keeps it, or give it "
        f"longer with {SOCKET_OPTION} in the URI (milliseconds; {SOCKET_MS} without it)",
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


def explain(error: Exception, server: str, *, has_user: bool) -> StoreError:
    """Return the StoreError for an error of pymongo or bson.

    `server` is its URI as it may be shown, `has_user` says whether that names a user.
    """
    code = error.code if isinstance(error, errors.OperationFailure) else None
    if tls := _TLS_FAULT.search(str(error)):
        return StoreAccessError(
            f"TLS with {server} failed: {tls[1].strip()}; check that the server speaks TLS, and "
            "tls, tlsCAFile and tlsCertificateKeyFile in the URI"
        )
    why = _brief(error)
    by_class = next(row[1:] for row in _BY_CLASS if isinstance(error, row[0]))
    kind, words = _BY_CODE.get(code or 0, by_class)
    if code == _UNAUTHORIZED and not has_user:
        kind, words = _LOGIN_NEEDED
    elif code == _UNAUTHORIZED and "authentication" in why.lower():
        kind, words = _NO_LOGIN
    elif isinstance(error, errors.OperationFailure) and _ENDING.search(why):
        kind, words = _LOST
    return kind(words.format(at=server, why=why))


def _brief(error: Exception) -> str:
    return str(error).split(", full error:", maxsplit=1)[0].partition("\n")[0][:300]

"""What a server is known not to do: which tests it cannot pass, and what it says then.

A limit is strict. Its tests have to fail, and with that text; one that no longer holds is a failure
of `make test-servers`. Tests that might pass by chance are not run: another one beside them, which
cannot, holds the limit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Limit:
    """Tests, as patterns of `file.py::test`, that a server fails, the reason, and its own words."""

    servers: tuple[str, ...]
    tests: tuple[str, ...]
    reason: str
    error: str
    is_run: bool = True  # not, where a test may pass by chance

    def covers(self, test: str) -> bool:
        """Whether a test, by its pytest id, is one of them."""
        name = test.rpartition("tests/")[2]
        return any(fnmatchcase(name, pattern) for pattern in self.tests)


_NX = ("nx-27017",)
_FERRET = ("FerretDB",)
_JAVA = ("mongo-java-server", "mongo-java-server H2")
_FEATURES = "servers/features.py::test_"

LIMITS = (
    Limit(
        _NX,
        (_FEATURES + "a_join*",),
        "$lookup gives a text in place of documents, but for one that is unwound at once",
        """'[{"_id":"P1","description":"tv"}]'""",
    ),
    Limit(
        _NX + _FERRET,
        (_FEATURES + "ranges_by_an_index*",),
        "a range of `_id` is a look at all documents; one cursor reads a whole collection",
        "SCAN thing",
    ),
    Limit(
        _JAVA,
        (_FEATURES + "ranges_by_an_index*",),
        "no explain, and a range of `_id` is a look at all documents; one cursor reads them",
        "no such command: 'explain'",
    ),
    Limit(
        _NX,
        (_FEATURES + "groups*",),
        "$group knows no groups of several fields; HPNorton counts repeated keys itself",
        "{'a': '$a', 'b': '$b'}",
    ),
    Limit(
        _NX,
        (_FEATURES + "a_boolean_stays_one*",),
        "an update makes 1 of true",
        "assert 1 is True",
    ),
    Limit(
        _NX,
        (_FEATURES + "a_boolean_identifies*",),
        "a record whose key is a boolean is not found",
        "assert None == {'_id': True}",
    ),
    Limit(
        _NX,
        (_FEATURES + "databases_are_apart*",),
        "collections of one name are the same in all databases",
        "assert {'_id': 1} is None",
    ),
    Limit(
        _NX + _FERRET,
        (_FEATURES + "a_document_that_is_too_large*",),
        "documents of more than 16 MiB are taken, which MongoDB would not take over",
        "assert 'writeErrors' in {",
    ),
    Limit(
        _NX,
        ("stores/test_mongo.py::test_a_document_that_cannot_be_read*",),
        "it breaks off over a date after the year 9999",
        "Got response id",
    ),
    Limit(_NX, (_FEATURES + "a_login*",), "there are no logins", "KeyError: 'payload'"),
    Limit(
        _FERRET,
        (_FEATURES + "a_join*",),
        "no $lookup; HPNorton asks two questions",
        '`aggregate` stage "$lookup" is not implemented yet',
    ),
    Limit(
        _FERRET,
        (_FEATURES + "a_sample*",),
        "no $sample; a look at all documents is one range, a sample is taken of all of them",
        '`aggregate` stage "$sample" is not implemented yet',
    ),
    Limit(
        _FERRET,
        (_FEATURES + "transactions*",),
        "no transactions; the counter does without",
        'unknown field "startTransaction"',
    ),
    Limit(
        _FERRET,
        (_FEATURES + "an_update_is_atomic*",),
        "of updates made at once some are lost; not for several clerks at once",
        "== {'_id': 1, 'number': 400}",
    ),
    Limit(
        _FERRET,
        ("stores/test_foreign_values.py::test_a_stock_*no_whole_number*no number*",),
        "it closes the connection over a number that is none (NaN)",
        "connection closed",
    ),
    Limit(
        _FERRET,
        ("rental/test_counter_races.py::*",),
        "of updates made at once some are lost; not for several clerks at once",
        "",
        is_run=False,
    ),
    Limit(
        _JAVA,
        (_FEATURES + "hello*",),
        "no hello; its older name isMaster does",
        "no such command: 'hello'",
    ),
    Limit(
        _JAVA,
        (_FEATURES + "transactions*",),
        "no transactions; the counter does without",
        "Sessions are not supported by this MongoDB deployment",
    ),
    Limit(
        _JAVA,
        (_FEATURES + "a_document_that_is_too_large*",),
        "a document of more than 16 MiB ends the connection",
        "connection closed",
    ),
    Limit(_JAVA, (_FEATURES + "a_login*",), "there are no logins", "no such command: 'saslStart'"),
)


def limits_of(server: str) -> Sequence[Limit]:
    """The known limits of a server."""
    return [limit for limit in LIMITS if server in limit.servers]

"""What a server is known not to do: which tests it cannot pass, and what it says then.

A limit is strict. Its tests have to fail, and with that text; one that no longer holds is a failure
of `make test-servers`.
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

    def covers(self, test: str) -> bool:
        """Whether a test, by its pytest id, is one of them."""
        name = test.rpartition("tests/")[2]
        return any(fnmatchcase(name, pattern) for pattern in self.tests)


LIMITS: tuple[Limit, ...] = ()


def limits_of(server: str) -> Sequence[Limit]:
    """The known limits of a server."""
    return [limit for limit in LIMITS if server in limit.servers]

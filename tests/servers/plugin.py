"""What pytest has to know of servers: only the tests of one, and a strict look at its limits.

`suite` starts pytest with it: `pytest -p tests.servers.plugin --only-server ID ...`. Without that
conftest.py sees to the limits of the server that all tests are run against.
"""

import json
from collections.abc import Generator, Iterable
from pathlib import Path

import pytest

from tests.servers.limits import Limit, limits_of

FIXTURES = ("uri", "mongo_uri")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The plugin's own options."""
    parser.addoption("--only-server", metavar="ID", help="what the fixtures call the server")
    parser.addoption("--limits-of", metavar="NAME", help="the server whose known limits hold")
    parser.addoption("--tally", metavar="FILE", type=Path, help="where the counts are written")


def pytest_configure(config: pytest.Config) -> None:
    """Chooses, watches and counts the tests."""
    config.pluginmanager.register(_OneServer(config))


class KnownLimits:
    """Tests beyond a known limit have to fail, and with the error that belongs to it."""

    def __init__(self, server: str, limits: Iterable[Limit]) -> None:
        self._server = server
        self.limited: dict[Limit, list[str]] = {limit: [] for limit in limits}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Turns such a failure into an expected one, and its absence into a failure."""
        report = yield
        limit = self._limit_of(item)
        if limit is None:
            return report
        if not limit.is_run:
            if report.when == "setup":
                self.limited[limit].append(item.nodeid)
        elif report.when == "call" and report.passed:
            report.outcome = "failed"
            report.longrepr = f"the known limit no longer holds: {limit.reason}"
        elif report.when == "call" and report.failed and limit.error in report.longreprtext:
            report.outcome = "skipped"
            report.wasxfail = limit.reason
            self.limited[limit].append(item.nodeid)
        return report

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Tests that might pass by chance are not run."""
        for item in items:
            limit = self._limit_of(item)
            if limit and not limit.is_run:
                item.add_marker(pytest.mark.xfail(run=False, reason=limit.reason))

    def _limit_of(self, item: pytest.Item) -> Limit | None:
        if self._server not in servers_of(item):
            return None
        return next((limit for limit in self.limited if limit.covers(item.nodeid)), None)


class _OneServer:
    """The tests of one server, and what became of them."""

    def __init__(self, config: pytest.Config) -> None:
        self._server: str = config.getoption("--only-server")
        self._limits = KnownLimits(self._server, limits_of(config.getoption("--limits-of")))
        config.pluginmanager.register(self._limits)
        self._file: Path = config.getoption("--tally")
        self._passed: set[str] = set()
        self._failed: list[str] = []
        self._skipped: dict[str, str] = {}

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Leaves out what another database is tested by."""
        ours = [item for item in items if self._server in servers_of(item)]
        config.hook.pytest_deselected(items=list(set(items).difference(ours)))
        items[:] = ours

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Counts."""
        if report.failed:
            self._failed.append(report.nodeid)
        elif report.skipped and not hasattr(report, "wasxfail"):
            where_and_why = report.longrepr
            assert isinstance(where_and_why, tuple)
            self._skipped[report.nodeid] = where_and_why[2]
        elif report.passed and report.when == "call":
            self._passed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """Writes down the counts."""
        tally = {
            "passed": len(self._passed.difference(self._failed)),
            "failed": self._failed,
            "skipped": self._skipped,
            "limits": [
                [limit.reason, limit.error, tests] for limit, tests in self._limits.limited.items()
            ],
        }
        self._file.write_text(json.dumps(tally), encoding="utf-8")


def servers_of(item: pytest.Item) -> set[object]:
    """What a test's parameters say of the server it runs against."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return {parameters[name] for name in FIXTURES if name in parameters}

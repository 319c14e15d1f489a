"""A pytest plugin: only the tests of one server, and a strict look at what it cannot pass.

`suite` starts pytest with it: `pytest -p tests.servers.plugin --only-server ID ...`.
"""

import json
from collections.abc import Generator
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


class _OneServer:
    """The tests of one server, and what became of them."""

    def __init__(self, config: pytest.Config) -> None:
        self._server: str = config.getoption("--only-server")
        self._limits = limits_of(config.getoption("--limits-of"))
        self._file: Path = config.getoption("--tally")
        self._passed: set[str] = set()
        self._failed: list[str] = []
        self._skipped: dict[str, str] = {}
        self._limited: dict[Limit, list[str]] = {limit: [] for limit in self._limits}

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Leaves out what another database is tested by."""
        ours = [item for item in items if self._server in _servers_of(item)]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(ours)])
        items[:] = ours

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """A test beyond a known limit has to fail, and with the error that belongs to it."""
        report = yield
        limit = next((limit for limit in self._limits if limit.covers(item.nodeid)), None)
        if limit is None or report.when != "call":
            return report
        if report.passed:
            report.outcome = "failed"
            report.longrepr = f"the known limit no longer holds: {limit.reason}"
        elif report.failed and limit.error in report.longreprtext:
            report.outcome = "skipped"
            report.wasxfail = limit.reason
            self._limited[limit].append(item.nodeid)
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Counts."""
        if report.failed:
            self._failed.append(report.nodeid)
        elif report.skipped and not hasattr(report, "wasxfail"):
            self._skipped[report.nodeid] = report.longreprtext
        elif report.passed and report.when == "call":
            self._passed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """Writes down the counts; a limit that no test met is a failure too."""
        for limit, tests in self._limited.items():
            if not tests:
                self._failed.append(f"the known limit that no test met: {limit.reason}")
        tally = {
            "passed": len(self._passed.difference(self._failed)),
            "failed": self._failed,
            "skipped": self._skipped,
            "limits": [
                [limit.reason, limit.error, tests] for limit, tests in self._limited.items()
            ],
        }
        self._file.write_text(json.dumps(tally), encoding="utf-8")


def _servers_of(item: pytest.Item) -> set[object]:
    """What a test's parameters say of the server it runs against."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return {parameters[name] for name in FIXTURES if name in parameters}

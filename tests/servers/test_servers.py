"""The servers for the tests: how they are built, and how strict their known limits are."""

import sys
from pathlib import Path

import pytest

from tests.servers import build
from tests.servers.build import Program
from tests.servers.limits import Limit
from tests.servers.plugin import KnownLimits

pytest_plugins = ["pytester"]

LIMIT = Limit(("slow",), ("test_it.py::test_add*",), "it cannot add", "no such command: 'add'")
TESTS = """
import pytest

@pytest.mark.parametrize("uri", ["quick", "slow"])
def test_add(uri):
    {body}
"""


@pytest.mark.parametrize(
    ("body", "slow_one"),
    [
        ("assert uri == 'quick', \"no such command: 'add'\"", "xfailed"),
        ("assert uri == 'quick', 'connection closed'", "failed"),
        ("pass", "failed"),
    ],
    ids=["as it is known", "for another reason", "not at all"],
)
def test_a_known_limit_is_strict(pytester: pytest.Pytester, body: str, slow_one: str) -> None:
    """A test has to fail, and in the server's words; that of another server is as always."""
    pytester.makepyfile(test_it=TESTS.format(body=body))
    done = pytester.inline_run("-p", "no:cacheprovider", plugins=[KnownLimits("slow", [LIMIT])])
    counts = dict(zip(("passed", "skipped", "failed"), done.countoutcomes()))
    wanted = {"xfailed": "skipped"}.get(slow_one, slow_one)
    assert counts == {"passed": 1, "skipped": 0, "failed": 0} | {wanted: 1}


def test_what_may_pass_by_chance_is_not_run(pytester: pytest.Pytester) -> None:
    """It is counted all the same."""
    pytester.makepyfile(test_it=TESTS.format(body="assert uri == 'quick'"))
    limit = Limit(LIMIT.servers, LIMIT.tests, LIMIT.reason, "", is_run=False)
    limits = KnownLimits("slow", [limit])
    done = pytester.inline_run("-p", "no:cacheprovider", plugins=[limits])
    assert done.countoutcomes() == [1, 1, 0]
    assert limits.limited == {limit: ["test_it.py::test_add[slow]"]}


@pytest.fixture(name="sources")
def make_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sources, and an empty folder for what is built of them."""
    built = tmp_path / "built"
    built.mkdir()
    monkeypatch.setattr(build, "BUILT", built)
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "main.txt").write_text("1")
    return folder


def test_nothing_is_built_twice(sources: Path, tmp_path: Path) -> None:
    """Only where the sources have changed."""
    code = "import sys; open(sys.argv[1], 'a').write(open('main.txt').read())"
    program = Program("thing", sources, lambda out: [sys.executable, "-c", code, str(out)])
    for text in ("1", "1", "2"):
        (sources / "main.txt").write_text(text)
        assert program.build() == ""
    assert (tmp_path / "built" / "thing").read_text() == "12"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (["no-such-tool"], "there is no no-such-tool on this machine"),
        ([sys.executable, "-c", "exit('not to be had')"], "not to be had"),
    ],
)
def test_what_cannot_be_built_has_a_reason(sources: Path, command: list[str], reason: str) -> None:
    """And is tried again the next time."""
    program = Program("thing", sources, lambda out: command)
    assert [program.build(), program.build()] == [reason, reason]

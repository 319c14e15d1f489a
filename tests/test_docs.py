"""README and docs: their links lead somewhere, and their commands are those of the command line."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from hpnorton import cli
from tests.helpers.commandline import ROOT, CommandLine
from tests.helpers.scripts import load_script

README = ROOT / "README.md"
GUIDES = sorted((ROOT / "docs").glob("*.md"))
PAGES = [
    README,
    *GUIDES,
    *(ROOT / name for name in ("CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
    *sorted((ROOT / "tests").rglob("*.md")),
]
_PROGRAMS = ("hpnorton", "./HPNorton.py")


def id_of(page: Path) -> str:
    """Return the name of a page for a test's name."""
    return str(page.relative_to(ROOT))


def without_code(text: str) -> str:
    """Return a page's text without its blocks of code."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"^    .*$", "", text, flags=re.MULTILINE)


def anchors_of(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", without_code(page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links_of(page: Path) -> list[str]:
    """Return the relative links of a page."""
    links: list[str] = re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text("utf-8")))
    return [link for link in links if not re.match("[a-z]+:", link)]


@pytest.mark.parametrize("page", PAGES, ids=id_of)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    """A relative link names a file that is there, and its anchor one of that file's headings."""
    for link in links_of(page):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors_of(target), link


def test_every_guide_can_be_reached_from_the_readme() -> None:
    """Following links from README.md leads to each page in docs/."""
    reached, waiting = set[Path](), [README]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        links = {(page.parent / link.partition("#")[0]).resolve() for link in links_of(page)}
        waiting += sorted((links & set(PAGES)) - reached)
    assert set(GUIDES) <= reached


@pytest.mark.parametrize("name", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_the_modules_named_are_there(name: str) -> None:
    """A path in the pages for developers is one of the repository, the package, or its cli/."""
    package = ROOT / "src" / "hpnorton"
    for path in re.findall(r"`([\w/*]+\.py)`", (ROOT / name).read_text("utf-8")):
        assert any(any(home.glob(path)) for home in (ROOT, package, package / "cli")), path


def test_the_page_of_flags_is_that_of_the_parser() -> None:
    """The tables of docs/cli.md are those of `make docs`: run it after a change of a flag."""
    script = load_script("cli_page")
    page = (ROOT / "docs" / "cli.md").read_text("utf-8")
    assert script.with_flags(page) == page


def commands_of(page: Path) -> Iterator[list[str]]:
    """Yield the arguments of each HPNorton command in a page's blocks of code."""
    text = page.read_text("utf-8").replace("\\\n", " ")
    fenced = re.findall(r"^```(?:sh|cron)?\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^    (.+)$", text, flags=re.MULTILINE)
    for line in [*"".join(fenced).splitlines(), *indented]:
        if not any(program in line for program in _PROGRAMS) or "[OPTION" in line:
            continue
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        command = list[str]()
        for word in [*words, ";"]:
            if not set(word) <= set("|&;<>()"):
                command.append(word)
                continue
            for program in _PROGRAMS:
                if program in command:
                    yield command[command.index(program) + 1 :]
            command.clear()


@pytest.mark.parametrize("page", [README, *GUIDES], ids=id_of)
def test_every_command_shown_can_be_given(page: Path) -> None:
    """Its flags exist, and go together."""
    for arguments in commands_of(page):
        if "--help" not in arguments and "help" not in arguments:
            cli.parse(arguments)


def test_the_example_of_a_datapackage_works(hpnorton: CommandLine) -> None:
    """The files in docs/importing.md are imported as the page shows."""
    page = (ROOT / "docs" / "importing.md").read_text("utf-8")
    blocks = re.findall(r"^```(?:json|csv)\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    for name, text in zip(("datapackage.json", "parts.csv", "orders.csv"), blocks, strict=True):
        (hpnorton.folder / name).write_text(text, "utf-8")
    outcome = hpnorton("--linear", "parts.csv", "orders.csv", "--format", "table", "--quiet")
    assert outcome.status == 3
    numbers = [line.split()[:7] for line in outcome.out.splitlines()]
    assert numbers[2:] == [
        line.split()[:7] for line in re.findall("^    (?:parts|orders) .*", page, re.MULTILINE)
    ]
    reasons = [line for line in outcome.err.splitlines() if ", row " in line]
    assert len(reasons) == 3
    assert all(f"    {reason}\n" in page for reason in reasons)

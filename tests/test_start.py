"""HPNorton.py, which starts .venv's Python: what it says where that cannot be used."""

import os
import shutil
import subprocess
import sys
import tomllib
from collections import namedtuple
from pathlib import Path

import pytest

import HPNorton
from tests.conftest import ROOT

Version = namedtuple("Version", "major minor micro")


@pytest.fixture(name="home")
def copy_the_program(tmp_path: Path) -> Path:
    """A checkout of our own, without a .venv."""
    home = tmp_path / "a checkout"
    home.mkdir()
    shutil.copy(ROOT / "HPNorton.py", home)
    (home / "src").symlink_to(ROOT / "src")
    return home


def start(home: Path) -> str:
    """What the program says, with exit status 1, to a Python that has no packages."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", home / "HPNorton.py", "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1
    return done.stderr


def make_python(home: Path) -> Path:
    """The path of .venv's Python, in a folder that is there."""
    python = home / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    return python


def test_the_packages_are_those_of_the_project() -> None:
    """Every dependency is looked for before HPNorton is started."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = [wanted.partition(">")[0] for wanted in project["dependencies"]]
    assert list(HPNorton.PACKAGES) == sorted(names)
    assert project["requires-python"] == f">={'.'.join(map(str, HPNorton.OLDEST_PYTHON))}"


def test_no_venv(home: Path) -> None:
    """Before `make` was run, the message says to run it, and where."""
    assert f"run 'make' once in {home}" in start(home)


def test_a_python_that_is_gone(home: Path) -> None:
    """A link to a Python that was uninstalled, or a .venv without one, has to be made again."""
    make_python(home).symlink_to(home / "python3.11")
    again = f"remove the folder {home}/.venv and run 'make' in {home}"
    assert "is not there, or no longer" in start(home)
    (home / ".venv/bin/python").unlink()
    assert again in start(home)


def test_a_python_that_may_not_be_used(home: Path) -> None:
    """Where another user's .venv lets nobody in, the message says whom to ask."""
    make_python(home).write_text("#!/bin/sh\n")
    assert "may not be used by you (Permission denied); ask whoever ran 'make'" in start(home)


def test_a_python_of_another_machine(home: Path) -> None:
    """A file that this system cannot run is told, with what to do."""
    python = make_python(home)
    python.write_bytes(b"\x7fELF, but not for this machine")
    python.chmod(0o755)
    assert "cannot be started (Exec format error); remove the folder" in start(home)


@pytest.mark.parametrize("has_configuration", [True, False])
def test_packages_that_are_missing(home: Path, has_configuration: bool) -> None:
    """A .venv whose installation was interrupted is told, with the packages that it lacks."""
    python = make_python(home)
    python.symlink_to(os.path.realpath(sys.executable))
    if has_configuration:
        base = Path(os.path.realpath(sys.executable)).parent
        (home / ".venv" / "pyvenv.cfg").write_text(f"home = {base}\n")
    told = start(home)
    assert f"{home}/.venv lacks the packages" in told and "run 'make'" in told


def test_a_checkout_that_is_not_complete(home: Path) -> None:
    """Where src was copied in part only, the message says so."""
    (home / "src").unlink()
    package = home / "src" / "hpnorton"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    done = subprocess.run(
        [sys.executable, home / "HPNorton.py", "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    told = f"Error: {home}/src is not complete, or may not be read by you: No module named"
    assert done.stderr.startswith(told)


def test_a_python_that_is_too_old(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Another Python goes on as .venv's; if that is too old, the message says which is needed."""
    monkeypatch.setattr(sys, "version_info", Version(3, 9, 2))
    monkeypatch.setattr(HPNorton, "VENV", tmp_path / "none")
    monkeypatch.setattr(HPNorton, "VENV_PYTHON", tmp_path / "none" / "bin" / "python")
    assert HPNorton.run() == 1
    assert "run 'make' once" in capsys.readouterr().err
    monkeypatch.setattr(HPNorton, "VENV_PYTHON", Path(sys.executable))
    assert HPNorton.run() == 1
    assert "is Python 3.9.2; HPNorton needs 3.11 or newer" in capsys.readouterr().err

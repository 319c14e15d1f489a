"""Lazy imports: a module's code runs when the module is first used."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Runs = Callable[[str], str]


@pytest.fixture(name="output_of")
def run_beside_a_package(tmp_path: Path) -> Runs:
    """Run a program beside a package whose modules say when their code runs."""
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").write_text("print('shop'); clerk = 'Ann'")
    (package / "counter.py").write_text("print('counter'); rented = 5")
    (package / "broken.py").write_text("print('broken'); import no_such_module")
    (package / "slow.py").write_text(
        "import sys; sys.running.set(); sys.waiting.wait(); print('slow'); last = 1"
    )

    def output_of(program: str) -> str:
        (tmp_path / "program.py").write_text(
            f"import sys; from hpnorton.lazy import is_imported, lazy_imports\n{program}"
        )
        done = subprocess.run(
            [sys.executable, tmp_path / "program.py"], capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr

    return output_of


def test_a_module_runs_at_its_first_use(output_of: Runs) -> None:
    """Neither it nor its package runs before; each runs once, and a module is what it was."""
    program = """\
with lazy_imports():
    import shop
    from shop import counter
print("start", is_imported("shop.counter"))
print(counter.rented, is_imported("shop.counter"), is_imported("shop"))
from shop.counter import rented
print(rented, shop.clerk, counter is sys.modules["shop.counter"], type(counter).__name__)
"""
    assert output_of(program).split("\n") == [
        "start False",
        "counter",
        "5 True False",
        "shop",
        "5 Ann True module",
        "",
    ]


def test_other_imports_run_at_once(output_of: Runs) -> None:
    """After the block imports are as before, and so is a module that was imported already."""
    program = """\
import shop
with lazy_imports():
    from shop import counter
import shop.counter as same
print(same.rented)
with lazy_imports():
    from shop import counter
print(is_imported("shop.counter"), is_imported("no_such_module"))
"""
    assert output_of(program).split() == ["shop", "counter", "5", "True", "False"]


def test_only_modules_can_be_imported_lazily(output_of: Runs) -> None:
    """A name that a module defines is not known before its code runs: that is an ImportError."""
    program = "with lazy_imports():\n    from shop.counter import rented"
    assert "ImportError: cannot import name 'rented' from 'shop.counter'" in output_of(program)


def test_an_import_that_fails_fails_at_each_use(output_of: Runs) -> None:
    """The first use raises what the module raises, and so does the next one."""
    program = """\
with lazy_imports():
    from shop import broken
for _ in range(2):
    try:
        broken.anything
    except ImportError as error:
        print(error.name)
"""
    assert output_of(program).split() == ["broken", "no_such_module"] * 2


def test_a_module_that_is_missing_is_missed_at_once(output_of: Runs) -> None:
    """The import itself fails where there is no such module."""
    program = "with lazy_imports():\n    import no_such_module"
    assert "ModuleNotFoundError: No module named 'no_such_module'" in output_of(program)


def test_threads_share_a_module_that_is_complete(output_of: Runs) -> None:
    """A thread that uses a module while another one runs its code waits for the end of that."""
    program = """\
import threading
with lazy_imports():
    from shop import slow
sys.running, sys.waiting = threading.Event(), threading.Event()
found = []
def use():
    found.append(slow.last)
def use_meanwhile():
    sys.running.wait()
    sys.waiting.set()
    found.append(slow.last)
threads = [threading.Thread(target=use), threading.Thread(target=use_meanwhile)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(found)
"""
    assert output_of(program) == "slow\n[1, 1]\n"

#!/usr/bin/env python3
"""HPNorton from a checkout: put src on the path and call main()."""
# pylint: disable=invalid-name # the owner named the file

import os
import sys
from importlib.util import find_spec
from pathlib import Path

HOME = Path(__file__).resolve().parent
VENV = HOME / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
OLDEST_PYTHON = (3, 11)
# What the dependencies of pyproject.toml are imported as.
PACKAGES = ("loguru", "pymongo", "regex", "rich")


def run() -> int:
    """Run the command line with the dependencies that `make` installs into .venv."""
    if sys.version_info < OLDEST_PYTHON or not all(map(find_spec, PACKAGES)):
        return fail(run_in_venv())
    try:
        # The package is importable only now.
        from hpnorton.cli import main  # pylint: disable=import-outside-toplevel
    except (ImportError, OSError) as error:
        return fail(f"{HOME / 'src'} is not complete, or may not be read by you: {error}")
    return main(home=HOME)


def fail(message: str) -> int:
    """Write an error to stderr, if that is open, and return the exit status."""
    if sys.stderr is not None:
        print(f"Error: {message}", file=sys.stderr)
    return 1


def run_in_venv() -> str:
    """Continue as .venv's Python, or return why that is impossible and what to do."""
    again = f"remove the folder {VENV} and run 'make' in {HOME}"
    if VENV_PYTHON in (Path(sys.executable), Path(sys.prefix, "bin", "python")):
        if sys.version_info < OLDEST_PYTHON:
            version = ".".join(map(str, sys.version_info[:3]))
            return (
                f"{VENV_PYTHON} is Python {version}; HPNorton needs 3.11 or newer: {again} "
                "PYTHON=python3.11, or another one"
            )
        missing = ", ".join(name for name in PACKAGES if not find_spec(name))
        return f"{VENV} lacks the packages {missing}; {again}"
    message = ""
    try:
        os.execv(VENV_PYTHON, [str(VENV_PYTHON), *sys.argv])
    except FileNotFoundError:
        message = f"the Python of {VENV} is not there, or no longer; {again}"
        if not os.path.lexists(VENV):
            message = f"HPNorton's packages are not installed; run 'make' once in {HOME}"
    except PermissionError as error:
        message = (
            f"{VENV_PYTHON}, or the Python it links to, may not be used by you "
            f"({error.strerror}); ask whoever ran 'make' to let you read and enter that folder, or "
            "run 'make' in a copy of your own"
        )
    except OSError as error:
        message = f"{VENV_PYTHON} cannot be started ({error.strerror}); {again}"
    return message


sys.path.insert(0, str(HOME / "src"))
if __name__ == "__main__":
    try:
        sys.exit(run())
    except KeyboardInterrupt:  # before main() was there to handle it
        sys.exit(130)

#!/usr/bin/env python3
"""HPNorton, from a checkout: puts src on the path and calls main()."""
# pylint: disable=invalid-name # the owner named the file

import os
import sys
from importlib.util import find_spec
from pathlib import Path

HOME = Path(__file__).resolve().parent
VENV_PYTHON = HOME / ".venv" / "bin" / "python"


def run() -> int:
    """Runs the command line with the dependencies that `make` has installed into .venv."""
    if find_spec("loguru") is None:
        if VENV_PYTHON.exists() and Path(sys.prefix) != VENV_PYTHON.parent.parent:
            os.execv(VENV_PYTHON, [str(VENV_PYTHON), *sys.argv])
        print("Error: HPNorton's packages are not installed; run 'make' once", file=sys.stderr)
        return 1
    # The package is importable only now.
    from hpnorton.cli import main  # pylint: disable=import-outside-toplevel

    return main(home=HOME)


sys.path.insert(0, str(HOME / "src"))
if __name__ == "__main__":
    try:
        sys.exit(run())
    except KeyboardInterrupt:  # before main() was there to handle it
        sys.exit(130)

"""Commands that find no room for what they write, on any disk."""

import sys
from collections.abc import Sequence

# What coverage would write is left out, and bytecode: Python keeps a half of it as if it were whole
# (https://github.com/python/cpython/issues/126606), and no later process could import that.
_LIMITED = (
    "import os, resource, sys; n = int(sys.argv[1]);"
    "[os.environ.pop(name) for name in [*os.environ] if name.startswith('COV')];"
    "os.environ['PYTHONDONTWRITEBYTECODE'] = '1';"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (n, n)); os.execv(sys.argv[2], sys.argv[2:])"
)


def limited(size: int, command: Sequence[str]) -> list[str]:
    """A command none of whose files may have more bytes; nor may those of processes it starts."""
    return [sys.executable, "-c", _LIMITED, str(size), *command]

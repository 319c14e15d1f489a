"""The command line on a terminal: a pseudo-terminal stands for the screen."""

import os
import pty
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.helpers.commandline import CommandLine


def on_terminal(hpnorton: CommandLine, *arguments: str | Path, columns: int = 80) -> str:
    """Everything that appears on a terminal without a pager until the program ends."""
    return ended_on_terminal(hpnorton, *arguments, columns=columns)[1]


def ended_on_terminal(
    hpnorton: CommandLine,
    *arguments: str | Path,
    columns: int = 80,
    lines: int = 24,
    environment: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """The exit status of a command on a terminal, and everything that appears there."""
    screen, terminal = pty.openpty()
    size = {"COLUMNS": str(columns), "LINES": str(lines)}
    variables = size | {"TERM": "xterm-256color", "PAGER": ""}
    process = subprocess.Popen(
        hpnorton.command(arguments),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        cwd=hpnorton.folder,
        env=hpnorton.environment(variables | dict(environment or {})),
        start_new_session=True,
    )
    os.close(terminal)
    shown = b""
    with process, open(screen, "rb", buffering=0) as reading:
        while True:
            try:
                block = reading.read(65536)
            except OSError:  # Linux's way to say that nobody writes any more
                break
            if not block:
                break
            shown += block
    return process.returncode, shown.decode().replace("\r\n", "\n")

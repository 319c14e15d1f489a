"""The command line as a user runs it, in this process where that makes no difference."""

import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from unittest.mock import patch

from hpnorton import cli
from hpnorton.log import start_log
from hpnorton.stores import close_process_stores

ROOT = Path(__file__).parents[2]
_OWN = "HPNORTON_"
# Their workers inherit what a process of the command line has, such as its folder and its stderr.
_WITH_WORKERS = {"--parallel", "--workers", "--compare", "--scheduler"}


@dataclass(frozen=True)
class Outcome:
    """What a run of the command line left behind."""

    status: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """The JSON on stdout."""
        return json.loads(self.out)


class CommandLine:
    """HPNorton as a user runs it, with settings of its own in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self,
        *arguments: str | Path,
        uri: str | None = None,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
    ) -> Outcome:
        """Runs a command: in this process, which is quicker, unless it needs one of its own.

        It needs one for workers, for stdin, for variables that Python or a library reads, and in
        a thread, since the current folder and stdout belong to the whole process.
        """
        command = self.command(arguments, uri)
        is_alone = threading.current_thread() is threading.main_thread()
        names = environment or {}
        if stdin or not is_alone or not _WITH_WORKERS.isdisjoint(command):
            return self.run(command, stdin, environment)
        if not all(name.startswith(_OWN) for name in names):
            return self.run(command, stdin, environment)
        return self._run_here(command[1:], self.environment(environment))

    def run(
        self,
        command: Sequence[str] | str,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
    ) -> Outcome:
        """Runs a command, or a line of the shell, as a process where the command line is run."""
        done = subprocess.run(
            command,
            shell=isinstance(command, str),
            input=stdin,
            capture_output=True,
            cwd=self.folder,
            env=self.environment(environment),
            timeout=120,
            check=False,
        )
        return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(
        self, *arguments: str | Path, uri: str | None = None, stdin: int = subprocess.DEVNULL
    ) -> "subprocess.Popen[bytes]":
        """Starts HPNorton in a session of its own, as a terminal does, and does not wait.

        Its coverage is not measured: Ctrl+C could hit coverage itself, while it holds a lock.
        """
        environment = self.environment()
        return subprocess.Popen(
            self.command(arguments, uri),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=stdin,
            cwd=self.folder,
            env={name: text for name, text in environment.items() if not name.startswith("COV")},
            start_new_session=True,
            bufsize=0,  # communicate() would lose what is in a buffer behind a line that was read
        )

    def resume(self, err: bytes) -> Outcome:
        """Runs the command that an interrupted import has told on stderr, as it stands there."""
        _, told = err.decode().split("To go on where it stopped:\n  ")
        return self.run(told)

    def command(self, arguments: Sequence[str | Path], uri: str | None = None) -> list[str]:
        """The whole command."""
        database = ["--uri", uri] if uri else []
        return [sys.executable, str(ROOT / "HPNorton.py"), *map(str, arguments), *database]

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment without the user's own settings, and with the folder's."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(_OWN)}
        clean["HPNORTON_SETTINGS"] = str(self.folder / "settings.ini")
        return clean | dict(more or {})

    def _run_here(self, argv: list[str], environment: Mapping[str, str]) -> Outcome:
        with _file() as out, _file() as err, ExitStack() as stack:
            stack.enter_context(chdir(self.folder))
            stack.enter_context(patch.dict(os.environ, environment, clear=True))
            stack.enter_context(patch("sys.argv", argv))
            stack.enter_context(
                patch("sys.stdin", stack.enter_context(open(os.devnull, encoding="utf-8")))
            )
            stack.enter_context(redirect_stdout(out))
            stack.enter_context(redirect_stderr(err))
            stack.callback(start_log, None)
            stack.callback(close_process_stores)
            status = _status_of(argv[1:])
            return Outcome(status, _text_of(out), _text_of(err))


@contextmanager
def _file() -> Iterator[io.TextIOWrapper]:
    """A file in place of stdout or stderr; it is one of the operating system, as they are."""
    with TemporaryFile() as file, io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
        yield text


def _text_of(file: io.TextIOWrapper) -> str:
    file.seek(0)
    return file.read()


def _status_of(arguments: Sequence[str]) -> int:
    try:
        return cli.main(arguments, ROOT)
    except SystemExit as end:  # as argparse ends after --help
        assert isinstance(end.code, int)
        return end.code


def command_line(folder: Path) -> CommandLine:
    """The command line with a folder of its own, where its databases go too."""
    folder.mkdir()
    text = (ROOT / "settings.ini").read_text(encoding="utf-8")
    settings = text.replace("data = data/", f"data = {ROOT}/data/")
    (folder / "settings.ini").write_text(settings, encoding="utf-8")
    return CommandLine(folder)

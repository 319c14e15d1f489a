"""Fetches and builds what the tests run against, into .servers: `make servers`.

Each thing is built by its own client from what is pinned beside this file, and not again until that
changes. What cannot be built here is named with the reason, and does not stop the others.
"""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.servers import BUILT

SOURCES = Path(__file__).resolve().parent
_SECONDS = 1200
_Command = Callable[[Path], list[str]]


@dataclass(frozen=True)
class Program:
    """A thing to build: its name in .servers, its sources, and what makes one of the other."""

    name: str
    sources: Path
    command: _Command

    def build(self) -> str:
        """Builds it where that has not been done; why it cannot be, or nothing."""
        stamp = BUILT / f"{self.name}.built"
        wanted = self._digest()
        if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
            return ""
        command = self.command(BUILT / self.name)
        if shutil.which(command[0]) is None:
            return f"there is no {command[0]} on this machine"
        print(f"Building {self.name} ...", flush=True)
        try:
            done = subprocess.run(
                command,
                cwd=self.sources,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return f"{command[0]} took more than {_SECONDS} s"
        if done.returncode:
            lines = done.stdout.strip().splitlines() or [f"{command[0]} failed"]
            return " / ".join(lines[-3:])
        stamp.write_text(wanted, encoding="utf-8")
        return ""

    def _digest(self) -> str:
        """What tells whether the sources have changed."""
        digest = hashlib.sha256()
        for path in sorted(path for path in self.sources.iterdir() if path.is_file()):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
        return digest.hexdigest()


def _go(*package: str) -> _Command:
    # The project's sources may have no version control around them.
    return lambda out: ["go", "build", "-buildvcs=false", "-o", str(out), *package]


def _maven(out: Path) -> list[str]:
    options = ["--batch-mode", "--quiet", f"-Dout={out}"]
    return ["mvn", *options, "compile", "dependency:copy-dependencies"]


PROGRAMS = (
    Program("ferretdb", SOURCES / "ferretdb", _go(".")),
    Program("mongo-java-server", SOURCES / "mongo_java_server", _maven),
    Program(
        "mongoimport",
        SOURCES / "mongoimport",
        _go("github.com/mongodb/mongo-tools/mongoimport/main"),
    ),
)


def build_all() -> dict[str, str]:
    """Builds all of them; why not, by name, where that is so."""
    BUILT.mkdir(exist_ok=True)
    reasons = {program.name: program.build() for program in PROGRAMS}
    return {name: reason for name, reason in reasons.items() if reason}


def main() -> int:
    """Builds, says what there is, and returns the exit status: 1 if something is missing."""
    missing = build_all()
    for program in PROGRAMS:
        reason = missing.get(program.name)
        print(f"{program.name}: {f'not built: {reason}' if reason else BUILT / program.name}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())

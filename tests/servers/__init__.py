"""MongoDB servers of our own, for the tests and the benchmarks: started, killed, started again.

They listen on 127.0.0.1 and keep their data in a folder that their user gives. What `make servers`
has not built cannot be started; Server.missing tells. `build` builds, `limits` says which tests a
server cannot pass, `suite` runs the tests against each of them.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

BUILT = Path(__file__).resolve().parents[2] / ".servers"
_START_SECONDS = 30.0


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server(ABC):
    """A server of our own; `folder` holds its data and its output."""

    name: ClassVar[str]
    program: ClassVar[str]  # what `build` calls it, or the package that has it
    keeps_data: ClassVar[bool] = True  # what it has acknowledged is there after it was killed
    is_slow: ClassVar[bool] = False  # takes some ten thousand documents a second

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @classmethod
    @abstractmethod
    def missing(cls) -> str:
        """Why it cannot be started here; empty if it can."""

    @classmethod
    @abstractmethod
    def release(cls) -> str:
        """Its version: many say that they are some MongoDB."""

    @abstractmethod
    def command(self) -> list[str]:
        """What runs it."""

    @property
    def uri(self) -> str:
        """Where it listens, without a database."""
        return f"mongodb://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it, on the same port and with the same data as before; waits until it listens."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("COV")}
        with (self.folder / "output").open("ab") as output:
            # pylint: disable-next=consider-using-with # stop() ends it
            self.process = subprocess.Popen(
                self.command(),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self._wait_for_port(self.process)

    def stop(self) -> None:
        """Kills it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def _wait_for_port(self, process: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                output = self.folder / "output"
                assert process.poll() is None, f"{self.name} has ended; see {output}"
                assert time.monotonic() < deadline, f"{self.name} does not listen; see {output}"
                time.sleep(0.01)


class NxServer(Server):
    """nx-27017, of the development environment: https://pypi.org/project/nx-27017/"""

    name = "nx-27017"
    program = "nx-27017"
    is_slow = True
    _path = Path(sys.executable).parent / program

    @classmethod
    def missing(cls) -> str:
        """Why it cannot be started here; empty if it can."""
        return "" if cls._path.exists() else "pip install nx-27017"

    @classmethod
    def release(cls) -> str:
        """Its version: many say that they are some MongoDB."""
        return version(cls.name)

    def command(self) -> list[str]:
        """What runs it."""
        files = {"--db": "nx.db", "--log-file": "nx.log", "--pid-file": "nx.pid"}
        options = [text for flag, name in files.items() for text in (flag, str(self.folder / name))]
        return [str(self._path), "-p", str(self.port), *options]


class FerretServer(Server):
    """FerretDB 1 with its SQLite backend: https://docs.ferretdb.io"""

    name = "FerretDB"
    program = "ferretdb"
    is_slow = True
    _path = BUILT / program

    @classmethod
    def missing(cls) -> str:
        """Why it cannot be started here; empty if it can."""
        return "" if cls._path.exists() else "make servers"

    @classmethod
    def release(cls) -> str:
        """Its version: many say that they are some MongoDB."""
        return _pinned(r"FerretDB v(\S+)", cls.program, "go.mod")

    def command(self) -> list[str]:
        """What runs it."""
        return [str(self._path), f"127.0.0.1:{self.port}", str(self.folder)]


class JavaServer(Server):
    """mongo-java-server, in memory: https://github.com/bwaldvogel/mongo-java-server"""

    name = "mongo-java-server"
    program = "mongo-java-server"
    keeps_data = False
    _home = BUILT / program

    @classmethod
    def missing(cls) -> str:
        """Why it cannot be started here; empty if it can."""
        if shutil.which("java") is None:
            return "there is no java"
        return "" if (cls._home / "classes").exists() else "make servers"

    @classmethod
    def release(cls) -> str:
        """Its version: many say that they are some MongoDB."""
        return _pinned(r"<version>(\d+\.\S+)<", "mongo_java_server", "pom.xml")

    def command(self) -> list[str]:
        """What runs it."""
        parts = f"{self._home / 'classes'}:{self._home / 'dependency' / '*'}"
        return ["java", "-cp", parts, "Launch", str(self.port)]


class JavaFileServer(JavaServer):
    """mongo-java-server with its H2 backend; what it did in its last second may be lost."""

    name = "mongo-java-server H2"

    def command(self) -> list[str]:
        """What runs it."""
        return [*super().command(), str(self.folder / "h2.mv")]


def _pinned(pattern: str, *source: str) -> str:
    """The version in one of the sources beside this file: the first that fits the pattern."""
    found = re.search(pattern, Path(__file__).parent.joinpath(*source).read_text(encoding="utf-8"))
    assert found is not None, source
    return found[1]


SERVERS: tuple[type[Server], ...] = (NxServer, FerretServer, JavaServer, JavaFileServer)
# To a client the last one is the same as the one before.
DIFFERENT = SERVERS[:-1]


@contextmanager
def running(kind: type[Server], folder: Path) -> Iterator[Server]:
    """A server that runs until the block ends; `folder` is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    server = _started(kind, folder)
    try:
        yield server
    finally:
        server.stop()


def _started(kind: type[Server], folder: Path, tries: int = 3) -> Server:
    """Starts a server; on another port if somebody else took the one that was free a moment ago."""
    server = kind(folder)
    try:
        server.start()
    except BaseException as error:
        server.stop()
        if isinstance(error, AssertionError) and tries > 1:
            return _started(kind, folder, tries - 1)
        raise
    return server

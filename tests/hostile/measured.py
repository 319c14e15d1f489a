"""A command as a process of its own: what it says, and the most memory that it held."""

import gzip
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from hpnorton.compare import stopwatch

_RSS_BYTES = 1 if sys.platform == "darwin" else 1024
# Isolated and without site-packages, it is smaller than what it measures.
_STOPWATCH = (sys.executable, "-I", "-S", str(stopwatch.__file__))


def gzip_bomb(path: Path, head: bytes, content: bytes, times: int) -> Path:
    """Makes a .gz file with a head, and then a content so many times; the path."""
    packed = gzip.compress(content)
    with path.open("wb") as out:
        out.write(gzip.compress(head))
        for _ in range(times):
            out.write(packed)  # a member of its own each time
    return path


@dataclass(frozen=True)
class Measured:
    """How a command ended. `peak` are the most bytes that it held, `fed` those that it was given.

    If it has started others, the peak is that of the largest. `seconds` are those from its start.
    """

    status: int
    out: str
    err: str
    peak: int
    fed: int
    seconds: float


def run_measured(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    feed: Iterable[bytes],
    patience: float = 100,
) -> Measured:
    """Runs a command that is fed through stdin, as long as it takes any.

    After so many seconds of `patience` it is killed, and TimeoutExpired raised.
    """
    fed = 0

    def pour() -> None:
        nonlocal fed
        assert process.stdin is not None
        try:
            for block in feed:
                process.stdin.write(block)
                fed += len(block)
            process.stdin.close()
        except BrokenPipeError:  # it has had enough
            pass

    with TemporaryFile() as out, TemporaryFile() as err, TemporaryFile() as result:
        with subprocess.Popen(
            [*_STOPWATCH, str(result.fileno()), *command],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=err,
            cwd=folder,
            env=environment,
            bufsize=0,
            pass_fds=[result.fileno()],
            start_new_session=True,
        ) as process:
            pouring = threading.Thread(target=pour)
            pouring.start()
            try:
                process.wait(patience)
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                raise
            finally:
                pouring.join()
        status, seconds, _, peak = _text_of(result).split()
        return Measured(
            int(status), _text_of(out), _text_of(err), int(peak) * _RSS_BYTES, fed, float(seconds)
        )


def _text_of(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()

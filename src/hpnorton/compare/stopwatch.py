"""Runs a command, and writes what it took: a script for `children.py`, with nothing to import.

A process is born as a copy of its parent, whose memory counts as its own from then on. So this
parent is as small as Python can be.
"""

import os
import signal
import sys
from time import perf_counter


def main() -> None:
    """Writes exit status, seconds, CPU seconds and peak memory to the file descriptor given first.

    The rest of the arguments are the command. Ctrl+C is for the command alone.
    """
    result, *command = sys.argv[1:]
    os.set_inheritable(int(result), False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    start = perf_counter()
    pid = os.posix_spawn(command[0], command, os.environ, setsigdef=[signal.SIGINT])
    _, status, usage = os.wait4(pid, 0)
    seconds = perf_counter() - start
    figures = (
        os.waitstatus_to_exitcode(status),
        seconds,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss,
    )
    os.write(int(result), " ".join(map(repr, figures)).encode())


if __name__ == "__main__":
    main()

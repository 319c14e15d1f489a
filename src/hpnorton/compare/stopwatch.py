"""A script for `children.py` that runs a command and measures it.

The peak memory of a process includes that of its parent when it was forked, so this parent imports
as little as possible.
"""

import os
import signal
import sys
from time import perf_counter


def main() -> None:
    """Write exit status, seconds, CPU seconds and peak memory to a file descriptor.

    The arguments are the file descriptor and the command. Only the command handles Ctrl+C.
    `Children.run` reads the figures in this order.
    """
    result_fd, *command = sys.argv[1:]
    os.set_inheritable(int(result_fd), False)
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
    os.write(int(result_fd), " ".join(map(repr, figures)).encode())


if __name__ == "__main__":
    main()

"""The machine on which imports were measured."""

import os
import platform
import sqlite3
import subprocess
import sys
from pathlib import Path


def describe_machine() -> dict[str, str]:
    """Return what measurements depend on, by name: processor, memory, software and load."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    busy = ", ".join(f"{load:.2f}" for load in os.getloadavg())
    return {
        "CPU": f"{_cpu()}, {os.cpu_count()} cores",
        "Memory": f"{memory / 2**30:.0f} GiB",
        "System": _system(),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "SQLite": f"{sqlite3.sqlite_version} (of Python)",
        "Load at the start": f"{busy} (1, 5, 15 minutes)",
    }


def _cpu() -> str:
    """Return the model of the processor, or its architecture if the model is unknown."""
    try:
        if sys.platform == "darwin":
            ask = ("sysctl", "-n", "machdep.cpu.brand_string")
            return subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip()
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except (OSError, subprocess.CalledProcessError):
        return platform.machine()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())


def _system() -> str:
    kernel = f"{platform.system()} {platform.release()}"
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {kernel}"
    except (OSError, KeyError):
        return kernel

#!/usr/bin/env python3
"""Coverage-guided fuzzing of the functions that read files, for as long as you like.

`make fuzz` runs each target of tests/hostile/targets.py for a minute, `make fuzz SECONDS=3600` for
an hour. Input that raises anything but HPNortonError, or takes ten seconds, is kept in var/fuzz/:
add it to tests/hostile/found/ under the target's name, and fix the fault. The script needs
`hpnorton[fuzz]`, which exists for Linux and macOS.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

HOME = Path(__file__).resolve().parent.parent
FOUND = HOME / "tests" / "hostile" / "found"
OUT = HOME / "var" / "fuzz"
# The valid files that each target begins with.
SEEDS = {
    "read_csv": ["data/test/*.csv"],
    "read_typed_csv": ["data/test/*.csv"],
    "read_description": ["data/*.json", "examples/*/*.json"],
    "read_mutated_description": [],  # see MUTATIONS
    "read_settings_file": ["settings.ini"],
}
MUTATIONS = (b"\0\0null", b'\0\7"delete"', b"\0\x10[]", b'\1\0{"a": 1}', b"\0\x21-1", b"\0\x40%d")
LIMITS = ("-timeout=10", "-rss_limit_mb=2048", "-max_len=16384", "-print_final_stats=1")


def main() -> int:
    """Run the targets one after the other; return 1 if one of them finds a fault."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", default=list(SEEDS))
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.targets) - set(SEEDS)):
        parser.error(f"there is no target {', '.join(unknown)}; there are {', '.join(SEEDS)}")
    if arguments.here:
        fuzz(arguments.targets[0], arguments.seconds)
    command = [sys.executable, __file__, "--seconds", str(arguments.seconds), "--here"]
    # libFuzzer ends its process, so that each target has its own.
    found = [name for name in arguments.targets if subprocess.call([*command, name])]
    for name in found:
        print(f"{name} has found something: see {OUT}", file=sys.stderr)
    return 1 if found else 0


def fuzz(name: str, seconds: int) -> None:
    """Call a target with more and more bytes; this ends the process."""
    # pylint: disable=import-outside-toplevel,import-error # of hpnorton[fuzz], and instrumented
    import atheris

    sys.path[:0] = [str(HOME), str(HOME / "src")]
    with atheris.instrument_imports(include=["hpnorton"]):
        from tests.hostile.targets import TARGETS
    corpus = OUT / name
    corpus.mkdir(parents=True, exist_ok=True)
    for pattern in SEEDS[name]:
        for seed in HOME.glob(pattern):
            (corpus / seed.name).write_bytes(seed.read_bytes()[:16384])
    for at, mutation in enumerate(MUTATIONS):  # to others they are as good as any
        (corpus / f"mutation-{at}").write_bytes(mutation)
    with TemporaryDirectory() as folder:

        def once(data: bytes) -> None:
            TARGETS[name](Path(folder), data)

        found = f"-artifact_prefix={OUT}/{name}-"
        where = [str(corpus), *([str(FOUND)] if FOUND.is_dir() else [])]
        options = [found, f"-max_total_time={seconds}", *LIMITS]
        atheris.Setup([sys.argv[0], *options, *where], once)
        atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())

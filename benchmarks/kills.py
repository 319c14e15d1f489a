"""Kills imports at random moments, resumes them, and compares the outcome with a clean import's.

Not a measurement: a trial. Every run has a database of its own, SQLite and nx-27017 by turns, and
its own way to import. Whatever is killed and how often, in the end the database, the refused rows
and the counts have to be those of one undisturbed --linear import.
"""

import argparse
import csv
import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from measure import BenchmarkError, exit_status, hpnorton, markdown_table
from mongo import NX, connected, real_server
from shell import generate, positive

from tests.faults.processes import workers_of
from tests.servers import NxServer

SQLITE = "SQLite"
STORES = (SQLITE, NX)
COLLECTIONS = ("customers", "product", "rental")
LINEAR = "--linear"
WAYS = (
    (LINEAR,),
    ("--parallel",),
    ("--workers", "2", "--parallel"),
    ("--workers", "3", "--parallel"),
)
MODES = INSERT, UPSERT = ("insert", "upsert")
RESUME = "--resume"
CHUNK_ROWS = (500, 20_000)

# Who is killed: all processes, one worker, or the first process, whose workers then have to end.
VICTIMS = GROUP, WORKER, MAIN = ("group", "worker", "main")
KILLED_AGAIN = 0.3
MOST_ATTEMPTS = 20
MOST_SECONDS = 60.0  # besides twenty times what an undisturbed import takes
END_SECONDS = 10.0
PAUSE = 0.005
FAILED = 1
ENDINGS = (0, 3)  # done; done, but rows were refused

# Of a hundred rows of each file one comes more than once, and one is faulty.
ODD_ROWS = 100
TEXT_COLUMNS = {"customers": 3, "product": 1, "rental": 2}
OWNERS = "X"  # customers of such ids are nowhere
EARLIER_SHARE = 0.4
CHANGED_SHARE = 0.1

COUNTS = ("read", "inserted", "updated", "unchanged", "conflicts", "rejected")
EXPORTS = {
    "customers": "--all-customers",
    "product": "--all-products",
    "rental": "--all-rentals",
}
HEADER = ("store", "runs", *(f"killed {victim}" for victim in VICTIMS), "differences")

Row = list[str]


# The files.


def changed(row: Row, column: int, dice: random.Random) -> Row:
    """The row with another text in a column; one in five has two lines."""
    text = f"{row[column]}{dice.choice((*' ' * 4, chr(10)))}({dice.randrange(1000)})"
    return [*row[:column], text, *row[column + 1 :]]


def repeated(row: Row, column: int, dice: random.Random) -> list[Row]:
    """More rows with the key of a row: with its values, with others, or with both."""
    others = [changed(row, column, dice) for _ in range(dice.randint(1, 2))]
    return dice.choice(([row], [row, row], others, [*others, row], [*others, others[0]]))


def faulty(row: Row, dice: random.Random) -> Row:
    """A row that has to be refused; in place of an owner that is nowhere others have no key."""
    owner = OWNERS + row[0][1:] if len(row) == 6 else ""
    return dice.choice(
        ([], row[:-1], [*row, "more"], [*row[:-1], "many"], [owner, *row[1:]], _not_utf8(row))
    )


def _not_utf8(row: Row) -> Row:
    return [row[0], f"{row[1]}\udcff", *row[2:]]


def spoiled(rows: Sequence[Row], column: int, dice: random.Random) -> list[Row]:
    """The rows with odd ones among them, anywhere: some in place of a good one."""
    placed = [(float(at), row) for at, row in enumerate(rows)]
    for at in dice.sample(range(len(rows)), len(rows) // ODD_ROWS):
        for more in repeated(rows[at], column, dice):
            placed.append((dice.uniform(0, len(rows)), more))
    for at in dice.sample(range(len(rows)), len(rows) // ODD_ROWS):
        placed.append((dice.uniform(0, len(rows)), faulty(rows[at], dice)))
        if dice.random() < 0.5:
            placed[at] = (float(at), faulty(rows[at], dice))
    return [row for _, row in sorted(placed, key=lambda place: place[0])]


def earlier(rows: Sequence[Row], column: int, dice: random.Random) -> Iterator[Row]:
    """A part of the rows, some with other values: what is there before."""
    for row in rows:
        if dice.random() < EARLIER_SHARE:
            yield changed(row, column, dice) if dice.random() < CHANGED_SHARE else row


def write_rows(path: Path, header: Row, rows: Sequence[Row]) -> None:
    """Writes a CSV file, in which a byte may be what no text has."""
    with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


@dataclass(frozen=True)
class Data:
    """The files to import, those of the earlier import, and how many rows the former have."""

    files: Sequence[Path]
    earlier: Sequence[Path]
    rows: Mapping[str, int]


def make_data(folder: Path, count: int, seed: int) -> Data:
    """Generates the files, and spoils them."""
    generate(folder / "files", count, "--shuffled")
    generate(folder / "earlier", 1)  # for its data package
    files, before, rows = [], [], {}
    for name, column in TEXT_COLUMNS.items():
        dice = random.Random(f"{seed} {name}")
        files.append(folder / "files" / f"{name}.csv")
        before.append(folder / "earlier" / f"{name}.csv")
        with files[-1].open(encoding="utf-8", newline="") as file:
            header, *good = csv.reader(file)
        odd = spoiled(good, column, dice)
        rows[name] = len(odd)
        write_rows(files[-1], header, odd)
        write_rows(before[-1], header, list(earlier(good, column, dice)))
    return Data(files, before, rows)


# Processes.


@dataclass(frozen=True)
class Listed:
    """A process that runs."""

    pid: int
    parent: int
    group: int
    command: str


def processes() -> Iterator[Listed]:
    """All processes, but for those that have ended and of which nobody has taken note."""
    fields = "pid=,ppid=,pgid=,stat=,command="
    told = subprocess.run(
        ["ps", "-A", "-ww", "-o", fields], check=True, stdout=subprocess.PIPE, text=True
    )
    for line in told.stdout.splitlines():
        pid, parent, group, state, *command = line.split(None, 4)
        if not state.startswith("Z"):
            yield Listed(int(pid), int(parent), int(group), "".join(command))


def left_over(group: int) -> list[Listed]:
    """The processes of an import that do not end by themselves, within a while."""
    until = time.monotonic() + END_SECONDS
    while found := [process for process in processes() if process.group == group]:
        if time.monotonic() > until:
            return found
        time.sleep(0.1)
    return []


def environment() -> dict[str, str]:
    """The environment without the user's settings, in which `python3` is this Python."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("HPNORTON_")}
    folders = [str(Path(sys.executable).parent), kept.get("PATH", os.defpath)]
    return kept | {"PATH": os.pathsep.join(folders)}


@dataclass(frozen=True)
class Kill:
    """Who is to be killed, and how long after the start."""

    victim: str
    moment: float


@dataclass(frozen=True)
class Attempt:
    """A command that has ended, what it said, and who of it was killed after how many seconds.

    `status` is None if it had to be ended because it hung.
    """

    command: Sequence[str]
    status: int | None
    seconds: float
    out: str
    err: str
    victim: str | None
    left: Sequence[Listed]

    def __str__(self) -> str:
        killed = f", {self.victim} killed" if self.victim else ""
        return f"{shlex.join(self.command)}\n  {self.seconds:.3f} s: {self.status}{killed}"


def attempt(
    command: Sequence[str], folder: Path, patience: float, kill: Kill | None = None
) -> Attempt:
    """Runs a command, in a session of its own and in `folder`, and kills what is to be killed."""
    paths = folder / "stdout", folder / "stderr"
    start = time.monotonic()
    with (
        paths[0].open("wb") as out,
        paths[1].open("wb") as err,
        subprocess.Popen(
            command,
            cwd=folder,
            env=environment(),
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        ) as process,
    ):
        try:
            victim = strike(process, kill) if kill else None
            with suppress(subprocess.TimeoutExpired):
                process.wait(patience)
            status = process.poll()
            seconds = time.monotonic() - start
            left = left_over(process.pid) if status is not None else []
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    told = [path.read_text(encoding="utf-8", errors="replace") for path in paths]
    return Attempt(command, status, seconds, told[0], told[1], victim, left)


def strike(process: "subprocess.Popen[bytes]", kill: Kill) -> str | None:
    """Kills at the moment; says whom, or None if the import has ended before."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(kill.moment)
        return None
    if kill.victim == GROUP:
        os.killpg(process.pid, signal.SIGKILL)
    elif kill.victim == MAIN:
        process.kill()
    else:
        while not (found := workers_of(process.pid)):
            if process.poll() is not None:
                return None
            time.sleep(PAUSE)
        try:
            os.kill(random.Random(kill.moment).choice(found), signal.SIGKILL)
        except ProcessLookupError:
            return None
    return kill.victim


# Databases.


@contextmanager
def database(store: str, folder: Path, template: Path | None) -> Iterator[str]:
    """The URI of a database whose files are in `folder`: empty, or as in the folder `template`."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in template.glob("*.db*") if template else ():
        shutil.copy(path, folder)
    if store == SQLITE:
        yield f"sqlite:///{folder / 'store.db'}"
        return
    with real_server(NxServer, folder) as uri:
        with connected(uri) as client:
            client.admin.command("ping")
        yield f"{uri}/store"


@dataclass(frozen=True)
class Result:
    """What an import has left: the records, the reports, the refused rows and why they are so.

    By collection; `status` is the exit status, `history` the endings of all imports.
    """

    status: int
    records: Mapping[str, Sequence[str]]
    reports: Mapping[str, Mapping[str, Any]]
    rejects: Mapping[str, bytes]
    reasons: Mapping[str, Sequence[Mapping[str, Any]]]
    history: Sequence[str]


def asked(uri: str, folder: Path, flag: str) -> list[str]:
    """The lines that answer a question to a database. Raises BenchmarkError."""
    made = attempt(hpnorton("--uri", uri, "--format", "jsonl", flag), folder, MOST_SECONDS)
    if made.status != 0:  # None: it took too long
        raise BenchmarkError(f"{made}: {made.err.strip()}")
    return made.out.splitlines()


def result(uri: str, folder: Path, last: Attempt) -> Result:
    """What an import that has ended by itself has left."""
    reports = {report["collection"]: report for report in map(json.loads, last.out.splitlines())}
    rejects, reasons = {}, {}
    for name, report in reports.items():
        if path := report["rejects_file"]:
            rejects[name] = Path(path).read_bytes()
            lines = Path(path).with_suffix(".reasons.jsonl").read_text(encoding="utf-8")
            reasons[name] = [json.loads(line) | {"file": ""} for line in lines.splitlines()]
    return Result(
        -1 if last.status is None else last.status,
        {name: sorted(asked(uri, folder, flag)) for name, flag in EXPORTS.items()},
        reports,
        rejects,
        reasons,
        [json.loads(line)["status"] for line in asked(uri, folder, "--history")],
    )


# Runs.


@dataclass(frozen=True)
class Way:
    """How to import, and into what."""

    store: str
    flags: Sequence[str]
    mode: str
    is_first: bool
    chunk_rows: int

    def command(self, uri: str, folder: Path, files: Sequence[Path]) -> list[str]:
        """The command that imports files so."""
        how = ["--mode", self.mode, "--chunk-rows", str(self.chunk_rows)]
        where = ["--uri", uri, "--rejects", str(folder / "rejects")]
        given = [*how, *where, "--format", "jsonl", *self.flags]
        return hpnorton("--quiet", *given, *map(str, files))

    @property
    def is_exact(self) -> bool:
        """Whether every count has to be the clean import's.

        MongoDB has no transactions, so a row may be inserted and not yet counted; of rows with one
        key that come side by side, an upsert says what it has replaced, in the order it did so.
        """
        is_ordered = "--workers" not in self.flags
        return self.store == SQLITE and (self.mode == INSERT or is_ordered)

    def __str__(self) -> str:
        before = "empty" if self.is_first else "filled"
        return f"{self.store}, {' '.join(self.flags)}, {self.mode}, {before}, {self.chunk_rows}"


def draw_way(store: str, dice: random.Random) -> Way:
    """Any way to import into a store."""
    return Way(
        store=store,
        flags=dice.choice(WAYS),
        mode=dice.choice(MODES),
        is_first=dice.random() < 0.5,
        chunk_rows=dice.randint(*CHUNK_ROWS),
    )


@dataclass
class Trial:
    """All that the runs share; what they need of it is made when the first one does."""

    data: Data
    folder: Path
    _clean: dict[tuple[str, bool], Result] = field(default_factory=dict)
    _seconds: dict[tuple[str, Sequence[str], str], float] = field(default_factory=dict)
    _templates: dict[str, Path] = field(default_factory=dict)

    def template(self, way: Way) -> Path | None:
        """The folder of a database that holds a part of the rows; None if it is to be empty."""
        if way.is_first:
            return None
        if way.store not in self._templates:
            folder = self.folder / f"earlier-{way.store}"
            with database(way.store, folder, None) as uri:
                plain = Way(way.store, (LINEAR,), INSERT, is_first=True, chunk_rows=CHUNK_ROWS[1])
                self._undisturbed(plain.command(uri, folder, self.data.earlier), folder)
            self._templates[way.store] = folder
        return self._templates[way.store]

    def clean(self, way: Way) -> Result:
        """What one undisturbed --linear import leaves, in whichever database: SQLite."""
        wanted = way.mode, way.is_first
        if wanted not in self._clean:
            plain = Way(SQLITE, (LINEAR,), way.mode, way.is_first, CHUNK_ROWS[1])
            folder = self.folder / f"clean-{len(self._clean)}"
            with database(SQLITE, folder, self.template(plain)) as uri:
                command = plain.command(uri, folder, self.data.files)
                self._clean[wanted] = result(uri, folder, self._undisturbed(command, folder))
        return self._clean[wanted]

    def seconds(self, way: Way) -> float:
        """How long an undisturbed import takes in much the same way."""
        wanted = way.store, way.flags, way.mode
        if wanted not in self._seconds:
            folder = self.folder / f"undisturbed-{len(self._seconds)}"
            with database(way.store, folder, self.template(way)) as uri:
                command = way.command(uri, folder, self.data.files)
                self._seconds[wanted] = self._undisturbed(command, folder).seconds
            shutil.rmtree(folder)
        return self._seconds[wanted]

    def _undisturbed(self, command: Sequence[str], folder: Path) -> Attempt:
        made = attempt(command, folder, MOST_SECONDS * 10)
        if made.status not in ENDINGS:
            raise BenchmarkError(f"{made}: {made.err.strip()}")
        return made


@dataclass
class Run:
    """An import that is killed and resumed until it ends by itself."""

    number: int
    way: Way
    trial: Trial
    dice: random.Random
    attempts: list[Attempt] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @cached_property
    def folder(self) -> Path:
        """Where its database is, and all that it has written."""
        return self.trial.folder / f"run-{self.number}"

    @property
    def killed(self) -> Counter[str]:
        """How often who was killed."""
        return Counter(made.victim for made in self.attempts if made.victim)

    def go(self) -> None:
        """Does it, and compares."""
        clean = self.trial.clean(self.way)
        template = self.trial.template(self.way)
        self.trial.seconds(self.way)
        with database(self.way.store, self.folder, template) as uri:
            command = self.way.command(uri, self.folder, self.trial.data.files)
            last = self._end(command)
            if not self.faults:
                found = result(uri, self.folder, last)
                self.faults += differences(found, clean, self.way, self.trial.data.rows)
                self.faults += self._litter(found)
        lines = [f"{self.way}\n", *map(str, self.attempts), "", *self.faults]
        (self.folder / "run.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _end(self, command: Sequence[str]) -> Attempt:
        """The last attempt: the first that was not killed."""
        patience = MOST_SECONDS + 20 * self.trial.seconds(self.way)
        kill: Kill | None = self._draw_kill()
        while True:
            made = attempt(command, self.folder, patience, kill)
            self.attempts.append(made)
            self._look_at(made)
            following = self._following(made)
            if following is None or self.faults:
                return made
            command = following
            is_killed = self.dice.random() < KILLED_AGAIN and len(self.attempts) < MOST_ATTEMPTS
            kill = self._draw_kill() if is_killed else None

    def _draw_kill(self) -> Kill:
        victims = [GROUP] if self.way.flags == (LINEAR,) else [GROUP, WORKER, WORKER, MAIN]
        moment = self.dice.uniform(0, self.trial.seconds(self.way))
        return Kill(self.dice.choice(victims), moment)

    def _look_at(self, made: Attempt) -> None:
        """Notes what is wrong with an attempt, however it came to its end."""
        self.faults += [f"process {p.pid} is left over: {p.command}" for p in made.left]
        if made.status is None:
            self.faults.append(f"it hung, and was ended: {made.err.strip()}")
        elif made.status >= 0:
            found = self.folder.glob("store.db-*")
            self.faults += [f"{path.name} is left over" for path in found]
        usual = (*ENDINGS, FAILED) if made.victim == WORKER else ENDINGS
        if made.status is not None and made.status >= 0 and made.status not in usual:
            self.faults.append(f"it ended with {made.status}: {made.err.strip()}")

    def _following(self, made: Attempt) -> Sequence[str] | None:
        """The command that takes up what an attempt has left undone; None if that is nothing."""
        if made.victim == WORKER:
            return told_command(made.err, self.faults) if made.status == FAILED else None
        if made.victim is None:
            return None
        if RESUME in made.command:
            return made.command
        at = next(at for at, word in enumerate(made.command) if word in (LINEAR, "--parallel"))
        return [*made.command[:at], RESUME, *made.command[at:]]

    def _litter(self, found: Result) -> Iterator[str]:
        """The files among the refused rows that no report names."""
        named = [Path(report["rejects_file"] or "") for report in found.reports.values()]
        known = {*named, *(path.with_suffix(".reasons.jsonl") for path in named if path.suffix)}
        for path in (self.folder / "rejects").glob("*"):
            if path not in known:
                yield f"{path.name} is left over"

    def __str__(self) -> str:
        ends = [f"{made.victim or made.status} at {made.seconds:.2f} s" for made in self.attempts]
        outcome = f"DIFFERS: {self.faults[0][:200]}" if self.faults else "ok"
        return f"{self.number:4}: {self.way}: {', '.join(ends)}: {outcome}"


def told_command(err: str, faults: list[str]) -> Sequence[str] | None:
    """The command that an import has printed, so that it can be resumed."""
    found = re.search(r"^To go on .*:\n +(.+)$", err, re.MULTILINE)
    if found is None or RESUME not in found[1]:
        faults.append(f"it failed, and did not say how to go on: {err.strip()}")
        return None
    return shlex.split(found[1])


# What differs.


def differences(found: Result, clean: Result, way: Way, rows: Mapping[str, int]) -> Iterator[str]:
    """What differs from a clean import's result, and what does not add up."""
    if found.status != clean.status:
        yield f"it ended with {found.status}, not with {clean.status}"
    if found.history != clean.history:
        yield f"the history is {found.history}, not {clean.history}"
    for name in COLLECTIONS:
        yield from differing_lines(name, found.records[name], clean.records[name])
        rejects = (each.rejects.get(name, b"").splitlines() for each in (found, clean))
        yield from differing_lines(f"rejects of {name}", *rejects)
        reasons = ([*map(str, each.reasons.get(name, ()))] for each in (found, clean))
        yield from differing_lines(f"reasons of {name}", *reasons)
        counts, wanted = found.reports.get(name), clean.reports[name]
        if counts is None:
            yield f"there is no report of {name}"
            continue
        if counts["read"] != sum(counts[column] for column in COUNTS[1:]):
            yield f"the counts of {name} do not add up: {shown(counts)}"
        if counts["read"] != rows[name]:
            yield f"{counts['read']} rows of {name} were read, not {rows[name]}"
        if counts["total_records"] != len(found.records[name]):
            yield f"{counts['total_records']} records of {name} were counted, but there are others"
        equal = COUNTS if way.is_exact else ("conflicts", "rejected")
        if any(counts[column] != wanted[column] for column in equal):
            yield f"the counts of {name} are {shown(counts)}, not {shown(wanted)}"


def differing_lines(name: str, found: Sequence[Any], clean: Sequence[Any]) -> Iterator[str]:
    """How many lines there are too many and too few, and the first of them."""
    if found == clean:
        return
    more, less = Counter(found) - Counter(clean), Counter(clean) - Counter(found)
    yield f"{name}: {more.total()} lines too many, {less.total()} too few" + "".join(
        f"\n  {sign} {line}"
        for sign, lines in (("+", more), ("-", less))
        for line in list(lines)[:3]
    )


def shown(report: Mapping[str, Any]) -> str:
    """The counts of a report."""
    return ", ".join(f"{report[column]} {column}" for column in COUNTS)


def table_rows(runs: Sequence[Run]) -> Iterator[Sequence[str]]:
    """A row of figures a store."""
    for store in STORES:
        mine = [run for run in runs if run.way.store == store]
        killed = sum((run.killed for run in mine), Counter[str]())
        figures = len(mine), *(killed[victim] for victim in VICTIMS)
        if mine:
            yield store, *map(str, figures), str(sum(bool(run.faults) for run in mine))


def try_out(trial: Trial, numbers: Sequence[int], stores: Sequence[str], seed: int) -> int:
    """Does the runs of these numbers, prints what came out, and says how many runs differ."""
    runs: list[Run] = []
    for number in numbers:
        dice = random.Random(f"{seed} {number}")
        runs.append(Run(number, draw_way(stores[number % len(stores)], dice), trial, dice))
        runs[-1].go()
        print(runs[-1], flush=True)
        if not runs[-1].faults:
            shutil.rmtree(runs[-1].folder)
    print("", markdown_table(HEADER, [*table_rows(runs)]), "", sep="\n")
    return sum(bool(run.faults) for run in runs)


def benchmark(given: argparse.Namespace) -> None:
    """Does what the command line asks for. Raises BenchmarkError if a run differs."""
    stores = [given.store] if given.store else STORES
    numbers = range(given.runs) if given.only is None else [given.only]
    folder = Path(tempfile.mkdtemp(prefix="hpnorton-kills-"))
    print(f"seed {given.seed}, in {folder}\n", flush=True)
    is_kept = False
    try:
        trial = Trial(make_data(folder, given.rows, given.seed), folder)
        differing = try_out(trial, numbers, stores, given.seed)
        is_kept = differing > 0
    finally:
        if not is_kept:
            shutil.rmtree(folder)
    if differing:
        again = f"--rows {given.rows} --seed {given.seed}"
        store = f" --store {given.store}" if given.store else ""
        raise BenchmarkError(
            f"{differing} runs differ; see run.txt in the folders of {folder}. One of them again, "
            f"as far as moments can be repeated: {Path(__file__).name} {again}{store} --only RUN"
        )


def main() -> int:
    """Does what the command line asks for, and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    drawn = random.randrange(10**6)
    parser.add_argument("--runs", type=positive, default=50, metavar="R")
    parser.add_argument("--rows", type=positive, default=60_000, metavar="N", help="in each file")
    parser.add_argument(
        "--seed",
        type=int,
        default=drawn,
        metavar="N",
        help="of all dice",
    )
    parser.add_argument("--store", choices=STORES, help="only this one")
    parser.add_argument("--only", type=int, metavar="RUN", help="only the run of this number")
    given = parser.parse_args()
    return exit_status(lambda: benchmark(given))


if __name__ == "__main__":
    sys.exit(main())

"""Timing runs: the same files imported in several ways, by turns, into databases of their own.

Each run is the command line as a user starts it, in a process of its own: Python's start and that
of the workers count.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from hpnorton import log
from hpnorton.compare.advice import Evidence, Line, advise, caution, fit
from hpnorton.compare.children import Children, Ended, open_children
from hpnorton.compare.machine import describe_machine
from hpnorton.compare.phases import PHASES, read_clocks
from hpnorton.compare.scratch import Scratch, open_scratch
from hpnorton.compare.shorten import Opened, shorten
from hpnorton.compare.trials import Comparison, Grid, Length, Parts, Timed, Way, suited_chunk_rows
from hpnorton.errors import ComparisonError, ExitStatus, UsageError
from hpnorton.importer.sources import Source, open_sources
from hpnorton.schema.collection import Collection
from hpnorton.schema.layout import Layout
from hpnorton.settings import SQLITE_PREFIX, redact
from hpnorton.stores import open_store
from hpnorton.stores.base import Store
from hpnorton.tabular.location import redact_location
from hpnorton.tabular.open import STDIN
from hpnorton.workers import cores

_LENGTHS = (0.0, 0.25, 0.5)  # shares of the rows that are timed besides all of them
_MOST_ROWS = 400_000  # of the longest of these: a line needs no more
_RECORDS_AT_ONCE = 1000
_SOURCE = str(Path(__file__).parents[2])
_WITH_CLOCKS = "from hpnorton.compare.phases import main; main()"


def compare(
    uri: str,
    sources: Sequence[Source],
    grid: Grid,
    *,
    folders: Sequence[Path],
    program: Sequence[str],
    environment: Mapping[str, str],
    default_rows: int,
) -> Comparison:
    """Imports files in all ways of a grid, and in fewer rows of them, and says what it took.

    The databases are of the kind of `uri`'s, and gone in the end; it is only looked at. `program`
    is the command line's start, to run with `environment`, where HPNORTON_URI is replaced.
    `folders` are as in open_sources, `default_rows` are the rows in a chunk without a flag.
    Raises KeyboardInterrupt when it is interrupted, ComparisonError if a run fails or leaves other
    records than the first one, StoreError and FileError.
    """
    kind = "SQLite, a file" if uri.startswith(SQLITE_PREFIX) else f"MongoDB, {redact(uri)}"
    machine = describe_machine() | {"Database": kind}
    load = os.getloadavg()[0]  # before the runs, which raise it
    with ExitStack() as stack:
        opened = _open(sources, folders, stack)
        _check_parents(opened)
        layouts = [layout for _, layout in opened]
        children = stack.enter_context(open_children())
        names = [layout.collection.name for layout in layouts]
        scratch = stack.enter_context(open_scratch(uri, names))
        session = _Session(children, scratch, layouts, program, environment)
        made = session.compare(sources, folders, grid, default_rows, machine)
        return replace(made, caution=caution(grid.repeat, load, cores()))


def _open(sources: Sequence[Source], folders: Sequence[Path], stack: ExitStack) -> Opened:
    if any(source.path == STDIN for source in sources):
        raise UsageError("stdin can be read only once; save it to a file, and compare with that")
    return open_sources(sources, folders, stack)


def _check_parents(opened: Opened) -> None:
    """Raises UsageError if rows refer to a collection that no file holds: all were refused."""
    present = {layout.collection.name for _, layout in opened}
    for file, layout in opened:
        for foreign in layout.collection.foreign_keys:
            if foreign.parent not in present:
                raise UsageError(
                    f"the rows of {file.path} refer to {foreign.parent}, and the databases of "
                    "timing runs are empty; name that file as well"
                )


class _Session:
    """The runs of one comparison."""

    def __init__(
        self,
        children: Children,
        scratch: Scratch,
        layouts: Sequence[Layout],
        program: Sequence[str],
        environment: Mapping[str, str],
    ) -> None:
        self._children = children
        self._scratch = scratch
        self._collections = {each.collection.name: each.collection for each in layouts}
        self._program = program
        self._environment = environment
        self._digests: dict[tuple[Source, ...], tuple[str, dict[str, str]]] = {}

    def compare(
        self,
        sources: Sequence[Source],
        folders: Sequence[Path],
        grid: Grid,
        default_rows: int,
        machine: Mapping[str, str],
    ) -> Comparison:
        """All runs, and what comes of them."""
        usual = default_rows if default_rows in grid.chunk_rows else max(grid.chunk_rows)
        counts = self._try_out(sources, usual)
        rows = sum(read for read, _ in counts)
        if not rows:
            raise ComparisonError("there are no rows in the files; there is nothing to compare")
        whole = Length(sources, rows, max(read for read, _ in counts))
        shorter = self._shorten(whole, [read for read, _ in counts], folders)
        squares = [Timed(way, size, whole) for size in grid.chunk_rows for way in grid.ways]
        lengths = self._lengths([*shorter, whole], grid, squares, usual)
        self._by_turns([*squares, *(t for t in lengths if t not in squares)], grid.repeat)
        parts = [self._take_apart(way, usual, whole) for way in grid.ways]
        lines = {way.flags: _line(lengths, way) for way in grid.ways}
        seconds = {(t.way.flags, t.chunk_rows): t.seconds.median for t in squares}
        return Comparison(
            files=[redact_location(source.path) for source in sources],
            rows=rows,
            refused=sum(refused for _, refused in counts),
            usual=usual,
            grid=squares,
            lengths=lengths,
            parts=parts,
            lines=lines,
            advice=advise(Evidence(rows, seconds, lines, usual, default_rows)),
            machine=machine,
        )

    def _try_out(self, sources: Sequence[Source], chunk_rows: int) -> list[tuple[int, int]]:
        """The rows read and refused of each file, from a run that is not timed.

        It brings files and programs into the system's cache, where all other runs find them.
        """
        log.info("a first run, which does not count")
        ended = self._run(Timed(Way(), chunk_rows, Length(sources, 0, 0)))
        reports = [report for entry in json.loads(ended.out) for report in entry.values()]
        return [(r["read"], r["rejected"] + r["conflicts"]) for r in reports]

    def _shorten(
        self, whole: Length, counts: Sequence[int], folders: Sequence[Path]
    ) -> list[Length]:
        """The files cut to fewer rows."""
        made: dict[int, Length] = {}
        for share in _LENGTHS:
            share = share * min(1.0, 2 * _MOST_ROWS / whole.rows)
            rows = [min(count, max(1, round(share * count))) for count in counts]
            if sum(rows) >= whole.rows or sum(rows) in made:
                continue
            self._children.check()
            folder = self._scratch.folder / f"rows-{sum(rows)}"
            with ExitStack() as stack:
                opened = open_sources(whole.sources, folders, stack)
                sources = shorten(opened, rows, folder)
            made[sum(rows)] = Length(sources, sum(rows), max(rows))
        return list(made.values())

    @staticmethod
    def _lengths(
        lengths: Sequence[Length], grid: Grid, squares: Sequence[Timed], usual: int
    ) -> list[Timed]:
        """What is to be timed for the lines of all ways: squares of the grid where they do."""
        timed = [
            Timed(way, suited_chunk_rows(way, length, usual), length)
            for length in lengths
            for way in grid.ways
        ]
        return [next((square for square in squares if square == each), each) for each in timed]

    def _by_turns(self, entrants: Sequence[Timed], rounds: int) -> None:
        """Runs all in each round, so that a machine that is busy for a while is so for all.

        Each round begins with another one.
        """
        for turn in range(rounds):
            first = turn * len(entrants) // rounds
            for number, timed in enumerate((*entrants[first:], *entrants[:first]), start=1):
                timed.runs.append(self._run(timed))
                log.info(
                    "run {} of {}, {} of {}: {:,} rows, {} --chunk-rows {}: {:.2f} s",
                    turn + 1,
                    rounds,
                    number,
                    len(entrants),
                    timed.length.rows,
                    timed.way.flags,
                    timed.chunk_rows,
                    timed.runs[-1].seconds,
                )

    def _take_apart(self, way: Way, chunk_rows: int, whole: Length) -> Parts:
        """One more run, with a clock in every process."""
        log.info("where the time of {} goes", way.flags)
        folder = self._scratch.folder / f"clocks-{way.flags.replace(' ', '')}"
        folder.mkdir()
        ended = self._run(Timed(way, chunk_rows, whole), folder)
        spent = read_clocks(folder)
        return Parts(
            way,
            {phase: spent[phase].wall for phase in PHASES},
            max(0.0, ended.cpu - sum(each.cpu for each in spent.values())),
            ended.seconds,
        )

    def _run(self, timed: Timed, clocks: Path | None = None) -> Ended:
        """Imports into a new database, looks at what is in it, and removes it."""
        uri = self._scratch.new_uri()
        environment = {**self._environment, "HPNORTON_URI": uri}
        program = list(self._program)
        if clocks is not None:
            program[1:1] = ["-c", _WITH_CLOCKS, str(clocks)]
            paths = [_SOURCE, environment.get("PYTHONPATH", "")]
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        ended = self._children.run([*program, *self._arguments(timed)], environment)
        if ended.status < 0:
            raise ComparisonError(
                f"a run with {timed.way.flags} was killed by signal {-ended.status} (out of "
                "memory?); what was made for it is removed: compare again when there is room"
            )
        if ended.status not in (ExitStatus.OK, ExitStatus.ROWS_REJECTED):
            told = ended.err.strip() or "it said nothing"
            raise ComparisonError(f"a run with {timed.way.flags} ended with {ended.status}: {told}")
        with closing(open_store(uri)) as store:
            self._check_same(timed, store)
        self._scratch.drop(uri)
        return ended

    def _arguments(self, timed: Timed) -> Iterator[str]:
        yield from ("--quiet", "--format", "json", "--chunk-rows", str(timed.chunk_rows))
        yield from ("--rejects", str(self._scratch.folder / "rejects"), *timed.way.flags.split())
        yield from (f"{source.collection}={source.path}" for source in timed.length.sources)

    def _check_same(self, timed: Timed, store: Store) -> None:
        """Raises ComparisonError unless the records are those of the first run of these files."""
        name = f"{timed.way.flags} --chunk-rows {timed.chunk_rows}"
        found = {each: _digest(store, c, self._children) for each, c in self._collections.items()}
        first, wanted = self._digests.setdefault(tuple(timed.length.sources), (name, found))
        differing = [each for each in wanted if wanted[each] != found[each]]
        if differing:
            raise ComparisonError(
                f"the records of {', '.join(differing)} are not the same after {name} and after "
                f"{first}; please report this as a bug"
            )


def _line(lengths: Sequence[Timed], way: Way) -> Line | None:
    """The line of a way, through the fastest run of each length: it was disturbed the least."""
    mine = [timed for timed in lengths if timed.way == way]
    shared = [timed for timed in mine if timed.length.longest >= way.least_chunks]
    return fit([(timed.length.rows, timed.seconds.low) for timed in shared])


def _digest(store: Store, collection: Collection, children: Children) -> str:
    """What tells the records of a collection from others, however they are stored."""
    made, count = sha256(), 0
    for document in store.find(collection.name, collection.key):
        made.update(repr([document[name] for name in collection.columns]).encode())
        count += 1
        if count % _RECORDS_AT_ONCE == 0:
            children.check()
    return f"{count} records, {made.hexdigest()}"

"""The runs of a comparison: the same files imported by each variant, into temporary databases.

Each run is the command that a user would start, in a process of its own, so that the start-up of
Python and of the workers counts.
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
from hpnorton.compare.children import Children, CommandResult, open_children
from hpnorton.compare.machine import describe_machine
from hpnorton.compare.phases import PHASES, read_clocks
from hpnorton.compare.results import Comparison, Measurement, PhaseTimes
from hpnorton.compare.scratch import Scratch, open_scratch
from hpnorton.compare.shorten import Opened, shorten
from hpnorton.compare.variants import Matrix, Sample, Variant, fit_chunk_rows
from hpnorton.errors import ComparisonError, ExitStatus, UsageError
from hpnorton.importer.sources import Source, open_sources
from hpnorton.sanitize import counted
from hpnorton.schema.collection import Collection
from hpnorton.schema.layout import Layout
from hpnorton.settings import SQLITE_PREFIX, redact
from hpnorton.stores import open_store
from hpnorton.stores.base import Store
from hpnorton.tabular.location import redact_location
from hpnorton.tabular.open import STDIN
from hpnorton.workers import cores

_SHARES = (0.0, 0.25, 0.5)  # of the rows, measured besides all of them
_MAX_SAMPLE_ROWS = 400_000  # a line needs no more
_RECORDS_PER_CHECK = 1000  # for Ctrl+C
_SOURCE = str(Path(__file__).parents[2])
_WITH_CLOCKS = "from hpnorton.compare.phases import main; main()"


def compare(
    uri: str,
    sources: Sequence[Source],
    matrix: Matrix,
    *,
    folders: Sequence[Path],
    program: Sequence[str],
    environment: Mapping[str, str],
    default_rows: int,
) -> Comparison:
    """Measure imports of files, and of samples of their rows, with all variants of a matrix.

    The temporary databases are of the same kind as the one at `uri`, which is not changed.
    `program` is the start of the command to run, with `environment`, where HPNORTON_URI is
    replaced. `folders` are as in open_sources; `default_rows` are the rows in a chunk without a
    flag. Raises KeyboardInterrupt after a signal, ComparisonError if a run fails or leaves other
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
        comparison = session.compare(sources, folders, matrix, default_rows, machine)
        return replace(comparison, caution=caution(matrix.repeat, load, cores()))


def _open(sources: Sequence[Source], folders: Sequence[Path], stack: ExitStack) -> Opened:
    if any(source.path == STDIN for source in sources):
        raise UsageError("stdin can be read only once; save it to a file, and compare with that")
    return open_sources(sources, folders, stack)


def _check_parents(opened: Opened) -> None:
    """Raise UsageError if rows refer to a collection without a file: all would be rejected."""
    present = {layout.collection.name for _, layout in opened}
    for file, layout in opened:
        for foreign in layout.collection.foreign_keys:
            if foreign.parent not in present:
                raise UsageError(
                    f"the rows of {file.path} refer to {foreign.parent}, and the "
                    "temporary databases are empty; name that file as well"
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
        matrix: Matrix,
        default_rows: int,
        machine: Mapping[str, str],
    ) -> Comparison:
        """Measure everything."""
        usual = default_rows if default_rows in matrix.chunk_rows else max(matrix.chunk_rows)
        counts = self._warm_up(sources, usual)
        rows = sum(read for read, _ in counts)
        if not rows:
            raise ComparisonError("there are no rows in the files; there is nothing to compare")
        whole = Sample(sources, rows, max(read for read, _ in counts))
        shorter = self._shorten(whole, [read for read, _ in counts], folders)
        whole_files = [
            Measurement(variant, size, whole)
            for size in matrix.chunk_rows
            for variant in matrix.variants
        ]
        samples = self._measurements_for_lines([*shorter, whole], matrix, whole_files, usual)
        self._run_in_turns(
            [*whole_files, *(t for t in samples if t not in whole_files)], matrix.repeat
        )
        phase_times = [self._measure_phases(variant, usual, whole) for variant in matrix.variants]
        lines = {variant.flags: _line(samples, variant) for variant in matrix.variants}
        seconds = {(t.variant.flags, t.chunk_rows): t.seconds.median for t in whole_files}
        return Comparison(
            files=[redact_location(source.path) for source in sources],
            rows=rows,
            rejected=sum(rejected for _, rejected in counts),
            usual_chunk_rows=usual,
            measurements=whole_files,
            sample_measurements=samples,
            phase_times=phase_times,
            lines=lines,
            advice=advise(Evidence(rows, seconds, lines, usual, default_rows)),
            machine=machine,
        )

    def _warm_up(self, sources: Sequence[Source], chunk_rows: int) -> list[tuple[int, int]]:
        """Return the rows read and rejected of each file, from a first run that is not measured.

        It brings files and programs into the system's cache for the other runs.
        """
        log.info("a first run, which is not measured")
        result = self._run(Measurement(Variant(), chunk_rows, Sample(sources, 0, 0)))
        reports = [report for entry in json.loads(result.out) for report in entry.values()]
        return [(r["read"], r["rejected"] + r["conflicts"]) for r in reports]

    def _shorten(
        self, whole: Sample, counts: Sequence[int], folders: Sequence[Path]
    ) -> list[Sample]:
        """Return samples with fewer rows than the whole files."""
        samples: dict[int, Sample] = {}
        for share in _SHARES:
            share = share * min(1.0, 2 * _MAX_SAMPLE_ROWS / whole.rows)
            rows = [min(count, max(1, round(share * count))) for count in counts]
            if sum(rows) >= whole.rows or sum(rows) in samples:
                continue
            self._children.check()
            folder = self._scratch.folder / f"rows-{sum(rows)}"
            with ExitStack() as stack:
                opened = open_sources(whole.sources, folders, stack)
                sources = shorten(opened, rows, folder)
            samples[sum(rows)] = Sample(sources, sum(rows), max(rows))
        return list(samples.values())

    @staticmethod
    def _measurements_for_lines(
        samples: Sequence[Sample], matrix: Matrix, whole_files: Sequence[Measurement], usual: int
    ) -> list[Measurement]:
        """Return the measurements that lines need; some are already in `whole_files`."""
        needed = [
            Measurement(variant, fit_chunk_rows(variant, sample, usual), sample)
            for sample in samples
            for variant in matrix.variants
        ]
        return [next((each for each in whole_files if each == new), new) for new in needed]

    def _run_in_turns(self, measurements: Sequence[Measurement], rounds: int) -> None:
        """Run all in each round, so that a machine that is busy for a while slows all down.

        Each round starts with another one.
        """
        for turn in range(rounds):
            start = turn * len(measurements) // rounds
            for number, measurement in enumerate((*measurements[start:], *measurements[:start]), 1):
                measurement.runs.append(self._run(measurement))
                log.info(
                    "run {} of {}, {} of {}: {}, {} --chunk-rows {}: {:.2f} s",
                    turn + 1,
                    rounds,
                    number,
                    len(measurements),
                    counted(measurement.sample.rows, "row"),
                    measurement.variant.flags,
                    measurement.chunk_rows,
                    measurement.runs[-1].seconds,
                )

    def _measure_phases(self, variant: Variant, chunk_rows: int, whole: Sample) -> PhaseTimes:
        """Run a variant once more, with a clock in every process."""
        log.info("where the time of {} goes", variant.flags)
        folder = self._scratch.folder / f"clocks-{variant.flags.replace(' ', '')}"
        folder.mkdir()
        result = self._run(Measurement(variant, chunk_rows, whole), folder)
        spent = read_clocks(folder)
        return PhaseTimes(
            variant,
            {phase: spent[phase].wall for phase in PHASES},
            max(0.0, result.cpu - sum(each.cpu for each in spent.values())),
            result.seconds,
        )

    def _run(self, measurement: Measurement, clocks: Path | None = None) -> CommandResult:
        """Import into a new database, compare the records with earlier ones, and remove it."""
        uri = self._scratch.new_uri()
        environment = {**self._environment, "HPNORTON_URI": uri}
        program = list(self._program)
        if clocks is not None:
            program[1:1] = ["-c", _WITH_CLOCKS, str(clocks)]
            paths = [_SOURCE, environment.get("PYTHONPATH", "")]
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        result = self._children.run([*program, *self._arguments(measurement)], environment)
        if result.status < 0:
            raise ComparisonError(
                f"a run with {measurement.variant.flags} was killed by signal {-result.status} "
                "(out of memory?) and its database is removed; compare again when there is room"
            )
        if result.status not in (ExitStatus.OK, ExitStatus.ROWS_REJECTED):
            message = result.err.strip() or "it wrote no message"
            raise ComparisonError(
                f"a run with {measurement.variant.flags} ended with {result.status}: {message}"
            )
        with closing(open_store(uri)) as store:
            self._check_same(measurement, store)
        self._scratch.drop(uri)
        return result

    def _arguments(self, measurement: Measurement) -> Iterator[str]:
        yield from ("--quiet", "--format", "json", "--chunk-rows", str(measurement.chunk_rows))
        yield from (
            "--rejects",
            str(self._scratch.folder / "rejects"),
            *measurement.variant.flags.split(),
        )
        yield from (f"{source.collection}={source.path}" for source in measurement.sample.sources)

    def _check_same(self, measurement: Measurement, store: Store) -> None:
        """Raise ComparisonError unless the records are those of the first run of these files."""
        name = f"{measurement.variant.flags} --chunk-rows {measurement.chunk_rows}"
        found = {each: _digest(store, c, self._children) for each, c in self._collections.items()}
        first_name, wanted = self._digests.setdefault(
            tuple(measurement.sample.sources), (name, found)
        )
        differing = [each for each in wanted if wanted[each] != found[each]]
        if differing:
            raise ComparisonError(
                f"the records of {', '.join(differing)} are not the same after {name} and after "
                f"{first_name}; please report this as a bug"
            )


def _line(samples: Sequence[Measurement], variant: Variant) -> Line | None:
    """Return the line of a variant through the fastest run of each sample."""
    own = [each for each in samples if each.variant == variant]
    divided = [each for each in own if each.sample.longest >= variant.min_chunks]
    return fit([(each.sample.rows, each.seconds.low) for each in divided])


def _digest(store: Store, collection: Collection, children: Children) -> str:
    """Return a text that is the same for equal records, in any database."""
    digest, count = sha256(), 0
    for document in store.find(collection.name, collection.key):
        digest.update(repr([document[name] for name in collection.columns]).encode())
        count += 1
        if count % _RECORDS_PER_CHECK == 0:
            children.check()
    return f"{count} records, {digest.hexdigest()}"

"""What a comparison measures: variants of an import, and samples of the files."""

from collections.abc import Sequence
from dataclasses import dataclass

from hpnorton.importer.sources import Source
from hpnorton.workers import cores

LINEAR = "--linear"
PARALLEL = "--parallel"


@dataclass(frozen=True)
class Variant:
    """A way to import: linear, or parallel.

    Parallel has `workers` that share the chunks of all files; None means a process per file.
    """

    is_parallel: bool = False
    workers: int | None = None

    @property
    def flags(self) -> str:
        """Return the flags of the command line."""
        pool = "" if self.workers is None else f" --workers {self.workers}"
        return f"{PARALLEL}{pool}" if self.is_parallel else LINEAR

    @property
    def mode(self) -> str:
        """Return the name for people."""
        if not self.is_parallel:
            return "linear"
        return "per file" if self.workers is None else "pool"

    @property
    def min_chunks(self) -> int:
        """Return how many chunks of a file keep all workers busy."""
        return 2 * self.workers if self.workers is not None and self.workers > 1 else 1


@dataclass(frozen=True)
class Matrix:
    """What to compare: numbers of workers, rows in a chunk, and how often each is run."""

    workers: Sequence[int]
    chunk_rows: Sequence[int]
    repeat: int

    @property
    def variants(self) -> list[Variant]:
        """Return linear, a process per file, and pools of workers."""
        return [
            Variant(),
            Variant(is_parallel=True),
            *(Variant(True, count) for count in self.workers),
        ]


@dataclass(frozen=True)
class Sample:
    """Files with the number of their rows, in all (`rows`) and in the longest file (`longest`)."""

    sources: Sequence[Source]
    rows: int
    longest: int


def fit_chunk_rows(variant: Variant, sample: Sample, usual_chunk_rows: int) -> int:
    """Return the rows in a chunk with which a sample predicts the time of longer files.

    These are the usual ones, or fewer if the longest file would have too few chunks to keep all
    workers busy: a second worker then gains nothing, but it does with longer files.
    """
    if variant.min_chunks == 1 or sample.longest < variant.min_chunks:
        return usual_chunk_rows
    return min(usual_chunk_rows, -(-sample.longest // variant.min_chunks))


def default_workers() -> list[int]:
    """Return the powers of two up to the number of cores, and this number; at least 1 and 2."""
    max_workers = max(2, cores())
    return sorted({*(2**power for power in range(max_workers.bit_length())), max_workers})

"""The analysis of a CSV file that no data package describes, in one process or several."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass
from functools import partial

from hpnorton.errors import FileError
from hpnorton.profile.cardinality import lower_limit
from hpnorton.profile.file_profile import FileProfile, profile_chunks
from hpnorton.profile.questions import Questions
from hpnorton.tabular.chunk import Chunk
from hpnorton.tabular.reader import CsvFile
from hpnorton.workers import cores, died, open_workers

# Called with the rows and bytes read so far, and all bytes of the file, None if unknown.
OnProgress = Callable[[int, int, int | None], None]


@dataclass(frozen=True)
class RangeSizes:
    """How a file is divided: rows in a chunk, and bytes in a range, which is a task of a worker.

    Ranges become smaller towards the end, so that all workers end together. Ranges of a stream are
    kept in memory.
    """

    chunk_rows: int = 10_000
    smallest: int = 2 * 2**20
    largest: int = 64 * 2**20
    of_stream: int = 8 * 2**20


RANGE_SIZES = RangeSizes()


def analyze(
    file: CsvFile,
    questions: Questions,
    workers: int,
    log_level: str | None,
    on_progress: OnProgress = lambda rows, done, size: None,
    *,
    sizes: RangeSizes = RANGE_SIZES,
) -> FileProfile:
    """Return the profile of a file.

    `workers` processes share its ranges: with 1 the work is done here, with 0 by one process for
    each core. Raises FileError.
    """
    count = workers or cores()
    progress = _Progress(file, on_progress)
    profile = partial(profile_chunks, on_chunk=progress.add) if count == 1 else _profile_in_worker
    whole = FileProfile(questions)
    executor = open_workers(count if count > 1 else 0, log_level)
    try:
        for future, length in _submit(executor, profile, _ranges(file, count, sizes), whole, count):
            part = future.result()
            whole.merge(part)
            if count > 1:
                progress.add(part.rows, length)
    except BrokenExecutor as error:
        raise FileError(
            f"{file.path}: {died('analyzed it')}; try again with fewer --workers"
        ) from error
    finally:
        executor.shutdown(cancel_futures=True)
    return whole


class _Progress:
    """The rows and bytes of a file that were read."""

    def __init__(self, file: CsvFile, on_progress: OnProgress) -> None:
        self._rows, self._done, self._size = 0, file.offset, file.size
        self._on_progress = on_progress
        self.add(0, 0)

    def add(self, rows: int, length: int) -> None:
        """Report more rows, and their bytes."""
        self._rows += rows
        self._done += length
        self._on_progress(self._rows, self._done, self._size)


def _submit(
    executor: Executor,
    profile: Callable[..., FileProfile],
    ranges: Iterator[list[Chunk]],
    whole: FileProfile,
    workers: int,
) -> Iterator[tuple[Future[FileProfile], int]]:
    """Submit ranges, two for each worker at a time; yield their futures in order, with the bytes.

    Each range starts from the limits of the file's profile so far.
    """
    in_flight: deque[tuple[Future[FileProfile], int]] = deque()
    for chunks in ranges:
        if len(in_flight) == 2 * workers:
            yield in_flight.popleft()
        future = executor.submit(profile, whole.questions, chunks, whole.limits)
        in_flight.append((future, sum(chunk.length for chunk in chunks)))
    while in_flight:
        yield in_flight.popleft()


_WORKER_LIMITS: list[int | None] = []  # the lowest limits in this worker, which reads one file


def _profile_in_worker(
    questions: Questions, chunks: Sequence[Chunk], limits: Sequence[int | None]
) -> FileProfile:
    """Return the profile of chunks, which starts from the lowest limits known to this worker."""
    known = list(map(lower_limit, limits, _WORKER_LIMITS)) if _WORKER_LIMITS else limits
    profile = profile_chunks(questions, chunks, known)
    _WORKER_LIMITS[:] = profile.limits
    return profile


def _ranges(file: CsvFile, workers: int, sizes: RangeSizes) -> Iterator[list[Chunk]]:
    """Yield the chunks of a file, those of one range at a time."""
    chunks: list[Chunk] = []
    length = 0
    for chunk in file.chunks(sizes.chunk_rows):
        chunks.append(chunk)
        length += chunk.length
        if length >= _range_bytes(file, workers, sizes):
            yield chunks
            chunks, length = [], 0
    if chunks:
        yield chunks


def _range_bytes(file: CsvFile, workers: int, sizes: RangeSizes) -> int:
    if file.size is None:
        return sizes.of_stream
    share = (file.size - file.offset) // (2 * workers)
    return min(max(sizes.smallest, share), sizes.largest)

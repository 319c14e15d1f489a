"""The content of a file: its chunks, and the fingerprint by which a later run recognizes it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hpnorton.errors import FileError
from hpnorton.importer.options import Options
from hpnorton.importer.phases import Phase, steps
from hpnorton.stores.journal import ChunkEntry
from hpnorton.tabular.chunk import Chunk
from hpnorton.tabular.fingerprint import Fingerprint, fingerprint
from hpnorton.tabular.reader import CsvFile


@dataclass(frozen=True)
class Content:
    """The chunks of a file, and its fingerprint: None for one that an import cannot resume."""

    chunks: Iterator[Chunk]
    fingerprint: Fingerprint | None


def read_content(file: CsvFile, options: Options) -> Content:
    """Return the content of a file for a new import.

    Its bytes are read twice. Where other processes load the rows of a plain file, it is cut to its
    end now, which gives the checksum before the first row is written; workers then read the rows of
    their chunks themselves. Otherwise the checksum is taken now, and chunks hold the bytes they
    were cut from. Raises FileError if the file cannot be read; an error of its content is raised by
    `chunks` where it occurs.
    """
    if options.is_feed or options.is_dry_run or not file.is_repeatable:
        return Content(cut(file, options), None)
    if file.size is None or not options.is_distributed:
        return Content(cut(file, options), fingerprint(file.location))
    is_suspended = file.is_suspended
    chunks: list[Chunk] = []
    error: FileError | None = None
    try:
        chunks.extend(cut(file, options))
        content: Fingerprint | None = Fingerprint(file.offset, file.checksum)
    except FileError as raised:
        error, content = raised, fingerprint(file.location)
    if is_suspended:
        file.suspend()
    return Content(_replay(file, chunks, error), content)


def cut(file: CsvFile, options: Options, done: Sequence[ChunkEntry] = ()) -> Iterator[Chunk]:
    """Return the chunks of a file but those that are done, as they are read."""
    with_data = not options.is_distributed
    chunks = file.chunks(options.chunk_rows, done, skips_long_rows=True, with_data=with_data)
    return steps(Phase.READ, chunks)


def _replay(file: CsvFile, chunks: Sequence[Chunk], error: FileError | None) -> Iterator[Chunk]:
    """Return the chunks of a file that was cut, and raise the error that ended this."""
    file.reopen()
    yield from chunks
    if error is not None:
        raise error

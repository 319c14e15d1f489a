"""The ids of imports: two imports never share one, whatever is drawn."""

import json
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from hpnorton.errors import ExitStatus
from hpnorton.importer.options import Options
from hpnorton.importer.plan import open_plan
from hpnorton.importer.report import FileReport
from hpnorton.importer.runner import run_import
from hpnorton.importer.sources import parse_source
from hpnorton.stores import journal, open_store
from hpnorton.stores.counts import Ending

Write = Callable[..., Path]
TAKEN = f"20261201-090559-{'0' * 21}"


@pytest.fixture(name="drawn", autouse=True)
def draw_the_same_id_again_and_again(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Most ids that are drawn are the same one, as if nothing random were in it."""
    really = journal.new_import_id
    ids: list[str] = []

    def draw(now: datetime) -> str:
        ids.append(TAKEN if len(ids) % 3 < 2 else really(now))
        return ids[-1]

    monkeypatch.setattr(journal, "new_import_id", draw)
    return ids


def run(uri: str, *sources: str | Path, **how: Any) -> list[FileReport]:
    """An import in small chunks."""
    return run_import(uri, [parse_source(str(s)) for s in sources], Options(chunk_rows=2, **how))


@pytest.mark.parametrize("how", [{}, {"is_parallel": True, "workers": 2}])
def test_a_taken_id_is_drawn_again(
    csv_file: Write, uri: str, tmp_path: Path, drawn: list[str], how: dict[str, Any]
) -> None:
    """Each import has a note, the notes of its chunks, and a file of rejected rows of its own."""
    names = ["first", "second", "third"]
    files = [csv_file(f"{name}.csv", "id,a", f"{name}1,x", name) for name in names]
    rejects = tmp_path / "rejects"
    for file in files:  # as programs that draw alike, one after the other
        run(uri, f"thing={file}", rejects=rejects, **how)
    assert drawn.count(TAKEN) > 1
    with closing(open_store(uri)) as store:
        notes = {Path(note.file).stem: note for note in journal.imports(store)}
        chunks = [note.run for each in notes.values() for note in journal.chunks(store, each.id)]
    assert sorted(notes) == sorted(names) and len({note.id for note in notes.values()}) == 3
    assert sorted(chunks) == sorted(note.id for note in notes.values())
    for name, note in notes.items():
        assert note.rejects_file is not None and note.id in note.rejects_file
        assert Path(note.rejects_file).read_text("utf-8") == f"id,a\n{name}\n"
        lines = Path(note.rejects_file).with_suffix(".reasons.jsonl").read_text("utf-8")
        assert [json.loads(line)["file"] for line in lines.splitlines()] == [note.file]


def test_files_of_one_import_have_ids_of_their_own(
    csv_file: Write, uri: str, tmp_path: Path
) -> None:
    """Also where all files are planned before the first note is written."""
    files = [f"thing={csv_file(f'f{n}.csv', 'id,a', f'{n},x', 'bad')}" for n in range(6)]
    reports = run(uri, *files, rejects=tmp_path / "rejects")
    assert len({report.import_id for report in reports}) == 6
    assert len({report.rejects_file for report in reports}) == 6
    assert [report.status for report in reports] == [ExitStatus.ROWS_REJECTED] * 6


def test_a_start_that_is_repeated_is_one_import(csv_file: Write, uri: str) -> None:
    """The server may be lost after it has saved the start, so that it is saved again."""
    source = parse_source(f"thing={csv_file('f.csv', 'id,a', '1,x')}")
    with open_plan(uri, [source], Options(), ()) as plan:
        (file_import,) = plan.files
        for _ in range(2):
            file_import.save_start(plan.store)
        assert [note.id for note in journal.imports(plan.store)] == [file_import.report.import_id]


def test_resume_takes_over_no_chunks_of_another_file(csv_file: Write, uri: str) -> None:
    """A file whose import was killed before its first chunk is imported, not reported as done."""
    files = [csv_file(f"{name}.csv", "id", *[f"{name}{n}" for n in range(5)]) for name in "ab"]
    sources = [f"thing={file}" for file in files]
    with pytest.raises(KeyboardInterrupt):
        run_import(
            uri,
            [parse_source(source) for source in sources],
            Options(chunk_rows=2),
            on_progress=_interrupt_at_the_end_of(str(files[0])),
        )
    first, second = run(uri, *sources, is_resuming=True)
    assert [first.counts.inserted, second.counts.inserted] == [5, 5]
    assert [first.ending, second.ending] == [Ending.DONE, Ending.DONE]
    with closing(open_store(uri)) as store:
        assert store.count("thing") == 10


def _interrupt_at_the_end_of(file: str) -> Callable[[FileReport, int, int | None], None]:
    def on_progress(report: FileReport, done: int, size: int | None) -> None:
        if report.file == file and done == size:
            raise KeyboardInterrupt

    return on_progress

"""Files cut to fewer rows: described as before, and with what their rows refer to."""

import csv
import gzip
import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from hpnorton.compare.shorten import shorten
from hpnorton.importer.options import Options
from hpnorton.importer.runner import run_import
from hpnorton.importer.sources import Source, open_sources, parse_source
from tests.helpers.commandline import ROOT

DATA = ROOT / "data" / "production"
NAMES = ("rental", "customers", "product")


def cut(
    files: Sequence[str | Path], rows: Sequence[int], folder: Path, folders: Sequence[Path] = ()
) -> list[Source]:
    """The files, cut to so many rows each."""
    with ExitStack() as stack:
        opened = open_sources([parse_source(str(file)) for file in files], folders, stack)
        return shorten(opened, rows, folder)


def lines(path: str) -> list[list[str]]:
    """The rows of a file, without its header."""
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


@pytest.mark.parametrize("rows", [1, 7, 1000, 5000])
def test_what_rows_refer_to_comes_with_them(tmp_path: Path, rows: int) -> None:
    """The cut files have as many rows as were asked for, and no reference is missing."""
    made = cut([DATA / f"{name}.csv" for name in NAMES], [rows] * 3, tmp_path / "cut")
    assert [source.collection for source in made] == list(NAMES)
    assert [len(lines(source.path)) for source in made] == [rows] * 3
    reports = run_import(f"sqlite:///{tmp_path}/store.db", made, Options())
    assert [report.counts.inserted for report in reports] == [rows] * 3


def test_rows_keep_their_order_and_their_bytes(tmp_path: Path) -> None:
    """The first rows are kept as they stand, whatever their line ends and quotes."""
    path = tmp_path / "thing.csv"
    path.write_bytes(b'\xef\xbb\xbfid,a\r\n1,"x\n""y"""\r\n2,5" tv\n3,z\n4,last')
    (made,) = cut([path], [2], tmp_path / "cut")
    assert Path(made.path).read_bytes() == b'\xef\xbb\xbfid,a\r\n1,"x\n""y"""\r\n2,5" tv\n'
    (whole,) = cut([path], [9], tmp_path / "whole")
    assert Path(whole.path).read_bytes() == path.read_bytes() + b"\n"


def test_a_compressed_file_stays_compressed(tmp_path: Path) -> None:
    """So that it takes as long to read as the whole does, row for row."""
    path = tmp_path / "thing.csv.gz"
    path.write_bytes(gzip.compress(b"id\n1\n2\n3\n"))
    (made,) = cut([path], [2], tmp_path / "cut")
    assert gzip.decompress(Path(made.path).read_bytes()) == b"id\n1\n2\n"


def test_rows_that_miss_cells_do_no_harm(tmp_path: Path) -> None:
    """A rental that ends before its references is a row like others."""
    for name in NAMES:
        text = (ROOT / "data" / "test" / f"{name}.csv").read_text("utf-8").splitlines()
        (tmp_path / f"{name}.csv").write_text("\n".join([text[0], "x", *text[1:]]), "utf-8")
    files = [tmp_path / f"{name}.csv" for name in NAMES]
    made = cut(files, [3, 3, 3], tmp_path / "cut", [ROOT / "data" / "test"])
    assert [len(lines(source.path)) for source in made] == [3, 3, 3]


@pytest.mark.parametrize("where", ["beside", "above"])
@pytest.mark.parametrize("is_apart", [False, True], ids=["schema inside", "schema apart"])
def test_the_description_comes_too(tmp_path: Path, where: str, is_apart: bool) -> None:
    """Fields keep their types in the shortened file, wherever the data package is."""
    place = tmp_path / "shop" / "rows"
    place.mkdir(parents=True)
    folder = place if where == "beside" else place.parent
    schema: object = {"fields": [{"name": "id"}, {"name": "n", "type": "integer"}]}
    if is_apart:
        (folder / "thing.json").write_text(json.dumps(schema))
        schema = "thing.json"
    package = {"resources": [{"name": "thing", "schema": schema}, {"name": "x", "schema": "none"}]}
    (folder / "datapackage.json").write_text(json.dumps(package))
    (place / "thing.csv").write_text("id,n\na,1\nb,x\n")
    made = cut([place / "thing.csv"], [2], tmp_path / "cut")
    (report,) = run_import(f"sqlite:///{tmp_path}/store.db", made, Options())
    assert (report.counts.inserted, report.counts.rejected) == (1, 1)


def test_files_of_one_collection_may_hold_each_others_parents(tmp_path: Path) -> None:
    """A parent is found in either of two files."""
    customers = (DATA / "customers.csv").read_text("utf-8").splitlines(keepends=True)
    for name, some in (("a", customers[1:5001]), ("b", customers[5001:])):
        (tmp_path / f"{name}.csv").write_text("".join([customers[0], *some]), "utf-8")
    files = [f"customers={tmp_path}/{name}.csv" for name in "ab"]
    others = [str(DATA / f"{name}.csv") for name in ("product", "rental")]
    made = cut([*files, *others], [500, 500, 500, 500], tmp_path / "cut", [DATA])
    reports = run_import(f"sqlite:///{tmp_path}/store.db", made, Options(), folders=[DATA])
    assert reports[-1].counts.inserted == 500

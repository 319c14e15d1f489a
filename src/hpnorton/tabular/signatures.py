"""Recognizes files of other formats by their first bytes."""

import re

START_BYTES = 512  # that are compared

_SAVE_SHEET = "save the sheet as CSV UTF-8 and import that file"
_SAVE_UTF8 = "save it as CSV UTF-8"
_UNPACK = "unpack it and import the CSV files in it"
_EXPORT = "export its tables as CSV and import those files"
_NO_TABLE = "it holds no rows; name the CSV file"
_DOWNLOAD = "was a log-in or error page saved in place of the file? Download the file again"

_CONVERT = "convert it to CSV UTF-8 and import that file"
_NO_NAME = rb"(?![\w,;|\t\r\n])"  # else it may be the name of a column

# Pattern, format, and what to do; the first match counts.
_SIGNATURES = (
    (rb"PK\x03\x04.*(?:\[Content_Types\]\.xml|xl/)", "an Excel workbook (.xlsx)", _SAVE_SHEET),
    (rb"PK\x03\x04.*opendocument", "an OpenDocument file (.ods)", _SAVE_SHEET),
    (rb"PK(?:\x03\x04|\x05\x06|\x07\x08)", "a zip archive", _UNPACK),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (.xls)", _SAVE_SHEET),
    (rb"\x09[\x00\x02\x04\x08][\x00-\x08]\x00", "an old Excel sheet (.xls)", _SAVE_SHEET),
    (
        rb"\x1f\x8b",
        "compressed with gzip",
        "unpack it, or rename it so that its name ends in .csv.gz",
    ),
    (rb"\x1f[\x9d\xa0]", "compressed with compress (.Z)", _UNPACK),
    (rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)", "compressed with bzip2", _UNPACK),
    (rb"\xfd7zXZ\x00", "compressed with xz", _UNPACK),
    (rb"\x28\xb5\x2f\xfd", "compressed with zstd", _UNPACK),
    (rb"\x04\"M\x18", "compressed with lz4", _UNPACK),
    (rb"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    (rb"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (rb".{257}ustar", "a tar archive", _UNPACK),
    (rb"SQLite format 3\x00", "an SQLite database", _EXPORT),
    (rb"\x00\x01\x00\x00Standard (?:Jet|ACE) DB", "an Access database", _EXPORT),
    (rb"PGDMP" + _NO_NAME, "a PostgreSQL dump", _EXPORT),
    (rb"PAR[1E]" + _NO_NAME, "a Parquet file", _CONVERT),
    (rb"(?:ARROW1|FEA1)" + _NO_NAME, "an Arrow file", _CONVERT),
    (rb"Obj\x01", "an Avro file", _CONVERT),
    (rb"\x89HDF", "an HDF5 file", _CONVERT),
    (rb"%PDF-", "a PDF document", "ask for the data as CSV"),
    (rb"\{\\rtf", "a Rich Text document", "save it as CSV UTF-8 and import that file"),
    (rb"\x89PNG|\xff\xd8\xff|GIF8[79]a|II\*\x00|MM\x00\*|RIFF....WEBP", "an image", _NO_TABLE),
    (rb"\x7fELF|MZ.\x00", "a program", _NO_TABLE),
    (
        rb"\xff\xfe\x00\x00|\x00\x00\xfe\xff|[^\x00]\x00{3}|\x00{3}[^\x00]",
        "UTF-32 text",
        _SAVE_UTF8,
    ),
    (
        rb"\xff\xfe|\xfe\xff|(?:[^\x00]\x00){2}|(?:\x00[^\x00]){2}",
        "UTF-16 text (Excel calls it Unicode text)",
        _SAVE_UTF8,
    ),
    (rb"\x00", "damaged: it begins with NUL bytes", "copy it again from where it came from"),
    (rb"version https://git-lfs\.", "a pointer of Git LFS", "get the file with: git lfs pull"),
    (rb"\s*<(?i:!doctype\s+html|html|head|body)\b", "an HTML page", _DOWNLOAD),
    # A tag that a delimiter follows may be the name of a column.
    (
        rb"\s*<(?:[?!]|[A-Za-z][^<>\r\n]*+>(?!\s*[,;\t|]))",
        "an XML or HTML document",
        _DOWNLOAD,
    ),
    (
        rb"\s*(?:\{\s*(?:[\"}]|\Z)|\[\s*(?:[\[{\"\]]|\Z))",
        "JSON",
        "convert it to CSV; or is it an error message that was saved in place of the file?",
    ),
)
_COMPILED = [
    (re.compile(pattern, re.DOTALL), f"{what}; {advice}") for pattern, what, advice in _SIGNATURES
]


def find_other_format(start: bytes) -> str | None:
    """Return the format of a file that is not CSV, and what to do; the words follow "is "."""
    start = start[:START_BYTES]
    return next((words for pattern, words in _COMPILED if pattern.match(start)), None)


def is_cp1252(data: bytes) -> bool:
    """Return whether bytes that are not UTF-8 may be text in Windows-1252, as Excel saves it.

    They are not if other letters beyond ASCII are valid UTF-8.
    """
    try:
        data.decode("cp1252")
    except UnicodeDecodeError:
        return False
    return data.decode(errors="ignore").isascii()

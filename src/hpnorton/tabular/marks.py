"""Marks that spreadsheets and database exports leave in cells in place of a value."""

from collections.abc import Iterable

# The errors of formulas in Excel, LibreOffice and Google Sheets, also in German, French, Spanish
# and Italian.
ERRORS = frozenset(
    "#N/A #REF! #VALUE! #DIV/0! #NAME? #NUM! #NULL! #SPILL! #CALC! #FIELD! #BLOCKED! #CONNECT! "
    "#BUSY! #UNKNOWN! #EXTERNAL! #GETTING_DATA #ERROR! #NV #BEZUG! #WERT! #ZAHL! #VALEUR! #NOM? "
    "#NOMBRE? #¡REF! #¡VALOR! #¡NUM! #¡DIV/0! #¡NULO! #NOME? #RIF! #VALORE! Err:501 Err:502 "
    "Err:503 Err:504 Err:508 Err:509 Err:511 Err:519 Err:520 Err:522 Err:523 Err:524".split()
) | {"#" * count for count in range(3, 21)}
NULLS = frozenset(("NULL", r"\N"))
WHOLE = ERRORS | NULLS
_BEGINNINGS = ("=", "'")
_WITHIN = ("#", "\\", "Err:5", "NULL")  # each mark of WHOLE begins with one of these
_STARTS = (*_BEGINNINGS, *_WITHIN)
_BEFORE = ',;\t\n"'
_AFTER_QUOTE = "0123456789=+-"


def mark_of(text: str) -> str | None:
    """Return what kind of mark a text is and what to do, or None; the words follow "is "."""
    if text in ERRORS:
        return "an error mark of a spreadsheet; correct the cell there"
    if text in NULLS:
        return (
            "what a database export writes for an empty value; list it in missingValues if it "
            "means that"
        )
    if text.startswith('="') and text.endswith('"') and len(text) > 2:
        return f"a spreadsheet's formula for the text {text[2:-1]}; write only that"
    if text[:1] == "'" and text[1:2] in _AFTER_QUOTE and len(text) > 1:
        return f"a spreadsheet's text {text[1:]} with the mark ' before it; remove the mark"
    return None


def may_be_among(cells: Iterable[str], joined: str) -> bool:
    """Return whether any of the cells may be a mark; `joined` is their concatenation."""
    if any(start in joined for start in _BEGINNINGS):
        return True
    return any(start in joined for start in _WITHIN) and not WHOLE.isdisjoint(cells)


def may_start_cells(text: str) -> bool:
    """Return whether a cell of a CSV text may be a mark: #REF!, ="..." or '0."""
    if text.startswith(_STARTS):
        return True
    for start in _STARTS:
        at = text.find(start)
        while at >= 0:
            if text[at - 1] in _BEFORE and (start != "'" or text[at + 1 : at + 2] in _AFTER_QUOTE):
                return True
            at = text.find(start, at + 1)
    return False


def find_marks(cells: Iterable[str]) -> list[int]:
    """Return the indexes of the cells that are a mark."""
    return [at for at, cell in enumerate(cells) if cell.startswith(_STARTS) and mark_of(cell)]

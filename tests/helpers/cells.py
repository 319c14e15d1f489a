"""Cells of every type, and what becomes of them."""

from typing import Any

from hpnorton.schema.descriptors import field_from_descriptor
from hpnorton.schema.field import Field
from hpnorton.schema.stored import Value

TYPE, CONSTRAINT = "type-error", "constraint-error"

Descriptor = dict[str, Any]


def field_of(descriptor: Descriptor) -> Field:
    """The field that a descriptor describes."""
    return field_from_descriptor({"name": "x"} | descriptor, [""], "package")


def limits(kind: str, **constraints: Any) -> Descriptor:
    """The descriptor of a field of a type with constraints."""
    return {"type": kind, "constraints": constraints}


NUMBERS_WITH_SIGNS = {"type": "number", "decimalChar": ",", "groupChar": ".", "bareNumber": False}

# Descriptor, and what becomes of cells: a value, or the code of an error in a tuple.
CELLS: list[tuple[Descriptor, dict[str, Value | tuple[str]]]] = [
    ({}, {"": None, " ": " ", "a\nb": "a\nb", "ä": "ä", "NA": "NA", "0": "0"}),
    ({"type": "any"}, {"": None, "1": "1"}),
    ({"type": "integer"}, {"": None, "007": 7, "+5": 5, "-0": 0, "0" * 40 + "5": 5}),
    ({"type": "integer"}, dict.fromkeys(["x", "1.0", "1e3", " ", "0x1F", "--1", "1,000"], (TYPE,))),
    ({"type": "integer"}, dict.fromkeys([" 5 ", "5 ", "\u0663", "1_0", "+", "5\n", "½"], (TYPE,))),
    ({"type": "integer", "groupChar": ","}, {"1,000": 1000, "-1,00,000": -100000, "1": 1}),
    (
        {"type": "integer", "groupChar": ","},
        dict.fromkeys([",1", "1,", "1,,0", "-,1", "1.000"], (TYPE,)),
    ),
    ({"type": "integer", "groupChar": "\u202f"}, {"1\u202f000": 1000, "1 000": (TYPE,)}),
    ({"type": "integer", "bareNumber": False}, {"5 %": 5, "€-5": -5, "5.5": (TYPE,), "€": (TYPE,)}),
    ({"type": "number"}, {"1.5": 1.5, "-.5": -0.5, "1e3": 1000.0, "1E-2": 0.01, "5": 5.0}),
    ({"type": "number"}, {"5.": 5.0, "+100000.00": 100000.0, "12678967.543233": 12678967.543233}),
    ({"type": "number"}, dict.fromkeys(["1,5", "x", "1.2.3", " ", "0x1", ".", "+", "e3"], (TYPE,))),
    ({"type": "number"}, dict.fromkeys([" 2 ", "1_0.5", "\u0661.5", "1e", "1e+", "1e.5"], (TYPE,))),
    ({"type": "number"}, dict.fromkeys(["INF", "-inf", "NaN", "Infinity", "1e400"], (TYPE,))),
    ({"type": "number", "missingValues": ["NaN"]}, {"NaN": None}),
    ({"type": "number", "groupChar": " "}, {"1 234.5": 1234.5, " 1": (TYPE,), "1 .5": (TYPE,)}),
    ({"type": "number", "bareNumber": False}, {"95%": 95.0, "EUR 95": 95.0, "Fr.5": 5.0}),
    ({"type": "number", "bareNumber": False}, {"\u20ac-.5": -0.5, "5 -": (TYPE,), "- 5": (TYPE,)}),
    (
        {"type": "number", "bareNumber": False},
        {"\u0661.5": (TYPE,), ".5 kg": 0.5, "7 \u0661": (TYPE,)},
    ),
    (NUMBERS_WITH_SIGNS, {"1.234,5": 1234.5, "€ 5,00 ": 5.0, "-2 %": -2.0, "1,2,3": (TYPE,)}),
    ({"type": "number", "decimalChar": ","}, {"1,5": 1.5, "1.5": (TYPE,), "1": 1.0}),
    ({"type": "boolean"}, dict.fromkeys(["true", "True", "TRUE", "1"], True)),
    ({"type": "boolean"}, dict.fromkeys(["false", "False", "FALSE", "0"], False)),
    ({"type": "boolean"}, dict.fromkeys(["yes", "tRUE", " true", "2"], (TYPE,))),
    (
        {"type": "boolean", "trueValues": ["ja"], "falseValues": ["nein"]},
        {"ja": True, "nein": False, "true": (TYPE,), "0": (TYPE,)},
    ),
    ({"type": "year"}, {"2026": 2026, "0044": 44, "-0044": -44, "12026": 12026}),
    (
        {"type": "year"},
        dict.fromkeys(
            ["26", "0000", "-0000", "-999", "+199", "02026", "2026Z", "２０２６"], (TYPE,)
        ),
    ),
    ({"type": "date"}, {"2026-12-01": "2026-12-01", "2024-02-29": "2024-02-29"}),
    ({"type": "date"}, dict.fromkeys(["2026-02-29", "01.12.2026", "2026-12-01 ", "0"], (TYPE,))),
    (
        {"type": "date"},
        dict.fromkeys(
            ["2026-1-1", "20261201", "2026-W01-1", "2026-335", "２０２６-12-01"], (TYPE,)
        ),
    ),
    (
        {"type": "date", "format": "%d/%m/%y"},
        {"01/12/26": "2026-12-01", "2026-12-01": (TYPE,), "31/02/26": (TYPE,)},
    ),
    ({"type": "time"}, {"17:30:00": "17:30:00", "24:30:00": (TYPE,), "5 pm": (TYPE,)}),
    ({"type": "time"}, dict.fromkeys(["17:30", "17", "1730", "T17:30:00"], (TYPE,))),
    (
        {"type": "time"},
        dict.fromkeys(["24:00:00", "17:30:60", "17:30:00Z", "17:30:00.5", "1７:30:00"], (TYPE,)),
    ),
    ({"type": "time", "format": "%H:%M:%S.%f"}, {"17:30:00.0": "17:30:00.000000"}),
    ({"type": "time", "format": "%H:%M%z"}, {"17:30+01:00": "17:30:00+01:00", "17:30": (TYPE,)}),
    ({"type": "time", "format": "%H.%M"}, {"17.30": "17:30:00", "17:30:00": (TYPE,)}),
    (
        {"type": "datetime"},
        {"2026-12-01T17:30:00": "2026-12-01T17:30:00", "2026-12-01T25:00:00": (TYPE,)},
    ),
    (
        {"type": "datetime"},
        {
            "2026-12-01T17:30:00Z": "2026-12-01T17:30:00+00:00",
            "2024-01-26T15:00:00.300-05:00": "2024-01-26T15:00:00.300000-05:00",
            "2026-12-01T17:30:00.123456789+14:00": "2026-12-01T17:30:00.123456+14:00",
            "2026-12-31T24:00:00": "2027-01-01T00:00:00",
            "2026-12-31T24:00:00.0Z": "2027-01-01T00:00:00+00:00",
        },
    ),
    (
        {"type": "datetime"},
        dict.fromkeys(
            [
                *("2026-12-01 17:30:00", "2026-12-01t17:30:00z", "2026-12-01T24:00:01"),
                *("2026-12-01T17:30:00,5", "2026-12-01T17:30:00+0100", "9999-12-31T24:00:00"),
                *("2026-12-01T17:30:00+15:00", "2026-12-01T17:30:00.", "2026-12-01T17:30:60"),
            ],
            (TYPE,),
        ),
    ),
    ({"type": "date", "format": "fmt:%d.%m.%Y"}, {"01.12.2026": "2026-12-01"}),
    (
        {"type": "date", "format": "%d.%m.%Y"},
        {"1.12.2026": "2026-12-01", "０１.12.2026": (TYPE,), "01.12.26": (TYPE,)},
    ),
    ({"type": "datetime"}, dict.fromkeys(["2026-12-01", "20261201T1730", "now"], (TYPE,))),
    ({"type": "datetime"}, dict.fromkeys(["2026-12-01T17:30", "2026-12-01T17"], (TYPE,))),
    (
        {"type": "datetime", "format": "%d.%m.%Y %H:%M"},
        {"01.12.2026 17:30": "2026-12-01T17:30:00", "2026-12-01T17:30:00": (TYPE,)},
    ),
    (limits("string", required=True), {"": (CONSTRAINT,), " ": " "}),
    (limits("integer", required=True), {"": (CONSTRAINT,), "0": 0}),
    (
        limits("integer", minimum=1, maximum=3),
        {"0": (CONSTRAINT,), "1": 1, "3": 3, "4": (CONSTRAINT,), "": None},
    ),
    (
        limits("number", exclusiveMinimum=0, exclusiveMaximum="1"),
        {"0": (CONSTRAINT,), "0.1": 0.1, "1": (CONSTRAINT,), "1e-9": 1e-9},
    ),
    (
        limits("date", minimum="2026-01-01", exclusiveMaximum="2027-01-01"),
        {"2025-12-31": (CONSTRAINT,), "2026-01-01": "2026-01-01", "2027-01-01": (CONSTRAINT,)},
    ),
    (
        {"decimalChar": ",", "groupChar": "."} | limits("number", minimum=1.5),
        {"1,4": (CONSTRAINT,), "1,5": 1.5, "10": 10.0},
    ),
    (
        {"missingValues": ["", "0"]} | limits("integer", minimum=0),
        {"0": None, "-5": (CONSTRAINT,), "5": 5},
    ),
    (limits("year", minimum=2000), {"1999": (CONSTRAINT,), "2000": 2000}),
    (limits("string", minLength=2, maxLength=3), {"a": (CONSTRAINT,), "äö": "äö"}),
    (limits("string", minLength=2, maxLength=3), {"abcd": (CONSTRAINT,), "": None}),
    (
        limits("string", pattern="(?:[A-Z]{2}|x)"),
        {"AB": "AB", "x": "x", "ABC": (CONSTRAINT,), "ab": (CONSTRAINT,)},
    ),
    (limits("string", enum=["a", "b"]), {"a": "a", "A": (CONSTRAINT,), "": None}),
    (limits("integer", enum=[1, "2"]), {"1": 1, "2": 2, "01": 1, "3": (CONSTRAINT,)}),
    (limits("boolean", enum=[True]), {"1": True, "0": (CONSTRAINT,)}),
    (
        {"trueValues": ["ja"], "falseValues": ["nein"]} | limits("boolean", enum=[True]),
        {"ja": True, "nein": (CONSTRAINT,)},
    ),
    ({"missingValues": ["-", "NA"]}, {"-": None, "NA": None, "": ""}),
    ({"type": "integer", "missingValues": ["-"]}, {"-": None, "": (TYPE,)}),
    (
        {"type": "integer", "missingValues": [{"value": "-", "label": "not asked"}]},
        {"-": None, "5": 5},
    ),
]

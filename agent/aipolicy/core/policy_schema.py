"""The JSON Schema of a policy, for editors: made from the table of keys that the checker reads.

JSON Schema 2020-12, with nothing in it that draft-07 would read otherwise. Patterns are ECMA-262's. What it
cannot say is in UNSAID; all else a test proves to be what the checker says.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from aipolicy.core.days import LONGEST, MOST_DAYS, UNITS
from aipolicy.core.message import MAX_TEXT, PLACEHOLDERS
from aipolicy.core.problem import Code
from aipolicy.core.selector import Kind, KnownTools
from aipolicy.core.values import AUDIENCE_KEYS, KEYS, RULES, Form, Key, Place

Schema = dict[str, Any]

UNSAID: Final[Mapping[Code, str]] = {
    Code.DUPLICATE_ENTRY: "an alias and its id are the same tool",
    Code.NO_CONTACT: "a message anywhere leans on a key at the top",
    Code.NEVER: "two values are compared",
    Code.OVERLAP: "entries are compared",
    Code.SAME_NAME: "scopes are compared",
    Code.DAY: "only for the 29th of February in a year that has none",
}
"""Mistakes that it lets pass, beside what only the text shows: keys twice, anchors, tags, documents."""

_ONE_OF: Final[Mapping[Place, Iterable[str]]] = {
    Place.POLICY: RULES,
    Place.SCOPE: AUDIENCE_KEYS,
}
"""Keys of which one at least must be there."""
_SCALAR: Final = ["string", "number", "boolean"]
"""To an editor a bare 1.10 is a number and a bare true is a truth value; to us every scalar is text."""
_TRIMMED: Final = rf"^\s*(?:\S(?:[^\n\t]{{0,{MAX_TEXT - 2}}}\S)?)?\s*$"
_DAY: Final = (
    r"^2[0-9]{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|[12][0-9]))$"
)
_VERSION: Final = r"\s*[vV]?[0-9][!-+\-.\/-~]{0,126}\s*"


def policy_schema(known: KnownTools) -> Schema:
    """The whole schema. known: what a policy may name; editors complete it."""
    places = {place.value: _mapping(place) for place in KEYS if place is not Place.POLICY}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "aipolicy: which AI tools are approved and which are banned",
        **_mapping(Place.POLICY),
        "$defs": {"selector": _selector(known), "tool": _tool(known), **places},
    }


def _mapping(place: Place) -> Schema:
    keys = KEYS[place]
    schema: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {key.name: _described(key) for key in keys},
    }
    needed = [key.name for key in keys if key.needed]
    if needed:
        schema["required"] = needed
    if place in _ONE_OF:
        schema["anyOf"] = [{"required": [name]} for name in _ONE_OF[place]]
    return schema


def _described(key: Key) -> Schema:
    without = f" Left out: {key.without}." if key.without else ""
    return {"description": f"{key.says[:1].upper()}{key.says[1:]}.{without}", **_FORMS[key.form](key)}


def _selector(known: KnownTools) -> Schema:
    vendors = [f"{Kind.VENDOR}:{vendor}" for vendor in sorted(known.vendors)]
    categories = [f"{Kind.CATEGORY}:{category}" for category in sorted(known.categories)]
    return {
        "description": "A tool of the catalog, a vendor's or a category's tools, or every tool.",
        "type": "string",
        "anyOf": [
            {"title": "tool", "enum": sorted(known.ids)},
            {"title": "another word for a tool", "enum": sorted(known.aliases)},
            {"title": "all tools of a vendor", "enum": vendors},
            {"title": "all tools of a category", "enum": categories},
            {"title": "every AI tool of the catalog", "const": str(Kind.ANY)},
        ],
    }


def _tool(known: KnownTools) -> Schema:
    words = sorted((*known.ids, *known.aliases))
    pattern = rf"^(?:{'|'.join(map(re.escape, words))})(?:@[\s\S]*)?$"
    return {
        "description": "A tool of the catalog, with @VERSION or without.",
        "type": "string",
        "pattern": pattern,
    }


def _text(_key: Key) -> Schema:
    return {"type": _SCALAR, "pattern": _TRIMMED}


def _message(_key: Key) -> Schema:
    filled = rf"^(?:[^{{}}]|\{{(?:{'|'.join(PLACEHOLDERS)})\}})*$"
    return {"type": _SCALAR, "allOf": [{"pattern": _TRIMMED}, {"pattern": filled}]}


def _word(key: Key) -> Schema:
    return {"enum": list(key.words)}


def _day(_key: Key) -> Schema:
    return {"type": "string", "pattern": _DAY, "examples": ["2026-10-01"]}


def _span(_key: Key) -> Schema:
    spans = "|".join(f"{_up_to(LONGEST // length)}{unit}" for unit, length in UNITS.items())
    digits = {"pattern": rf"^[0-9]{{1,5}}[{''.join(UNITS)}]$"}
    return {"type": "string", "allOf": [digits, {"pattern": f"^0*(?:{spans})$"}], "examples": ["7d"]}


def _days(_key: Key) -> Schema:
    digits = {"pattern": r"^[0-9]{1,5}d$"}
    return {
        "type": "string",
        "allOf": [digits, {"pattern": f"^0*{_up_to(MOST_DAYS)}d$"}],
        "examples": ["90d"],
    }


def _versions(_key: Key) -> Schema:
    low, high, one = rf"\s*>=?{_VERSION}", rf"\s*<=?{_VERSION}", rf"\s*==?{_VERSION}"
    pattern = f"^(?:{one}|{low}|{high}|{low},{high}|{high},{low})$"
    return {"type": "string", "pattern": pattern, "examples": [">=1.7, <2"]}


def _entries(key: Key) -> Schema:
    entry = {"$ref": f"#/$defs/{key.of}"}
    item = {"if": {"type": "object"}, "then": entry, "else": {"$ref": "#/$defs/selector"}}
    return {"type": "array", "items": item}


def _names(key: Key) -> Schema:
    item: Schema = {"enum": list(key.words)} if key.words else {"type": _SCALAR, "pattern": r"^[^*?\[\]]+$"}
    return {"type": "array", "minItems": 1, "items": item}


def _hosts(_key: Key) -> Schema:
    item = {"type": _SCALAR, "pattern": r"^[^\[\]!^$\\(|,/ ]+$"}
    return {"type": "array", "minItems": 1, "items": item, "examples": [["fin-*"]]}


def _percent(_key: Key) -> Schema:
    pattern = r"^(?:100(?:\.0{1,2})?|0?[0-9]{1,2}(?:\.[0-9]{1,2})?) ?%?$"
    return {"type": ["number", "string"], "minimum": 0, "maximum": 100, "pattern": pattern}


def _mappings(key: Key) -> Schema:
    return {"type": "array", "items": {"$ref": f"#/$defs/{key.of}"}}


_FORMS: Final[Mapping[Form, Callable[[Key], Schema]]] = {
    Form.TEXT: _text,
    Form.MESSAGE: _message,
    Form.WORD: _word,
    Form.SELECTOR: lambda _key: {"$ref": "#/$defs/selector"},
    Form.TOOL: lambda _key: {"$ref": "#/$defs/tool"},
    Form.DAY: _day,
    Form.SPAN: _span,
    Form.DAYS: _days,
    Form.VERSIONS: _versions,
    Form.NAMES: _names,
    Form.HOSTS: _hosts,
    Form.PERCENT: _percent,
    Form.ENTRIES: _entries,
    Form.MAPPINGS: _mappings,
    Form.MAPPING: lambda key: {"$ref": f"#/$defs/{key.of}"},
}


def _up_to(most: int) -> str:
    """A pattern for the numbers from 1 to `most`, without zeros before them."""
    digits = str(most)
    shorter = [f"[1-9][0-9]{{{length}}}" for length in range(len(digits) - 1)]
    same = [
        digits[:at] + f"[{1 if not at else 0}-{int(digit) - 1}]" + f"[0-9]{{{len(digits) - at - 1}}}"
        for at, digit in enumerate(digits)
        if int(digit) > (0 if at else 1)
    ]
    return f"(?:{'|'.join((*shorter, *same, digits))})"

"""Values as cells of a spreadsheet, which must never take one for a formula.

The rule: a cell whose first visible character is one of = + - @ (or their full-width forms), or that begins with a
tab or a line break, gets an apostrophe in front, by which spreadsheets know text. Plain numbers keep their sign: -5,
+90.25 and -1e3 are numbers, -5+3 is not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, cast

import msgspec

from adapters.decoding import value

_NUMBER: Final = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?([eE][+-]?[0-9]+)?")
_STARTS: Final = frozenset("=+-@\uff1d\uff0b\uff0d\uff20")
_BREAKS: Final = frozenset("\t\r\n")
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


def neutral(text: str) -> str:
    """The text as a cell that is no formula."""
    if not text or _NUMBER.fullmatch(text):
        return text
    visible = next((c for c in text if unicodedata.category(c)[0] not in "CZ"), "")
    return "'" + text if text[0] in _BREAKS or visible in _STARTS else text


def cell(found: Any) -> str:
    """A JSON value as one cell: text as it is, numbers as they were written, lists as JSON, null as nothing."""
    if found is None:
        return ""
    if isinstance(found, str):
        return neutral(found)
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, int | Decimal):
        return str(found)
    return neutral(_ENCODER.encode(found).decode())


def flat(payload: bytes | None, name: str) -> dict[str, str]:
    """The columns that a payload makes: objects opened, a dot between the names; everything else is one cell."""
    return {} if payload is None else dict(_columns(value(payload), name))


def _columns(found: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(found, dict) and found:
        for key, inner in cast("dict[str, Any]", found).items():
            yield from _columns(inner, f"{name}.{key}")
    else:
        yield name, cell(found)

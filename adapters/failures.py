"""Reasons of a failed item, in whatever shape a marketplace sends them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, cast

import msgspec
from msgspec import Raw

from adapters import decoding
from adapters.model import Failure, Text

_EMPTY: Final = frozenset({b"", b"[]", b"null", b'""', b"{}"})
_CODE: Final = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
_CODE_KEYS: Final = ("code", "errorCode", "failureCode", "key")
_MESSAGE_KEYS: Final = ("message", "errorMessage", "reason", "description", "detail", "error")
_LONGEST: Final = 2000
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")

NO_EXPLANATIONS: Final[Mapping[str, Text]] = MappingProxyType({})


def failures(reasons: Raw, explanations: Mapping[str, Text] = NO_EXPLANATIONS) -> tuple[Failure, ...]:
    """The reasons in an item's field: a text, an object, a list of either, or null.

    `explanations` are by code, in upper case; a text that is one of them, or is written like a code, is a code.
    """
    if not reasons or bytes(reasons) in _EMPTY:
        return ()
    return tuple(_read(decoding.value(reasons), explanations))


def failure(code: str | None, message: str | None, explanations: Mapping[str, Text] = NO_EXPLANATIONS) -> Failure:
    """One reason; a message that is a code alone becomes the code."""
    if message and code is None and (message.upper() in explanations or _CODE.fullmatch(message)):
        code, message = message, None
    if message == code:
        message = None
    return Failure(code, message, explanations.get(code.upper()) if code else None)


def _read(reason: object, explanations: Mapping[str, Text]) -> Iterator[Failure]:
    if isinstance(reason, list):
        for part in cast("list[object]", reason):
            yield from _read(part, explanations)
    elif isinstance(reason, dict):
        fields = cast("dict[str, object]", reason)
        code, message = _first(fields, _CODE_KEYS), _first(fields, _MESSAGE_KEYS)
        if code is None and message is None:
            message = _bounded(", ".join(f"{key}: {_said(part)}" for key, part in fields.items() if part is not None))
        if code or message:
            yield failure(code, message, explanations)
    elif isinstance(reason, str | int) and not isinstance(reason, bool):
        message = _bounded(str(reason))
        if message:
            yield failure(None, message, explanations)


def _said(part: object) -> str:
    """A value in words: text as it is, everything else as the JSON that it was."""
    return part if isinstance(part, str) else _ENCODER.encode(part).decode()


def _first(fields: Mapping[str, object], keys: tuple[str, ...]) -> str | None:
    """The first of the keys that holds a text or a number."""
    for key in keys:
        found = fields.get(key)
        if isinstance(found, str | int) and not isinstance(found, bool):
            words = _bounded(str(found))
            if words:
                return words
    return None


def _bounded(words: str) -> str | None:
    words = words.strip()
    return (words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…") or None

"""JSON of a marketplace, taken apart no further than somebody asks for.

`split` is strict and guards the door: past it, every piece is valid JSON. The other readers are lenient, because a
piece that is not what was expected must cost its own value only, never the answer around it.
"""

from __future__ import annotations

import codecs
import re
from decimal import Decimal
from typing import Final, NamedTuple, TypeVar

import msgspec
from msgspec import Raw

_PIECE: Final = 1024 * 1024
_BOM: Final = b"\xef\xbb\xbf"
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_ESCAPES: Final = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)
"""Whole pairs and other escapes are passed over; the group is half a pair, which no encoder could write again."""

Decoded = TypeVar("Decoded")

UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)


class NotAnObject(ValueError):
    """Valid JSON, but not an object."""


class Opened(NamedTuple):
    """A JSON object with its members as untouched bytes, beside the text that they were cut from."""

    members: dict[str, Raw]
    body: bytes


def exact(number: str) -> Decimal | None:
    """A number with a point, as decoders for `object` are to read it (their `float_hook`)."""
    try:
        return Decimal(number)
    except ArithmeticError:
        return None


_MEMBERS: Final = msgspec.json.Decoder(dict[str, Raw])
_ELEMENTS: Final = msgspec.json.Decoder(list[Raw])
_VALUE: Final = msgspec.json.Decoder(object, float_hook=exact)


def split(body: bytes) -> Opened:
    """Cut a JSON object into its members; of a key that comes twice, the last counts.

    Raises `NotAnObject` for other JSON, and one of `UNREADABLE` for what is no JSON, too deep, or not UTF-8.
    """
    try:
        return Opened(*decode(body, _MEMBERS))
    except msgspec.ValidationError as error:
        raise NotAnObject(str(error)) from None


def _check_text(body: bytes) -> None:
    """Raise `UnicodeDecodeError` for what is no UTF-8, in pieces, so that other threads get their turn between them."""
    if body.isascii():
        return
    if len(body) <= _PIECE:
        body.decode()
        return
    decode_piece = codecs.getincrementaldecoder("utf-8")().decode
    for start in range(0, len(body), _PIECE):
        decode_piece(body[start : start + _PIECE])
    decode_piece(b"", True)  # noqa: FBT003 - the codec's own signature


def decode(body: bytes, decoder: msgspec.json.Decoder[Decoded]) -> tuple[Decoded, bytes]:
    """What a decoder makes of a whole answer, and the sound text that it was made from.

    Half a surrogate pair becomes U+FFFD: nobody could encode it again. Raises one of `UNREADABLE`.
    """
    body = body.removeprefix(_BOM)
    _check_text(body)  # strings inside an untouched piece are checked by nobody later
    try:
        return decoder.decode(body), body
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        if not _SURROGATE.search(body):
            raise
        mended = _ESCAPES.sub(lambda found: rb"\ufffd" if found[1] else found[0], body)
        if mended == body:
            raise
        return decoder.decode(mended), mended


def members(piece: Raw | bytes | None) -> dict[str, Raw]:
    """The members of an object; empty for every other piece."""
    try:
        return _MEMBERS.decode(piece) if piece else {}
    except UNREADABLE:
        return {}


def elements(piece: Raw | bytes | None) -> list[Raw] | None:
    """The elements of a list; None for every other piece."""
    try:
        return _ELEMENTS.decode(piece) if piece else None
    except UNREADABLE:
        return None


def value(piece: Raw | bytes | None) -> object:
    """A piece as Python values, numbers with a point as `Decimal`; None where there is none or it is out of bounds."""
    try:
        return _VALUE.decode(piece) if piece else None
    except UNREADABLE:
        return None

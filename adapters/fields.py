"""Lenient field types for the marketplaces' models: a value that is not what was expected becomes None.

They accept the untouched bytes of a field (`msgspec.Raw`) as well as Python values, so that a model is built straight
from the members of a JSON object and decodes only the fields that it names.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Final, Self

from msgspec import Raw
from pydantic import BaseModel, BeforeValidator, ConfigDict, GetPydanticSchema
from pydantic.alias_generators import to_camel
from pydantic_core import core_schema

from adapters import decoding

_INT32: Final = 2**31
_DIGITS: Final = 30
"""More digits, before or behind the point, are no price and no count."""
_LONGEST_NUMBER: Final = 64
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
"""A time outside is a wrong unit or a placeholder, not the time of a batch."""


def text(value: object) -> str | None:
    """Text, or a number as its digits."""
    if isinstance(value, Raw):
        value = decoding.value(value)
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    try:
        return str(value)
    except ValueError:  # more digits than Python writes
        return None


def identity(value: object) -> str | None:
    """An id: text that says something, or a whole number."""
    found = text(value)
    return found.strip() or None if found is not None else None


def exact(value: object) -> Decimal | None:
    """A finite decimal number of sane size, from a number or from text."""
    if isinstance(value, Raw):
        value = decoding.value(value)
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = value.strip()
        if len(value) > _LONGEST_NUMBER or not _NUMBER.fullmatch(value):
            return None
    if not isinstance(value, int | str | Decimal):
        return None
    try:
        number = Decimal(value)
    except (ArithmeticError, ValueError):
        return None
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -_DIGITS or number.adjusted() > _DIGITS:
        return None
    return number


def whole(value: object) -> int | None:
    """A whole number within GraphQL's `Int`."""
    if isinstance(value, Raw):
        value = decoding.value(value)
    number = value if type(value) is int else exact(value)
    if number is None or not -_INT32 <= number < _INT32 or number != int(number):
        return None
    return int(number)


def count(value: object) -> int | None:
    """A whole number that counts something."""
    number = whole(value)
    return number if number is not None and number >= 0 else None


def flag(value: object) -> bool | None:
    """True or false, also as text."""
    if isinstance(value, Raw):
        value = decoding.value(value)
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().casefold())
    return value if isinstance(value, bool) else None


def millis(value: object) -> datetime | None:
    """A time from epoch milliseconds or from ISO 8601 with its zone, in UTC."""
    return _instant(value, 1000)


def seconds(value: object) -> datetime | None:
    """A time from epoch seconds or from ISO 8601 with its zone, in UTC."""
    return _instant(value, 1)


def _instant(value: object, units: int) -> datetime | None:
    if isinstance(value, Raw):
        value = decoding.value(value)
    number = value if type(value) is int else exact(value)
    try:
        if number is not None:
            moment = _EPOCH + timedelta(microseconds=int(number * (1_000_000 // units)))
            return moment if _EARLIEST <= moment < _LATEST else None
        if not isinstance(value, str):
            return None
        moment = datetime.fromisoformat(value.strip())
        return moment.astimezone(UTC) if moment.tzinfo and _EARLIEST <= moment < _LATEST else None
    except (ValueError, OverflowError):
        return None


def raw_json(value: object) -> bytes | None:
    """A piece of the answer, untouched; None for null."""
    piece = bytes(value) if isinstance(value, Raw) else value
    return piece if isinstance(piece, bytes) and piece not in {b"", b"null"} else None


def links(value: object) -> tuple[str, ...] | None:
    """Image addresses, whether listed as text or as objects with a `url`."""
    found = decoding.elements(value) if isinstance(value, Raw) else None
    if found is None:
        return None
    named = (text(decoding.members(piece).get("url")) or text(piece) for piece in found)
    return tuple(link for link in named if link)


def objects(value: object) -> tuple[dict[str, Raw], ...] | None:
    """The objects of a list, for models inside a model."""
    found = decoding.elements(value) if isinstance(value, Raw) else None
    return None if found is None else tuple(fields for fields in map(decoding.members, found) if fields)


def _mostly(usual: core_schema.CoreSchema, read: Callable[[object], object]) -> GetPydanticSchema:
    """What `read` makes of a value; one that is of the usual kind is taken as it is, which needs no Python."""
    lenient = core_schema.no_info_plain_validator_function(read)

    def schema(_source: object, _handler: object) -> core_schema.CoreSchema:
        return core_schema.union_schema([usual, lenient], mode="left_to_right")

    return GetPydanticSchema(schema)


Text = Annotated[str | None, _mostly(core_schema.str_schema(strict=True), text)]
Identity = Annotated[str | None, BeforeValidator(identity)]
Exact = Annotated[Decimal | None, BeforeValidator(exact)]
Whole = Annotated[int | None, _mostly(core_schema.int_schema(strict=True, ge=-_INT32, lt=_INT32), whole)]
Count = Annotated[int | None, _mostly(core_schema.int_schema(strict=True, ge=0, lt=_INT32), count)]
Flag = Annotated[bool | None, BeforeValidator(flag)]
Millis = Annotated[datetime | None, BeforeValidator(millis)]
Seconds = Annotated[datetime | None, BeforeValidator(seconds)]
RawJson = Annotated[bytes | None, BeforeValidator(raw_json)]
Links = Annotated[tuple[str, ...] | None, BeforeValidator(links)]
Objects = BeforeValidator(objects)


class Wire(BaseModel):
    """A marketplace's own object. Attributes are named in snake_case, its keys in camelCase; nothing is required."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, hide_input_in_errors=True)

    @classmethod
    def of(cls, piece: Raw | bytes | None) -> Self | None:
        """The model of an object's bytes; None for every other piece."""
        members = decoding.members(piece)
        return cls.model_validate(members) if members else None

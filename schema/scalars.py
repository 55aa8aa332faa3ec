"""The scalars of the API: what a value looks like on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NewType

import msgspec
import strawberry
from strawberry.types.scalar import ScalarDefinition

if TYPE_CHECKING:
    JSON = Any
else:
    JSON = NewType("JSON", object)


def raw_json(value: bytes | None) -> JSON | None:
    """JSON bytes as a value of the API: they are sent as they are, never decoded and encoded again."""
    return None if value is None else msgspec.Raw(value)


def _date(value: datetime) -> str:
    if value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    # as `isoformat` writes it, in a sixth of the time: it asks the zone for its offset in Python's own objects
    return f"{msgspec.to_builtins(value)[:-1]}+00:00"


def _decimal(value: Decimal) -> str:
    text = str(value)
    if "E" in text and -50 < value.adjusted() < 50:
        return format(value, "f")
    return text


def _same(value: object) -> object:
    return value


SCALARS: Final[Mapping[object, ScalarDefinition]] = MappingProxyType(
    {
        JSON: strawberry.scalar(name="JSON", description="Any JSON value", serialize=_same, parse_value=_same),
        datetime: strawberry.scalar(
            name="DateTime",
            description="A point in time: ISO 8601, UTC",
            serialize=_date,
            parse_value=datetime.fromisoformat,
        ),
        Decimal: strawberry.scalar(
            name="Decimal",
            description="Exact decimal number, as a string",
            serialize=_decimal,
            parse_value=Decimal,
        ),
    }
)

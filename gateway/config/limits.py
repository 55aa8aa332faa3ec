"""`[limits]`, `[documents]` and `[queries]`: records of the modules that keep them, read as strictly as the rest."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, field_validator
from pydantic.dataclasses import dataclass

from gateway.limits import DocumentLimits
from gateway.transports.limits import TransportLimits
from schema.context import QueryLimits

_CONFIG = ConfigDict(extra="forbid")


def _positive(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool) and not 0 < value < float("inf"):
        raise ValueError("must be greater than 0")
    return value


@dataclass(frozen=True, config=_CONFIG)
class Clients(TransportLimits):
    """What clients may hold open, and how long the gateway waits for them."""

    check = field_validator("*")(_positive)


@dataclass(frozen=True, config=_CONFIG)
class Documents(DocumentLimits):
    """What one GraphQL document may be."""

    check = field_validator("*")(_positive)


@dataclass(frozen=True, config=_CONFIG)
class Queries(QueryLimits):
    """What one operation may ask for."""

    check = field_validator("*")(_positive)

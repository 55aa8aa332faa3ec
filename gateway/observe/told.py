"""Events that are told for every request: records without what logging finds out about their caller.

Finding that out takes longer than all the rest of a line; the event's name says where it comes from.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from gateway.observe.request_id import CURRENT


@lru_cache(maxsize=64)
def _blank(name: str, level: int, event: str) -> dict[str, Any]:
    """All that such records have in common; copy it."""
    return logging.LogRecord(name, level, "", 0, event, None, None).__dict__


class Told(logging.LogRecord):
    """An event and its fields."""

    fields: Mapping[str, Any]
    request_id: str | None
    """Of the request that was being answered: such events are written a moment later."""

    def __init__(self, name: str, level: int, event: str, fields: Mapping[str, Any]) -> None:  # pyright: ignore[reportMissingSuperCall] - which is what takes long
        now = time.time()
        known = _blank(name, level, event).copy()
        known["created"] = now
        known["msecs"] = now % 1 * 1000
        known["fields"] = fields
        known["request_id"] = CURRENT.get(None)
        self.__dict__ = known


def tell(log: logging.Logger, level: int, event: str, fields: Mapping[str, Any]) -> None:
    """Log an event; the level was looked at before. `fields` are handed over: plain values, made lines of later."""
    record = Told(log.name, level, event, fields)
    if log.filters or log.disabled:
        log.handle(record)
    else:
        log.callHandlers(record)

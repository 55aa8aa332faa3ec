"""Events that are told for every request: records without what logging finds out about their caller.

Finding that out takes longer than all the rest of a line; the event's name says where it comes from.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any, Final

_BLANK: Final[Mapping[str, Any]] = logging.LogRecord("", logging.INFO, "", 0, "", None, None).__dict__


class Told(logging.LogRecord):
    """An event and its fields."""

    fields: Mapping[str, Any]

    def __init__(self, name: str, level: int, event: str, fields: Mapping[str, Any]) -> None:  # pyright: ignore[reportMissingSuperCall] - which is what takes long
        now = time.time()
        self.__dict__ = {
            **_BLANK,
            "name": name,
            "levelno": level,
            "levelname": logging.getLevelName(level),
            "msg": event,
            "created": now,
            "msecs": now % 1 * 1000,
            "fields": fields,
        }


def tell(log: logging.Logger, level: int, event: str, fields: Mapping[str, Any]) -> None:
    """Log an event; the level was looked at before."""
    log.handle(Told(log.name, level, event, fields))

"""A fault of the gateway's own, as an error with an id that stands in the log beside where it happened."""

from __future__ import annotations

import logging
import secrets
import traceback
from typing import Final

from adapters.errors import InternalError

log: Final = logging.getLogger(__name__)


def fault(error: Exception, where: str) -> InternalError:
    """Log the error's kind and place; its text is left out, since it may quote what was being read or sent."""
    number = secrets.token_hex(4)
    place = "".join(traceback.format_tb(error.__traceback__)).rstrip()
    log.error("gateway.fault: %s, %s at %s\n%s", number, type(error).__name__, where, place)
    return InternalError(f"The gateway failed here (fault {number}): tell whoever runs it; its log has the place.")

"""The id of the request that is being answered: in its answer, in every log line about it, in its trace."""

from __future__ import annotations

import itertools
import re
import secrets
from contextvars import ContextVar
from typing import Final

HEADER: Final = b"x-request-id"
CURRENT: Final[ContextVar[str]] = ContextVar("request_id")
"""Set for everything that runs for a request; what it started and others joined keeps the id of who came first."""

_TRUSTED: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class RequestIds:
    """Takes over a client's id where it has a harmless form, and makes one otherwise."""

    def __init__(self) -> None:
        self._prefix = secrets.token_hex(6)
        self._numbers = itertools.count(1)

    def of(self, headers: list[tuple[bytes, bytes]]) -> str:
        """The id for a request with these headers."""
        for name, value in headers:
            if name == HEADER:
                return value.decode() if _TRUSTED.fullmatch(value) else self.make()
        return self.make()

    def make(self) -> str:
        """A new one."""
        return f"{self._prefix}-{next(self._numbers):x}"

"""Calls those for whom something has come, a short while at once: ten thousand deliveries hold up nobody else."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import Final, Protocol

_log: Final = logging.getLogger(__name__)

_SLICE: Final = 0.01
"""Seconds of deliveries after which everything else has its turn."""
_EACH: Final = 16
"""Deliveries between two looks at the clock."""


class Called(Protocol):
    """Somebody for whom something may have come."""

    def deliver(self) -> None:
        """Must not wait."""
        ...


class Herald:
    """Calls in the order of arrival, in the event loop's next rounds."""

    def __init__(self) -> None:
        self._waiting: deque[Called] = deque()
        self._is_due = False

    def call(self, who: Called) -> None:
        """Let `who` deliver, soon."""
        self._waiting.append(who)
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._round)

    def _round(self) -> None:
        waiting, until = self._waiting, time.perf_counter() + _SLICE
        while waiting:
            try:
                for _ in range(min(_EACH, len(waiting))):
                    waiting.popleft().deliver()
            except Exception:  # noqa: BLE001  # one that fails costs the others nothing
                _log.exception("stream.broke")
            if waiting and time.perf_counter() > until:
                asyncio.get_running_loop().call_soon(self._round)
                return
        self._is_due = False

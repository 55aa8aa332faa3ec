"""A sleep that can be cut short."""

from __future__ import annotations

import asyncio

from adapters.clock import Clock
from adapters.deadline import after


class Alarm:
    """Waits on the injected clock; `ring` ends the wait, also one that has not begun."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """End the wait."""
        self._rung.set()

    async def wait(self, seconds: float | None) -> None:
        """Wait that long (None: until it rings). What rang before the wait counts."""
        if not self._rung.is_set():
            await self._wait(seconds)
        self._rung.clear()

    async def _wait(self, seconds: float | None) -> None:
        stop = None if seconds is None else after(self._clock, seconds, self.ring)
        try:
            await self._rung.wait()
        finally:
            if stop is not None:
                stop()

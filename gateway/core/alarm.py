"""A sleep that can be cut short."""

from __future__ import annotations

import asyncio

from adapters.clock import Clock


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
        if seconds is None:
            await self._rung.wait()
            return
        sleep = asyncio.ensure_future(self._clock.sleep(seconds))
        ring = asyncio.ensure_future(self._rung.wait())
        try:
            await asyncio.wait((sleep, ring), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()
            ring.cancel()
            await asyncio.gather(sleep, ring, return_exceptions=True)

"""Time, injected: everything below the edge that waits or dates takes a `Clock`."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """A steady counter for durations, the wall's UTC for dates, and a sleep that follows them."""

    def monotonic(self) -> float:
        """Seconds on a counter that never goes back."""
        ...

    def now(self) -> datetime:
        """The wall's time, in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long on this clock."""
        ...


class SystemClock:
    """The machine's own clock."""

    monotonic = staticmethod(time.monotonic)
    """Seconds on a counter that never goes back."""

    def now(self) -> datetime:
        """The wall's time, in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        await asyncio.sleep(seconds)

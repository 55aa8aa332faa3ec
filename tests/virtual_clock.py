"""A clock that moves only when every sleeper waits: hours of pacing in milliseconds."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Sized
from datetime import UTC, datetime, timedelta

_UNKNOWN = (None,)
"""What is ready in a loop that does not tell."""


class VirtualClock:
    """Implements `adapters.clock.Clock`. `advance` runs the loop and wakes sleepers in the order of their time."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._at = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def monotonic(self) -> float:
        return self._at

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._at)

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._at + max(0.0, seconds), next(self._order), future))
        await future

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass, waking each sleeper at its own time."""
        end = self._at + seconds
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            at, _, future = heapq.heappop(self._sleepers)
            self._at = max(self._at, at)
            if not future.done():
                future.set_result(None)
                await self.settle()
        self._at = end
        await self.settle()

    async def settle(self, rounds: int = 30) -> None:
        """Give every ready task its turn, without letting time pass."""
        ready: Sized = getattr(asyncio.get_running_loop(), "_ready", _UNKNOWN)
        for _ in range(rounds):
            await asyncio.sleep(0)
            if not ready:  # nobody else has anything to do
                break

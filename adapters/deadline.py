"""A limit in time on whatever clock is injected."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from adapters.clock import Clock, SystemClock


def within(clock: Clock, seconds: float | None) -> AbstractAsyncContextManager[object]:
    """Raise `TimeoutError` where the block takes longer than that many seconds of `clock`; None is no limit."""
    if seconds is None or isinstance(clock, SystemClock):
        return asyncio.timeout(seconds)  # the loop's own timer: no task for each call
    return _within(clock, seconds)


@asynccontextmanager
async def _within(clock: Clock, seconds: float) -> AsyncGenerator[None]:
    async with asyncio.timeout(None) as scope:
        alarm = asyncio.ensure_future(_ring(clock, seconds, scope))
        try:
            yield
        finally:
            alarm.cancel()


async def _ring(clock: Clock, seconds: float, scope: asyncio.Timeout) -> None:
    await clock.sleep(max(0.0, seconds))
    scope.reschedule(asyncio.get_running_loop().time())

"""A limit in time on whatever clock is injected."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from adapters.clock import Clock, SystemClock


def within(clock: Clock, seconds: float | None) -> AbstractAsyncContextManager[object]:
    """Raise `TimeoutError` where the block takes longer than that many seconds of `clock`; None is no limit."""
    if seconds is None or isinstance(clock, SystemClock):
        return asyncio.timeout(seconds)  # the loop's own timer: no task for each call
    return _within(clock, seconds)


def after(clock: Clock, seconds: float, call: Callable[[], object]) -> Callable[[], object]:
    """Call it once that many seconds of `clock` are over. What is returned calls that off."""
    if isinstance(clock, SystemClock):
        return asyncio.get_running_loop().call_later(max(0.0, seconds), call).cancel
    return asyncio.ensure_future(_call_after(clock, seconds, call)).cancel


async def _call_after(clock: Clock, seconds: float, call: Callable[[], object]) -> None:
    await clock.sleep(max(0.0, seconds))
    call()


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

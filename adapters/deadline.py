"""Limits in time on whatever clock is injected."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from adapters.clock import Clock, SystemClock


def after(clock: Clock, seconds: float, call: Callable[[], object]) -> Callable[[], object]:
    """Call it once that many seconds of `clock` are over. What is returned calls that off."""
    if isinstance(clock, SystemClock):
        return asyncio.get_running_loop().call_later(max(0.0, seconds), call).cancel  # no task for each call
    return asyncio.ensure_future(_call_after(clock, seconds, call)).cancel


async def _call_after(clock: Clock, seconds: float, call: Callable[[], object]) -> None:
    await clock.sleep(max(0.0, seconds))
    call()


class within:  # noqa: N801 - reads as a word of the language: `with within(clock, 3.0):`
    """Raise `TimeoutError` where the block takes longer than that many seconds of `clock`; None is no limit.

    It is `asyncio.timeout` on any clock, and without its state: it is entered once, and its time is never moved.
    """

    __slots__ = ("_call_off", "_cancelling", "_clock", "_is_over", "_seconds", "_task")

    def __init__(self, clock: Clock, seconds: float | None) -> None:
        self._clock = clock
        self._seconds = seconds
        self._is_over = False
        self._call_off: Callable[[], object] | None = None

    def __enter__(self) -> Self:
        if self._seconds is not None:
            task = asyncio.current_task()
            if task is None:
                raise RuntimeError("a limit in time needs a task")
            self._task: asyncio.Task[object] = task
            self._cancelling = task.cancelling()
            self._call_off = after(self._clock, self._seconds, self._end)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._call_off is None:
            return
        self._call_off()
        # somebody else may have cancelled the task too: then it stays so
        if self._is_over and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _end(self) -> None:
        self._is_over = True
        self._task.cancel()

"""Limits in time: on the machine's clock and on one of the tests' own."""

from __future__ import annotations

import asyncio

import pytest

from adapters.clock import Clock, SystemClock
from adapters.deadline import after, within
from tests.virtual_clock import VirtualClock

pytestmark = pytest.mark.anyio


async def waits(clock: Clock, seconds: float | None) -> None:
    with within(clock, seconds):
        await asyncio.Event().wait()


async def test_time_that_is_over_ends_the_block() -> None:
    with pytest.raises(TimeoutError):
        await waits(SystemClock(), 0.01)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_time_is_that_of_the_clock() -> None:
    clock = VirtualClock()
    task = asyncio.ensure_future(waits(clock, 60.0))
    await clock.advance(59.9)
    assert not task.done()
    await clock.advance(0.2)
    assert isinstance(task.exception(), TimeoutError)


@pytest.mark.parametrize("clock", [SystemClock(), VirtualClock()], ids=["system", "virtual"])
async def test_a_block_that_ends_in_time_is_left_alone(clock: Clock) -> None:
    before = asyncio.all_tasks()
    with within(clock, 0.0):
        pass
    with within(clock, 0.1):
        await asyncio.sleep(0)
    await asyncio.sleep(0.15)
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("seconds", [None, 60.0])
async def test_who_is_cancelled_from_elsewhere_stays_so(seconds: float | None) -> None:
    task = asyncio.ensure_future(waits(SystemClock(), seconds))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()


async def test_who_is_cancelled_at_the_same_time_stays_so() -> None:
    clock = VirtualClock()

    async def both() -> None:
        with within(clock, 1.0):
            try:
                await asyncio.Event().wait()
            finally:
                task.cancel()

    task = asyncio.ensure_future(both())
    await clock.advance(1.0)
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()


async def test_other_errors_pass() -> None:
    with pytest.raises(LookupError), within(SystemClock(), 1.0):
        raise LookupError


async def test_the_inner_of_two_limits_is_told_from_the_outer() -> None:
    async def inner() -> str:
        try:
            await waits(SystemClock(), 0.01)
        except TimeoutError:
            return "inner"
        return "none"

    with within(SystemClock(), 5.0):
        assert await inner() == "inner"
    with pytest.raises(TimeoutError), within(SystemClock(), 0.01):
        await waits(SystemClock(), 5.0)


async def test_after_a_time_once_and_called_off_never() -> None:
    clock = VirtualClock()
    rung: list[str] = []
    after(clock, 1.0, lambda: rung.append("virtual"))
    after(clock, 1.0, lambda: rung.append("called off"))()
    await clock.advance(5.0)
    after(SystemClock(), -1.0, lambda: rung.append("system"))
    after(SystemClock(), 0.0, lambda: rung.append("called off"))()
    await asyncio.sleep(0.02)
    assert rung == ["virtual", "system"]

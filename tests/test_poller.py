"""The poller: who is asked together, what wakes it, and what it survives."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import pytest

from adapters.model import BatchRef
from gateway.core.pace import Pace
from gateway.core.poller import Gate, Poller
from gateway.core.turns import Turns
from tests.virtual_clock import VirtualClock

pytestmark = pytest.mark.anyio

PACE = Pace(jitter=0.0)
FIRST = PACE.interval(0.0, 0.0)
"""Seconds from the first reading of a young batch to the next."""


def ref(name: str) -> BatchRef:
    return BatchRef("market", "shop", name)


class Polls:
    """Notes who was asked and when; what is asked for lasts as long as it is told."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.asked: list[tuple[str, float]] = []
        self.seconds = 0.0
        self.running = self.most = 0
        self.error: Exception | None = None
        self.is_open = True

    async def poll(self, ref: BatchRef) -> float | None:
        self.asked.append((ref.id, self.clock.monotonic()))
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if self.seconds:
                await self.clock.sleep(self.seconds)
            if self.error is not None:
                raise self.error
        finally:
            self.running -= 1
        return 0.0

    async def opened(self) -> None:
        while not self.is_open:
            await self.clock.sleep(1.0)


@asynccontextmanager
async def poller(
    most: int = 64, closed: Callable[[], None] = lambda: None
) -> AsyncGenerator[tuple[Poller, Polls, VirtualClock]]:
    clock = VirtualClock()
    polls = Polls(clock)
    turns: Turns[BatchRef] = Turns(PACE, random.Random(7))
    made = Poller(turns, polls.poll, Gate(lambda: polls.is_open, polls.opened, closed), clock, most)
    try:
        yield made, polls, clock
    finally:
        await made.aclose()


async def test_who_is_due_a_moment_later_is_asked_in_the_same_breath() -> None:
    async with poller() as (made, polls, clock):
        await clock.advance(1.0)
        made.add(ref("first"), born=1.0, read=1.0, is_attended=True)
        await clock.advance(0.02)
        made.add(ref("close"), born=1.02, read=1.02, is_attended=True)
        await clock.advance(0.08)
        made.add(ref("later"), born=1.1, read=1.1, is_attended=True)
        await clock.advance(FIRST)
        assert polls.asked == [
            ("first", pytest.approx(1.0 + FIRST)),
            ("close", pytest.approx(1.0 + FIRST)),
            ("later", pytest.approx(1.1 + FIRST)),
        ]


async def test_nobody_is_asked_early_where_nobody_is_due() -> None:
    async with poller() as (made, polls, clock):
        made.add(ref("alone"), born=0.0, read=0.0, is_attended=True)
        await clock.advance(FIRST - 0.002)
        assert polls.asked == []
        await clock.advance(0.002)
        assert [name for name, _ in polls.asked] == ["alone"]


async def test_whoever_is_due_sooner_wakes_it() -> None:
    async with poller() as (made, polls, clock):
        made.add(ref("old"), born=-500.0, read=0.0, is_attended=True)
        await clock.advance(1.0)
        made.add(ref("new"), born=1.0, read=None, is_attended=True)
        await clock.settle()
        assert polls.asked == [("new", 1.0)]


async def test_somebody_who_comes_to_wait_for_it_shortens_the_wait() -> None:
    async with poller() as (made, polls, clock):
        made.add(ref("a"), born=0.0, read=0.0, is_attended=False)
        await clock.advance(1.5 * FIRST)
        assert polls.asked == []
        made.attend(ref("a"), is_attended=True)
        await clock.settle()
        assert [name for name, _ in polls.asked] == ["a"]


async def test_so_many_at_a_time_and_no_more() -> None:
    async with poller(most=3) as (made, polls, clock):
        polls.seconds = 2.0
        for number in range(7):
            made.add(ref(str(number)), born=0.0, read=None, is_attended=True)
        await clock.advance(1.9)
        assert len(polls.asked) == 3
        await clock.advance(4.2)
        assert {name for name, _ in polls.asked} >= {str(number) for number in range(7)}
        assert polls.most == 3


async def test_a_closed_gate_holds_all_and_then_nobody_is_forgotten() -> None:
    async with poller() as (made, polls, clock):
        polls.is_open = False
        made.add(ref("a"), born=0.0, read=None, is_attended=True)
        made.add(ref("b"), born=0.0, read=None, is_attended=True)
        await clock.advance(5.0)
        assert polls.asked == []
        polls.is_open = True
        await clock.advance(1.0)
        assert sorted(name for name, _ in polls.asked[:2]) == ["a", "b"]


async def test_a_poll_that_breaks_is_logged_and_its_batch_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    async with poller() as (made, polls, clock):
        polls.error = LookupError("of our own")
        made.add(ref("a"), born=0.0, read=None, is_attended=True)
        await clock.advance(0.1)
        polls.error = None
        await clock.advance(2.0)
        assert len(polls.asked) > 1
    assert [record.message for record in caplog.records] == ["poller.poll_failed"]


async def test_who_fails_to_hear_that_nobody_is_asked_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def closed() -> None:
        raise LookupError("of somebody who was told")

    async with poller(closed=closed) as (made, polls, clock):
        polls.is_open = False
        made.add(ref("a"), born=0.0, read=None, is_attended=True)
        await clock.advance(1.0)
        polls.is_open = True
        await clock.advance(2.0)
        assert polls.asked
    assert [record.message for record in caplog.records] == ["poller.poll_failed"]


async def test_one_that_came_back_while_it_was_being_asked_is_no_trouble() -> None:
    async with poller() as (made, polls, clock):
        polls.seconds = 1.0
        made.add(ref("a"), born=0.0, read=None, is_attended=True)
        await clock.advance(0.1)
        made.remove(ref("a"))
        made.add(ref("a"), born=0.1, read=None, is_attended=True)
        await clock.advance(1.5)
        polls.seconds = 0.0
        await clock.advance(5.0)
        assert len(polls.asked) > 3
        assert polls.running == 0


async def test_closed_it_leaves_nothing_behind() -> None:
    before = asyncio.all_tasks()
    async with poller() as (made, polls, clock):
        polls.seconds = 60.0
        made.add(ref("a"), born=0.0, read=None, is_attended=True)
        await clock.advance(1.0)
        assert polls.running == 1
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before

"""Random schedules on a virtual clock: whatever callers and the marketplace do, the funnel's promises hold."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime, timedelta

import httpx
import pytest

from adapters.errors import BatchError
from adapters.http import BreakerState, Fetched, Priority
from adapters.model import Status
from adapters.window import Limit
from tests.fake_market import Setup
from tests.virtual_clock import VirtualClock

pytestmark = pytest.mark.anyio


class JumpyClock(VirtualClock):
    """Its wall jumps by days; its counter does not."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance

    def now(self) -> datetime:
        return super().now() + timedelta(days=self._chance.uniform(-400, 400))


class Marketplace:
    """Takes calls after a while, and does with them whatever chance says."""

    def __init__(self, clock: VirtualClock, chance: random.Random) -> None:
        self.clock = clock
        self.chance = chance
        self.arrivals: list[float] = []
        self.completed: set[str] = set()
        self.mood = chance.choice(
            [[200], [200, 200, 500], [500], [200, 429], [200, 500, 429, 401, 0, 1], [0], [1, 200]]
        )

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        await self.clock.sleep(self.chance.choice([0.0, 0.01, 0.3]))
        self.arrivals.append(self.clock.monotonic())
        await self.clock.sleep(self.chance.choice([0.0, 0.05, 0.5, 3.0, 20.0]))
        status = self.chance.choice(self.mood)
        if status == 0:
            raise self.chance.choice([httpx.ReadError, httpx.ConnectError, httpx.RemoteProtocolError])("broken")
        if status == 1:
            return httpx.Response(200, content=self.chance.choice([b"<html>", b'{"status": 1}', b"", b"[]"]))
        headers = {"retry-after": self.chance.choice(["0", "2", "40", "soon"])} if self.chance.random() < 0.5 else {}
        batch_id = request.url.path.strip("/")
        word = self.chance.choice(["IN_PROGRESS", "COMPLETED"])
        if status == 200 and word == "COMPLETED":
            self.completed.add(batch_id)
        return httpx.Response(status, headers=headers, json={"status": word})


class Schedule:
    """One run: callers come, wait or leave; then everything is let to its end and looked at."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.clock = JumpyClock(self.chance)
        self.marketplace = Marketplace(self.clock, self.chance)
        self.limit = Limit(self.chance.randint(1, 5), self.chance.choice([1.0, 5.0, 10.0]))
        self.late: list[float] = []
        self.hints: list[float] = []

    async def ask(self, setup: Setup) -> None:
        timeout = self.chance.choice([0.5, 3.0, 15.0])
        priority = self.chance.choice(list(Priority))
        batch_id = f"b{self.chance.randint(0, 3)}"
        started = self.clock.monotonic()
        try:
            found = await setup.fetch(batch_id, timeout=timeout, priority=priority)
            assert isinstance(found, Fetched)
            assert found.snapshot.status is not Status.COMPLETED or batch_id in self.marketplace.completed
        except BatchError as error:
            self.hints.append(error.retry_after or 0.0)
        if priority is Priority.QUERY:
            self.late.append(self.clock.monotonic() - started - timeout)

    async def play(self) -> None:
        limit = f"{self.limit.calls}/{self.limit.seconds}s"
        async with Setup(self.marketplace, clock=self.clock, limit=limit, max_retry_after=60) as setup:
            callers: list[asyncio.Task[None]] = []
            for _ in range(self.chance.randint(5, 40)):
                callers.append(asyncio.ensure_future(self.ask(setup)))
                if self.chance.random() < 0.2:
                    self.chance.choice(callers).cancel()
                if self.chance.random() < 0.6:
                    await self.clock.advance(self.chance.choice([0.0, 0.1, 1.0, 7.0]))
            for _ in range(400):
                if all(caller.done() for caller in callers):
                    break
                await self.clock.advance(20)
            for outcome in await asyncio.gather(*callers, return_exceptions=True):
                assert outcome is None or isinstance(outcome, asyncio.CancelledError), outcome
            await self.clock.advance(1_000)
            assert setup.funnel.budget_left("shop") == self.limit.calls
            assert setup.funnel.breaker_state("shop") is not BreakerState.OPEN

    def check(self) -> None:
        assert all(late <= 0.01 for late in self.late)
        assert all(hint >= 0.0 for hint in self.hints)
        calls, seconds = self.limit
        arrivals = sorted(self.marketplace.arrivals)
        for first, last in zip(arrivals, arrivals[calls:], strict=False):
            assert last - first >= seconds - 1e-6


async def played(seeds: range) -> None:
    before = asyncio.all_tasks()
    for seed in seeds:
        schedule = Schedule(seed)
        try:
            await schedule.play()
            schedule.check()
        except AssertionError as error:
            raise AssertionError(f"schedule {seed}") from error
        for _ in range(5):
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == before, f"schedule {seed}"


async def test_the_promises_hold_in_some_schedules() -> None:
    await played(range(60))


@pytest.mark.slow
async def test_the_promises_hold_in_thousands_of_schedules() -> None:
    await played(range(60, 3_000))

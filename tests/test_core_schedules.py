"""Random schedules of answers, failures, delays, queries and subscribers: what must hold in every one of them.

- never COMPLETED before the marketplace gave the grounds for it, and a terminal state never turns back;
- never more calls in a window than the limit;
- every question is answered, or fails with a typed error, within its time; every stream ends;
- nothing is left running.
"""

from __future__ import annotations

import asyncio
import os
import random
from dataclasses import dataclass, field

import httpx
import pytest

from adapters.errors import BatchError
from adapters.model import Status
from gateway.core.updates import Detail
from gateway.core.watched import WatchLimits
from tests.core_world import Marketplace, World, body, ref, trendyol_account, unknown, world
from tests.virtual_clock import VirtualClock

pytestmark = pytest.mark.anyio

LIMIT, WINDOW = 5, 2.0
TIMEOUT = 10.0
DEADLINE = 120.0


class Chaos(Marketplace):
    """Answers by chance: truth, other truths, failures of all kinds, sooner or later."""

    def __init__(self, clock: VirtualClock, chance: random.Random) -> None:
        super().__init__(clock)
        self.chance = chance
        self.grounds: dict[str, float] = {}
        self.trouble = chance.random() * 0.7
        self.ends = {f"b{n}": chance.choice([0.0, 5.0, 40.0, 1e9]) for n in range(3)}

    async def handle(self, request: httpx.Request) -> httpx.Response:
        batch_id = request.url.path.rsplit("/", 1)[1]
        self.calls[batch_id] += 1
        self.times.append(self.clock.monotonic())
        await self.clock.sleep(self.chance.choice([0.0, 0.01, 0.3, 3.0, 30.0]) * self.chance.random())
        if self.chance.random() < self.trouble:
            return self._trouble(batch_id)
        return self._truth(batch_id)

    def _truth(self, batch_id: str) -> httpx.Response:
        if self.clock.monotonic() < self.ends[batch_id]:
            return body(batch_id, *self.chance.choices(["SUCCESS", "FAILED", "PROCESSING"], k=2), status="IN_PROGRESS")
        self.grounds.setdefault(batch_id, self.clock.monotonic())
        if self.chance.random() < 0.5:
            return body(batch_id, "SUCCESS", "FAILED", status="COMPLETED")
        return body(batch_id, "SUCCESS", "FAILED", status=None)

    def _trouble(self, batch_id: str) -> httpx.Response:
        chance = self.chance
        return chance.choice(
            [
                lambda: _broken(httpx.ConnectError("refused")),
                lambda: _broken(httpx.ReadTimeout("slow")),
                lambda: httpx.Response(429, headers={"Retry-After": chance.choice(["1", "3", "x", "0"])}),
                lambda: httpx.Response(chance.choice([401, 403, 404, 400])),
                lambda: httpx.Response(200, text="<html>busy</html>"),
                lambda: httpx.Response(200, content=b'{"batchRequestId": "'),
                lambda: unknown(batch_id),
                lambda: body(batch_id, "SUCCESS", "SUCCESS", status="SOMETHING_NEW"),
                lambda: body(batch_id, "SUCCESS", status=None, total=2),
                lambda: body("another", "SUCCESS", status="COMPLETED"),
                lambda: body(batch_id, "SUCCESS", "PROCESSING", status="PROCESSING"),
                lambda: httpx.Response(chance.choice([500, 502, 503, 504])),
            ]
        )()


def _broken(error: httpx.TransportError) -> httpx.Response:
    raise error


@dataclass
class Seen:
    """What one client saw of each batch, in order, and whether all its questions came back in time."""

    world: World
    chaos: Chaos
    terminal: dict[str, Status] = field(default_factory=dict)
    fetched: dict[str, object] = field(default_factory=dict)

    def check(self, batch_id: str, status: Status) -> None:
        if status is Status.COMPLETED:
            assert batch_id in self.chaos.grounds, "completed without grounds"
        if batch_id in self.terminal:
            assert status is self.terminal[batch_id], "a terminal state turned back"
        elif status in {Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.TIMED_OUT}:
            self.terminal[batch_id] = status

    async def query(self, batch_id: str, max_age: float | None) -> None:
        began = self.world.clock.monotonic()
        look = await self.world.batches.look(ref(batch_id), max_age)
        assert self.world.clock.monotonic() - began <= TIMEOUT + 0.5, "no answer in time"
        assert look.reading is not None or isinstance(look.error, BatchError)
        if look.reading is not None:
            self.check(batch_id, look.reading.snapshot.status)

    async def subscribe(self, batch_ids: list[str], leave_after: float | None) -> None:
        stream = await self.world.watches.subscribe([ref(b) for b in batch_ids], Detail.PROGRESS)
        open_batches = set(batch_ids)
        began = self.world.clock.monotonic()
        versions: dict[str, str] = {}
        try:
            async for update in stream:
                batch_id = update.ref.id
                assert batch_id in open_batches, "an update after the last one"
                if update.reading is not None:
                    self.check(batch_id, update.reading.snapshot.status)
                assert update.version >= versions.get(batch_id, ""), "an older state after a newer one"
                versions[batch_id] = update.version
                if update.is_final:
                    open_batches.discard(batch_id)
                if leave_after is not None and self.world.clock.monotonic() - began > leave_after:
                    return
            assert not open_batches, "a stream ended before its batches"
        finally:
            await stream.aclose()


async def play(seed: int) -> None:
    chance = random.Random(seed)
    random.seed(seed)  # what the watches draw by themselves
    clock = VirtualClock()
    running = asyncio.all_tasks()
    chaos = Chaos(clock, chance)
    account = trendyol_account(limit=f"{LIMIT}/{WINDOW}s")
    async with world(
        account, marketplace=chaos, query_timeout=TIMEOUT, watch=WatchLimits(deadline=DEADLINE, grace=10)
    ) as w:
        seen = Seen(w, chaos)
        tasks: list[asyncio.Task[None]] = []
        for _ in range(chance.randrange(4, 14)):
            batch_id = chance.choice(list(chaos.ends))
            if chance.random() < 0.6:
                tasks.append(asyncio.ensure_future(seen.query(batch_id, chance.choice([None, None, 0, 1, 30]))))
            else:
                chosen = chance.sample(list(chaos.ends), chance.randrange(1, 4))
                tasks.append(asyncio.ensure_future(seen.subscribe(chosen, chance.choice([None, None, 3.0, 20.0]))))
            if chance.random() < 0.2:
                chance.choice(tasks).cancel()
            await clock.advance(chance.choice([0.0, 0.1, 1.0, 8.0]))
        await clock.advance(DEADLINE + 60)
        for task in tasks:
            assert task.done(), "a question or a stream never ended"
            if not task.cancelled():
                task.result()
        assert w.watches.count() == 0
    times = chaos.times
    assert all(later - earlier >= WINDOW - 1e-6 for earlier, later in zip(times, times[LIMIT:], strict=False))
    left = asyncio.all_tasks() - running
    assert not left, "tasks were left running"


def seeds(number: int) -> range:
    """`SCHEDULES_FROM` moves the range, to try others than those of every run."""
    start = int(os.environ.get("SCHEDULES_FROM", "0"))
    return range(start, start + number)


@pytest.mark.parametrize("block", range(4))
async def test_some_schedules(block: int) -> None:
    for seed in seeds(25):
        await play(block * 1_000_000 + seed)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(8))
async def test_thousands_of_schedules(block: int) -> None:
    for seed in seeds(500):
        await play(block * 1_000_000 + 1_000 + seed)

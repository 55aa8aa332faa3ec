"""The queue in front of the window: queries first, equal turns, nobody forgotten, nothing lost."""

from __future__ import annotations

import asyncio

import pytest

from adapters.budget import LocalBudget, OutOfBudget, Permit, Priority
from adapters.model import BatchRef
from adapters.window import Limit
from tests.virtual_clock import VirtualClock

pytestmark = pytest.mark.anyio


class Bench:
    def __init__(self, limit: str) -> None:
        self.clock = VirtualClock()
        self.budget = LocalBudget(Limit.parse(limit), self.clock)
        self.served: list[tuple[str, float]] = []

    async def call(self, name: str, priority: Priority = Priority.QUERY, patience: float | None = None) -> None:
        permit = await self.budget.acquire(BatchRef("market", "shop", name), priority, patience)
        self.served.append((name, self.clock.monotonic()))
        permit.end()

    def start(
        self, name: str, priority: Priority = Priority.QUERY, patience: float | None = None
    ) -> asyncio.Task[None]:
        return asyncio.ensure_future(self.call(name, priority, patience))

    @property
    def order(self) -> str:
        return "".join(name for name, _ in self.served)


async def test_a_burst_then_one_window_after_another() -> None:
    bench = Bench("2/10s")
    tasks = [bench.start(name) for name in "abcde"]
    await bench.clock.advance(25)
    await asyncio.gather(*tasks)
    assert bench.order == "abcde"
    assert [round(at) for _, at in bench.served] == [0, 0, 10, 10, 20]
    assert bench.budget.left() == 1


async def test_queries_go_before_watches() -> None:
    bench = Bench("1/10s")
    tasks = [bench.start(name, Priority.WATCH) for name in "xyz"] + [bench.start(name) for name in "ab"]
    await bench.clock.advance(60)
    await asyncio.gather(*tasks)
    assert bench.order == "xabyz"


async def test_a_watch_does_not_starve_behind_queries() -> None:
    bench = Bench("1/1s")
    first, watch = bench.start("a"), bench.start("W", Priority.WATCH)
    queries: list[asyncio.Task[None]] = []
    for _ in range(8):
        queries += [bench.start("q"), bench.start("q")]
        await bench.clock.advance(1.01)
    assert "W" in bench.order
    for task in (first, watch, *queries):
        task.cancel()
    await asyncio.gather(first, watch, *queries, return_exceptions=True)
    await bench.budget.aclose()


async def test_a_query_waits_within_its_patience() -> None:
    bench = Bench("1/10s")
    await bench.call("a")
    patient = bench.start("b", patience=11)
    hopeless = bench.start("c", patience=9)
    await bench.clock.settle()
    with pytest.raises(OutOfBudget) as at_once:
        await hopeless
    assert at_once.value.retry_after == 20  # the window, and who waits already
    assert bench.clock.monotonic() == 0  # there is no use in waiting
    behind = bench.start("d", patience=15)
    await bench.clock.advance(16)
    await patient
    with pytest.raises(OutOfBudget):
        await behind
    assert bench.order == "ab"


async def test_a_watch_waits_as_long_as_it_takes() -> None:
    bench = Bench("1/m")
    tasks = [bench.start(name, Priority.WATCH) for name in "abc"]
    await bench.clock.advance(121)
    await asyncio.gather(*tasks)
    assert bench.order == "abc"


async def test_a_watch_that_somebody_waits_for_becomes_a_query() -> None:
    bench = Bench("1/10s")
    tasks = [bench.start(name, Priority.WATCH) for name in "wxyz"]
    await bench.clock.settle()
    bench.budget.hurry(BatchRef("market", "shop", "z"), 30)
    await bench.clock.advance(50)
    await asyncio.gather(*tasks)
    assert bench.order == "wzxy"


async def test_a_watch_that_begins_while_somebody_waits_is_a_query_too() -> None:
    bench = Bench("1/10s")
    await bench.call("a")
    tasks = [bench.start("x", Priority.WATCH)]
    bench.budget.hurry(BatchRef("market", "shop", "w"), 30)
    tasks.append(bench.start("w", Priority.WATCH))
    await bench.clock.advance(30)
    await asyncio.gather(*tasks)
    assert bench.order == "awx"
    tasks = [bench.start("x", Priority.WATCH), bench.start("w", Priority.WATCH)]
    await bench.clock.advance(31)
    assert bench.order == "awxxw"
    await asyncio.gather(*tasks)


async def test_a_hurried_watch_has_a_querys_patience() -> None:
    bench = Bench("1/10s")
    await bench.call("a")
    task = bench.start("w", Priority.WATCH)
    await bench.clock.settle()
    bench.budget.hurry(BatchRef("market", "shop", "w"), 3)
    with pytest.raises(OutOfBudget):
        await task


async def test_callers_that_leave_cost_nothing() -> None:
    bench = Bench("2/10s")
    tasks = [bench.start(name) for name in "abcdef"]
    await bench.clock.settle()
    for task in tasks[2:5]:
        task.cancel()
    await bench.clock.advance(11)
    assert bench.order == "abf"
    await asyncio.gather(*tasks, return_exceptions=True)
    assert bench.budget.left() == 1


async def test_a_permit_that_comes_as_its_caller_leaves_goes_back() -> None:
    bench = Bench("1/10s")
    await bench.call("a")
    for _ in range(20):
        waiting = bench.start("b")
        await bench.clock.settle()
        advancing = asyncio.ensure_future(bench.clock.advance(10.001))
        for _ in range(40):
            await asyncio.sleep(0)
            if bench.budget.left() == 0 and bench.clock.monotonic() >= 10:
                break
        waiting.cancel()
        await asyncio.gather(waiting, advancing, return_exceptions=True)
    await bench.clock.advance(10.1)
    assert bench.budget.left() == 1


async def test_throttling_lowers_the_pace_of_all() -> None:
    bench = Bench("4/10s")
    permit: Permit = await bench.budget.acquire(BatchRef("market", "shop", "a"), Priority.QUERY, None)
    permit.end()
    permit.throttled(20.0)
    assert bench.budget.left() == 0
    tasks = [bench.start(name) for name in "bcde"]
    await bench.clock.advance(19)
    assert bench.order == ""
    await bench.clock.advance(2)
    assert bench.order == "bc"
    await bench.clock.advance(12)
    assert bench.order == "bcde"
    await asyncio.gather(*tasks)


async def test_closing_sends_away_who_waits() -> None:
    before = asyncio.all_tasks()
    bench = Bench("1/10s")
    await bench.call("a")
    tasks = [bench.start("b"), bench.start("c", Priority.WATCH)]
    await bench.clock.settle()
    await bench.budget.aclose()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(outcome, OutOfBudget)
    assert asyncio.all_tasks() == before

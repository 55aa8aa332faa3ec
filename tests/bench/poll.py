"""What one question about a watched batch costs the gateway while nothing changes, everything counted in."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

import uvloop

from tests.bench import contestants
from tests.bench.cold import on_client_core
from tests.bench.machine import cpu_seconds
from tests.bench.market import Upstream
from tests.bench.rounds import Plan
from tests.bench.subscribers import Audience
from tests.bench.table import markdown

BATCHES: Final = 400
_ARRIVAL: Final = 30.0
_SETTLE: Final = 1.0


@dataclass(frozen=True, slots=True)
class Polls:
    """What was used; `cpu` is seconds a call."""

    calls: int
    cpu: float


def polls(upstream: Upstream, seconds: float) -> Polls:
    """Watch batches of one item while they are young and asked about often, and count."""
    with contestants.gateway(upstream.url) as server, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_watch(server.url, server.pid, upstream, seconds))


async def _watch(url: str, pid: int, upstream: Upstream, seconds: float) -> Polls:
    audience = Audience(url, [f"open-1-{number}" for number in range(BATCHES)])
    came = await audience.enter(BATCHES, _ARRIVAL)
    if came < BATCHES:
        raise RuntimeError(f"{came} of {BATCHES} subscribers came")
    await asyncio.sleep(_SETTLE)
    await asyncio.to_thread(upstream.reset)
    before = cpu_seconds(pid)
    await asyncio.sleep(seconds)
    used = cpu_seconds(pid) - before
    calls = await asyncio.to_thread(upstream.calls)
    await audience.leave()
    return Polls(calls, used / max(calls, 1))


def report(plan: Plan, upstream: Upstream) -> None:
    """Print the table."""

    def run() -> None:
        found = [polls(upstream, 4 * plan.seconds) for _ in range(plan.rounds)]
        best = sorted(found, key=lambda each: each.cpu)[len(found) // 2]
        row = ["one upstream poll of an unchanged 1-item batch", f"{best.calls:,}", f"{best.cpu * 1e6:.0f}"]
        print(markdown(f"Polls of {BATCHES} watched batches", ["", "polls", "CPU µs each"], [row]))

    on_client_core(run)

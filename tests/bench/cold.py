"""Answers that have to be fetched: every request a new batch, forty at once, five hundred times the same."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Final

from tests.bench import contestants
from tests.bench.cached import MERCURIUS, OURS, PEERS, PLAIN, TAILCALL
from tests.bench.contestants import Server, Start
from tests.bench.generator import Exchange, connect
from tests.bench.load import Load
from tests.bench.machine import pin_to_client_core, raise_file_limit
from tests.bench.market import Upstream
from tests.bench.rounds import Entry, Plan, alternate, loads, started
from tests.bench.table import markdown, of_loads

FANOUT: Final = 40
FANOUT_LATENCY: Final = 0.1
BURST: Final = 500
BURST_LATENCY: Final = 0.2
_NUMBERS: Final = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Burst:
    """What a burst brought. Times are seconds."""

    calls: int
    p50: float
    p99: float


def fresh(plan: Plan, upstream: Upstream, others: Mapping[str, Start] = PEERS) -> dict[str, Load]:
    """Every request about a batch that nobody has asked for."""
    with ExitStack() as stack:
        servers = started(stack, upstream.url, {OURS: contestants.gateway, **others})
        for server in servers.values():
            server.ask(server.questions.one("done-1-1"))
        return loads(plan, servers, [Entry(name, name, each.questions.fresh, 32) for name, each in servers.items()])


def fanout(plan: Plan, upstream: Upstream, others: Mapping[str, Start] = PEERS) -> dict[str, float]:
    """Seconds for forty batches that nobody has asked for, in one request."""

    def run(server: Server) -> float:
        body = server.questions.many([f"done-1-{serial()}" for _ in range(FANOUT)])
        begun = time.perf_counter()
        server.ask(body)
        return time.perf_counter() - begun

    with _slow(upstream, FANOUT_LATENCY), ExitStack() as stack:
        servers = started(stack, upstream.url, {OURS: contestants.gateway, **others})
        for server in servers.values():
            run(server)
        found = alternate(list(servers), 2 * plan.rounds + 1, lambda name: run(servers[name]))
    return {name: median(times) for name, times in found.items()}


def burst(plan: Plan, upstream: Upstream, others: Mapping[str, Start] = PEERS) -> dict[str, Burst]:
    """Five hundred connections that ask for the same batch in the same moment."""

    def run(server: Server) -> Burst:
        upstream.reset()
        times = asyncio.run(at_once(server.url, server.questions.one(f"done-1-{serial()}")))
        return Burst(upstream.calls(), times[len(times) // 2], times[int(len(times) * 0.99)])

    with _slow(upstream, BURST_LATENCY), ExitStack() as stack:
        servers = started(stack, upstream.url, {OURS: contestants.gateway, **others})
        for server in servers.values():
            run(server)
        found = alternate(list(servers), plan.rounds, lambda name: run(servers[name]))
    return {name: _middle(bursts) for name, bursts in found.items()}


def _middle(bursts: Sequence[Burst]) -> Burst:
    return Burst(
        max(each.calls for each in bursts),
        median(each.p50 for each in bursts),
        median(each.p99 for each in bursts),
    )


async def at_once(url: str, body: bytes) -> list[float]:
    """Seconds until each was answered, sorted. All are sent before anything is read."""
    times: list[float] = []
    done = asyncio.Event()

    def answered(exchange: Exchange, status: int) -> None:
        if status != 200:
            raise RuntimeError(f"{url} answered with status {status}")
        times.append(time.perf_counter() - exchange.asked_at)
        if len(times) == BURST:
            done.set()

    exchanges = await connect(url, BURST, answered)
    for exchange in exchanges:
        exchange.ask(body)
    async with asyncio.timeout(60):
        await done.wait()
    for exchange in exchanges:
        exchange.close()
    return sorted(times)


@contextmanager
def _slow(upstream: Upstream, latency: float) -> Iterator[None]:
    upstream.set_latency(latency)
    try:
        yield
    finally:
        upstream.set_latency(0.0)


def serial() -> str:
    """A number that no batch had before."""
    return f"{os.getpid()}{next(_NUMBERS):06}"


def on_client_core(report: Callable[[], None]) -> None:
    """Run what asks from this very process beside the other load."""
    before = os.sched_getaffinity(0)
    raise_file_limit()
    pin_to_client_core()
    try:
        report()
    finally:
        os.sched_setaffinity(0, before)


def report_fresh(plan: Plan, upstream: Upstream) -> None:
    """Print the table."""
    title = "Every request a new batch, upstream at 0 ms, POST, 32 connections"
    print(of_loads(title, fresh(plan, upstream), [PLAIN, MERCURIUS, TAILCALL]))


def report_bursts(plan: Plan, upstream: Upstream) -> None:
    """Print both tables."""

    def report() -> None:
        latency = FANOUT_LATENCY
        rows = [[name, f"{s * 1e3:.0f}", f"{s / latency:.2f}"] for name, s in fanout(plan, upstream).items()]
        title = f"{FANOUT} cold batches in one request, upstream at {latency * 1e3:.0f} ms"
        print(markdown(title, ["", "ms", "x latency"], rows))
        latency = BURST_LATENCY
        bursts = [
            [name, str(b.calls), f"{b.p50 * 1e3:.0f}", f"{b.p99 * 1e3:.0f}", f"{(b.p99 - latency) * 1e3:+.0f}"]
            for name, b in burst(plan, upstream).items()
        ]
        title = f"{BURST} identical cold queries at once, upstream at {latency * 1e3:.0f} ms"
        print(markdown(title, ["", "upstream calls", "p50 ms", "p99 ms", "p99 over latency, ms"], bursts))

    on_client_core(report)

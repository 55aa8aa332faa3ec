"""Several replicas on one virtual clock, one marketplace and one Valkey, each of which can be hurt by itself."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import httpx

from adapters.base import Account
from adapters.http import Funnel
from adapters.model import BatchRef
from gateway.core.assembly import Core, CoreSettings, open_core
from gateway.core.cluster.cluster import Cluster
from gateway.core.cluster.settings import ClusterSettings
from gateway.core.updates import Detail, Update
from tests.core_world import Marketplace, trendyol_account
from tests.valkey import namespace, valkey_url
from tests.virtual_clock import VirtualClock
from tests.virtual_valkey import VirtualLink, VirtualValkey

T = TypeVar("T")


class Life:
    """Whether a replica runs: a stopped one does nothing more until it is continued, a dead one never."""

    def __init__(self) -> None:
        self._runs = asyncio.Event()
        self._runs.set()
        self.is_dead = False

    def stop(self) -> None:
        self._runs.clear()

    def go_on(self) -> None:
        if not self.is_dead:
            self._runs.set()

    def kill(self) -> None:
        self.is_dead = True
        self.stop()

    def end(self) -> None:
        """Let its tasks be taken apart."""
        self._runs.set()

    async def runs(self) -> None:
        await self._runs.wait()


class LivingClock:
    """The clock as a process that may be stopped has it."""

    def __init__(self, clock: VirtualClock, life: Life) -> None:
        self._clock = clock
        self._life = life

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def now(self) -> datetime:
        return self._clock.now()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        await self._life.runs()


class LivingLink(VirtualLink):
    """The way to the server as a process that may be stopped has it."""

    life: Life

    async def _way(self) -> None:
        await self.life.runs()
        try:
            await super()._way()
        finally:
            await self.life.runs()


class Replica:
    """One of several."""

    def __init__(self, name: str, core: Core, link: LivingLink, life: Life, stack: AsyncExitStack) -> None:
        self.name = name
        self.core = core
        self.link = link
        self.life = life
        self.stack = stack
        self.streams: list[asyncio.Task[None]] = []

    @property
    def cluster(self) -> Cluster:
        assert self.core.cluster is not None
        return self.core.cluster

    def watch(self, *refs: BatchRef, detail: Detail = Detail.PROGRESS) -> list[Update]:
        """Subscribe; the list fills as updates come."""
        updates: list[Update] = []

        async def read() -> None:
            async with aclosing(await self.core.watches.subscribe(refs, detail)) as subscription:
                async for update in subscription:
                    updates.append(update)  # noqa: PERF401 - seen as it comes

        self.streams.append(asyncio.ensure_future(read()))
        return updates


@dataclass
class ClusterWorld:
    """Replicas, marketplace, server and clock."""

    clock: VirtualClock
    marketplace: Marketplace
    valkey: VirtualValkey
    accounts: tuple[Account, ...]
    rng: random.Random
    settings: dict[str, Any]
    lease: float
    stack: AsyncExitStack
    replicas: list[Replica] = field(default_factory=list)
    at_each_step: Callable[[], None] = lambda: None

    async def start(self, name: str) -> Replica:
        """Start a replica."""
        life = Life()
        link = LivingLink(self.valkey, random.Random(self.rng.random()))
        link.life = life

        async def handle(request: httpx.Request) -> httpx.Response:
            await life.runs()
            if life.is_dead:
                raise httpx.ConnectError("dead")
            answer = await self.marketplace.handle(request)
            await life.runs()
            return answer

        def funnel(given: Any, clock: Any, limits: Any, budgets: Any) -> Funnel:
            return Funnel(
                given, clock=clock, upstream=limits, budget_factory=budgets, chance=lambda: 0.5,
                transport_factory=lambda _: httpx.MockTransport(handle),
            )  # fmt: skip

        given = ClusterSettings(lease=self.lease, namespace=self.valkey.name, name=name)
        made = CoreSettings(accounts=self.accounts, cluster=given, **self.settings)
        stack = await self.stack.enter_async_context(AsyncExitStack())
        opening = open_core(made, LivingClock(self.clock, life), funnel, make_server=lambda _: link)
        core = await self.do(stack.enter_async_context(opening))
        replica = Replica(name, core, link, life, stack)
        self.replicas.append(replica)
        return replica

    async def leave(self, replica: Replica) -> None:
        """End a replica in good order."""
        for stream in replica.streams:
            stream.cancel()
        await self.do(replica.stack.aclose())

    async def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Let time pass until it is done."""
        task = asyncio.ensure_future(work)
        while not task.done():
            await self.clock.advance(0.05)
        return await task

    async def run(self, seconds: float, step: float = 0.25) -> None:
        """Let time pass."""
        end = self.clock.monotonic() + seconds
        while self.clock.monotonic() < end:
            self.at_each_step()
            await self.clock.advance(min(step, end - self.clock.monotonic()))

    @contextmanager
    def without_server(self) -> Iterator[None]:
        """The server is down."""
        self.valkey.is_down = True
        for replica in self.replicas:
            replica.link.cut(is_cut=True)
        yield
        self.valkey.is_down = False
        for replica in self.replicas:
            replica.link.cut(is_cut=False)


@asynccontextmanager
async def cluster_world(
    *accounts: Account, replicas: int = 2, seed: int = 1, lease: float = 5.0, url: str | None = None, **settings: Any
) -> AsyncGenerator[ClusterWorld]:
    """Replicas `a`, `b`, … that have found each other."""
    if url is None:
        with valkey_url() as url:
            async with _world(url, accounts, replicas, seed, lease, settings) as world:
                yield world
    else:
        async with _world(url, accounts, replicas, seed, lease, settings) as world:
            yield world


@asynccontextmanager
async def _world(
    url: str, accounts: tuple[Account, ...], replicas: int, seed: int, lease: float, settings: dict[str, Any]
) -> AsyncGenerator[ClusterWorld]:
    clock = VirtualClock()
    valkey = VirtualValkey(url, clock, namespace())
    stack = AsyncExitStack()
    shops = accounts or (trendyol_account(),)
    world = ClusterWorld(clock, Marketplace(clock), valkey, shops, random.Random(seed), settings, lease, stack)
    try:
        for index in range(replicas):
            await world.start(chr(ord("a") + index))
        await world.run(lease)
        yield world
    finally:
        for replica in world.replicas:
            replica.life.end()
            replica.link.cut(is_cut=False)
        valkey.is_down = False
        await world.do(_close(world))
        valkey.close()


async def _close(world: ClusterWorld) -> None:
    for replica in world.replicas:
        for stream in replica.streams:
            stream.cancel()
        await asyncio.gather(*replica.streams, return_exceptions=True)
    await world.stack.aclose()

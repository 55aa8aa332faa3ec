"""The core put together and taken apart in order: used by the server and by commands that ask directly."""

from __future__ import annotations

import random
import socket
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from adapters.base import Account
from adapters.budget import Budget
from adapters.clock import Clock, SystemClock
from adapters.http import BudgetFactory, Funnel
from adapters.upstream import UpstreamLimits
from adapters.window import Limit
from gateway.core.accounts import Accounts
from gateway.core.archive import Archive
from gateway.core.batches import Batches
from gateway.core.cache import AiocacheStorage, BoundedMemory
from gateway.core.cluster.cluster import Cluster
from gateway.core.cluster.server import Server
from gateway.core.cluster.settings import ClusterSettings
from gateway.core.duty import Alone
from gateway.core.freshness import Freshness, Lifetimes
from gateway.core.keeper import Keeper, OwnKeeper
from gateway.core.observer import UNOBSERVED, CoreObserver
from gateway.core.pace import Pace
from gateway.core.poller import Polling
from gateway.core.store import Store, StoreLimits
from gateway.core.watch import Watches
from gateway.core.watched import WatchLimits

MakeFunnel = Callable[[Sequence[Account], Clock, UpstreamLimits, BudgetFactory | None], Funnel]
"""The last is for budgets that several processes share."""


def _funnel(accounts: Sequence[Account], clock: Clock, limits: UpstreamLimits, budgets: BudgetFactory | None) -> Funnel:
    return Funnel(accounts, clock=clock, upstream=limits, budget_factory=budgets)


MakeServer = Callable[[ClusterSettings], Server | None]
"""The way to the server on which replicas meet, where there is one."""


def _server(settings: ClusterSettings) -> Server | None:
    if settings.url is None:
        return None
    from gateway.core.cluster.redis import RedisServer  # noqa: PLC0415 - the client is loaded where there is a server

    return RedisServer(settings.url.get_secret_value(), settings.timeout)


@dataclass(frozen=True, slots=True)
class CoreSettings:
    """What the core is made of. `store` is None where nothing is to survive a restart."""

    accounts: Sequence[Account]
    upstream: UpstreamLimits = field(default_factory=UpstreamLimits)
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    watch: WatchLimits = field(default_factory=WatchLimits)
    pace: Pace = field(default_factory=Pace)
    store: Path | None = None
    store_limits: StoreLimits = field(default_factory=StoreLimits)
    cluster: ClusterSettings = field(default_factory=ClusterSettings)
    query_timeout: float = 30.0
    """Seconds that a query waits for a marketplace at most, budget and retries included."""


@dataclass(frozen=True, slots=True)
class Core:
    """The two doors: ask, and watch."""

    batches: Batches
    watches: Watches
    store: Store | None = None
    cluster: Cluster | None = None
    """This replica's part in all of them; None where it is the only one."""

    def facts(self) -> dict[str, str]:
        """What the core stands on, in words: for a page about the gateway's health."""
        usable = "off" if self.store is None else "usable" if self.store.is_open else "unusable, see the log"
        return {"store": usable, "cluster": "off" if self.cluster is None else self.cluster.status().in_words()}


@asynccontextmanager
async def open_core(
    settings: CoreSettings,
    clock: Clock | None = None,
    make_funnel: MakeFunnel = _funnel,
    observer: CoreObserver = UNOBSERVED,
    make_server: MakeServer = _server,
) -> AsyncGenerator[Core]:
    """Open everything, hand out the doors, close everything in reverse order."""
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        server = make_server(settings.cluster)
        if server is not None:
            stack.push_async_callback(server.aclose)
        cluster = _cluster(settings, server, clock)
        funnel = make_funnel(settings.accounts, clock, settings.upstream, _budgets(settings, cluster))
        stack.push_async_callback(funnel.aclose)
        keeper = cluster.keeper if cluster is not None else _own_keeper(settings, clock)
        store = Store(settings.store, settings.store_limits) if settings.store is not None else None
        freshness = Freshness(settings.lifetimes)
        archive = Archive(keeper, store, freshness, clock)
        stack.push_async_callback(archive.aclose)
        await archive.open()
        accounts = Accounts(settings.accounts)
        batches = Batches(accounts, funnel, archive, freshness, clock, settings.query_timeout, observer)
        stack.push_async_callback(batches.aclose)
        dice = random.Random(random.random())  # noqa: S311 - jitter, not a secret; who seeds the module's seeds it
        polling = Polling(funnel, clock, settings.pace, dice)
        duty = cluster.duty if cluster is not None else Alone()
        watches = Watches(batches, archive, clock, settings.watch, polling, duty, observer)
        stack.push_async_callback(watches.aclose)
        await watches.open(await archive.watched())
        if cluster is not None:
            await cluster.start(batches, watches)
            stack.push_async_callback(cluster.stop)
        yield Core(batches, watches, store, cluster)


def _own_keeper(settings: CoreSettings, clock: Clock) -> Keeper:
    memory = BoundedMemory(clock, settings.lifetimes.max_entries, settings.lifetimes.max_bytes)
    return OwnKeeper(AiocacheStorage(memory), clock)


def _cluster(settings: CoreSettings, server: Server | None, clock: Clock) -> Cluster | None:
    if server is None:
        return None
    given = settings.cluster
    return Cluster(server, given.name or socket.gethostname(), given, settings.accounts, clock)


def _budgets(settings: CoreSettings, cluster: Cluster | None) -> BudgetFactory | None:
    if cluster is None:
        return None

    def budget(account: Account, limit: Limit) -> Budget:
        return cluster.budget(account, limit, settings.upstream.call_timeout)

    return budget

"""The core put together and taken apart in order: used by the server and by commands that ask directly."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from adapters.base import Account
from adapters.clock import Clock, SystemClock
from adapters.http import Funnel
from adapters.upstream import UpstreamLimits
from gateway.core.accounts import Accounts
from gateway.core.archive import Archive
from gateway.core.batches import Batches
from gateway.core.cache import AiocacheStorage, BoundedMemory
from gateway.core.duty import Alone
from gateway.core.freshness import Freshness, Lifetimes
from gateway.core.keeper import OwnKeeper
from gateway.core.observer import UNOBSERVED, CoreObserver
from gateway.core.pace import Pace
from gateway.core.poller import Polling
from gateway.core.store import Store, StoreLimits
from gateway.core.watch import Watches
from gateway.core.watched import WatchLimits

MakeFunnel = Callable[[Sequence[Account], Clock, UpstreamLimits], Funnel]


def _funnel(accounts: Sequence[Account], clock: Clock, limits: UpstreamLimits) -> Funnel:
    return Funnel(accounts, clock=clock, upstream=limits)


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
    query_timeout: float = 30.0
    """Seconds that a query waits for a marketplace at most, budget and retries included."""


@dataclass(frozen=True, slots=True)
class Core:
    """The two doors: ask, and watch."""

    batches: Batches
    watches: Watches
    store: Store | None = None

    def facts(self) -> dict[str, str]:
        """What the core stands on, in words: for a page about the gateway's health."""
        if self.store is None:
            return {"store": "off"}
        return {"store": "usable" if self.store.is_open else "unusable, see the log"}


@asynccontextmanager
async def open_core(
    settings: CoreSettings,
    clock: Clock | None = None,
    make_funnel: MakeFunnel = _funnel,
    observer: CoreObserver = UNOBSERVED,
) -> AsyncGenerator[Core]:
    """Open everything, hand out the doors, close everything in reverse order."""
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        funnel = make_funnel(settings.accounts, clock, settings.upstream)
        stack.push_async_callback(funnel.aclose)
        memory = BoundedMemory(clock, settings.lifetimes.max_entries, settings.lifetimes.max_bytes)
        store = Store(settings.store, settings.store_limits) if settings.store is not None else None
        archive = Archive(OwnKeeper(AiocacheStorage(memory), clock), store, clock)
        stack.push_async_callback(archive.aclose)
        await archive.open()
        accounts = Accounts(settings.accounts)
        freshness = Freshness(settings.lifetimes)
        batches = Batches(accounts, funnel, archive, freshness, clock, settings.query_timeout, observer)
        stack.push_async_callback(batches.aclose)
        polling = Polling(funnel, clock, settings.pace, random.Random())  # noqa: S311 - jitter, not a secret
        watches = Watches(batches, archive, clock, settings.watch, polling, Alone(), observer)
        stack.push_async_callback(watches.aclose)
        await watches.open(await archive.watched())
        yield Core(batches, watches, store)

"""Where states are kept beyond the ones at hand: the keeper for all, the store for terminal ones."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress

from adapters.base import Account
from adapters.clock import Clock
from adapters.model import BatchRef
from gateway.core.freshness import DAY, Freshness
from gateway.core.keeper import Keeper
from gateway.core.kept import StorageKeys, pack, unpack
from gateway.core.state import State
from gateway.core.store import Store
from gateway.core.writer import Writer

_SWEEP = 3600.0


class Archive:
    """Keeper and store behind one door. Writes to the store happen behind the answer."""

    def __init__(self, keeper: Keeper, store: Store | None, freshness: Freshness, clock: Clock) -> None:
        self._keeper = keeper
        self._store = store
        self._freshness = freshness
        self._clock = clock
        self._keys = StorageKeys()
        self._writer = Writer(store, clock) if store is not None else None
        self._sweeping: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Open the store and start writing to it."""
        if self._store is not None and self._writer is not None:
            await self._store.open()
            self._writer.open()
            self._sweeping = asyncio.ensure_future(self._sweep(self._store))

    def may_hold(self, account: Account, ref: BatchRef) -> bool:
        """False where nothing is kept about the batch, as far as this process knows; at once."""
        key = self._keys.of(account, ref)
        return self._keeper.may_hold(key) or (self._store is not None and self._store.may_hold(key))

    async def get(self, account: Account, ref: BatchRef) -> State | None:
        """The kept state, read again, or None. It counts as last checked when it was fetched."""
        state = await self._keeper.get(account, ref)
        if state is not None or self._store is None:
            return state
        value = await self._store.get(self._keys.of(account, ref))
        return unpack(account, ref, value, self._clock) if value is not None else None

    @property
    def is_shared(self) -> bool:
        """True where other processes read for this one too."""
        return self._keeper.is_shared

    async def newer(self, account: Account, state: State) -> State | None:
        """What other processes have read or confirmed since, or None."""
        return await self._keeper.newer(account, state)

    async def confirm(self, account: Account, state: State) -> State:
        """Note that a kept state was read again; the state to believe comes back."""
        return await self._keeper.confirm(account, state, self.lifetime(state))

    async def put(self, account: Account, state: State) -> State:
        """Keep a state: as the last known one for a day at least, a terminal one also across restarts.

        The state to believe comes back: somebody else may have read a later one.
        """
        if self._keeper.is_shared:
            state = await self._keeper.put(account, state, self.lifetime(state))
        if self._writer is not None and state.snapshot.is_terminal:
            self._note(self._writer, account, state)
            await self._writer.room()
        return state

    def put_at_once(self, account: Account, state: State) -> bool:
        """The same where nobody else reads, so that the state is the one to believe, and nothing has to be waited for.

        False where that is not so: nothing is done then.
        """
        writer = self._writer
        if self._keeper.is_shared or (writer is not None and writer.is_full):
            return False
        if writer is not None and state.snapshot.is_terminal:
            self._note(writer, account, state)
        return True

    def _note(self, writer: Writer, account: Account, state: State) -> None:
        writer.note().keep(self._keys.of(account, state.ref), pack(state), state.fetched_at)

    def dropped(self, account: Account, state: State) -> Awaitable[None]:
        """Take note that there is no room any more for a state among those at hand."""
        return self._keeper.dropped(account, state, self.lifetime(state))

    def lifetime(self, state: State) -> float:
        """For how long (seconds) a state is to be found beyond those at hand: a day at least."""
        return max(self._freshness.lifetime(state), DAY)

    def watch(self, ref: BatchRef) -> None:
        """Note a watch, to be resumed after a restart."""
        if self._writer is not None:
            self._writer.note().watch(ref, self._clock.now())

    def unwatch(self, ref: BatchRef) -> None:
        """Note that a watch has ended."""
        if self._writer is not None:
            self._writer.note().unwatch(ref)

    async def watched(self) -> list[tuple[BatchRef, float]]:
        """What was being watched, and how many seconds ago each watch began."""
        now = self._clock.now()
        found = await self._store.watched() if self._store is not None else []
        return [(watched.ref, max(0.0, (now - watched.born).total_seconds())) for watched in found]

    async def _sweep(self, store: Store) -> None:
        await store.learn()
        while True:
            await store.sweep(self._clock.now())
            await self._clock.sleep(_SWEEP)

    async def aclose(self) -> None:
        """Finish the writes, then close both."""
        if self._store is not None and self._writer is not None:
            if self._sweeping is not None:
                self._sweeping.cancel()
                with suppress(asyncio.CancelledError):
                    await self._sweeping
            await self._writer.aclose()
            await self._store.aclose()
        await self._keeper.aclose()

"""Where states are kept for all who ask: in this process alone, or in a place that several processes share."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from adapters.base import Account
from adapters.clock import Clock
from adapters.model import BatchRef
from gateway.core.cache import Cache
from gateway.core.kept import StorageKeys, pack, unpack
from gateway.core.state import State


class Keeper(Protocol):
    """Keeps the newest state of each batch. An outage is a miss, never an error."""

    @property
    def is_shared(self) -> bool:
        """True where other processes put states into it, so that it may know more than this one."""
        ...

    def may_hold(self, key: str) -> bool:
        """False where it surely keeps nothing under a batch's key (`StorageKeys`); at once."""
        ...

    async def get(self, account: Account, ref: BatchRef) -> State | None:
        """The kept state, read again, or None."""
        ...

    async def newer(self, account: Account, state: State) -> State | None:
        """What others have read or confirmed since `state`, or None."""
        ...

    async def put(self, account: Account, state: State, lifetime: float) -> State:
        """Keep a state that was just read, for that many seconds at least; the state to believe comes back.

        It is the given one, perhaps under another version, or the one of somebody who read later or saw the end.
        Where nobody else reads this need not be called: the state is held as a record.
        """
        ...

    async def confirm(self, account: Account, state: State, lifetime: float) -> State:
        """The same for a state that was read again and has not changed."""
        ...

    def dropped(self, account: Account, state: State, lifetime: float) -> Awaitable[None]:
        """Take note that a state, put here before, is no longer held as a record in this process."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


class OwnKeeper:
    """The keeper of a process that is alone: a cache of its own, for what there is no room for as a record.

    What is held as a record anyway is not packed for it: that would take time and memory for nothing.
    """

    is_shared = False

    def __init__(self, cache: Cache, clock: Clock) -> None:
        self._cache = cache
        self._clock = clock
        self._keys = StorageKeys()

    def may_hold(self, key: str) -> bool:
        """False where the cache surely keeps nothing about the batch."""
        return self._cache.may_hold(key)

    async def get(self, account: Account, ref: BatchRef) -> State | None:
        """The kept state, read again, or None."""
        value = await self._cache.get(self._keys.of(account, ref))
        return unpack(account, ref, value, self._clock) if value is not None else None

    async def newer(self, account: Account, state: State) -> State | None:  # noqa: ARG002 - nobody else reads
        """Return None: there are no others."""
        return None

    async def put(self, account: Account, state: State, lifetime: float) -> State:  # noqa: ARG002 - see `dropped`
        """Return the state: it is held as a record."""
        return state

    async def confirm(self, account: Account, state: State, lifetime: float) -> State:  # noqa: ARG002 - as above
        """Return the state."""
        return state

    def dropped(self, account: Account, state: State, lifetime: float) -> Awaitable[None]:
        """Keep the state."""
        return self._cache.set(self._keys.of(account, state.ref), pack(state), lifetime)

    async def aclose(self) -> None:
        """Close the cache."""
        await self._cache.aclose()

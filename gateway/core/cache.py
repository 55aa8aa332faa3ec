"""aiocache behind two methods: a cache that fails is a miss, and memory is bounded by entries and bytes.

Only `get` and `set` of aiocache are used: its decorators, locks and `clear` do not hold what a gateway needs.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable
from typing import Any, Protocol

from aiocache import SimpleMemoryCache  # pyright: ignore[reportMissingTypeStubs]
from aiocache.base import BaseCache  # pyright: ignore[reportMissingTypeStubs]
from aiocache.serializers import NullSerializer  # pyright: ignore[reportMissingTypeStubs]

from adapters.clock import Clock

log = logging.getLogger(__name__)


class Cache(Protocol):
    """Where packed states are kept, by key."""

    def may_hold(self, key: str) -> bool:
        """False where the key is surely not kept; at once."""
        ...

    async def get(self, key: str) -> bytes | None:
        """The value, or None."""
        ...

    def set(self, key: str, value: bytes, ttl: float) -> Awaitable[None]:
        """Keep the value that many seconds."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


class BoundedMemory(SimpleMemoryCache):
    """aiocache's memory backend with a bound on entries and bytes, least recently used out first.

    It replaces the storage primitives alone: no timer per key, no growth, and time comes from the clock given.
    """

    def __init__(self, clock: Clock, max_entries: int, max_bytes: int) -> None:
        super().__init__(serializer=NullSerializer(), timeout=0)  # pyright: ignore[reportUnknownMemberType]
        self._clock = clock
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._kept: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, key: str) -> bool:
        return key in self._kept

    async def _get(self, key: str, encoding: str = "utf-8", _conn: object = None) -> bytes | None:  # noqa: ARG002 - aiocache's signature
        entry = self._kept.get(key)
        if entry is None:
            return None
        if entry[1] <= self._clock.monotonic():
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return entry[0]

    async def _set(  # pyright: ignore[reportIncompatibleMethodOverride] - typed by what the original returns
        self, key: str, value: bytes, ttl: float | None = None, _cas_token: object = None, _conn: object = None
    ) -> bool:
        return self.put(key, value, float("inf") if ttl is None else ttl)

    def put(self, key: str, value: bytes, ttl: float) -> bool:
        """What `set` comes to, without aiocache's layers: with many batches this is done for each new one."""
        self._drop(key)
        if len(value) > self._max_bytes:
            return False
        self._kept[key] = (value, self._clock.monotonic() + ttl)
        self.bytes += len(value)
        while len(self._kept) > self._max_entries or self.bytes > self._max_bytes:
            self._drop(next(iter(self._kept)))
        return True

    async def _delete(  # pyright: ignore[reportIncompatibleMethodOverride] - as above
        self, key: str, _conn: object = None
    ) -> int:
        return int(self._drop(key))

    def _drop(self, key: str) -> bool:
        entry = self._kept.pop(key, None)
        if entry is None:
            return False
        self.bytes -= len(entry[0])
        return True


class AiocacheStorage:
    """Any aiocache backend as a `Cache`."""

    def __init__(self, backend: BaseCache) -> None:
        self._backend: Any = backend
        self._memory = backend if isinstance(backend, BoundedMemory) else None

    def may_hold(self, key: str) -> bool:
        """False where the key is surely not kept."""
        return self._memory is None or key in self._memory

    async def get(self, key: str) -> bytes | None:
        """The value, or None: also where the backend cannot be asked."""
        try:
            value = await self._backend.get(key)
        except Exception as error:  # noqa: BLE001 - backends raise what their drivers raise; an outage is a miss
            log.warning("cache.get_failed error=%s", type(error).__name__)
            return None
        return value if isinstance(value, bytes) else None

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        """Keep the value; a backend that cannot be asked keeps nothing."""
        if self._memory is not None:
            self._memory.put(key, value, ttl)
            return
        try:
            await self._backend.set(key, value, ttl=ttl)
        except Exception as error:  # noqa: BLE001 - as above
            log.warning("cache.set_failed error=%s", type(error).__name__)

    async def aclose(self) -> None:
        """Close the backend."""
        await self._backend.close()

"""Updates that are the same for many subscribers: executed and encoded once, handed to all as the same bytes."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable


class SharedUpdates:
    """Encoded updates by what makes them equal, for the short while in which the subscribers pick them up.

    The first subscriber's execution is a task of its own: whoever asks meanwhile waits for it, and one that leaves
    takes nothing from the others.
    """

    def __init__(self, entries: int = 512, size: int = 16_000_000) -> None:
        self._entries = entries
        self._size = size
        self._held = 0
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()
        self._flying: dict[Hashable, asyncio.Task[bytes]] = {}

    def make(self, key: Hashable, make: Callable[[], bytes | Awaitable[bytes]]) -> bytes | Awaitable[bytes]:
        """The bytes under `key`, or what to await for them. `make` never fails: errors are bytes."""
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        flying = self._flying.get(key)
        if flying is None:
            made = make()
            if isinstance(made, bytes):
                return self._keep(key, made)
            flying = self._flying[key] = asyncio.ensure_future(self._finish(key, made))
        return asyncio.shield(flying)

    async def _finish(self, key: Hashable, making: Awaitable[bytes]) -> bytes:
        try:
            return self._keep(key, await making)
        finally:
            del self._flying[key]

    def _keep(self, key: Hashable, made: bytes) -> bytes:
        self._kept[key] = made
        self._held += len(made)
        while len(self._kept) > self._entries or self._held > self._size:
            _, dropped = self._kept.popitem(last=False)
            self._held -= len(dropped)
        return made

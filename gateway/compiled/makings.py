"""Answers that are being made: who asks the same meanwhile waits for the first, and looks again when it is there.

Hundreds who ask at once thus cost one execution. Nobody waits long for another: what takes longer than a moment, or
cannot be shared, everybody makes alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Final

from gateway.compiled.notes import Notes

_PATIENCE: Final = 1.0
"""Seconds."""


class Makings:
    """One at most for each key."""

    def __init__(self) -> None:
        self._running: dict[Hashable, tuple[Notes, asyncio.Event]] = {}

    def __len__(self) -> int:
        return len(self._running)

    def of(self, key: Hashable) -> asyncio.Event | None:
        """What is set when the answer of that key is there, or will not be soon; None where nobody makes one."""
        found = self._running.get(key)
        return None if found is None or not found[0].is_shareable else found[1]

    async def lead(
        self, key: Hashable, notes: Notes, making: Awaitable[bytes], keep: Callable[[bytes], bytes]
    ) -> bytes:
        """Make an answer that others may wait for, and `keep` it before they look."""
        if key in self._running:
            return keep(await making)
        done = asyncio.Event()
        self._running[key] = notes, done
        impatience = asyncio.get_running_loop().call_later(_PATIENCE, self._end, key)
        try:
            return keep(await making)
        finally:
            impatience.cancel()
            if (running := self._running.get(key)) is not None and running[1] is done:
                self._end(key)

    def _end(self, key: Hashable) -> None:
        _, done = self._running.pop(key)
        done.set()

"""Writes to the store behind everybody's back: the first change at once, those that come meanwhile together.

A transaction costs much more than a row of it, most of all where the disk has to confirm each. So after a write the
next one waits for a moment: in quiet times a result is on its way to the disk at once, in busy ones after
`PAUSE` seconds at most. What is not yet written when the process is told to end is written then.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Final

from adapters.clock import Clock
from gateway.core.changes import Changes
from gateway.core.store import Store

log = logging.getLogger(__name__)

PAUSE: Final = 0.05
"""Seconds between two writes."""


class Writer:
    """The only one who writes to a store while the gateway runs."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._changes = Changes()
        self._store = store
        self._clock = clock
        self._noted = asyncio.Event()
        self._drained = asyncio.Event()
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin to write what is noted."""
        self._task = asyncio.ensure_future(self._run())

    def note(self) -> Changes:
        """Where to note a change: it is on its way from now on."""
        self._noted.set()
        return self._changes

    @property
    def is_full(self) -> bool:
        """True while too much is to be written."""
        return self._changes.is_heavy

    async def room(self) -> None:
        """Wait while too much is to be written. What was noted before stays noted, whoever leaves."""
        while self.is_full:
            self._drained.clear()
            await self._drained.wait()

    async def aclose(self) -> None:
        """Write what is left."""
        if self._task is None:
            return
        async with self._writing:  # so that no write is cut off in its middle
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._write()

    async def _run(self) -> None:
        while True:
            await self._noted.wait()
            self._noted.clear()
            await self._write()
            await self._clock.sleep(PAUSE)

    async def _write(self) -> None:
        async with self._writing:
            changes, self._changes = self._changes, Changes()
            self._drained.set()
            try:
                if changes:
                    await self._store.write(changes)
            except Exception:
                log.exception("store.write_failed")

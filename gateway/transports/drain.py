"""The moment from which the gateway lets its clients go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Drain:
    """Begins once, and then tells everybody who listens.

    Uvicorn tells its application to shut down only after every response has ended, and streams end when they are
    told to: so whoever hears the signal (`gateway.server`) begins this before uvicorn acts on it.
    """

    def __init__(self) -> None:
        self.has_begun = False
        """True once the gateway is going down."""
        self._begun = asyncio.Event()
        self._listeners: list[Callable[[], None]] = []

    async def wait(self) -> None:
        """Return when it begins."""
        await self._begun.wait()

    def listen(self, listener: Callable[[], None]) -> None:
        """Have `listener` called when it begins."""
        self._listeners.append(listener)

    def begin(self) -> None:
        """Let everybody go, now. From the event loop's thread; a second call does nothing."""
        if not self.has_begun:
            self.has_begun = True
            self._begun.set()
            for listener in self._listeners:
                listener()

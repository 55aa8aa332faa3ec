"""The moment from which the gateway lets its clients go."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any


class Drain:
    """Begins once, and then tells everybody who listens.

    Uvicorn tells its application to shut down only after every response has ended, and streams end when they are
    told to: so the signal has to be heard here, before uvicorn acts on it.
    """

    def __init__(self) -> None:
        self._begun = asyncio.Event()
        self._listeners: list[Callable[[], None]] = []

    @property
    def has_begun(self) -> bool:
        """True once the gateway is going down."""
        return self._begun.is_set()

    async def wait(self) -> None:
        """Return when it begins."""
        await self._begun.wait()

    def listen(self, listener: Callable[[], None]) -> None:
        """Have `listener` called when it begins."""
        self._listeners.append(listener)

    def begin(self) -> None:
        """Let everybody go, now. From the event loop's thread; a second call does nothing."""
        if not self._begun.is_set():
            self._begun.set()
            for listener in self._listeners:
                listener()

    def begin_on_signals(self) -> None:
        """Begin at SIGTERM and SIGINT, before whoever handles them now. From the main thread, in the event loop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._before(signal.getsignal(number), loop))

    def _before(self, handler: Any, loop: asyncio.AbstractEventLoop) -> Callable[[int, FrameType | None], None]:
        def handle(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self.begin)
            if callable(handler):
                handler(number, frame)
            elif handler == signal.SIG_DFL:
                signal.signal(number, signal.SIG_DFL)
                signal.raise_signal(number)

        return handle

"""Coroutines that need no turn of the event loop."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any


class Started:
    """A coroutine that runs at once, up to where it has to wait; awaited in the same task, it goes on from there.

    What is at hand is answered without a turn of the event loop.
    """

    def __init__(self, coroutine: Any) -> None:
        self._coroutine = coroutine
        self.result: Any = None
        try:
            self._waits_for = coroutine.send(None)
            self.is_done = False
        except StopIteration as end:
            self.result = end.value
            self.is_done = True

    def __await__(self) -> Generator[Any, Any, Any]:
        waits_for = self._waits_for
        while True:
            try:
                sent = yield waits_for
            except GeneratorExit:
                self._coroutine.close()
                raise
            except BaseException as error:  # noqa: BLE001  # a cancellation too is the coroutine's to handle
                step, given = self._coroutine.throw, error
            else:
                step, given = self._coroutine.send, sent
            try:
                waits_for = step(given)
            except StopIteration as end:
                return end.value

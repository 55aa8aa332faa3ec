"""One stream's side of a watch: at most one waiting update per batch, and an end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

from adapters.model import BatchRef
from gateway.core.updates import Update


class Subscription(AsyncIterator[Update]):
    """Updates of several batches, until each has told its last.

    A slow reader skips intermediate updates of a batch, never the last one, and holds one per batch at most.
    """

    __slots__ = ("_leave", "_listener", "_open", "_waiter", "_waiting", "refs")

    def __init__(self, refs: Iterable[BatchRef], leave: Callable[[Subscription], None]) -> None:
        self.refs = tuple(refs)
        self._open = set(self.refs)
        self._waiting: dict[BatchRef, Update] = {}
        self._waiter: asyncio.Future[None] | None = None
        self._listener: Callable[[], None] | None = None
        self._leave: Callable[[Subscription], None] | None = leave

    def put(self, update: Update) -> None:
        """Take an update: it takes the place of one that waits for the same batch."""
        waiting = self._waiting.get(update.ref)
        if update.ref not in self._open or (waiting is not None and waiting.is_final):
            return
        self._waiting[update.ref] = update
        if self._listener is not None:
            self._listener()
        elif self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Update:
        while (update := self.take()) is None:
            if not self._open:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return update

    def take(self) -> Update | None:
        """The next update, where one waits."""
        if not self._waiting:
            return None
        ref = next(iter(self._waiting))
        update = self._waiting.pop(ref)
        if update.is_final:
            self._open.discard(ref)
        return update

    def listen(self, listener: Callable[[], None] | None) -> bool:
        """Have `listener` called for each update that comes, for who waits without a task; None: no more.

        False, and nothing done, where something waits already or all has been told.
        """
        if listener is not None and (self._waiting or not self._open):
            return False
        self._listener = listener
        return True

    def leave(self) -> None:
        """Leave the watches; they go on without this stream."""
        self._listener = None
        self._open.clear()
        self._waiting.clear()
        leave, self._leave = self._leave, None
        if leave is not None:
            leave(self)

    async def aclose(self) -> None:
        """As `leave`."""
        self.leave()

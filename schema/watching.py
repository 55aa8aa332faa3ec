"""A subscription's events, for who awaits them and for who is called when they come.

An asynchronous generator and the task that waits in it weigh more than all else that an idle subscription holds. So
this is a plain object, which a transport with thousands of subscriptions asks without waiting (`take`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Generic, TypeVar

from gateway.core.subscription import Subscription
from gateway.core.updates import Update

T = TypeVar("T")
Beginning = tuple[list[T], Subscription | None]
"""The first events, and where the others come from."""


class Watching(AsyncIterator[T], Generic[T]):
    """Begins when it is first asked, and always ends. Close it."""

    __slots__ = ("_begin", "_first", "_show", "_updates")

    def __init__(self, begin: Callable[[], Awaitable[Beginning[T]]], show: Callable[[Update], T]) -> None:
        self._begin: Callable[[], Awaitable[Beginning[T]]] | None = begin
        self._show = show
        self._first: list[T] | None = None
        self._updates: Subscription | None = None

    def __aiter__(self) -> Watching[T]:
        return self

    async def __anext__(self) -> T:
        if self._begin is not None:
            begin, self._begin = self._begin, None
            self._first, self._updates = await begin()
        if self._first:
            return self._first.pop(0)
        self._first = None
        if self._updates is None:
            raise StopAsyncIteration
        return self._show(await anext(self._updates))

    def take(self) -> tuple[int, Callable[[], T]] | None:
        """What equal events have in common, and what makes the event: the next one, where one waits."""
        update = None if self._updates is None else self._updates.take()
        return None if update is None else (update.number, partial(self._show, update))

    def listen(self, listener: Callable[[], None] | None) -> bool:
        """Have `listener` called when there is something to take, until None is given; False where that cannot be."""
        return not self._first and self._updates is not None and self._updates.listen(listener)

    def leave(self) -> None:
        """End it, now."""
        self._begin = self._first = None
        if self._updates is not None:
            self._updates.leave()

    async def aclose(self) -> None:
        """As `leave`."""
        self.leave()

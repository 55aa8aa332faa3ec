"""The results of one subscription, encoded: awaited one by one, or taken as they come by who waits for thousands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Hashable
from functools import partial
from typing import Any

from gateway.engine.errors import format_exception, is_asked_to_end, unexpected
from gateway.engine.operation import Prepared
from gateway.engine.request import RequestError
from gateway.engine.updates import SharedUpdates

Start = Callable[[Prepared, object], Awaitable[AsyncIterator[Any]]]
Run = Callable[[Prepared, object, object], bytes | Awaitable[bytes]]


class Audience:
    """What subscriptions have in common that ask the same and may see the same: one operation.

    Events that carry the same `share_key` are executed and encoded once for all of them.
    """

    __slots__ = ("__weakref__", "_prepared", "_run", "_start", "_updates")

    def __init__(self, prepared: Prepared, start: Start, run: Run, updates: SharedUpdates | None) -> None:
        self._prepared = prepared
        self._start = start
        self._run = run
        self._updates = updates

    def start(self, context: object) -> Awaitable[AsyncIterator[Any]]:
        """The source of the events. Raises `RequestError`."""
        return self._start(self._prepared, context)

    def encode(self, key: Hashable | None, event: Callable[[], object], context: object) -> bytes | Awaitable[bytes]:
        """The result for an event, or what to await for it. `event` makes it, where it has not been encoded."""
        if key is None or self._updates is None:
            return self._make(event, context)
        return self._updates.make((self, key), partial(self._make, event, context))

    def _make(self, event: Callable[[], object], context: object) -> bytes | Awaitable[bytes]:
        return self._run(self._prepared, context, event())


class Stream(AsyncIterator[bytes]):
    """One subscription. Begins when it is first asked; close it.

    Whoever iterates waits in a task. Where the source can be asked without waiting (it has `take`, `listen` and
    `leave`), a stream that has begun can rest instead: it calls when there is something to `take`.
    """

    __slots__ = ("_audience", "_context", "_failure", "_made", "_source")

    def __init__(self, audience: Audience, context: object) -> None:
        self._audience = audience
        self._context = context
        self._source: Any = None
        self._made: Awaitable[bytes] | None = None
        """A result that has to be awaited."""
        self._failure: Exception | None = None

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await self._advance()
        except asyncio.CancelledError as error:
            if is_asked_to_end():
                raise
            await self.aclose()
            raise RequestError([unexpected(error)]) from error

    async def _advance(self) -> bytes:
        if self._source is None:
            self._source = await self._audience.start(self._context)
        try:
            return await self._next()
        except StopAsyncIteration:
            await self.aclose()
            raise
        except Exception as error:
            await self.aclose()
            raise RequestError([format_exception(error)]) from error

    async def _next(self) -> bytes:
        if self._failure is not None:
            raise self._failure
        made, self._made = self._made, None
        if made is None:
            made = self._encode(await anext(self._source))
        return made if isinstance(made, bytes) else await made

    def _encode(self, event: Any) -> bytes | Awaitable[bytes]:
        return self._audience.encode(getattr(event, "share_key", None), lambda: event, self._context)

    def rest(self, listener: Callable[[], None] | None) -> bool:
        """Have `listener` called when there is something to take; None: no more. False where that cannot be."""
        listen = getattr(self._source, "listen", None)
        return listen is not None and listen(listener)

    def take(self) -> bytes | None:
        """While it rests: the next result, where one is there. After None, `rest` again or wait for what is next."""
        try:
            taken: tuple[Hashable, Callable[[], object]] | None = self._source.take()
            if taken is None:
                return None
            key, event = taken
            made = self._audience.encode(key, event, self._context)
        except Exception as error:  # noqa: BLE001  # whatever it is, who waits for the next result is told
            self._failure = error
            return None
        if isinstance(made, bytes):
            return made
        self._made = made
        return None

    @property
    def is_due(self) -> bool:
        """True where a result, or the end, is to be awaited."""
        return self._made is not None or self._failure is not None

    def leave(self) -> None:
        """While it rests: end it, now."""
        self._forget()
        if (leave := getattr(self._source, "leave", None)) is not None:
            leave()

    async def aclose(self) -> None:
        """End it."""
        self._forget()
        if self._source is not None and (close := getattr(self._source, "aclose", None)) is not None:
            await close()

    def _forget(self) -> None:
        """Nobody is going to await what was begun."""
        made, self._made = self._made, None
        if isinstance(made, Coroutine):
            made.close()

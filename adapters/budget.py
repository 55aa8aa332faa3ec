"""The calls that an account may make, shared out: queries before watches, batches in turn, never above the limit."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from enum import Enum
from typing import Final, Protocol

from adapters.clock import Clock
from adapters.deadline import within
from adapters.model import BatchRef
from adapters.window import Limit, Window

_FAIR: Final = 3
"""Windows that a watch waits behind queries; from then on it goes before younger ones, so that it never starves."""
_REMEMBERED: Final = 1_000
"""Batches that somebody waits for: beyond that many, those whose time is over are forgotten."""
_TICK: Final = 0.001
"""Seconds: the shortest sleep. Rounding may leave a wait that is shorter than the clock can tell."""


class Priority(Enum):
    """Who asks: somebody who waits for the answer, or a poller that can wait."""

    QUERY = "QUERY"
    WATCH = "WATCH"


class OutOfBudget(Exception):
    """No call was to be had in time. `retry_after` are the seconds until one may be."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


class Permit(Protocol):
    """One call of the budget. It must be given back once, by `end` or `cancel`."""

    def end(self) -> None:
        """The call was made and is over."""
        ...

    def cancel(self) -> None:
        """No call was made."""
        ...

    def throttled(self, pause: float) -> None:
        """The marketplace answered with "too many requests": all wait for `pause` seconds, then go on slower."""
        ...


class Budget(Protocol):
    """What the funnel knows of a budget; one that several processes share has the same methods."""

    def at_once(self, priority: Priority) -> Permit | None:
        """A call, where one is to be had without waiting and without looking who else waits for the batch."""
        ...

    async def acquire(self, ref: BatchRef, priority: Priority, patience: float | None) -> Permit:
        """Wait for a call, at most `patience` seconds (None: as long as it takes). Raises `OutOfBudget`."""
        ...

    def hurry(self, ref: BatchRef, patience: float) -> None:
        """Somebody waits for what was asked as a watch of this batch: go on as a query with that patience."""
        ...

    def left(self) -> int:
        """Calls that may start at this moment."""
        ...

    def is_free(self) -> bool:
        """True where a watch would get a call now, without waiting."""
        ...

    async def aclose(self) -> None:
        """Send away who waits, end what runs."""
        ...


class LocalBudget:
    """The budget of one account in one process: a window, and behind it a queue that is served while somebody waits.

    First come, first served within a priority, so that batches get equal turns.
    """

    def __init__(self, limit: Limit, clock: Clock) -> None:
        self.window = Window(limit)
        self._clock = clock
        self._queries: OrderedDict[_Ticket, None] = OrderedDict()
        self._watches: OrderedDict[_Ticket, None] = OrderedDict()
        self._queues = {Priority.QUERY: self._queries, Priority.WATCH: self._watches}
        self._server: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._waited_for: dict[BatchRef, float] = {}
        """Until when somebody waits for a batch that may be asked for as a watch."""

    def left(self) -> int:
        """Calls that may start at this moment."""
        return self.window.left(self._clock.monotonic())

    def is_free(self) -> bool:
        """True where a watch would get a call now, without waiting."""
        is_queue_empty = not self._queries and not self._watches
        return is_queue_empty and self.window.wait(self._clock.monotonic()) == 0.0

    def at_once(self, priority: Priority) -> Permit | None:
        """A call, where one is to be had without waiting and without looking who else waits for the batch."""
        if self._queries or (priority is Priority.WATCH and (self._watches or self._waited_for)):
            return None
        now = self._clock.monotonic()
        return self._permit(now) if self.window.wait(now) == 0.0 else None

    async def acquire(self, ref: BatchRef, priority: Priority, patience: float | None) -> Permit:
        """Wait for a call, at most `patience` seconds (None: as long as it takes). Raises `OutOfBudget`."""
        while True:
            now = self._clock.monotonic()
            if self._waited_for and priority is Priority.WATCH and (until := self._waited_for.get(ref, now)) > now:
                priority, patience = Priority.QUERY, until - now
            if not self._is_behind(priority) and self.window.wait(now) == 0.0:
                return self._permit(now)
            permit = await self._queue(_Ticket(ref, now), self._queues[priority], patience)
            if permit is not None:
                return permit

    def hurry(self, ref: BatchRef, patience: float) -> None:
        """Let a watch of this batch that waits here, or comes within that time, wait as a query."""
        now = self._clock.monotonic()
        if len(self._waited_for) >= _REMEMBERED:
            self._waited_for = {key: until for key, until in self._waited_for.items() if until > now}
        self._waited_for[ref] = now + patience
        for ticket in self._queues[Priority.WATCH]:
            if ticket.ref == ref and not ticket.future.done():
                ticket.future.set_result(None)

    async def aclose(self) -> None:
        """Send away who waits, end what runs."""
        for queue in self._queues.values():
            for ticket in queue:
                if not ticket.future.done():
                    ticket.future.set_exception(OutOfBudget(self.window.limit.seconds))
        if self._server is not None:
            self._server.cancel()
            await asyncio.gather(self._server, return_exceptions=True)

    async def _queue(
        self, ticket: _Ticket, queue: OrderedDict[_Ticket, None], patience: float | None
    ) -> _LocalPermit | None:
        if patience is not None and (self.window.wait(ticket.since) or 0.0) > patience:
            raise OutOfBudget(self._retry_after())
        queue[ticket] = None
        if self._server is None:
            self._server = asyncio.ensure_future(self._serve())
        try:
            with within(self._clock, patience):
                return await ticket.future
        except BaseException as error:
            ticket.refuse()
            if isinstance(error, TimeoutError):
                raise OutOfBudget(self._retry_after()) from None
            raise
        finally:
            self._leave(ticket)

    async def _serve(self) -> None:
        try:
            while (ticket := self._head()) is not None:
                wait = self.window.wait(self._clock.monotonic())
                if wait is None:
                    self._changed.clear()
                    await self._changed.wait()
                elif wait > 0.0:
                    await self._clock.sleep(max(wait, _TICK))
                else:
                    self._leave(ticket)
                    ticket.future.set_result(self._permit(self._clock.monotonic()))
        finally:
            self._server = None

    def _head(self) -> _Ticket | None:
        query, watch = (_first(self._queues[priority]) for priority in (Priority.QUERY, Priority.WATCH))
        if query is None or watch is None:
            return query or watch
        is_starving = watch.since + _FAIR * self.window.limit.seconds < self._clock.monotonic()
        return watch if is_starving and watch.since < query.since else query

    def _leave(self, ticket: _Ticket) -> None:
        for queue in self._queues.values():
            queue.pop(ticket, None)

    def _is_behind(self, priority: Priority) -> bool:
        return bool(self._queries) or (priority is Priority.WATCH and bool(self._watches))

    def _retry_after(self) -> float:
        """Seconds until one who comes now may be served: the window's wait, and the queue in front."""
        limit = self.window.limit
        wait = self.window.wait(self._clock.monotonic())
        ahead = len(self._queues[Priority.QUERY]) // limit.calls
        return (limit.seconds if wait is None else wait) + ahead * limit.seconds

    def _permit(self, now: float) -> _LocalPermit:
        self.window.start()
        return _LocalPermit(self.window, self._clock, self._changed, now)


class _LocalPermit:
    __slots__ = ("_changed", "_clock", "_started", "_window")

    def __init__(self, window: Window, clock: Clock, changed: asyncio.Event, started: float) -> None:
        self._window = window
        self._clock = clock
        self._changed = changed
        self._started = started

    def end(self) -> None:
        self._window.end(self._clock.monotonic())
        self._changed.set()

    def cancel(self) -> None:
        self._window.cancel()
        self._changed.set()

    def throttled(self, pause: float) -> None:
        self._window.throttled(self._clock.monotonic(), self._started, pause)


class _Ticket:
    """One caller in the queue. Its future brings a permit, or None where it is to queue again as a query."""

    __slots__ = ("future", "ref", "since")

    def __init__(self, ref: BatchRef, since: float) -> None:
        self.ref = ref
        self.since = since
        self.future: asyncio.Future[_LocalPermit | None] = asyncio.get_running_loop().create_future()

    def refuse(self) -> None:
        """The caller leaves: a permit that reached it in the same moment goes back."""
        future = self.future
        if not future.cancel() and not future.cancelled() and future.exception() is None:
            permit = future.result()
            if permit is not None:
                permit.cancel()


def _first(queue: OrderedDict[_Ticket, None]) -> _Ticket | None:
    return next((ticket for ticket in queue if not ticket.future.done()), None)

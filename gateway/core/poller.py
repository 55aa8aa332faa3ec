"""Asks for the watched batches of one account: whom next is `Turns`' choice, when is the budget's."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextvars import Context
from dataclasses import dataclass

from adapters.clock import Clock
from adapters.http import Funnel
from adapters.model import BatchRef
from gateway.core.alarm import Alarm
from gateway.core.pace import Pace
from gateway.core.state import State
from gateway.core.turns import Turns

log = logging.getLogger(__name__)

Poll = Callable[[BatchRef], Awaitable[bool]]
"""Asks for one batch; False where that failed."""


class Poller:
    """One task per account picks; each poll runs as a task of its own, within a bound on their number."""

    def __init__(
        self, turns: Turns[BatchRef], poll: Poll, ready: Callable[[], Awaitable[None]], clock: Clock, most: int
    ) -> None:
        self._turns = turns
        self._poll = poll
        self._ready = ready
        self._clock = clock
        self._alarm = Alarm(clock)
        self._slots = asyncio.Semaphore(most)
        self._seen: dict[BatchRef, str] = {}
        self._polls: set[asyncio.Task[None]] = set()
        # nobody's: a request that began the first watch must not stand in the log and the trace of all that follow
        self._task: asyncio.Task[None] = asyncio.get_running_loop().create_task(self._run(), context=Context())

    def add(self, ref: BatchRef, born: float, read: float | None, *, is_attended: bool) -> None:
        """Poll this batch from now on. `born` is when its watch began, `read` when it was last read, if ever."""
        self._turns.add(ref, self._clock.monotonic(), born=born, read=read, attended=is_attended)
        self._alarm.ring()

    def remove(self, ref: BatchRef) -> None:
        """Stop polling it."""
        self._turns.remove(ref)
        self._seen.pop(ref, None)

    def attend(self, ref: BatchRef, *, is_attended: bool) -> None:
        """Somebody waits for it, or nobody does any more."""
        self._turns.attend(ref, subscribers=is_attended)
        self._alarm.ring()

    async def _run(self) -> None:
        while True:
            now = self._clock.monotonic()
            turn = self._turns.next(now)
            if turn is None:
                await self._alarm.wait(None)
            elif turn.due > now:
                await self._alarm.wait(turn.due - now)
            else:
                await self._start()

    async def _start(self) -> None:
        """Wait for a slot and for the budget, then ask for whoever is most worth it by then."""
        await self._slots.acquire()
        try:
            await self._ready()
            now = self._clock.monotonic()
            turn = self._turns.next(now)
            if turn is None or turn.due > now:
                self._slots.release()
                return
            ref = turn.key
            self._turns.asked(ref)
        except BaseException:
            self._slots.release()
            raise
        task = asyncio.ensure_future(self._ask(ref))
        self._polls.add(task)
        task.add_done_callback(self._done)

    def told(self, state: State) -> None:
        """A batch was read, by this poller or by anybody's query."""
        ref = state.ref
        before = self._seen.get(ref)
        changed = before is not None and before != state.version
        self._seen[ref] = state.version
        self._turns.seen(ref, state.checked, changed=changed, progress=state.snapshot.progress)
        self._alarm.ring()

    async def _ask(self, ref: BatchRef) -> None:
        is_read = False
        try:
            is_read = await self._poll(ref)
        finally:
            if not is_read:
                self._turns.seen(ref, self._clock.monotonic(), changed=False)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._polls.discard(task)
        self._slots.release()
        self._alarm.ring()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("poller.poll_failed", exc_info=error)

    async def aclose(self) -> None:
        """Stop, and wait for what runs."""
        tasks: list[asyncio.Task[None]] = [self._task, *self._polls]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class Polling:
    """What all pollers share."""

    funnel: Funnel
    clock: Clock
    pace: Pace
    random: random.Random
    most: int = 64
    """Polls of one account at a time."""

    def poller(self, account: str, poll: Poll) -> Poller:
        """A poller for one account."""
        turns: Turns[BatchRef] = Turns(self.pace, self.random)
        return Poller(turns, poll, lambda: self.funnel.ready(account), self.clock, self.most)

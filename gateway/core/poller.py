"""Asks for the watched batches of one account: whom next is `Turns`' choice, when is the budget's."""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import random
from collections.abc import Awaitable, Callable
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

from adapters.clock import Clock
from adapters.errors import BatchError
from adapters.http import Funnel
from adapters.model import BatchRef
from gateway.core.alarm import Alarm
from gateway.core.pace import Pace
from gateway.core.state import State
from gateway.core.turns import Turns

log = logging.getLogger(__name__)

_TOGETHER: Final = 0.05
"""Seconds by which whoever is due next is asked early where somebody is asked anyway: waking up for one costs as much
as asking for another. It is less than the jitter of all but the shortest gaps."""
_TICK: Final = 0.001
"""Seconds by which a timer may ring early."""

Poll = Callable[[BatchRef], Awaitable[float | None]]
"""Asks for one batch; where that failed, the seconds for which it is not to be asked again, which may be none."""


class Gate(NamedTuple):
    """The account's budget and breaker."""

    is_open: Callable[[], bool]
    """True where a call could go out now."""
    opened: Callable[[], Awaitable[None]]
    """Waits until one can."""
    closed: Callable[[], None] = lambda: None
    """Called where one cannot, before that wait."""


class Poller:
    """One task per account picks; each poll runs as a task of its own, within a bound on their number."""

    def __init__(self, turns: Turns[BatchRef], poll: Poll, gate: Gate, clock: Clock, most: int) -> None:
        self._turns = turns
        self._poll = poll
        self._gate = gate
        self._until = -math.inf
        """Until when nobody is due, as far as is known where the poller sleeps."""
        self._clock = clock
        self._most = most
        self._alarm = Alarm(clock)
        self._seen: dict[BatchRef, str] = {}
        self._polls: dict[int, asyncio.Task[None]] = {}
        self._numbers = itertools.count()
        # nobody's: a request that began the first watch must not stand in the log and the trace of all that follow
        self._task: asyncio.Task[None] = asyncio.get_running_loop().create_task(self._run(), context=Context())

    def add(self, ref: BatchRef, born: float, read: float | None, *, is_attended: bool) -> None:
        """Poll this batch from now on. `born` is when its watch began, `read` when it was last read, if ever."""
        self._placed(self._turns.add(ref, self._clock.monotonic(), born=born, read=read, attended=is_attended))

    def remove(self, ref: BatchRef) -> None:
        """Stop polling it."""
        self._turns.remove(ref)
        self._seen.pop(ref, None)

    def attend(self, ref: BatchRef, *, is_attended: bool) -> None:
        """Somebody waits for it, or nobody does any more."""
        self._placed(self._turns.attend(ref, subscribers=is_attended))

    def _placed(self, due: float | None) -> None:
        """A watch has got another place: wake the poller where it would sleep too long."""
        if due is not None and due < self._until:
            self._alarm.ring()

    async def _run(self) -> None:
        while True:
            now = self._clock.monotonic()
            turn = self._turns.next(now)
            if turn is not None and turn.due <= now + _TICK:
                await self._ask_all()
                continue
            self._until = math.inf if turn is None else turn.due
            await self._alarm.wait(None if turn is None else turn.due - now)
            self._until = -math.inf

    async def _ask_all(self) -> None:
        """Ask for whoever is due by now, or nearly so."""
        while await self._start():
            pass

    async def _start(self) -> bool:
        """Wait for room and for the budget, then ask for whoever is most worth it by then; False for nobody."""
        while len(self._polls) >= self._most:
            await asyncio.wait(self._polls.values(), return_when=asyncio.FIRST_COMPLETED)
        if not self._gate.is_open():
            self._tell_closed()
            await self._gate.opened()
        now = self._clock.monotonic()
        turn = self._turns.next(now, now + _TOGETHER)
        if turn is None or turn.due > now + _TOGETHER:
            return False
        self._turns.asked(turn.key)
        number = next(self._numbers)
        self._polls[number] = asyncio.get_running_loop().create_task(self._ask(turn.key, number))
        return True

    def _tell_closed(self) -> None:
        try:
            self._gate.closed()
        except Exception:  # whoever is told must not end the polling of all others
            log.exception("poller.poll_failed")

    def told(self, state: State) -> None:
        """A batch was read, by this poller or by anybody's query."""
        ref, version = state.ref, state.version
        before = self._seen.get(ref)
        if version != before:
            self._seen[ref] = version
        changed = before is not None and before != version
        self._placed(self._turns.seen(ref, state.checked, changed=changed, progress=state.snapshot.progress))

    async def _ask(self, ref: BatchRef, number: int) -> None:
        pause: float | None = 0.0
        try:
            pause = await self._poll(ref)
        except Exception:
            log.exception("poller.poll_failed")
        finally:
            del self._polls[number]
            if pause is not None:
                self._placed(self._turns.seen(ref, self._clock.monotonic(), changed=False, pause=pause))

    async def aclose(self) -> None:
        """Stop, and wait for what runs."""
        tasks: list[asyncio.Task[None]] = [self._task, *self._polls.values()]
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

    def poller(self, account: str, poll: Poll, resting: Callable[[BatchError], None]) -> Poller:
        """A poller for one account. `resting` is told why, where its marketplace is not asked for a while."""

        def closed() -> None:
            if (why := self.funnel.resting(account)) is not None:
                resting(why)

        turns: Turns[BatchRef] = Turns(self.pace, self.random)
        gate = Gate(partial(self.funnel.is_ready, account), partial(self.funnel.ready, account), closed)
        return Poller(turns, poll, gate, self.clock, self.most)

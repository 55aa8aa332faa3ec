"""An account's budget that replicas share: a `Budget` whose queue is local and whose window is the server's."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from adapters.budget import LocalBudget, Priority
from adapters.clock import Clock
from adapters.window import Limit, Window
from gateway.core.cluster.allowance import Allowance
from gateway.core.cluster.link import Link
from gateway.core.cluster.server import ServerAway
from gateway.core.cluster.session import Session
from gateway.core.cluster.spending import REPORT, SLOW, SPEND
from gateway.core.tasks import Tasks

_AT_ONCE: Final = 16
"""Calls that are asked of the server at a time."""
_KEPT: Final = 1.0
"""Seconds for which a call that was granted and not made is kept: whoever comes next takes it."""
_GATHER: Final = 0.02
"""Part of the window for which ended calls are gathered before the server is told …"""
_GATHER_MOST: Final = 0.2
"""… and seconds at most."""
_SLACK: Final = 3.0
"""Seconds beyond the longest call for which a granted one counts: it may be kept, and it may start late."""


class _Granted(NamedTuple):
    name: str
    at: float


class _OwnWindow(Window):
    """The part of a limit that is this replica's. It changes, and what was spent stays spent."""

    __slots__ = ("calls",)

    def __init__(self, limit: Limit) -> None:
        super().__init__(limit)
        self.calls = 0

    def _pace(self, now: float) -> Limit:
        whole = super()._pace(now)
        return Limit(self.calls * whole.calls // self.limit.calls, whole.seconds)


class SharedWindow(Window):
    """A `Window` that grants calls from the server, and from this replica's own part where the server grants none.

    It cannot wait, so it says that it does not know (`wait` is None), asks, and then says that something has changed.
    """

    __slots__ = (
        "_allowance",
        "_at_hand",
        "_changed",
        "_clock",
        "_demand",
        "_first",
        "_is_asking",
        "_keys",
        "_left",
        "_link",
        "_over",
        "_own",
        "_refused_until",
        "_session",
        "_settling",
        "_started",
        "_tasks",
        "_unused",
    )

    def __init__(
        self,
        allowance: Allowance,
        keys: Sequence[str],
        session: Session,
        link: Link,
        clock: Clock,
        demand: Callable[[], tuple[int, bool]],
        changed: Callable[[], None],
    ) -> None:
        """`demand`: how many callers wait, and whether one of them is a query. `changed`: look at `wait` again."""
        super().__init__(allowance.limit)
        self._allowance = allowance
        self._keys = keys
        self._session = session
        self._link = link
        self._clock = clock
        self._demand = demand
        self._changed = changed
        self._own = _OwnWindow(allowance.limit)
        self._at_hand: deque[_Granted] = deque()
        self._started: deque[_Granted | None] = deque()
        self._over: list[str] = []
        self._unused: list[str] = []
        self._first = 0
        self._left = 0
        self._refused_until = 0.0
        self._is_asking = False
        self._settling: asyncio.Task[None] | None = None
        self._tasks = Tasks()

    def wait(self, now: float) -> float | None:
        """Seconds until a call may start; None where that is being found out."""
        self._drop_old(now)
        if self._at_hand:
            return 0.0
        own = self._own_wait(now)
        if not self._link.is_up:
            return own if own is not None else (None if self._own.calls else self._session.timing.rhythm)
        if now < self._refused_until and own == 0.0:
            return 0.0
        self._ask_soon()
        return None

    def start(self) -> None:
        """A call starts."""
        if self._at_hand:
            self._started.append(self._at_hand.popleft())
        else:
            self._own.start()
            self._started.append(None)

    def end(self, now: float) -> None:
        """A call that was made has ended. Which one does not matter: each takes one place, here or on the server."""
        call = self._started.popleft()
        if call is None:
            self._own.end(now)
        else:
            self._over.append(call.name)
            self._settle_soon()

    def cancel(self) -> None:
        """A call that was started has not gone out: the next one takes its place."""
        call = self._started.pop()
        if call is None:
            self._own.cancel()
        else:
            self._at_hand.append(call)
            self._settle_soon()

    def left(self, now: float) -> int:
        """Calls that may start at this moment, as far as is known here."""
        self._own_wait(now)
        return len(self._at_hand) + (self._left if self._link.is_up else 0) + self._own.left(now)

    def throttled(self, now: float, started: float, pause: float) -> None:
        """The marketplace has too many: all replicas pause and go on slower."""
        self._own.throttled(now, started, pause)
        self._refused_until = max(self._refused_until, now + pause)
        self._unused += [call.name for call in self._at_hand]
        self._at_hand.clear()
        began = self._link.to_server(started, is_late=False)
        self._tasks.start(self._slow(began, int(pause * 1000)))

    async def report(self) -> None:
        """Have calls counted that were made of the common part without the server. Raises `ServerAway`."""
        beyond = self._own.used(self._clock.monotonic()) - self._allowance.reserve(self._session)
        if beyond > 0:
            keeps = int((self._allowance.limit.seconds + self._allowance.longest) * 1000)
            await self._link.probe(REPORT, self._keys[:1], self._session.id, keeps, beyond)

    async def aclose(self) -> None:
        """Give back what was granted and not used."""
        await self._tasks.aclose()
        self._unused += [call.name for call in self._at_hand]
        self._at_hand.clear()
        if self._over or self._unused:
            await self._quietly_spend(0)

    def _own_wait(self, now: float) -> float | None:
        self._own.calls = self._allowance.own(self._session)
        return self._own.wait(now)

    def _drop_old(self, now: float) -> None:
        while self._at_hand and self._at_hand[0].at + _KEPT <= now:
            self._unused.append(self._at_hand.popleft().name)
            self._settle_soon()

    def _ask_soon(self) -> None:
        if not self._is_asking:
            self._is_asking = True
            self._tasks.start(self._ask())

    async def _ask(self) -> None:
        try:
            while True:
                await self._clock.sleep(max(0.0, self._refused_until - self._clock.monotonic()))
                waiting, _ = self._demand()
                wanted = min(_AT_ONCE, waiting) - len(self._at_hand)
                if wanted <= 0 or not await self._quietly_spend(wanted):
                    return
        finally:
            self._is_asking = False
            self._changed()

    async def _quietly_spend(self, wanted: int) -> bool:
        """Ask for that many calls, and tell which are over; True where the server told something."""
        over, unused = self._over, self._unused
        self._over, self._unused = [], []
        _, is_query = self._demand()
        allowance, first = self._allowance, self._first
        self._first += wanted
        window = int(allowance.limit.seconds * 1000)
        longest = int((allowance.longest + _SLACK) * 1000)
        numbers = (wanted, first, allowance.limit.calls, allowance.common, window, longest, allowance.extended)
        names = (len(over), len(unused), *over, *unused)
        began = self._clock.monotonic()
        try:
            granted, wait, left, pause = await self._link.run(
                SPEND, self._keys, self._session.id, *numbers, int(is_query), *names
            )
        except ServerAway:
            self._refused_until = self._clock.monotonic() + self._session.timing.rhythm
            return False
        self._at_hand.extend(_Granted(f"{self._session.id}:{first + i}", began) for i in range(granted))
        self._left = int(left)
        if granted < wanted:
            now = self._clock.monotonic()
            self._refused_until = now + int(wait) / 1000
            if int(pause):
                self._own.throttled(now, float("-inf"), int(pause) / 1000)
        self._changed()
        return True

    async def _slow(self, began: int, pause: int) -> None:
        try:
            await self._link.run(SLOW, self._keys[:2], began, pause)
        except ServerAway:
            return

    def _settle_soon(self) -> None:
        if self._settling is None or self._settling.done():
            self._settling = self._tasks.start(self._settle())

    async def _settle(self) -> None:
        gather = min(_GATHER_MOST, _GATHER * self.limit.seconds)
        while self._over or self._unused or self._at_hand:
            await self._clock.sleep(gather if self._over or self._unused else _KEPT)
            self._drop_old(self._clock.monotonic())
            if (self._over or self._unused) and not await self._quietly_spend(0):
                return


class SharedBudget(LocalBudget):
    """The queue of one replica in front of a window that all of them share."""

    def __init__(self, allowance: Allowance, keys: Sequence[str], session: Session, link: Link, clock: Clock) -> None:
        super().__init__(allowance.limit, clock)
        self.window: SharedWindow = SharedWindow(allowance, keys, session, link, clock, self._demand, self._changed.set)

    def _demand(self) -> tuple[int, bool]:
        queues = self._queues
        return sum(map(len, queues.values())), bool(queues[Priority.QUERY])

    async def aclose(self) -> None:
        """Send away who waits, give back what is not used."""
        await super().aclose()
        await self.window.aclose()

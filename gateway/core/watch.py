"""Watches: one poller per batch, many subscribers, to the terminal state or the deadline.

Invariants:
- One watch per (account, source, id), whatever the number of subscribers. It ends at the terminal state or its
  deadline, not with its last subscriber: without one it only slows down.
- A new subscriber is given the current state first, then changes, then the last update exactly once, then the end.
- The number of watches is bounded: the one without subscribers that has been quiet longest makes room.
- Every watch ends honestly: a terminal state, a final error, or GAVE_UP at its deadline.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from adapters.clock import Clock
from adapters.errors import BatchError, RateLimited
from adapters.http import Priority
from adapters.model import BatchRef
from adapters.registry import ADAPTERS
from gateway.core.alarm import Alarm
from gateway.core.archive import Archive
from gateway.core.batches import Batches, Look
from gateway.core.duty import Duty
from gateway.core.observer import UNOBSERVED, CoreObserver, WatchEnd
from gateway.core.poller import Poller, Polling
from gateway.core.quiet import Quiet
from gateway.core.state import Reading, State
from gateway.core.subscription import Subscription
from gateway.core.updates import Detail, first_and_last, refused
from gateway.core.waiting import Waiting
from gateway.core.watched import Watch, WatchLimits

_SAME_TIME = 1.0
"""Seconds by which two processes may differ on when a watch began."""
_SLACK = 1_000
"""Deadlines of watches that have ended, kept before they are swept out."""


class Watches:
    """All watches of this process."""

    def __init__(
        self,
        batches: Batches,
        archive: Archive,
        clock: Clock,
        limits: WatchLimits,
        polling: Polling,
        duty: Duty,
        observer: CoreObserver = UNOBSERVED,
    ) -> None:
        self._batches = batches
        self._archive = archive
        self._clock = clock
        self._limits = limits
        self._polling = polling
        self._duty = duty
        self._observer = observer
        self._watches: dict[BatchRef, Watch] = {}
        self._quiet = Quiet(self._watches)
        self._waiting = Waiting(batches, clock, self.subscribe, self.latest)
        self._pollers: dict[str, Poller] = {}
        self._deadlines: list[tuple[float, BatchRef]] = []
        self._alarm = Alarm(clock)
        self._reaper: asyncio.Task[None] | None = None
        batches.listen(self._on_state)
        duty.bind(self)

    async def open(self, resumed: Iterable[tuple[BatchRef, float]] = ()) -> None:
        """Start, with what was being watched before: references and how long ago (seconds) their watch began."""
        self._reaper = asyncio.ensure_future(self._reap())
        for ref, age in resumed:
            await self.adopt(ref, age)

    async def adopt(self, ref: BatchRef, age: float) -> None:
        """Watch a batch that was being watched before, or elsewhere, and that nobody asks for any more."""
        known = await self._batches.known(ref) if self._batches.accounts.knows(ref) else None
        known = self._batches.at_hand(ref) or known
        if ref in self._watches:
            return
        if not self._batches.accounts.knows(ref) or (known is not None and known.snapshot.is_terminal):
            self._archive.unwatch(ref)
            self._duty.finish(ref)
        elif len(self._watches) < self._limits.max:
            self._quiet.add(self._begin(ref, self._clock.monotonic() - age, known))
        else:
            self._duty.drop(ref)

    async def subscribe(self, refs: Sequence[BatchRef], detail: Detail) -> Subscription:
        """A stream over these batches. It always ends, and must be closed."""
        refs = list(dict.fromkeys(refs))
        known = dict(zip(refs, await asyncio.gather(*map(self._batches.known, refs)), strict=True))
        subscription = Subscription(refs, self._leave)
        for ref in refs:
            self._join(subscription, ref, known[ref], detail)
        return subscription

    async def wait(self, refs: Sequence[BatchRef], timeout: float, *, until_all: bool) -> dict[BatchRef, Look]:  # noqa: ASYNC109
        """The latest of the batches when all (or any) of them are terminal, or at the timeout (seconds)."""
        return await self._waiting.wait(refs, timeout, until_all=until_all)

    def latest(self, ref: BatchRef) -> Look | None:
        """What the watch of a batch knows; None where there is no watch, or it was never answered."""
        watch = self._watches.get(ref)
        if watch is None or (watch.state is None and watch.failure is None):
            return None
        reading = None if watch.state is None else Reading(watch.state, is_stale=watch.failure is not None)
        return Look(reading, watch.failure)

    def count(self, account: str | None = None) -> int:
        """How many batches are being watched, of one account or of all."""
        if account is None:
            return len(self._watches)
        return sum(ref.account == account for ref in self._watches)

    def attendance(self) -> Mapping[tuple[str, bool], int]:
        """How many batches are being watched, by account and by whether somebody is subscribed to them."""
        return Counter((watch.ref.account, watch.is_attended) for watch in self._watches.values())

    def dump(self) -> list[dict[str, object]]:
        """Every watch as plain data: for people who want to know what the gateway is doing."""
        now = self._clock.monotonic()
        return [watch.dump(now) for watch in self._watches.values()]

    def _join(self, subscription: Subscription, ref: BatchRef, known: State | None, detail: Detail) -> None:
        known = self._batches.at_hand(ref) or known  # the newest: something may have been read since
        watch = self._watches.get(ref)
        if watch is None:
            if known is not None and known.snapshot.is_terminal:
                subscription.put(first_and_last(known))
                return
            if not self._make_room():
                subscription.put(refused(ref, _too_many(self._limits.max)))
                return
            watch = self._begin(ref, self._clock.monotonic(), known)
            self._archive.watch(ref)
        if watch.failure is None and (why := self._batches.funnel.resting(ref.account)) is not None:
            watch.tell_failure(why, self._clock.monotonic(), is_final=False)
        watch.join(subscription, detail)
        self._poller(ref.account).attend(ref, is_attended=True)

    def _begin(self, ref: BatchRef, born: float, known: State | None) -> Watch:
        watch = Watch(ref, born, self._deadline(ref, born), self._limits)
        watch.last_seen = self._clock.monotonic()
        if known is not None:
            watch.tell(known)
        self._watches[ref] = watch
        self._observer.watch_began(ref)
        self._expect(watch.deadline, ref)
        self._duty.want(ref, self._clock.monotonic() - born)
        return watch

    def _deadline(self, ref: BatchRef, born: float) -> float:
        retention = ADAPTERS[self._batches.accounts[ref.account].marketplace].retention
        longest = self._limits.deadline_of(retention)
        return max(born + longest, self._clock.monotonic() + min(longest, self._limits.last_look))

    def hold(self, ref: BatchRef) -> None:
        """Ask for this batch from now on."""
        watch = self._watches.get(ref)
        if watch is not None and not watch.is_held:
            watch.is_held = True
            read = watch.state.checked if watch.state is not None else None
            self._poller(ref.account).add(ref, watch.born, read, is_attended=watch.is_attended)

    def lose(self, ref: BatchRef) -> None:
        """Another process asks for it: listen, as long as somebody waits for it here."""
        watch = self._watches.get(ref)
        if watch is not None and watch.is_held:
            watch.is_held = False
            self._poller(ref.account).remove(ref)
            self._let_go(watch)

    def begun(self, ref: BatchRef, age: float) -> None:
        """It has been watched for that long already, by another process: one deadline holds for all."""
        watch = self._watches.get(ref)
        born = self._clock.monotonic() - age
        if watch is not None and born < watch.born - _SAME_TIME:
            watch.born, watch.deadline = born, self._deadline(ref, born)
            self._expect(watch.deadline, ref)

    def fail(self, ref: BatchRef, error: BatchError, *, is_final: bool) -> None:
        """Another process, whose turn it was, has failed to read it."""
        watch = self._watches.get(ref)
        if watch is not None:
            watch.tell_failure(error, self._clock.monotonic(), is_final=is_final)
            if is_final:
                self._end(watch, WatchEnd.ERROR)

    def is_watched(self, ref: BatchRef) -> bool:
        """True where a batch is being watched here."""
        return ref in self._watches

    def watched(self) -> list[BatchRef]:
        """All batches that are being watched here."""
        return list(self._watches)

    def _let_go(self, watch: Watch) -> None:
        """End a watch that another process goes on with, where nobody waits for it here."""
        if not watch.is_attended and not watch.is_held and self._watches.pop(watch.ref, None) is not None:
            self._duty.drop(watch.ref)
            self._observer.watch_ended(watch.ref, WatchEnd.HANDED_OVER)

    def _expect(self, deadline: float, ref: BatchRef) -> None:
        heapq.heappush(self._deadlines, (deadline, ref))
        if len(self._deadlines) > 2 * len(self._watches) + _SLACK:
            self._deadlines = [(watch.deadline, watch.ref) for watch in self._watches.values()]
            heapq.heapify(self._deadlines)
        self._alarm.ring()

    def _make_room(self) -> bool:
        if len(self._watches) < self._limits.max:
            return True
        quietest = self._quiet.quietest()
        if quietest is None:
            return False
        self._end(quietest, WatchEnd.CROWDED_OUT)
        return True

    def _leave(self, subscription: Subscription) -> None:
        for ref in subscription.refs:
            watch = self._watches.get(ref)
            if watch is not None:
                watch.leave(subscription)
                if not watch.is_attended:
                    self._poller(ref.account).attend(ref, is_attended=False)
                    self._quiet.add(watch)
                    self._let_go(watch)

    def _on_state(self, state: State) -> None:
        watch = self._watches.get(state.ref)
        if watch is not None:
            if watch.state is not None and watch.state.version != state.version:
                self._observer.detected(watch.state, state, is_attended=watch.is_attended)
            watch.tell(state)
            if watch.is_held:
                self._poller(state.ref.account).told(state)
            if state.snapshot.is_terminal:
                self._end(watch, WatchEnd.TERMINAL)

    async def _poll(self, ref: BatchRef) -> float | None:
        if not self._duty.is_ours(ref):
            return 0.0
        try:
            await self._batches.refresh(ref, Priority.WATCH)
        except BatchError as error:
            self._failed(ref, error)
            return error.retry_after or 0.0
        return None

    def _failed(self, ref: BatchRef, error: BatchError) -> None:
        watch = self._watches.get(ref)
        if watch is not None:
            is_final = watch.fail(error, self._clock.monotonic())
            self._duty.failed(ref, error, is_final=is_final)
            if is_final:
                self._end(watch, WatchEnd.ERROR)

    def _rest(self, account: str, why: BatchError) -> None:
        """The account's marketplace is not asked for a while: its batches' states are no longer the newest."""
        now = self._clock.monotonic()
        for watch in tuple(self._watches.values()):
            if watch.ref.account == account and watch.is_held and watch.failure is None:
                watch.tell_failure(why, now, is_final=False)

    def _end(self, watch: Watch, why: WatchEnd) -> None:
        if self._watches.pop(watch.ref, None) is not None:
            self._poller(watch.ref.account).remove(watch.ref)
            self._archive.unwatch(watch.ref)
            self._duty.finish(watch.ref)
            self._observer.watch_ended(watch.ref, why)

    def _poller(self, account: str) -> Poller:
        poller = self._pollers.get(account)
        if poller is None:
            poller = self._pollers[account] = self._polling.poller(account, self._poll, partial(self._rest, account))
        return poller

    async def _reap(self) -> None:
        while True:
            await self._alarm.wait(self._deadlines[0][0] - self._clock.monotonic() if self._deadlines else None)
            now = self._clock.monotonic()
            while self._deadlines and self._deadlines[0][0] <= now:
                deadline, ref = heapq.heappop(self._deadlines)
                watch = self._watches.get(ref)
                if watch is not None and watch.deadline == deadline:
                    watch.give_up(now)
                    self._end(watch, WatchEnd.GAVE_UP)

    async def aclose(self) -> None:
        """Stop polling. What is being watched is on the list for the next start."""
        if self._reaper is not None:
            self._reaper.cancel()
            await asyncio.gather(self._reaper, return_exceptions=True)
        await asyncio.gather(*(poller.aclose() for poller in self._pollers.values()))


def _too_many(most: int) -> RateLimited:
    return RateLimited(
        f"The gateway watches {most} batches already, each with somebody waiting: try again when some have ended, or "
        "ask its operator to raise `[watch] max`.",
        retry_after=30.0,
    )

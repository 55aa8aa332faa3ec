"""Waiting for batches without a stream: an answer at their end, or in time with what is known then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing

from adapters.clock import Clock
from adapters.deadline import within
from adapters.errors import UpstreamTimeout
from adapters.model import BatchRef
from adapters.registry import ADAPTERS
from gateway.core.batches import Batches, Look
from gateway.core.state import Reading
from gateway.core.subscription import Subscription
from gateway.core.updates import Detail

_FIRST_LOOK = 1.0
"""Seconds that a wait gives a batch of which nothing is known, however short it is."""
_LAST_WORDS = 0.1
"""Seconds more for it than the wait's own: who refuses at once has better words than "not yet"."""

Subscribe = Callable[[Sequence[BatchRef], Detail], Awaitable[Subscription]]


class Waiting:
    """Waits on the watches that all share."""

    def __init__(
        self, batches: Batches, clock: Clock, subscribe: Subscribe, latest: Callable[[BatchRef], Look | None]
    ) -> None:
        """`latest` tells what the watch of a batch knows, None where there is no watch or it knows nothing."""
        self._batches = batches
        self._clock = clock
        self._subscribe = subscribe
        self._latest = latest

    async def wait(self, refs: Sequence[BatchRef], timeout: float, *, until_all: bool) -> dict[BatchRef, Look]:  # noqa: ASYNC109
        """The latest of the batches when all (or any) of them are terminal, or at the timeout (seconds).

        One that was never read is given a moment where the wait was shorter than that.
        """
        looks: dict[BatchRef, Look] = {}
        soonest = self._clock.monotonic() + _FIRST_LOOK
        if refs:
            await self._watch(refs, looks, timeout, until_all=until_all)
        missing = [ref for ref in refs if ref not in looks]
        left = max(_LAST_WORDS, soonest - self._clock.monotonic())
        looked = await asyncio.gather(*(self._look(ref, left) for ref in missing))
        return looks | dict(zip(missing, looked, strict=True))

    async def _watch(
        self,
        refs: Sequence[BatchRef],
        looks: dict[BatchRef, Look],
        timeout: float,  # noqa: ASYNC109
        *,
        until_all: bool,
    ) -> None:
        done = asyncio.ensure_future(self._collect(refs, looks, until_all=until_all))
        alarm = asyncio.ensure_future(self._clock.sleep(timeout))
        try:
            await asyncio.wait({done, alarm}, return_when=asyncio.FIRST_COMPLETED)
            if done.done():
                done.result()
        finally:
            for task in (done, alarm):
                task.cancel()
            await asyncio.gather(done, alarm, return_exceptions=True)

    async def _collect(self, refs: Sequence[BatchRef], looks: dict[BatchRef, Look], *, until_all: bool) -> None:
        async with aclosing(await self._subscribe(refs, Detail.STATUS)) as updates:
            try:
                async for update in updates:
                    if update.is_final:
                        looks[update.ref] = Look(update.reading, update.error)
                        if not until_all:
                            return
            finally:
                # what was read since the last update may be newer than it, though its status is the same
                latest = {ref: self._latest(ref) for ref in refs if ref not in looks}
                looks.update((ref, look) for ref, look in latest.items() if look is not None)

    async def _look(self, ref: BatchRef, seconds: float) -> Look:
        try:
            with within(self._clock, seconds):
                return await self._batches.look(ref)
        except TimeoutError:
            known = self._batches.at_hand(ref)
            return Look(None, self._late(ref)) if known is None else Look(Reading(known))

    def _late(self, ref: BatchRef) -> UpstreamTimeout:
        title = ADAPTERS[self._batches.accounts[ref.account].marketplace].title
        return UpstreamTimeout(f"{title} has not answered yet: ask again in a moment.")

"""How many operations a client may start in a second: the `limits` library counts, for each client by its name.

Counting costs as much as a small answer, so that a client with a high limit is granted several operations at a time
and spends them without asking again. What it does not spend within the second is lost to it.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from adapters.clock import Clock

_SHARES: Final = 50
"""A grant is this part of what a client may do in a second, but at least one operation."""
_LIFE: Final = 0.2
"""Seconds for which a grant may be spent."""
GRANTS: Final = 10_000
"""Clients whose grants are kept."""


@dataclass(slots=True)
class Grant:
    """Operations that a client may start until a moment of the steady clock."""

    left: int
    until: float
    is_empty: bool = False
    """True where there was none to be had."""


class Rates:
    """Grants operations; `each` is how many a client may start in a second."""

    def __init__(self, each: int, clock: Clock) -> None:
        self._item = RateLimitItemPerSecond(each)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._size = max(1, each // _SHARES)
        self._clock = clock
        self._grants: OrderedDict[str, Grant] = OrderedDict()

    async def take(self, name: str) -> bool:
        """True where the client may start one more operation now."""
        now = self._clock.monotonic()
        grant = self._grants.get(name)
        if grant is not None and grant.left > 0 and grant.until > now:
            grant.left -= 1
            return True
        if self._size > 1 and await self._limiter.hit(self._item, name, cost=self._size):
            self._keep(name, Grant(self._size - 1, now + _LIFE))
            return True
        return await self._limiter.hit(self._item, name)

    def granted(self, name: str) -> Grant | None:
        """What the client may start without asking again, where something is left of it: take it off there."""
        grant = self._grants.get(name)
        return grant if grant is not None and grant.left > 0 and grant.until > self._clock.monotonic() else None

    def _keep(self, name: str, grant: Grant) -> None:
        self._grants[name] = grant
        self._grants.move_to_end(name)
        if len(self._grants) > GRANTS:
            self._grants.popitem(last=False)

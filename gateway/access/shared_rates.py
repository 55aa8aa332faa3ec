"""How many operations a client may start in a second at all replicas together: they count on their common server.

No answer waits for a server that is slow. A replica is granted several operations at a time, and waits a moment for the
grant; where none comes, because the server is away or takes long, it decides by its own share of the limit.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from adapters.clock import Clock
from gateway.access.rates import GRANTS, Grant, Rates
from gateway.core.cluster.keys import Keys
from gateway.core.cluster.link import Link
from gateway.core.cluster.server import Script, ServerAway

_PATIENCE: Final = 0.03
"""Seconds that an operation waits for a grant."""
_PAUSE: Final = 1.0
"""Seconds for which a server that took longer is not waited for."""
_LIFE: Final = 0.2
"""Seconds for which a grant may be spent …"""
_EMPTY: Final = 0.05
"""… and for which it is remembered that there was none."""
_UNKNOWN: Final = 0.1
"""The share of a replica that has none, because it has never reached the server."""
_PARTS: Final = 20
"""A grant is this part of the replica's share, but at least one operation."""

TAKE: Final = Script(
    """
local most, wanted = tonumber(ARGV[1]), tonumber(ARGV[2])
local at = now()
local second = math.floor(at / 1000)
local kept = redis.call('HMGET', KEYS[1], 'second', 'current', 'previous')
local known, current, previous = tonumber(kept[1] or 0), tonumber(kept[2] or 0), tonumber(kept[3] or 0)
if known < second then
  previous = known == second - 1 and current or 0
  current = 0
end
local left = math.floor(most - current - previous * (1000 - at % 1000) / 1000)
local granted = math.min(wanted, left)
if granted < 1 then return 0 end
redis.call('HSET', KEYS[1], 'second', math.max(known, second), 'current', current + granted, 'previous', previous)
redis.call('PEXPIRE', KEYS[1], 3000)
return granted
"""
)
"""Key: the operations of a client. Values: how many it may start in a second, and how many are wanted. Returns how many
are granted. The window slides: of the second before, the part counts that lies within the last second."""


class SharedRates:
    """Grants operations; `each` is how many a client may start in a second, at whichever replica.

    `share` is the part of the limit that this replica may use by itself.
    """

    def __init__(
        self,
        each: int,
        link: Link,
        keys: Keys,
        share: Callable[[], float],
        clock: Clock,
        patience: float = _PATIENCE,
    ) -> None:
        self._each = each
        self._link = link
        self._keys = keys
        self._share = share
        self._clock = clock
        self._patience = patience
        self._grants: OrderedDict[str, Grant] = OrderedDict()
        self._asking: dict[str, asyncio.Task[bool]] = {}
        self._own = 0
        self._alone = Rates(1, clock)
        self._patient_from = 0.0

    async def take(self, name: str) -> bool:
        """True where the client may start one more operation now."""
        while True:
            now = self._clock.monotonic()
            grant = self._grants.get(name)
            if grant is not None and grant.until > now:
                if grant.left > 0:
                    grant.left -= 1
                    return True
                if grant.is_empty:
                    return False
            if not self._link.is_up or now < self._patient_from or not await self._has_asked(name):
                return await self._take_alone(name)

    def granted(self, name: str) -> Grant | None:
        """What the client may start without asking again, where something is left of it: take it off there."""
        grant = self._grants.get(name)
        return grant if grant is not None and grant.left > 0 and grant.until > self._clock.monotonic() else None

    async def _take_alone(self, name: str) -> bool:
        own = self._own_part()
        if own != self._own:
            self._own, self._alone = own, Rates(own, self._clock)
        return await self._alone.take(name)

    def _own_part(self) -> int:
        return max(1, int(self._each * (self._share() or _UNKNOWN)))

    async def _has_asked(self, name: str) -> bool:
        """Wait for the server's word on a client; False where it does not come in time."""
        asking = self._asking.get(name)
        if asking is None:
            asking = self._asking[name] = asyncio.ensure_future(self._ask(name))
        # whoever leaves meanwhile takes nothing from the others, and a call that has begun is not cut off
        done, _ = await asyncio.wait({asking}, timeout=self._patience)
        if not done:
            self._patient_from = self._clock.monotonic() + _PAUSE
            return False
        return asking.result()

    async def _ask(self, name: str) -> bool:
        wanted = max(1, self._own_part() // _PARTS)
        began = self._clock.monotonic()
        try:
            granted = int(await self._link.run(TAKE, [self._keys.rate(name)], self._each, wanted))
        except ServerAway:
            return False
        finally:
            del self._asking[name]
        now = self._clock.monotonic()
        if now - began <= 2 * self._patience:  # what comes later is not counted on
            self._keep(name, Grant(granted, now + (_LIFE if granted else _EMPTY), is_empty=not granted))
        return True

    def _keep(self, name: str, grant: Grant) -> None:
        self._grants[name] = grant
        self._grants.move_to_end(name)
        if len(self._grants) > GRANTS:
            self._grants.popitem(last=False)

    async def aclose(self) -> None:
        """Ask for nothing more."""
        for task in (tasks := list(self._asking.values())):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

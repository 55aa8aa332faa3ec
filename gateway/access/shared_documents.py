"""Registered documents that all replicas know: kept on their common server within bounds, under their own hash.

The server is no authority on them: what it gives out is believed where its hash is the name that it was asked for by.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Final

from adapters.clock import Clock
from gateway.access.tokens import digest
from gateway.core.cluster.keys import Keys
from gateway.core.cluster.link import Link
from gateway.core.cluster.server import Script, ServerAway

_PATIENCE: Final = 0.1
"""Seconds that a request waits for a document; without it the client is asked for the text."""
_UNDER_WAY: Final = 50
"""Documents on their way to the server at a time; of more, clients are asked for the text once more."""
_TOLD: Final = 1_000
_AGAIN: Final = 60.0
"""Seconds after which a document that is registered again is given to the server again: it may have lost it."""
_LIFETIME: Final = 30 * 86_400
"""Seconds for which the server keeps documents that nobody registers or asks for any more."""

KEEP: Final = Script(
    """
local texts, used, size = KEYS[1], KEYS[2], KEYS[3]
if redis.call('EXISTS', texts, used, size) < 3 then redis.call('DEL', texts, used, size) end  -- one was thrown out
if redis.call('HSETNX', texts, ARGV[1], ARGV[2]) == 1 then redis.call('INCRBY', size, #ARGV[2]) end
redis.call('ZADD', used, now(), ARGV[1])
while redis.call('ZCARD', used) > tonumber(ARGV[3]) or tonumber(redis.call('GET', size) or 0) > tonumber(ARGV[4]) do
  local oldest, second = unpack(redis.call('ZRANGE', used, 0, 1))
  if not oldest then break end
  if oldest == ARGV[1] and second then oldest = second end  -- of one millisecond, it is the younger one all the same
  redis.call('DECRBY', size, redis.call('HSTRLEN', texts, oldest))
  redis.call('HDEL', texts, oldest)
  redis.call('ZREM', used, oldest)
end
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, ARGV[5]) end
return 1
"""
)
"""Keys: texts, when they were used, their size. Values: hash, text, most texts, most bytes, lifetime (s)."""

RECALL: Final = Script(
    """
local text = redis.call('HGET', KEYS[1], ARGV[1])
if text then
  redis.call('ZADD', KEYS[2], now(), ARGV[1])
  for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, ARGV[2]) end
end
return text
"""
)
"""Keys: as before. Values: hash, lifetime (s). Returns the text, or nothing."""


class SharedDocuments:
    """The documents on the server. Nothing here fails or takes long: a document that is not found is sent again."""

    def __init__(self, link: Link, keys: Keys, clock: Clock, *, most: int, most_bytes: int) -> None:
        self._link = link
        self._keys = keys.documents()
        self._clock = clock
        self._most = most
        self._most_bytes = most_bytes
        self._told: OrderedDict[str, float] = OrderedDict()
        self._tasks: set[asyncio.Task[object]] = set()

    def keep(self, key: str, text: str) -> None:
        """Have all replicas know a document, soon."""
        now = self._clock.monotonic()
        if self._told.get(key, -_AGAIN) + _AGAIN > now or not self._has_room():
            return
        self._told[key] = now
        self._told.move_to_end(key)
        if len(self._told) > _TOLD:
            self._told.popitem(last=False)
        self._start(key, text)

    async def recall(self, key: str) -> str | None:
        """The text of that hash, where another replica has been given it."""
        if not self._has_room():
            return None
        asking = asyncio.ensure_future(self._run(RECALL, key, _LIFETIME))
        self._tasks.add(asking)
        asking.add_done_callback(self._tasks.discard)
        # a call that has begun is not cut off, though nobody waits for it any more
        done, _ = await asyncio.wait({asking}, timeout=_PATIENCE)
        found = asking.result() if done else None
        text = found.decode(errors="replace") if isinstance(found, bytes) else None
        return text if text is not None and digest(text) == key else None

    def _has_room(self) -> bool:
        return self._link.is_up and len(self._tasks) < _UNDER_WAY

    def _start(self, key: str, text: str) -> None:
        encoded = text.encode(errors="replace")
        task = asyncio.ensure_future(self._run(KEEP, key, encoded, self._most, self._most_bytes, _LIFETIME))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, script: Script, *values: str | bytes | int) -> object:
        try:
            return await self._link.run(script, self._keys, *values)
        except ServerAway:
            return None

    async def aclose(self) -> None:
        """Give up what is under way."""
        for task in (tasks := list(self._tasks)):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

"""The real server under a virtual clock, with faults: every script runs on Valkey, but `now()` is the test's.

Calls to the server block, so that a run is the same for the same seed; what they take on the way is virtual time.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis

from gateway.core.cluster.server import Script, ServerAway, Value
from tests.virtual_clock import VirtualClock

EPOCH_MS = 1_767_225_600_000


class VirtualValkey:
    """What all replicas of one run share."""

    def __init__(self, url: str, clock: VirtualClock, name: str) -> None:
        self.client: Any = redis.Redis.from_url(url)
        self.clock = clock
        self.skew_ms = 0
        """How far the server's clock is off."""
        self.is_down = False
        self.listeners: dict[VirtualLink, asyncio.Queue[bytes | None]] = {}
        self.name = name
        self._channels: Any = self.client.pubsub()
        self._time = f"local function now() return tonumber(redis.call('GET', '{name}:now')) end\n"
        self._channels.psubscribe(f"{name}:*")
        self._channels.get_message(timeout=1)

    def run(self, script: Script, keys: Sequence[str], values: Sequence[Value]) -> Any:
        self.client.set(f"{self.name}:now", EPOCH_MS + int(self.clock.monotonic() * 1000) + self.skew_ms)
        answer = self.client.eval(self._time + script.text, len(keys), *keys, *values)
        self.tell()
        return answer

    def tell(self) -> None:
        """Hand on what was published."""
        while (message := self._channels.get_message(timeout=0)) is not None:
            if message["type"] == "pmessage":
                for link, queue in list(self.listeners.items()):
                    if not link.is_cut and not link.loses_news():
                        queue.put_nowait(message["data"])

    def forget(self) -> None:
        """It is restarted without its data."""
        for key in self.client.scan_iter(f"{self.name}:*"):
            self.client.delete(key)

    def close(self) -> None:
        self.forget()
        self._channels.close()
        self.client.close()


@dataclass(eq=False)
class VirtualLink:
    """A `Server` as one replica sees it: slow, cut off, losing requests and answers."""

    valkey: VirtualValkey
    rng: random.Random
    is_cut: bool = False
    loss: float = 0.0
    """Chance that a request, or its answer, is lost."""
    trip: float = 0.001
    frozen: asyncio.Event = field(default_factory=asyncio.Event)
    commands: int = 0
    timeout: float = 0.25

    def loses_news(self) -> bool:
        return self.rng.random() < self.loss

    async def _way(self) -> None:
        """One way to the server or back."""
        if self.is_cut or self.valkey.is_down or self.rng.random() < self.loss:
            await self.valkey.clock.sleep(self.timeout)
            raise ServerAway("timeout")
        await self.valkey.clock.sleep(self.trip * self.rng.uniform(0.2, 0.5))

    async def run(self, script: Script, keys: Sequence[str], values: Sequence[Value]) -> Any:
        self.commands += 1
        await self._way()
        answer = self.valkey.run(script, keys, values)
        await self._way()
        return answer

    async def get(self, key: str) -> bytes | None:
        self.commands += 1
        await self._way()
        return self.valkey.client.get(key)

    async def publish(self, channel: str, message: bytes) -> None:
        self.commands += 1
        await self._way()
        self.valkey.client.publish(channel, message)
        self.valkey.tell()

    async def listen(self, channel: str) -> AsyncGenerator[bytes | None]:
        await self._way()
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.valkey.listeners[self] = queue
        try:
            yield None
            while True:
                message = await queue.get()
                if message is None:
                    raise ServerAway("closed")
                yield message
        finally:
            self.valkey.listeners.pop(self, None)

    def cut(self, *, is_cut: bool) -> None:
        """Cut the network, or mend it."""
        self.is_cut = is_cut
        queue = self.valkey.listeners.get(self)
        if is_cut and queue is not None:
            queue.put_nowait(None)

    async def aclose(self) -> None:
        return

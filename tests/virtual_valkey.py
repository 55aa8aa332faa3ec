"""The real server under a virtual clock, with faults: every script runs on Valkey, but `now()` is the test's.

Calls to the server block, so that a run is the same for the same seed; what they take on the way is virtual time.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import redis

from gateway.core.cluster.believing import PEEK
from gateway.core.cluster.membership import KNOCK
from gateway.core.cluster.server import Script, ServerAway, Value
from tests.virtual_clock import VirtualClock

_NOW = "local function now() return tonumber(KEYS[#KEYS]) end\n"
EPOCH_MS = 1_767_225_600_000


class VirtualValkey:
    """What all replicas of one run share."""

    def __init__(self, url: str, clock: VirtualClock, name: str) -> None:
        self.client: Any = redis.Redis.from_url(url)
        self.clock = clock
        self.skew_ms = 0
        """How far the server's clock is off."""
        self.is_down = False
        self.takes_no_writes = False
        """It answers what only reads: it is full, or a copy."""
        self.listeners: dict[VirtualLink, asyncio.Queue[bytes | None]] = {}
        self.name = name
        self._loaded: dict[str, str] = {}
        self._channels: Any = self.client.pubsub()
        self._held: list[Callable[[], object]] | None = None
        self._channels.psubscribe(f"{name}:*")

    def run(self, script: Script, keys: Sequence[str], values: Sequence[Value]) -> Any:
        now = EPOCH_MS + int(self.clock.monotonic() * 1000) + self.skew_ms
        digest = self._loaded.get(script.digest)
        if digest is None:
            digest = self._loaded[script.digest] = self.client.script_load(_NOW + script.text)
        answer = self.client.execute_command("EVALSHA", digest, len(keys) + 1, *keys, now, *values)
        if "'PUBLISH'" in script.text:
            self.tell()
        return answer

    @property
    def is_held_up(self) -> bool:
        return self._held is not None

    def hold_up(self) -> None:
        """It takes requests and does nothing, until it goes on: then it does all of them."""
        self._held = []

    def later(self, work: Callable[[], object]) -> None:
        """Do this when it goes on."""
        assert self._held is not None
        self._held.append(work)

    def go_on(self) -> None:
        held, self._held = self._held or [], None
        for work in held:
            work()

    def tell(self) -> None:
        """Hand on all that was published: the server answers a ping behind it."""
        self._channels.ping()
        while True:
            message = self._channels.get_message(timeout=30)
            assert message is not None, "the server is silent"
            if message["type"] == "pong":
                return
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
    loses: Script | None = None
    """Requests of this kind do not arrive."""
    unheard: list[Script] = field(default_factory=list[Script])
    """Requests of this kind arrive, and the answer to the next one does not."""
    database: int = 0
    commands: int = 0
    timeout: float = 0.25

    def loses_news(self) -> bool:
        return self.rng.random() < self.loss

    async def _way(self) -> None:
        """One way to the server or back."""
        if self.is_cut or self.valkey.is_down or self.rng.random() < self.loss:
            await self._time_out()
        await self.valkey.clock.sleep(self.trip * self.rng.uniform(0.2, 0.5))

    async def _time_out(self) -> None:
        await self.valkey.clock.sleep(self.timeout)
        raise ServerAway("timeout")

    async def run(self, script: Script, keys: Sequence[str], values: Sequence[Value]) -> Any:
        self.commands += 1
        await self._way()
        if script is self.loses:
            await self._time_out()
        if self.valkey.is_held_up:
            self.valkey.later(partial(self.valkey.run, script, keys, values))
            await self._time_out()
        if self.valkey.takes_no_writes and script not in {KNOCK, PEEK}:
            raise ServerAway("ReadOnlyError")
        answer = self.valkey.run(script, keys, values)
        if script in self.unheard:
            self.unheard.remove(script)
            await self._time_out()
        await self._way()
        return answer

    async def get(self, key: str) -> bytes | None:
        self.commands += 1
        await self._way()
        if self.valkey.is_held_up:
            await self._time_out()
        return self.valkey.client.get(key)

    async def publish(self, channel: str, message: bytes) -> None:
        self.commands += 1
        await self._way()
        if self.valkey.is_held_up:
            self.valkey.later(partial(self._tell, channel, message))
            await self._time_out()
        self._tell(channel, message)

    def _tell(self, channel: str, message: bytes) -> None:
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

    async def renew(self) -> None:
        return

    async def aclose(self) -> None:
        return

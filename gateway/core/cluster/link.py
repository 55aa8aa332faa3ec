"""The way to the server with a switch in it: once lost, nobody waits for the server but the one who looks for it.

It also knows the server's clock: replicas order what they read by it, whatever their own clocks say.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any, Final, NamedTuple

from adapters.clock import Clock
from adapters.deadline import within
from gateway.core.cluster.server import Script, Server, ServerAway, ServerRefuses, Value

log = logging.getLogger(__name__)

_PATIENCE: Final = 2
"""Calls in a row that fail before the server counts as lost."""
_AT_ONCE: Final = 12
"""Calls under way at a time, but for probes: fewer than there are connections, so that a probe always finds one."""
_TURN: Final = 2.0
"""Seconds that a call waits for its turn; it is then as if the server had not answered."""
_SAMPLES: Final = 32
_GRAIN: Final = 0.001
"""Seconds: what the server's clock tells is cut off to milliseconds."""
_DRIFT: Final = 0.1
"""Seconds by which two clocks may part without either having been set."""


class _Sample(NamedTuple):
    trip: float
    offset: float


class Link:
    """Calls to the server. While it is lost, all but `probe` fail at once."""

    def __init__(self, server: Server, clock: Clock) -> None:
        self._server = server
        self._clock = clock
        self._failures = 0
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._samples: deque[_Sample] = deque(maxlen=_SAMPLES)
        self._since = clock.monotonic()
        self._is_told = False
        self._refusals: set[str] = set()
        self.is_up = False
        """False until the server was reached, and while it is lost."""
        self.commands = 0

    async def run(self, script: Script, keys: Sequence[str], *values: Value) -> Any:
        """What the script returns. Raises `ServerAway`, at once while the server is lost."""
        return await self._in_turn(self._server.run, script, keys, values)

    async def get(self, key: str) -> bytes | None:
        """The value of a key. Raises `ServerAway`."""
        return await self._in_turn(self._server.get, key)

    async def publish(self, channel: str, message: bytes) -> None:
        """Tell all who listen. Raises `ServerAway`."""
        await self._in_turn(self._server.publish, channel, message)

    async def listen(self, channel: str) -> AsyncGenerator[bytes | None]:
        """What is told from now on. Ends in `ServerAway`."""
        async with aclosing(self._server.listen(channel)) as news:
            try:
                async for message in news:
                    yield message
            except ServerRefuses as error:
                self._tell(error)
                raise

    async def probe(self, script: Script, keys: Sequence[str], *values: Value) -> Any:
        """The same as `run`, also while the server is lost; the first value returned is the server's time (ms)."""
        began = self._clock.monotonic()
        answer = await self._count(self._server.run(script, keys, values))
        ended = self._clock.monotonic()
        sample = _Sample(ended - began, int(answer[0]) / 1000 - (began + ended) / 2)
        if not self.is_up or self._has_jumped(sample):
            self._samples.clear()  # another server by now, perhaps, or a clock that was set
        self._samples.append(sample)
        return answer

    def _has_jumped(self, sample: _Sample) -> bool:
        best = min(self._samples, default=sample)
        return abs(sample.offset - best.offset) > (sample.trip + best.trip) / 2 + _DRIFT

    def found(self) -> None:
        """The server may be used by all again."""
        if not self.is_up:
            self.is_up = True
            log.info("cluster.joined", extra={"fields": {"after": round(self.away_for, 1)}})
        self._is_told = False

    @property
    def away_for(self) -> float:
        """Seconds since the server was lost, or since the start."""
        return self._clock.monotonic() - self._since

    def to_server(self, at: float, *, is_late: bool) -> int:
        """A moment of the steady clock on the server's (ms): the latest that it may be, or the earliest."""
        best = min(self._samples, default=_Sample(0.0, 0.0))
        doubt = best.trip / 2 + _GRAIN
        return int((at + best.offset + (doubt if is_late else -doubt)) * 1000)

    def from_server(self, ms: int) -> float:
        """A moment of the server's clock (ms) on the steady one, never in the future."""
        return min(self._clock.monotonic(), ms / 1000 - min(self._samples, default=_Sample(0.0, 0.0)).offset)

    async def _in_turn(self, call: Callable[..., Awaitable[Any]], *values: Any) -> Any:
        """Many calls in one moment wait here, not for a connection: that would look like a server that is lost."""
        self._need()
        try:
            with within(self._clock, _TURN if self._turns.locked() else None):
                await self._turns.acquire()
        except TimeoutError:
            raise ServerAway("busy") from None
        try:
            self._need()
            return await self._count(call(*values))
        finally:
            self._turns.release()

    def _need(self) -> None:
        if not self.is_up:
            raise ServerAway("lost")

    async def _count(self, answer: Awaitable[Any]) -> Any:
        self.commands += 1
        try:
            told = await answer
        except ServerAway as error:
            if isinstance(error, ServerRefuses):
                self._tell(error)
            self._failures += 1
            if self._failures >= _PATIENCE:
                self.lose(error)
            raise
        self._failures = 0
        return told

    def _tell(self, error: ServerRefuses) -> None:
        """Log it, each refusal once: a right that is missing may be for one kind of call, and the others go on."""
        kind = str(error).partition(":")[0]
        if kind not in self._refusals:
            self._refusals.add(kind)
            log.warning("cluster.refused", extra={"fields": {"reason": str(error)}})

    def lose(self, error: ServerAway) -> None:
        """The server is not to be used until it is found again."""
        if self.is_up:
            self.is_up = False
            self._since = self._clock.monotonic()
        if not self._is_told:
            self._is_told = True
            fields = {"reason": str(error), "now": "going on alone, with a safe share of each budget"}
            log.warning("cluster.lost", extra={"fields": fields})

    async def renew(self) -> None:
        """While the server is lost: forget the connections that led to it."""
        if not self.is_up:
            await self._server.renew()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._server.aclose()

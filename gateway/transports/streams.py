"""A response of many parts over HTTP: the same life for SSE and for multipart."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any, Final, Protocol

from adapters.clock import Clock
from gateway.engine.request import RequestError, error_of
from gateway.transports.clients import Client
from gateway.transports.limits import TransportLimits
from gateway.transports.live import Ending, Live, Results, end_source
from gateway.transports.responses import NOSNIFF, Header, Receive, Scope, Send

EXPIRED_ERROR: Final = error_of(
    "UNAUTHENTICATED", "Your credentials are no longer valid: subscribe again with new ones."
)
DRAIN_ERROR: Final = error_of("SERVICE_RESTART", "The gateway restarts: subscribe again.")

# `x-accel-buffering` is nginx's: a part is to be passed on when it is there
STREAM_HEADERS: Final[tuple[Header, ...]] = (
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
    NOSNIFF,
)


class Framing(Protocol):
    """How a protocol writes a stream."""

    headers: Sequence[Header]
    opening: bytes
    """Sent at once, so that the client and proxies see that the stream stands."""
    heartbeat: bytes
    finished: bytes
    """After the last result."""

    def drained(self) -> bytes:
        """At the gateway's end: makes the client subscribe again, to whoever answers then."""
        ...

    def part(self, payload: bytes) -> bytes:
        """One result."""
        ...

    def failed(self, errors: Sequence[dict[str, Any]]) -> bytes:
        """The stream could not start, or broke: the last thing that is sent."""
        ...


class HttpStream(Live):
    """One subscription over HTTP."""

    __slots__ = ("_beat", "_framing", "_has_failed")

    def __init__(self, scope: Scope, send: Send, clock: Clock, client: Client, framing: Framing) -> None:
        super().__init__(scope, send, clock)
        self.client = client
        self._framing = framing
        self._beat: asyncio.Task[None] | None = None
        self._has_failed = False

    @property
    def why(self) -> str:
        """The end's reason in a word; `failed` where the stream could not start, or broke."""
        return "failed" if self._has_failed else super().why

    async def run(self, source: Results, receive: Receive, limits: TransportLimits) -> None:
        """Send what the source has, until it ends or is ended."""
        watch = asyncio.ensure_future(self.watch(receive))
        last: bytes | None = None
        try:
            last = await self._send_all(source)
        finally:
            self.over()
            watch.cancel()
            if self._beat is not None:
                self._beat.cancel()
            await end_source(source, limits.close_wait)
        if last is not None:
            await self._send_last(last, limits.close_wait)
        elif self.ending is Ending.STALLED:
            await self.drop()

    def check(self, now: float, limits: TransportLimits) -> None:
        """As for everything live; and a sign of life where there was none for long."""
        super().check(now, limits)
        is_quiet = now - self.active_at > limits.heartbeat and not self.is_sending
        if is_quiet and self.ending is None and self._beat is None:
            self._beat = asyncio.ensure_future(self._send_heartbeat())

    async def _send_all(self, source: Results) -> bytes | None:
        """Returns the last words, or None where nobody hears them."""
        framing = self._framing
        try:
            await self.send({"type": "http.response.start", "status": 200, "headers": [*framing.headers]})
            await self._send_body(framing.opening)
            async for payload in source:
                await self._send_body(framing.part(payload))
                del payload
        except RequestError as error:
            self._has_failed = True
            return framing.failed(error.errors)
        except asyncio.CancelledError:
            if not self.was_ended():
                raise
            if self.ending is Ending.DRAIN:
                return framing.drained()
            return framing.failed([EXPIRED_ERROR]) if self.ending is Ending.EXPIRED else None
        except OSError:
            self.ending = self.ending or Ending.GONE
            return None
        return framing.finished

    async def _send_body(self, body: bytes) -> None:
        await self.send({"type": "http.response.body", "body": body, "more_body": True})

    async def _send_heartbeat(self) -> None:
        with contextlib.suppress(OSError):
            await self._send_body(self._framing.heartbeat)
        self._beat = None

    async def _send_last(self, body: bytes, wait: float) -> None:
        try:
            async with asyncio.timeout(wait):
                await self.send({"type": "http.response.body", "body": body, "more_body": False})
        except TimeoutError:
            await self.drop()
        except OSError:
            pass

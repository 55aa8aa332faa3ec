"""The sandbox: simulated marketplaces behind one address, each below its own prefix.

`http://127.0.0.1:8001/<marketplace>/…` is that marketplace's tree of paths; `/_sandbox/…` tells and steers.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.clock import Clock, SystemClock
from gateway.sandbox.admin import admin_app
from gateway.sandbox.market import Call, Market
from gateway.sandbox.reading import Play, read_plays
from gateway.sandbox.replies import Rendered
from gateway.sandbox.tally import Tally


class Sandbox:
    """An ASGI application. `tally` counts, `latency` (seconds) delays every answer whose id asks for no other."""

    def __init__(self, plays: tuple[Play, ...], clock: Clock, latency: float) -> None:
        self.plays = plays
        self.latency = latency
        self.tally = Tally()
        self._clock = clock
        self._usual_latency = latency
        self._waiting: set[asyncio.Future[None]] = set()
        self._markets = {play.script.marketplace: Market(play, clock) for play in plays}
        self._admin: ASGIApp = admin_app(self)

    def forget(self, marketplace: str, batch_id: str) -> None:
        """Make a marketplace forget a batch for good. Raises `KeyError` for a marketplace that is not there."""
        self._markets[marketplace].forget(batch_id)

    def reset(self) -> None:
        """Back to the start: no lives, no counts, the first latency."""
        for market in self._markets.values():
            market.clear()
        self.tally.clear()
        self.latency = self._usual_latency

    def drain(self) -> None:
        """Answer at once whoever is still waiting: the end has come."""
        for waiting in self._waiting:
            waiting.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._admin(scope, receive, send)
            return
        path: str = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
        name, _, rest = path[1:].partition("/")
        market = self._markets.get(name)
        if market is None:
            await self._admin(scope, receive, send)
            return
        await self._serve(market, Call(scope["method"], f"/{rest}", scope["query_string"], scope["headers"]), send)

    async def _serve(self, market: Market, call: Call, send: Send) -> None:
        came = self._clock.now().timestamp()
        visit = market.receive(call)
        self.tally.come(visit.asked)
        status = 0
        try:
            latency = self.latency if visit.latency is None else visit.latency
            if latency > 0:
                await self._wait(latency)
            answer = market.answer(visit)
            status = answer.status
        finally:
            self.tally.go(market.name, visit.asked, came, status)
        await _send(send, answer)

    async def _wait(self, seconds: float) -> None:
        waiting = asyncio.ensure_future(self._clock.sleep(seconds))
        self._waiting.add(waiting)
        try:
            await asyncio.wait({waiting})
        finally:
            waiting.cancel()
            self._waiting.discard(waiting)


async def _send(send: Send, answer: Rendered) -> None:
    headers = [*answer.headers, (b"content-length", b"%d" % len(answer.body))]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def create_sandbox(clock: Clock | None = None, latency: float = 0.0, *, recorded: Path | None = None) -> Sandbox:
    """The sandbox of every marketplace that has a `story.json`; `latency` in seconds.

    `recorded` takes the place of `adapters/recorded`. Raises `ScriptError` for a story that cannot be played.
    """
    return Sandbox(read_plays(recorded), clock or SystemClock(), latency)

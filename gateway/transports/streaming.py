"""Operations whose results are streamed over HTTP: server-sent events and multipart."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Final

from gateway.engine.engine import Engine
from gateway.engine.errors import unexpected
from gateway.engine.operation import Prepared
from gateway.engine.request import RequestError
from gateway.transports.clients import Client
from gateway.transports.live import Crowd, Live, Results
from gateway.transports.multipart import Multipart
from gateway.transports.negotiation import Media
from gateway.transports.responses import Header, Receive, Refusal, Scope, Send
from gateway.transports.sse import EventStream
from gateway.transports.streams import Framing, HttpStream

_FRAMINGS: Final[dict[Media, Framing]] = {Media.EVENTS: EventStream(), Media.MULTIPART: Multipart()}
_STREAMS: Final = {Media.EVENTS: "sse", Media.MULTIPART: "multipart"}
_RETRY: Final[Header] = (b"retry-after", b"1")


class Streaming:
    """Streams what `HttpTransport` has let in."""

    def __init__(self, engine: Engine, context: Callable[[Client], object], crowd: Crowd) -> None:
        self._engine = engine
        self._context = context
        self._crowd = crowd

    async def run(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        media: Media,
        prepared: Prepared | RequestError,
        client: Client,
    ) -> None:
        """Send a stream. Where it cannot begin, its error is what it sends, or a refusal is answered instead."""
        crowd = self._crowd
        live = HttpStream(scope, send, crowd.clock, client, _FRAMINGS[media])
        if crowd.drain.has_begun:
            await _refuse(live, 503, "SERVICE_RESTART", "The gateway restarts: subscribe again.")
            return
        if (full := crowd.streams.take(client.name)) is not None:
            await _refuse(live, 429, "TOO_MANY_STREAMS", full)
            return
        crowd.enter(live)
        name = _STREAMS[media]
        crowd.observer.stream_began(name)
        try:
            source = self._source(prepared, client)
            await live.run(source, receive, crowd.limits)
        finally:
            crowd.leave(live)
            crowd.streams.give(client.name)
            crowd.observer.stream_ended(name, live.why)

    def _source(self, prepared: Prepared | RequestError, client: Client) -> Results:
        if isinstance(prepared, RequestError):
            return _failing(prepared)
        self._crowd.observer.operation(prepared.kind)
        try:
            return self._engine.stream(prepared, self._context(client))
        except Exception as error:  # noqa: BLE001  # the context's fault
            return _failing(RequestError([unexpected(error)]))


async def _failing(error: RequestError) -> AsyncGenerator[bytes, None]:
    """A stream that cannot start."""
    raise error
    yield b""


async def _refuse(live: Live, status: int, code: str, message: str) -> None:
    refusal = Refusal(status, code, message, [_RETRY])
    await live.answer(refusal.answer(Media.JSON))

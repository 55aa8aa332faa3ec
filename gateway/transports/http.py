"""GraphQL over HTTP: negotiation, status codes, one result or a stream of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Final

from adapters.clock import Clock
from gateway.engine.engine import Engine
from gateway.engine.errors import unexpected
from gateway.engine.operation import Prepared
from gateway.engine.request import OperationRequest, RequestError
from gateway.transports.clients import Authenticate, Client, Credentials, Unauthorized
from gateway.transports.limits import TransportLimits
from gateway.transports.live import Crowd, Ending, Live
from gateway.transports.multipart import Multipart
from gateway.transports.negotiation import Media, acceptable
from gateway.transports.origins import Origins
from gateway.transports.requests import Disconnected, read_get, read_post
from gateway.transports.responses import (
    Header,
    Receive,
    Refusal,
    Scope,
    Send,
    answer,
    answer_empty,
    answer_errors,
    header_map,
)
from gateway.transports.sse import EventStream, is_finished
from gateway.transports.streams import Framing, HttpStream

_FRAMINGS: Final[dict[Media, Framing]] = {Media.EVENTS: EventStream(), Media.MULTIPART: Multipart()}
_STREAMS: Final = {Media.EVENTS: "sse", Media.MULTIPART: "multipart"}
_ALLOW: Final[Header] = (b"allow", b"GET, POST")
_RETRY: Final[Header] = (b"retry-after", b"1")
_CLOSE: Final[Header] = (b"connection", b"close")


class HttpQuery(Live):
    """One request on its way in, and then a query that runs. Neither a drain nor a lapsed token interrupts it."""

    __slots__ = ("_watching", "is_read", "receive")

    def __init__(self, scope: Scope, receive: Receive, send: Send, clock: Clock) -> None:
        super().__init__(scope, send, clock)
        self.receive = receive
        self.is_read = False
        self._watching: asyncio.Task[None] | None = None

    def end(self, ending: Ending) -> None:
        """As for everything live, but what is nearly done is let finish."""
        if ending not in {Ending.DRAIN, Ending.EXPIRED}:
            super().end(ending)

    def check(self, now: float, limits: TransportLimits) -> None:
        """A request that takes long to arrive is given up; one that takes long to answer is watched for its client."""
        super().check(now, limits)
        if self.is_read and self._watching is None:
            self._watching = asyncio.ensure_future(self.watch(self.receive))
        elif not self.is_read and now - self.started_at > limits.body_wait:
            self.end(Ending.LATE)

    def over(self) -> None:
        """Nothing is to be interrupted or watched any more."""
        super().over()
        if self._watching is not None:
            self._watching.cancel()


class HttpTransport:
    """Answers HTTP requests."""

    def __init__(
        self,
        engine: Engine,
        context: Callable[[Client], object],
        authenticate: Authenticate,
        origins: Origins,
        crowd: Crowd,
    ) -> None:
        self._engine = engine
        self._context = context
        self._authenticate = authenticate
        self._origins = origins
        self._crowd = crowd
        self._limits = crowd.limits
        self._running = 0

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = header_map(scope["headers"])
        accepted = acceptable(headers.get(b"accept"))
        live = HttpQuery(scope, receive, send, self._crowd.clock)
        self._crowd.enter(live)
        try:
            stream = await self._answer(scope, headers, accepted, live)
        except Refusal as refusal:
            await live.answer(refusal.answer(_json(accepted)))
            return
        except Disconnected:
            return
        except asyncio.CancelledError:
            if not live.was_ended():
                raise
            await self._interrupted(live, _json(accepted))
            return
        except Exception as error:  # noqa: BLE001  # the gateway's own fault, which drops nobody's connection
            await live.answer(answer_errors(500, _json(accepted), [unexpected(error)]))
            return
        finally:
            self._crowd.leave(live)
        if stream is not None:
            await self._stream(scope, receive, send, *stream)

    async def _answer(
        self, scope: Scope, headers: Mapping[bytes, bytes], accepted: tuple[Media, ...], live: HttpQuery
    ) -> tuple[Media, Prepared | RequestError, Client] | None:
        """Answer with one result; or return the stream that is to be sent."""
        if not accepted:
            raise Refusal(406, "NOT_ACCEPTABLE", "Accept application/graphql-response+json or application/json.")
        method = scope["method"]
        if method not in {"GET", "POST"}:
            raise Refusal(405, "METHOD_NOT_ALLOWED", "Use POST, or GET for queries.", [_ALLOW])
        client = await self._let_in(scope, headers)
        request = await self._read(scope, headers, live)
        live.is_read = True
        if accepted[0] is Media.EVENTS and is_finished(headers):
            await live.answer(answer_empty(204))
            return None
        try:
            prepared = self._engine.prepare(request)
        except RequestError as error:
            self._crowd.observer.refused()
            media = _for_errors(accepted, error)
            if media.streams:
                return media, error, client
            status = error.status if media is Media.RESPONSE or not error.is_well_formed else 200
            await live.answer(answer_errors(status, media, error.errors, self._parting()))
            return None
        if prepared.kind == "mutation" and method == "GET":
            raise Refusal(405, "METHOD_NOT_ALLOWED", "Mutations are sent by POST.", [(b"allow", b"POST")])
        media = _for_results(accepted, prepared)
        if media.streams:
            return media, prepared, client
        await self._run(live, prepared, client, media)
        return None

    async def _run(self, live: HttpQuery, prepared: Prepared, client: Client, media: Media) -> None:
        if self._running >= self._limits.requests:
            raise Refusal(503, "OVERLOADED", "The gateway answers as many queries as it can: try again.", [_RETRY])
        self._running += 1
        self._crowd.observer.operation(prepared.kind)
        try:
            result = self._engine.run(prepared, self._context(client))
            body = result if isinstance(result, bytes) else await result
        finally:
            self._running -= 1
        await live.answer(answer(200, media, body, self._parting()))

    async def _let_in(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Client:
        peer = scope.get("client")
        try:
            return await self._authenticate(
                Credentials(headers, scope["query_string"], None, None if peer is None else peer[0])
            )
        except Unauthorized as error:
            challenge = [(b"www-authenticate", error.challenge.encode())] if error.status == 401 else []
            raise Refusal(error.status, error.code, error.message, challenge) from None

    async def _read(self, scope: Scope, headers: Mapping[bytes, bytes], live: HttpQuery) -> OperationRequest:
        if scope["method"] == "POST":
            return await read_post(headers, live.receive, self._limits.body)
        if not self._origins.admits(headers):
            raise Refusal(403, "CROSS_SITE", "Pages of other origins are not let in by GET.")
        return read_get(scope, self._limits.body)

    async def _interrupted(self, live: HttpQuery, media: Media) -> None:
        if live.ending is Ending.LATE:
            refusal = Refusal(408, "REQUEST_TIMEOUT", "The request did not arrive in time.", [_CLOSE])
            await live.answer(refusal.answer(media))
        elif live.ending is Ending.STALLED:
            await live.drop()

    async def _stream(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        media: Media,
        prepared: Prepared | RequestError,
        client: Client,
    ) -> None:
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
            await live.run(source, receive, self._limits)
        finally:
            crowd.leave(live)
            crowd.streams.give(client.name)
            crowd.observer.stream_ended(name, live.why)

    def _source(self, prepared: Prepared | RequestError, client: Client) -> AsyncGenerator[bytes, None]:
        if isinstance(prepared, RequestError):
            return _failing(prepared)
        self._crowd.observer.operation(prepared.kind)
        try:
            return self._engine.stream(prepared, self._context(client))
        except Exception as error:  # noqa: BLE001  # the context's fault
            return _failing(RequestError([unexpected(error)]))

    def _parting(self) -> tuple[Header, ...]:
        return (_CLOSE,) if self._crowd.drain.has_begun else ()


def _json(accepted: tuple[Media, ...]) -> Media:
    """The media type of an answer that is no stream, whatever the client would rather have."""
    return next((media for media in accepted if not media.streams), Media.JSON)


def _for_results(accepted: tuple[Media, ...], prepared: Prepared) -> Media:
    if prepared.kind != "subscription":
        return accepted[0]
    media = next((media for media in accepted if media.streams), None)
    if media is None:
        raise Refusal(
            406,
            "NOT_ACCEPTABLE",
            "A subscription needs a stream: accept text/event-stream or multipart/mixed;subscriptionSpec=1.0, "
            "or use a WebSocket with graphql-transport-ws.",
        )
    return media


def _for_errors(accepted: tuple[Media, ...], error: RequestError) -> Media:
    """Where to say that an operation cannot run.

    An EventSource sees no body but an event's; Apollo's clients read plain answers where they accept them.
    """
    if accepted[0] is Media.EVENTS and error.is_well_formed:
        return Media.EVENTS
    if all(media is Media.MULTIPART for media in accepted) and error.is_well_formed:
        return Media.MULTIPART
    return _json(accepted)


async def _failing(error: RequestError) -> AsyncGenerator[bytes, None]:
    """A stream that cannot start."""
    raise error
    yield b""


async def _refuse(live: Live, status: int, code: str, message: str) -> None:
    refusal = Refusal(status, code, message, [_RETRY])
    await live.answer(refusal.answer(Media.JSON))

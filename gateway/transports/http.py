"""GraphQL over HTTP: negotiation, status codes, one result or a stream of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

import msgspec

from gateway.engine.engine import Engine
from gateway.engine.errors import unexpected
from gateway.engine.operation import Prepared
from gateway.engine.request import OperationRequest, RequestError, UnknownDocument
from gateway.transports.caching import Caching, is_known
from gateway.transports.clients import (
    OVERLOADED,
    TOO_FAST,
    TOO_MANY,
    Admit,
    Authenticate,
    Client,
    Credentials,
    Unauthorized,
)
from gateway.transports.live import Crowd, Ending
from gateway.transports.negotiation import Media, acceptable, for_errors, for_results, plain
from gateway.transports.origins import Origins
from gateway.transports.query import HttpQuery
from gateway.transports.repeated import Remember
from gateway.transports.requests import Disconnected, decode, read_get, read_post
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
from gateway.transports.sse import is_finished
from gateway.transports.streaming import Streaming

_ALLOW: Final[Header] = (b"allow", b"GET, POST")
_RETRY: Final[Header] = (b"retry-after", b"1")
_CLOSE: Final[Header] = (b"connection", b"close")
_CHALLENGE: Final[Header] = (b"www-authenticate", b'Bearer error="invalid_token"')
_EXPIRED: Final = Refusal(
    401, "UNAUTHENTICATED", "Your credentials are no longer valid: ask again with new ones.", [_CHALLENGE]
)
_RESTART: Final = Refusal(503, "SERVICE_RESTART", "The gateway restarts: ask again.", [_RETRY, _CLOSE])
_NEEDS_STREAM: Final = (
    "A subscription needs a stream: accept text/event-stream or multipart/mixed;subscriptionSpec=1.0, "
    "or use a WebSocket with graphql-transport-ws."
)

_TICKET: Final = b"ticket="
"""In an address that lets in once: what was answered there is kept by no cache, which would answer it again."""

_Streaming = tuple[Media, Prepared | RequestError, Client]
"""What is to be streamed, in which form, to whom."""


class Read(msgspec.Struct, frozen=True):
    """A request whose head is known: what was read of it."""

    body: bytes
    context: Any
    """What the operation's resolvers may touch."""
    since: object
    """The generation of what is remembered, when the head was found there."""
    is_counted: bool
    """Whether it was counted already among the operations that its client may start."""


class HttpTransport:
    """Answers HTTP requests."""

    def __init__(
        self,
        engine: Engine,
        context: Callable[[Client], object],
        authenticate: Authenticate,
        origins: Origins,
        crowd: Crowd,
        *,
        admit: Admit | None = None,
        caching: Caching | None = None,
    ) -> None:
        self._engine = engine
        self._context = context
        self._authenticate = authenticate
        self._origins = origins
        self._crowd = crowd
        self._admit = admit
        self._caching = caching
        self._limits = crowd.limits
        self._streaming = Streaming(engine, context, crowd)
        self.remember: Remember | None = None
        """Is told of the queries that were answered."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = header_map(scope["headers"])
        accepted = acceptable(headers.get(b"accept"))
        live = HttpQuery(scope, receive, send, self._crowd.clock)
        stream = await self._while_alive(live, accepted, self._answer(scope, headers, accepted, live))
        if stream is not None:
            await self._streaming.run(scope, receive, send, *stream)

    async def handle_read(
        self, live: HttpQuery, scope: Scope, send: Send, client: Client, accepted: tuple[Media, ...], read: Read
    ) -> None:
        """Answer a POST that was read whole, whose head was judged before and found good."""
        live.client = client
        live.is_read = True
        stream = await self._while_alive(live, accepted, self._answer_read(scope, live, client, accepted, read))
        if stream is not None:
            await self._streaming.run(scope, live.receive, send, *stream)

    async def _while_alive(
        self, live: HttpQuery, accepted: tuple[Media, ...], answering: Coroutine[Any, Any, _Streaming | None]
    ) -> _Streaming | None:
        """Answer, as long as nothing ends it; whatever goes wrong is answered too."""
        self._crowd.enter(live)
        try:
            return await answering
        except Refusal as refusal:
            await live.answer(refusal.answer(plain(accepted)))
        except Disconnected:
            pass
        except asyncio.CancelledError:
            if not live.was_ended():
                raise
            await self._interrupted(live, plain(accepted))
        except Exception as error:  # noqa: BLE001  # the gateway's own fault, which drops nobody's connection
            await live.answer(answer_errors(500, plain(accepted), [unexpected(error)]))
        finally:
            self._crowd.leave(live)
        return None

    async def _answer(
        self, scope: Scope, headers: Mapping[bytes, bytes], accepted: tuple[Media, ...], live: HttpQuery
    ) -> _Streaming | None:
        """Answer with one result; or return the stream that is to be sent."""
        if not accepted:
            raise Refusal(406, "NOT_ACCEPTABLE", "Accept application/graphql-response+json or application/json.")
        method = scope["method"]
        if method not in {"GET", "POST"}:
            raise Refusal(405, "METHOD_NOT_ALLOWED", "Use POST, or GET for queries.", [_ALLOW])
        if accepted[0] is Media.EVENTS and is_finished(headers):
            # before any token is asked for: a ticket has been used up by then
            await live.answer(answer_empty(204))
            return None
        live.client = client = await self._let_in(scope, headers)
        request = await self._read(scope, headers, live)
        live.is_read = True
        return await self._answer_request(scope, live, client, accepted, request, headers.get(b"if-none-match"))

    async def _answer_read(
        self, scope: Scope, live: HttpQuery, client: Client, accepted: tuple[Media, ...], read: Read
    ) -> _Streaming | None:
        if not read.is_counted:
            await self._count(client)
        return await self._answer_request(scope, live, client, accepted, decode(read.body), read=read)

    async def _answer_request(
        self,
        scope: Scope,
        live: HttpQuery,
        client: Client,
        accepted: tuple[Media, ...],
        request: OperationRequest,
        if_none_match: bytes | None = None,
        read: Read | None = None,
    ) -> _Streaming | None:
        try:
            try:
                prepared = self._engine.prepare(request)
            except UnknownDocument as unknown:
                prepared = await self._engine.prepare_sought(request, unknown)
        except RequestError as error:
            return await self._answer_errors(error, accepted, live, client)
        is_get = scope["method"] == "GET"
        if prepared.kind == "mutation" and is_get:
            raise Refusal(405, "METHOD_NOT_ALLOWED", "Mutations are sent by POST.", [(b"allow", b"POST")])
        media = for_results(accepted, prepared.kind)
        if media is None:
            raise Refusal(406, "NOT_ACCEPTABLE", _NEEDS_STREAM)
        if media.streams:
            return media, prepared, client
        if is_get and self._caching is not None and _TICKET not in scope["query_string"]:
            await self._run_kept(live, prepared, client, media, self._caching, if_none_match)
        else:
            await self._run_plainly(scope, live, prepared, client, media, read)
        return None

    async def _answer_errors(
        self, error: RequestError, accepted: tuple[Media, ...], live: HttpQuery, client: Client
    ) -> _Streaming | None:
        self._crowd.observer.refused()
        media = for_errors(accepted) if error.is_well_formed else plain(accepted)
        if media.streams:
            return media, error, client
        status = error.status if media is Media.RESPONSE or not error.is_well_formed else 200
        await live.answer(answer_errors(status, media, error.errors, self._parting()))
        return None

    async def _run_plainly(
        self, scope: Scope, live: HttpQuery, prepared: Prepared, client: Client, media: Media, read: Read | None
    ) -> None:
        remember = self.remember
        if read is not None:
            context, since = read.context, read.since
        else:
            context, since = self._context(client), None if remember is None else remember.generation
        self._take_place(prepared, client)
        try:
            result = self._engine.run(prepared, context)
            is_at_once = isinstance(result, bytes)
            body = result if isinstance(result, bytes) else await result
        finally:
            self._crowd.queries.give(client.name)
        parting = self._parting()
        if parting or not live.answer_whole(media, body):
            await live.answer(answer(200, media, body, parting))
        if read is not None and not is_at_once:
            return  # its head is known, and its body says nothing that could be answered again at once
        if remember is not None and (sent := live.sent) is not None and remember.generation == since:
            remember(sent, scope, client, media, prepared, context)

    async def _run_kept(
        self,
        live: HttpQuery,
        prepared: Prepared,
        client: Client,
        media: Media,
        caching: Caching,
        if_none_match: bytes | None,
    ) -> None:
        """Run a query over GET; its answer may be one that browsers keep."""
        witnessed = caching.witness(self._context(client))
        self._take_place(prepared, client)
        try:
            body = await self._engine.execute(prepared, witnessed.context)
        finally:
            self._crowd.queries.give(client.name)
        kept = witnessed.validators(body, media)
        if is_known(if_none_match, kept):
            await live.answer(answer_empty(304, (*kept, *self._parting())))
        else:
            await live.answer(answer(200, media, body, (*kept, *self._parting())))

    def _take_place(self, prepared: Prepared, client: Client) -> None:
        """Take one of the places for queries, to be given back; raises `Refusal` where there is none."""
        queries = self._crowd.queries
        if queries.take(client.name) is not None:
            status, error = (429, TOO_MANY) if queries.has_room else (503, OVERLOADED)
            raise Refusal(status, error["extensions"]["code"], error["message"], [_RETRY])
        self._crowd.observer.operation(prepared.kind)

    async def _let_in(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Client:
        peer = scope.get("client")
        try:
            client = await self._authenticate(
                Credentials(headers, scope["query_string"], None, None if peer is None else peer[0])
            )
        except Unauthorized as error:
            raise Refusal(error.status, error.code, error.message, error.headers) from None
        await self._count(client)
        return client

    async def _count(self, client: Client) -> None:
        if self._admit is not None and not await self._admit(client.name):
            raise Refusal(429, TOO_FAST["extensions"]["code"], TOO_FAST["message"], [_RETRY])

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
        elif live.ending in {Ending.EXPIRED, Ending.DRAIN} and not live.is_sending:
            await live.answer((_EXPIRED if live.ending is Ending.EXPIRED else _RESTART).answer(media))

    def _parting(self) -> tuple[Header, ...]:
        return (_CLOSE,) if self._crowd.drain.has_begun else ()

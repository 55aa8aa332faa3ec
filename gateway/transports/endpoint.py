"""GraphQL on one path: HTTP, server-sent events, multipart and WebSocket, told apart by what the client asks for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from adapters.clock import Clock, SystemClock
from gateway.engine.engine import Engine
from gateway.transports.caching import Caching
from gateway.transports.clients import Admit, Authenticate, Client, anyone
from gateway.transports.drain import Drain
from gateway.transports.http import HttpTransport, Read
from gateway.transports.limits import TransportLimits
from gateway.transports.live import Crowd
from gateway.transports.negotiation import Media
from gateway.transports.observer import UNOBSERVED, TransportObserver
from gateway.transports.origins import Origins
from gateway.transports.query import HttpQuery
from gateway.transports.repeated import Remember
from gateway.transports.responses import Receive, Scope, Send
from gateway.transports.websocket import WebSocketTransport


class GraphQLEndpoint:
    """An ASGI application for `http` and `websocket`, whatever their path.

    `context` is called for every operation, also for those on one socket. `authenticate` is called for every HTTP
    request, and for every socket with what its `connection_init` brings; it raises `Unauthorized`.
    `admit` is asked before every operation. `caching` says which answers to GET may be kept.
    `origins` are the web origins beside the gateway's own whose pages may ask by GET, `socket_origins` those whose
    pages may open WebSockets (None: the same).
    """

    def __init__(
        self,
        engine: Engine,
        context: Callable[[Client], object],
        *,
        limits: TransportLimits | None = None,
        drain: Drain | None = None,
        authenticate: Authenticate = anyone,
        admit: Admit | None = None,
        caching: Caching | None = None,
        origins: frozenset[str] = frozenset(),
        socket_origins: frozenset[str] | None = None,
        legacy_ws: bool = False,
        clock: Clock | None = None,
        observer: TransportObserver = UNOBSERVED,
    ) -> None:
        self._crowd = Crowd(limits or TransportLimits(), drain or Drain(), clock or SystemClock(), observer)
        opening = Origins(origins if socket_origins is None else socket_origins)
        self._http = HttpTransport(
            engine, context, authenticate, Origins(origins), self._crowd, admit=admit, caching=caching
        )
        self._websocket = WebSocketTransport(
            engine, context, authenticate, opening, self._crowd, speaks_legacy=legacy_ws, admit=admit
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request or run one socket."""
        if scope["type"] == "http":
            await self._http.handle(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket.handle(scope, receive, send)

    def handle_read(
        self, live: HttpQuery, scope: Scope, send: Send, client: Client, accepted: tuple[Media, ...], read: Read
    ) -> Awaitable[None]:
        """Answer a POST that was read whole: the client was let in, and takes answers of these media types."""
        return self._http.handle_read(live, scope, send, client, accepted, read)

    def is_open(self, client: Client) -> bool:
        """True while the client may run one query more, and the gateway does not end."""
        return self._crowd.queries.has_room_for(client.name) and not self._crowd.drain.has_begun

    def remember_by(self, remember: Remember) -> None:
        """Have queries that were answered remembered."""
        self._http.remember = remember

    def ran_at_once(self) -> None:
        """Count a query that was answered without this."""
        self._crowd.observer.operation("query")

    def end_clients(self, are_out: Callable[[Client], bool]) -> None:
        """End the streams and sockets of the clients that `are_out`, in a way that tells them to sign in again."""
        self._crowd.end_clients(are_out)

    def dump(self) -> dict[str, int]:
        """How much clients hold open: requests, streams and sockets together, then streams and sockets alone."""
        crowd = self._crowd
        return {"live": len(crowd), "streams": crowd.streams.count, "sockets": crowd.handshakes.count}

    async def aclose(self) -> None:
        """Stop looking after connections; for the end of the application."""
        await self._crowd.aclose()

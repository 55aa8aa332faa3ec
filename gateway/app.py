"""The gateway as an ASGI application: routes, and a lifespan that opens and closes everything."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, Final
from urllib.parse import quote

from adapters.clock import Clock, SystemClock
from gateway.access.assembly import Entrance
from gateway.access.desk import PATH
from gateway.access.members import Member
from gateway.compiled.answers import SharedAnswers
from gateway.compiled.plans import Plans
from gateway.core.assembly import Core, open_core
from gateway.engine.engine import Engine
from gateway.familiar import Heads
from gateway.health import answer_health, answer_plain, answer_readiness
from gateway.observe.assembly import Observing
from gateway.observe.tracing import Tracing
from gateway.repeats import Repeats
from gateway.server import Served
from gateway.settings import Settings
from gateway.transports.clients import Client
from gateway.transports.drain import Drain
from gateway.transports.endpoint import GraphQLEndpoint
from gateway.transports.repeated import Familiar
from gateway.transports.responses import Receive, Scope, Send
from gateway.web.assets import Assets
from gateway.web.board import BoardPage
from gateway.web.graphiql import GraphiQL
from schema.context import Context
from schema.root import build_schema

log = logging.getLogger(__name__)

_ASSETS: Final = "/_assets"


class Gateway:
    """Answers HTTP and WebSocket. `drain.begin()` is the beginning of its end."""

    def __init__(self, settings: Settings, clock: Clock | None = None, tracing: Tracing | None = None) -> None:
        self.drain = Drain()
        self._settings = settings
        self._clock = clock or SystemClock()
        self._stack = AsyncExitStack()
        self._observing = Observing(settings.accounts, tracing)
        self._access = self._observing.around(self._route, is_logged=settings.log.access)
        self._core: Core | None = None
        self._graphql: GraphQLEndpoint | None = None
        self._heads: Heads | None = None
        self._repeats: Repeats | None = None
        self._assets = Assets()
        self._page = GraphiQL()
        self._board = BoardPage(has_graphiql=settings.server.graphiql)
        self._prefix = settings.server.root_path
        self._entrance = Entrance(settings, self._clock)

    @property
    def is_ready(self) -> bool:
        """True while new clients are welcome."""
        return self._graphql is not None and not self.drain.has_begun

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's scope."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            scope, send = self._entrance.guard.admit(scope, send)
            await self._access(scope, receive, send)

    def at_once(self, peer: str, head: bytes, body: bytes) -> tuple[bytes, bytes] | None:
        """The answer to a request by its bytes; None where it has to go the usual way. For the server's `AtOnce`."""
        return None if self._repeats is None else self._repeats.answer(peer, head, body)

    def follow(self, peer: str, head: bytes, body: bytes) -> Familiar | None:
        """How a request is answered by its bytes; None where it has to go the usual way. For the server's `Follow`."""
        return None if self._heads is None else self._heads.follow(peer, head, body)

    async def reload(self, settings: Settings) -> None:
        """Let in the clients of these settings from now on, and end the streams of those that are out; no others."""
        await self._entrance.reload(settings)
        if self._graphql is not None:
            self._graphql.end_clients(self._entrance.doorkeeper.is_out)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = self._path(scope)
        if await self._entrance.guard.is_preflight(scope, send):
            return
        if path == "/graphql" and self._graphql is not None:
            is_page = self._settings.server.graphiql and self._page.is_wanted(scope)
            await (self._page if is_page else self._graphql)(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 4404, "reason": "WebSockets are answered at /graphql"})
        else:
            await self._answer(path, scope, receive, send)

    def _path(self, scope: Scope) -> str:
        """The path without the proxy's prefix, whether the proxy cuts it off or not."""
        path: str = scope["path"]
        return path.removeprefix(self._prefix) if path.startswith(f"{self._prefix}/") else path

    async def _answer(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        if path == "/healthz":
            await answer_health(send, is_good=True)
        elif path == "/readyz":
            await answer_readiness(send, self.is_ready, self._facts())
        elif path == "/metrics" and self._settings.server.metrics:
            if await self._entrance.meters.admits(scope, send):
                await self._observing.answer(scope, send)
        elif path.startswith(f"{_ASSETS}/"):
            await self._assets({**scope, "path": path, "root_path": _ASSETS}, receive, send)
        elif path == PATH:
            await self._entrance.desk(scope, receive, send)
        elif path == "/graphql":
            await answer_health(send, is_good=False)
        elif path == "/":
            await self._board(scope, receive, send)
        elif path == self._prefix:
            await answer_plain(send, 307, b"The board is at the same address with a slash\n", (_slash(path),))
        else:
            await answer_plain(send, 404, b"Not found: the API is at /graphql\n")

    def _facts(self) -> dict[str, str]:
        facts = {"draining": "yes" if self.drain.has_begun else "no"}
        return facts if self._core is None else {**facts, **self._core.facts()}

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._open()
        except Exception as error:
            log.exception("gateway.start_failed")
            await self._stack.aclose()
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.drain.begin()
        await self._stack.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    async def _open(self) -> None:
        observing = self._observing
        self._stack.push_async_callback(observing.aclose)
        opening = open_core(self._settings.core, self._clock, observing.funnel, observing.observation)
        self._core = core = await self._stack.enter_async_context(opening)
        settings, server, entrance = self._settings, self._settings.server, self._entrance
        self._stack.push_async_callback(entrance.aclose)
        if core.cluster is not None:
            entrance.join(core.cluster)
        schema = build_schema(suggestions=settings.documents.suggestions)
        plans = Plans(schema, pieces=settings.speed.shared_bytes) if settings.speed.compiled else None
        answers = SharedAnswers(_scope, settings.speed.shared_bytes) if settings.speed.shared_bytes else None
        find, seek = entrance.documents, entrance.documents.seek
        engine = Engine(
            schema,
            settings.documents,
            references=settings.queries.references,
            share=_scope,
            find=find,
            seek=seek,
            plans=plans,
            answers=answers,
        )
        endpoint = GraphQLEndpoint(
            engine,
            _context(core, settings),
            limits=settings.limits,
            drain=self.drain,
            authenticate=entrance.doorkeeper,
            admit=None if entrance.rates is None else entrance.rates.take,
            caching=entrance.caching,
            origins=frozenset(server.cors_origins),
            socket_origins=frozenset(server.allowed_origins),
            legacy_ws=server.legacy_graphql_ws,
            clock=self._clock,
            observer=observing.observation,
        )
        counts = None if plans is None else plans.counts
        observing.opened(core, endpoint, counts, answers, entrance.doorkeeper.refused)
        self._stack.push_async_callback(endpoint.aclose)
        self._graphql = endpoint
        if answers is not None and not observing.is_tracing:
            self._heads = Heads(endpoint, entrance, entrance.rates, self._access, self._clock)
            self._repeats = Repeats(endpoint, self._heads, entrance.rates, self._access, answers)
            endpoint.remember_by(self._repeats)


def _slash(prefix: str) -> tuple[bytes, bytes]:
    """Where the board is; it loads what is beside it, and a browser keeps the part behind the # by itself."""
    return b"location", quote(f"{prefix}/").encode()


def _scope(context: Any) -> Any:
    return context.scope


def _context(core: Core, settings: Settings) -> Callable[[Client], Context]:
    everything = Context(core.batches, core.watches, limits=settings.queries)

    def context(client: Client) -> Context:
        if not isinstance(client, Member):
            raise TypeError("a client without accounts of its own came past the door")
        if client.scope == everything.scope:
            return everything
        return Context(core.batches, core.watches, client.scope, settings.queries)

    return context


def create_app(settings: Settings, clock: Clock | None = None, tracing: Tracing | None = None) -> Gateway:
    """The gateway with these settings."""
    return Gateway(settings, clock, tracing)


def served(app: Gateway, listener: socket.socket, settings: Settings) -> Served:
    """The gateway as the server wants it."""
    return Served(app, listener, app.drain.begin, settings.limits, at_once=app.at_once, follow=app.follow)

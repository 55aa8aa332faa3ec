"""The GraphQL endpoint over the small schema, asked in-process or served by a real uvicorn."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from gateway.engine.engine import Engine
from gateway.limits import DocumentLimits
from gateway.transports.drain import Drain
from gateway.transports.endpoint import GraphQLEndpoint
from gateway.transports.limits import TransportLimits
from tests.edge_schema import EdgeContext, World, edge_schema

SCHEMA = edge_schema()


@dataclass
class Reply:
    """An answer over HTTP."""

    status: int
    headers: dict[str, str]
    body: bytes
    chunks: list[bytes]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of its first error."""
        return self.json["errors"][0]["extensions"]["code"]


@dataclass
class Edge:
    """An ASGI application with everything that tests look at."""

    limits: TransportLimits = field(default_factory=TransportLimits)
    documents: DocumentLimits = field(default_factory=DocumentLimits)
    options: dict[str, Any] = field(default_factory=dict)
    world: World = field(default_factory=World)
    drain: Drain = field(default_factory=Drain)
    contexts: list[EdgeContext] = field(default_factory=list)
    loop: asyncio.AbstractEventLoop | None = None

    def __post_init__(self) -> None:
        engine = Engine(SCHEMA, self.documents, share=lambda context: context.world is self.world)
        self.endpoint = GraphQLEndpoint(engine, self._context, limits=self.limits, drain=self.drain, **self.options)

    def _context(self, client: object) -> EdgeContext:
        context = EdgeContext(self.world, client)
        self.contexts.append(context)
        return context

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.loop = asyncio.get_running_loop()
        await self.endpoint(scope, receive, send)

    def call(self, function: Callable[[], object]) -> None:
        """Call a function in the thread of the server that runs this."""
        assert self.loop is not None
        self.loop.call_soon_threadsafe(function)

    async def ask(
        self,
        method: str,
        body: bytes | list[bytes] = b"",
        headers: Mapping[str, str] | None = None,
        query_string: str = "",
    ) -> Reply:
        """Send one request without a server."""
        parts = body if isinstance(body, list) else [body]
        messages = [{"type": "http.request", "body": part, "more_body": part is not parts[-1]} for part in parts]
        sent: list[dict[str, Any]] = []
        is_answered = asyncio.Event()

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop(0)
            await is_answered.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                is_answered.set()

        pairs = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        scope = {
            "type": "http",
            "method": method,
            "path": "/graphql",
            "query_string": query_string.encode(),
            "headers": pairs,
            "client": ("127.0.0.1", 5),
        }
        await self(scope, receive, send)
        chunks = [message["body"] for message in sent[1:]]
        names = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Reply(sent[0]["status"], names, b"".join(chunks), chunks)

    async def post(self, request: object, accept: str | None = None, **headers: str) -> Reply:
        """POST a request as JSON, or bytes as they are."""
        body = request if isinstance(request, bytes) else json.dumps(request).encode()
        given = {"content-type": "application/json", **headers}
        return await self.ask("POST", body, given if accept is None else {**given, "accept": accept})

    async def get(self, accept: str | None = None, headers: Mapping[str, str] | None = None, **query: str) -> Reply:
        """GET with these parameters."""
        given = dict(headers or {})
        return await self.ask("GET", b"", given if accept is None else {**given, "accept": accept}, urlencode(query))

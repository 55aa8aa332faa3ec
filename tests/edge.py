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
from gateway.transports.live import PUSH
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
    sent: list[dict[str, Any]] = field(default_factory=list)
    """What `ask` was sent so far, of its newest request."""
    pushes: bool = False
    """Whether sockets can be sent to without waiting."""
    fault: Exception | None = None
    """What goes wrong where an operation is given its context."""

    def __post_init__(self) -> None:
        engine = Engine(SCHEMA, self.documents, share=lambda context: context.world is self.world)
        self.endpoint = GraphQLEndpoint(engine, self._context, limits=self.limits, drain=self.drain, **self.options)

    def _context(self, client: object) -> EdgeContext:
        if self.fault is not None:
            raise self.fault
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
        sent = self.sent = []
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


class Wire:
    """One socket to an application, without a server."""

    def __init__(self, edge: Edge, headers: Mapping[str, str] | None = None, *protocols: str) -> None:
        self._to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._to_us: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        scope = {
            "type": "websocket",
            "path": "/graphql",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in (headers or {}).items()],
            "subprotocols": list(protocols or ("graphql-transport-ws",)),
            "client": ("127.0.0.1", 5),
            "extensions": {"websocket.http.response": {}},
        }
        self.is_reading = True
        if edge.pushes:
            scope["extensions"] = {"websocket.http.response": {}, PUSH: {"call": self._push}}
        self._to_app.put_nowait({"type": "websocket.connect"})
        self.app = asyncio.ensure_future(edge(scope, self._to_app.get, self._to_us.put))

    def _push(self, text: bytes) -> bool:
        if self.is_reading:
            self._to_us.put_nowait({"type": "websocket.send", "text": text.decode()})
        return self.is_reading

    async def event(self) -> dict[str, Any]:
        """The next ASGI event."""
        async with asyncio.timeout(30):
            return await self._to_us.get()

    async def receive(self) -> Any:
        """The next message."""
        event = await self.event()
        assert event["type"] == "websocket.send", event
        return json.loads(event["text"])

    async def closed(self) -> tuple[int, str]:
        """Code and reason, once the socket is closed; the application has ended then."""
        event = await self.event()
        assert event["type"] == "websocket.close", event
        async with asyncio.timeout(30):
            await self.app
        return event["code"], event["reason"]

    def send(self, message: object) -> None:
        """Send a message, or text as it is."""
        self._to_app.put_nowait(
            {"type": "websocket.receive", "text": message if isinstance(message, str) else json.dumps(message)}
        )

    def send_bytes(self, data: bytes) -> None:
        """Send a binary message."""
        self._to_app.put_nowait({"type": "websocket.receive", "bytes": data})

    def subscribe(self, operation_id: str, query: str, **payload: object) -> None:
        """Start an operation."""
        self.send({"id": operation_id, "type": "subscribe", "payload": {"query": query, **payload}})

    async def leave(self) -> None:
        """The client goes; returns when the application has ended."""
        self._to_app.put_nowait({"type": "websocket.disconnect", "code": 1001})
        async with asyncio.timeout(30):
            await self.app


def parts_sent(edge: Edge, part: bytes) -> int:
    """How often a chunk with this was sent in answer to the newest request of `ask`."""
    return sum(part in message.get("body", b"") for message in edge.sent)


async def accepted(edge: Edge, *protocols: str, **headers: str) -> Wire:
    """A socket after its handshake."""
    wire = Wire(edge, headers, *protocols)
    event = await wire.event()
    assert event["type"] == "websocket.accept", event
    return wire


async def ready(edge: Edge, *protocols: str) -> Wire:
    """A socket on which operations may be started."""
    wire = await accepted(edge, *protocols)
    wire.send({"type": "connection_init"})
    assert await wire.receive() == {"type": "connection_ack"}
    return wire


async def eventually(condition: Callable[[], bool], within: float = 30.0) -> None:
    """Let the loop run until the condition holds."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110  # what is waited for has no event
            await asyncio.sleep(0.001)

"""A gateway with clients, served over real HTTP beside a sandbox: for tests of who may see what."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from gateway.access.tokens import digest
from gateway.app import Gateway, create_app
from gateway.sandbox.accounts import sandbox_accounts
from gateway.settings import Settings, make_settings
from gateway.transports.servers import http_protocol
from tests.live_server import serve

PROTOCOL: Any = "graphql-transport-ws"
# reading certificates, for addresses that begin with http:, takes longer than the answer
PLAIN: Any = {"timeout": 60, "trust_env": False, "verify": False}
JSON = "application/json"
RESPONSE = "application/graphql-response+json"
BATCH = '{ batch(ref: {source: TRENDYOL, id: "%s"}) { ... on NormalizedBatch { id status account } } }'
FOLLOW = 'subscription { batchUpdates(refs: [{source: TRENDYOL, id: "%s"}]) { isFinal error { code } } }'


def client(name: str, token: str, *accounts: str) -> dict[str, Any]:
    """A row of `[[clients]]`."""
    return {"name": name, "token_sha256": digest(token), "accounts": list(accounts)}


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def settings(sandbox: str, **tables: Any) -> Settings:
    return make_settings({"accounts": sandbox_accounts(sandbox), "store": {"path": "off"}, **tables})


class Running:
    """A gateway that answers, and the event loop that it answers in."""

    def __init__(self, app: Gateway) -> None:
        self.app = app
        self.loop: asyncio.AbstractEventLoop | None = None
        self.url = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.loop = asyncio.get_running_loop()
        await self.app(scope, receive, send)

    def reload(self, settings: Settings) -> None:
        assert self.loop is not None
        asyncio.run_coroutine_threadsafe(self.app.reload(settings), self.loop).result(60)

    def ask(self, method: str = "POST", path: str = "/graphql", **more: Any) -> httpx.Response:
        return httpx.request(method, self.url + path, **PLAIN, **more)

    def post(self, query: str, headers: Mapping[str, str] | None = None, **parts: Any) -> httpx.Response:
        return self.ask(json={"query": query, **parts}, headers=dict(headers or {}))

    @contextmanager
    def stream(self, query: str, headers: Mapping[str, str], accept: str) -> Iterator[httpx.Response]:
        given = {**headers, "accept": accept}
        with httpx.stream(
            "POST",
            f"{self.url}/graphql",
            json={"query": query},
            headers=given,
            **PLAIN,
        ) as answer:
            yield answer

    @contextmanager
    def socket(self, headers: Mapping[str, str] | None = None, **more: Any) -> Iterator[ClientConnection]:
        url = self.url.replace("http:", "ws:") + "/graphql"
        with connect(url, subprotocols=[PROTOCOL], additional_headers=headers, proxy=None, **more) as socket:
            yield socket


def say(socket: ClientConnection, **message: Any) -> None:
    socket.send(json.dumps(message))


def hear(socket: ClientConnection) -> Any:
    return json.loads(socket.recv(60))


def let_in(socket: ClientConnection, payload: Any = None) -> None:
    say(socket, type="connection_init", **({} if payload is None else {"payload": payload}))
    assert hear(socket) == {"type": "connection_ack"}


def closing(socket: ClientConnection, within: float = 60) -> tuple[int, str]:
    """How the server closed the socket; messages before it are dropped."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            socket.recv(within)
    assert socket.close_code is not None
    return socket.close_code, socket.close_reason or ""


def code(answer: httpx.Response) -> str:
    return answer.json()["errors"][0]["extensions"]["code"]


@contextmanager
def running(given: Settings) -> Iterator[Running]:
    """The gateway with these settings."""
    app = create_app(given)
    world = Running(app)
    protocol = http_protocol(given.limits, app.at_once)
    with serve(world, given.limits, http=protocol, lifespan="on", ws_max_size=given.limits.frame) as (host, port):
        world.url = f"http://{host}:{port}"
        yield world

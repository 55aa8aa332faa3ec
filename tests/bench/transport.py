"""What a call to a marketplace costs, by what is under it: `python -m tests.bench.transport`.

CPU µs a call on one core (the process's own time, so that a busy machine blurs it little), against an upstream in
another process that answers at once with one item. The least of nine rounds. Read the ratios.
"""

from __future__ import annotations

import asyncio
import importlib
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import product
from typing import Final

import aiohttp
import httpx
from pydantic import SecretStr
from yarl import URL

from adapters.base import Request
from adapters.clock import SystemClock
from adapters.http import Fetched, Funnel, Priority
from adapters.model import BatchRef
from adapters.outgoing import outgoing
from adapters.transport import AiohttpTransport, Transport
from adapters.trendyol import Trendyol
from adapters.upstream import UpstreamLimits

IN_FLIGHT: Final = (1, 8, 32, 40)
CALLS: Final = 160
ROUNDS: Final = 9
ID: Final = "76e55c53-e0a4-473c-b4e1-1a008c02a9ab-1736179465"
PATH: Final = f"/integration/product/sellers/2738/products/batch-requests/{ID}"
HEADERS: Final = {"authorization": "Basic eDp5", "user-agent": "2738 - SelfIntegration", "accept": "application/json"}
BODY: Final = (
    b'{"batchRequestId":"76e55c53-e0a4-473c-b4e1-1a008c02a9ab-1736179465","items":[{"requestItem":{"barcode":"8690000000001","quantity":5,"salePrice":112.85,'
    b'"listPrice":113.85},"status":"SUCCESS","failureReasons":[]}],"creationDate":1736154265337,'
    b'"lastModification":1736154266924,"sourceType":"API","itemCount":1,"failedItemCount":0,'
    b'"batchRequestType":"ProductInventoryUpdate"}'
)

Ask = Callable[[], Awaitable[object]]


class Upstream(asyncio.Protocol):
    """Answers every request at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.waiting = b""

    def data_received(self, data: bytes) -> None:
        *heads, self.waiting = (self.waiting + data).split(b"\r\n\r\n")
        for _ in heads:
            self.transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=UTF-8\r\nCache-Control: no-cache\r\n"
                b"Date: Sun, 22 Nov 2026 00:00:00 GMT\r\nX-Request-Id: 5a\r\nContent-Length: %d\r\n\r\n%s"
                % (len(BODY), BODY)
            )


async def serve() -> None:
    """Be the upstream, on a free port that is printed."""
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def upstream() -> Iterator[str]:
    """Its URL, in a process of its own."""
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.transport", "serve"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def through_client(client: httpx.AsyncClient, url: str) -> Ask:
    """As most programs do it, but capped while streaming."""

    async def ask() -> None:
        async with client.stream("GET", url, headers=HEADERS) as response:
            b"".join([chunk async for chunk in response.aiter_raw()])

    return ask


def through_transport(transport: httpx.AsyncBaseTransport, url: str) -> Ask:
    """Without a client in front."""

    async def ask() -> None:
        response = await transport.handle_async_request(httpx.Request("GET", url, headers=HEADERS))
        assert isinstance(response.stream, httpx.AsyncByteStream)
        b"".join([chunk async for chunk in response.stream])
        await response.aclose()

    return ask


def through_door(transport: Transport, url: str) -> Ask:
    """Through the door for requests that are made once."""
    request = outgoing(Request("GET", url, HEADERS))

    async def ask() -> None:
        answer = await transport.exchange(request)
        if not isinstance(answer.body, bytes):
            b"".join([chunk async for chunk in answer.body])
            await answer.body.aclose()

    return ask


def through_funnel(funnel: Funnel, account: object, previous: Fetched | None = None) -> Ask:
    """The whole way: budget, breaker, deadline, the adapter's reading."""
    ref = BatchRef("trendyol", "shop", ID)

    async def ask() -> Fetched:
        return await funnel.fetch(account, ref, previous=previous, timeout=10, priority=Priority.QUERY)  # type: ignore[arg-type]

    return ask


async def cost(ask: Ask, in_flight: int) -> float:
    """CPU µs a call, once."""

    async def worker() -> None:
        for _ in range(CALLS // in_flight):
            await ask()

    await asyncio.gather(*(ask() for _ in range(in_flight)))
    started = time.process_time()
    await asyncio.gather(*(worker() for _ in range(in_flight)))
    return (time.process_time() - started) / (CALLS // in_flight * in_flight) * 1e6


async def measure(base_url: str) -> None:
    """Print the table."""
    limits = UpstreamLimits()
    pool = httpx.Limits(max_connections=100, max_keepalive_connections=100, keepalive_expiry=30)
    url = base_url + PATH
    account = Trendyol.account.model_validate(
        {
            "name": "shop",
            "marketplace": "trendyol",
            "base_url": base_url,
            "limit": "1000000/s",
            "seller_id": "2738",
            "api_key": SecretStr("x"),
            "api_secret": SecretStr("y"),
        }
    )
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=100), auto_decompress=False)
    own = httpx.AsyncClient(limits=pool, trust_env=False)
    ours = AiohttpTransport(limits, None, None)
    over_ours = httpx.AsyncClient(transport=ours, trust_env=False)
    funnel = Funnel([account], clock=SystemClock(), upstream=limits)

    async def bare() -> None:
        async with session.get(URL(url, encoded=True), headers=HEADERS, allow_redirects=False) as answer:
            await answer.read()

    rows: list[tuple[str, Ask]] = [("httpx.AsyncClient, its own pool", through_client(own, url))]
    try:
        package = importlib.import_module("httpx_aiohttp")
    except ImportError:
        print("(httpx-aiohttp is not installed: its rows are left out)")
    else:
        theirs: httpx.AsyncBaseTransport = package.AiohttpTransport(client=session, trust_env=False)
        rows.append(("httpx.AsyncClient over httpx-aiohttp", through_client(httpx.AsyncClient(transport=theirs), url)))
        rows.append(("httpx-aiohttp's transport alone", through_transport(theirs, url)))
    rows.append(("httpx.AsyncClient over our transport", through_client(over_ours, url)))
    rows.append(("our transport alone", through_transport(ours, url)))
    rows.append(("our transport, requests made once", through_door(ours, url)))
    rows.append(("aiohttp, bare", bare))
    first = await funnel.fetch(account, BatchRef("trendyol", "shop", ID), timeout=10, priority=Priority.QUERY)
    rows.append(("the funnel, answer read", through_funnel(funnel, account)))
    rows.append(("the funnel, answer unchanged", through_funnel(funnel, account, first)))

    least = {(name, count): float("inf") for name, _ in rows for count in IN_FLIGHT}
    for _ in range(ROUNDS):  # in turns, so that a busy moment of the machine hits all rows alike
        for (name, ask), count in product(rows, IN_FLIGHT):
            least[name, count] = min(least[name, count], await cost(ask, count))
    print(f"{'CPU µs a call':40}" + "".join(f"{count:>4} in flight" for count in IN_FLIGHT))
    for name, _ in rows:
        print(f"{name:40}" + "".join(f"{least[name, count]:14.0f}" for count in IN_FLIGHT))
    await funnel.aclose()
    await own.aclose()
    await over_ours.aclose()
    await session.close()


def main() -> None:
    """Run as the upstream, or measure."""
    if sys.argv[1:] == ["serve"]:
        asyncio.run(serve())
        return
    try:
        loop_factory = importlib.import_module("uvloop").new_event_loop
    except ImportError:
        loop_factory = asyncio.new_event_loop
    with upstream() as base_url, asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(measure(base_url))


if __name__ == "__main__":
    main()

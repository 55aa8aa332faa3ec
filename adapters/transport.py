"""httpx's transport interface over aiohttp's connections, one pool per account.

Measured (tests/bench/transport.py: CPU µs a call, one core, 1-item answer, upstream in another process):

    in flight                               1       8      32      40
    httpx.AsyncClient, its own pool     1,215   1,897   2,491   2,310
    httpx.AsyncClient over httpx-aiohttp  513     480     472     470
    httpx-aiohttp's transport alone       312     288     286     282
    this transport alone                  296     280     278     276
    aiohttp, bare                         155     139     136     138

So: aiohttp's pool, and no `httpx.AsyncClient` in front. What the client adds (redirects, a cookie jar, authentication,
the environment's proxies) is all refused here. What is left of httpx is its language: `httpx.Request`,
`httpx.Response`, `httpx.AsyncBaseTransport`, so that tests answer with `httpx.MockTransport`. A transport of our own
rather than httpx-aiohttp's, because aiohttp as it comes asks twice behind one's back where a kept connection broke, and
takes an answer that nobody asked for as the answer to the next question; and because a path goes out as it was made.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from yarl import URL

from adapters.base import Account
from adapters.upstream import UpstreamLimits

TransportFactory = Callable[[Account], httpx.AsyncBaseTransport]
"""Makes the connections of one account."""


class _Stale(aiohttp.ServerDisconnectedError):
    """An idle connection on which an answer came that nobody had asked for."""


class _Request(aiohttp.ClientRequest):
    """Refuses a connection that holds bytes from before the request: they would be read as its answer."""

    async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        if conn.protocol is None or conn.protocol.should_close:
            raise _Stale
        return await super().send(conn)


class _Body(httpx.AsyncByteStream):
    """The bytes of an answer as they come in, compressed as they were sent."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._answer.content.iter_any():
            yield chunk

    async def aclose(self) -> None:
        # closes the connection unless the answer was read to its end
        self._answer.release()


class AiohttpTransport(httpx.AsyncBaseTransport):
    """One account's connections. Raises aiohttp's exceptions as they are; follows and remembers nothing."""

    def __init__(self, limits: UpstreamLimits, tls: ssl.SSLContext | None, proxy: str | None) -> None:
        self._limits = limits
        self._tls = tls
        self._proxy = proxy
        # the total deadline stands outside, around everything
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=limits.connect_timeout)
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request, once; the answer's body is still to be read, and to be closed."""
        answer = await self._open().request(
            request.method,
            URL(str(request.url), encoded=True),
            headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw],
            allow_redirects=False,
            proxy=self._proxy,
            timeout=self._timeout,
        )
        return httpx.Response(answer.status, headers=answer.raw_headers, stream=_Body(answer))

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._limits.connections, keepalive_timeout=self._limits.keepalive, ssl=self._tls or True
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                request_class=_Request,
                skip_auto_headers=("Accept", "Content-Type"),
            )
            # aiohttp sends a request again by itself where a kept connection broke: a call that no budget has counted
            self._session._retry_connection = False  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        return self._session


def transports(limits: UpstreamLimits) -> TransportFactory:
    """A factory of real connections; all accounts share one set of trusted certificates."""
    trusted: list[ssl.SSLContext] = []

    def make(account: Account) -> httpx.AsyncBaseTransport:
        if not trusted and account.base_url.startswith("https:"):
            trusted.append(_trust(limits))  # only now: reading the certificates takes a start's twentieth of a second
        return AiohttpTransport(
            limits, trusted[0] if trusted else None, _proxy(account.base_url) if limits.trust_env else None
        )

    return make


def _trust(limits: UpstreamLimits) -> ssl.SSLContext:
    context = httpx.create_ssl_context(trust_env=limits.trust_env)
    if limits.ca_file is not None:
        context.load_verify_locations(limits.ca_file)
    return context


def _proxy(base_url: str) -> str | None:
    url = httpx.URL(base_url)
    if proxy_bypass(url.host):
        return None
    proxies = getproxies()
    return proxies.get(url.scheme) or proxies.get("all")

"""httpx's transport interface over aiohttp's connections, one pool per account.

Measured (tests/bench/transport.py: CPU µs a call, one core, 1-item answer, upstream in another process):

    in flight                               1       8      32      40
    httpx.AsyncClient, its own pool       756   1,053   1,255   1,424
    httpx.AsyncClient over httpx-aiohttp  303     260     261     263
    httpx-aiohttp's transport alone       200     155     152     150
    aiohttp, bare                         125      68      62      62
    this transport, by httpx's door       130      83      82      79
    this transport, requests made once     50      15      15      16

So: aiohttp's pool, TLS, proxies and parser, and neither `httpx.AsyncClient` nor `aiohttp.ClientSession` in front. What
the two add (redirects, a cookie jar, authentication, the environment's proxies, repeating what broke) is all refused
here, and what they build for each call costs four times what sending and reading it does. What is left of httpx is its
language: `httpx.AsyncBaseTransport`, through which tests answer with `httpx.MockTransport`. Connections are lent by
`aiohttp.TCPConnector`; what is said on them is said here: one write, and the answer as it came where it came whole,
else as aiohttp's parser cuts it (`adapters/connections.py`).
"""

from __future__ import annotations

import asyncio
import ssl
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from functools import cached_property
from typing import Final
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from yarl import URL

from adapters.base import Account
from adapters.connections import Connector, Free, Speaker
from adapters.incoming import Incoming
from adapters.outgoing import Outgoing, of_httpx
from adapters.upstream import UpstreamLimits

_HOSTS: Final = 16
"""Addresses that are remembered; an account has one."""
_SWITCHED: Final = 101
_PROXY_SECRET: Final = "Proxy-Authorization"  # noqa: S105 - the header's name

TransportFactory = Callable[[Account], httpx.AsyncBaseTransport]
"""Makes the connections of one account."""


class Transport(httpx.AsyncBaseTransport, ABC):
    """An httpx transport with a second, narrower door, for requests that are made once and sent many times.

    Making an `httpx.Request` and an `httpx.Response` for each call costs as much as sending and reading it.
    """

    @abstractmethod
    async def exchange(self, request: Outgoing) -> Incoming:
        """Send the request, once, and return its answer as soon as its head has come."""


class _Stale(aiohttp.ServerDisconnectedError):
    """An idle connection that has ended, or on which an answer came that nobody had asked for."""


class _Host(aiohttp.ClientRequest):
    """Whom to connect to. It is never sent itself."""

    @cached_property
    def connection_key(self) -> ConnectionKey:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Which connections fit."""
        return super().connection_key


class _Body(httpx.AsyncByteStream):
    """The bytes of an answer as they come in, compressed as they were sent."""

    def __init__(self, connection: Connection, payload: aiohttp.StreamReader) -> None:
        self._connection = connection
        self._payload = payload

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._payload.iter_any():
            yield chunk

    async def aclose(self) -> None:
        # closes the connection unless the answer was read to its end
        self._connection.release()


class AiohttpTransport(Transport):
    """One account's connections. Raises aiohttp's exceptions as they are; follows, remembers and repeats nothing."""

    def __init__(self, limits: UpstreamLimits, tls: ssl.SSLContext | None, proxy: str | None) -> None:
        self._limits = limits
        self._tls = tls
        self._proxy = URL(proxy) if proxy is not None else None
        # the total deadline stands outside, around everything
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=limits.connect_timeout)
        self._connector: Connector | None = None
        self._connecting = 0
        self._free = Free(limits.keepalive)
        self._hosts: dict[tuple[bytes, bytes], _Host] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request, once; the answer's body is still to be read, and to be closed."""
        answer = await self.exchange(await of_httpx(request))
        body = httpx.ByteStream(answer.body) if isinstance(answer.body, bytes) else answer.body
        return httpx.Response(answer.status, headers=list(answer.headers), stream=body)

    async def exchange(self, request: Outgoing) -> Incoming:
        """Send the request, once, and return its answer as soon as its head has come."""
        host = self._hosts.get(request.origin) or self._host(request)
        connection = self._free.take(request.origin) or await self._connect(host)
        try:
            speaker = _speaker(connection)
            sent = self._sent(request, host)
            whole = await speaker.ask(sent) if request.method == "GET" else speaker.say(sent, request.method)
            answer = await _parsed(connection, speaker) if whole is None else whole.answer
        except BaseException:
            connection.close()
            raise
        if isinstance(answer.body, bytes):
            speaker.rest()
            if self._connecting or not speaker.is_free:
                connection.release()  # somebody may wait until there is room for another one, or this one is over
            else:
                self._free.put(request.origin, connection)
        return answer

    async def aclose(self) -> None:
        """Close every connection."""
        self._free.clear()
        if self._connector is not None:
            await self._connector.close()

    async def _connect(self, host: _Host) -> Connection:
        self._free.clear()  # there may be no room for others
        self._connecting += 1
        try:
            return await self._open().connect(host, [], self._timeout)
        except TimeoutError:
            raise aiohttp.ConnectionTimeoutError from None
        finally:
            self._connecting -= 1

    def _sent(self, request: Outgoing, host: _Host) -> bytes:
        if self._proxy is None or host.is_ssl():
            return request.sent  # behind TLS a proxy sees nothing of it
        secret = host.headers.get(_PROXY_SECRET)
        return request.sent_to_proxy(((_PROXY_SECRET.lower().encode(), secret.encode()),) if secret else ())

    def _host(self, request: Outgoing) -> _Host:
        """Where to connect to, in the words of aiohttp's pool."""
        if len(self._hosts) >= _HOSTS:
            self._hosts.clear()
        root = URL(str(request.url.copy_with(raw_path=b"/", fragment=None)), encoded=True)
        host = self._hosts[request.origin] = _Host("GET", root, loop=asyncio.get_running_loop(), proxy=self._proxy)
        return host

    def _open(self) -> aiohttp.TCPConnector:
        if self._connector is None:
            self._connector = Connector(self._limits.connections, self._limits.keepalive, self._tls)
        return self._connector


def _speaker(connection: Connection) -> Speaker:
    speaker = connection.protocol
    if not isinstance(speaker, Speaker) or not speaker.is_free:
        raise _Stale
    return speaker


async def _parsed(connection: Connection, speaker: Speaker) -> Incoming:
    """The final answer as aiohttp's parser reads it, its body as far as it has come."""
    head, payload = await speaker.read()
    while 100 <= head.code < 200 and head.code != _SWITCHED:
        head, payload = await speaker.read()
    if payload.is_eof():
        return Incoming(head.code, head.raw_headers, payload.read_nowait())
    return Incoming(head.code, head.raw_headers, _Body(connection, payload))


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

"""What goes over the wire, what does not, and what every foreign exception means."""

from __future__ import annotations

import asyncio
import inspect
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
from aiohttp import http_exceptions

from adapters.base import Answer, Request
from adapters.body import UnreadableBody
from adapters.clock import SystemClock
from adapters.errors import InvalidAnswer, Unavailable, UpstreamError, UpstreamTimeout
from adapters.model import Status
from adapters.translation import Misconfigured, Party, translate
from adapters.transport import transports
from adapters.upstream import UpstreamLimits
from adapters.wire import Wire
from tests.chaos_server import Call, ChaosServer
from tests.fake_market import Setup, account

pytestmark = pytest.mark.anyio

PARTY = Party("Market", "shop", "api.market.test")
DONE = b'{"status": "COMPLETED"}'
PLANTED = "planted-in-a-foreign-text"


def _classes(module: Any, base: type[BaseException]) -> Iterator[type[Exception]]:
    for value in vars(module).values():
        if inspect.isclass(value) and issubclass(value, base) and value is not base:
            yield value


def _made(kind: type[Exception]) -> Exception:
    """An instance whatever its constructor wants: what counts is its class and what its text may hold."""
    error = kind.__new__(kind)
    error.args = (PLANTED,)
    return error


HTTPX = sorted(
    {*_classes(httpx, httpx.HTTPError), *_classes(httpx, httpx.StreamError), httpx.HTTPError, httpx.StreamError}
    | {httpx.InvalidURL, httpx.CookieConflict},
    key=lambda kind: kind.__name__,
)
AIOHTTP = sorted(
    {*_classes(aiohttp, aiohttp.ClientError), *_classes(http_exceptions, http_exceptions.HttpProcessingError)},
    key=lambda kind: kind.__name__,
)
OTHERS = [
    *(OSError, ConnectionResetError, BrokenPipeError, ConnectionRefusedError, socket.gaierror, TimeoutError),
    *(asyncio.TimeoutError, asyncio.IncompleteReadError, ssl.SSLError, ssl.SSLCertVerificationError, ssl.SSLEOFError),
    *(UnicodeEncodeError, ValueError, EOFError),
]


def test_the_list_of_httpx_is_whole() -> None:
    known = {value for value in vars(httpx).values() if inspect.isclass(value) and issubclass(value, Exception)}
    assert known == set(HTTPX)


@pytest.mark.parametrize("kind", [*HTTPX, *AIOHTTP, *OTHERS], ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_foreign_exception_has_a_meaning(kind: type[Exception]) -> None:
    error = translate(_made(kind), PARTY)
    assert isinstance(error, UpstreamError)
    assert error.message.startswith("Market (account shop): ")
    assert PLANTED not in repr(error)
    assert error.__cause__ is None
    assert error.__context__ is None


MEANINGS: list[tuple[type[Exception], type[UpstreamError]]] = [
    (httpx.ConnectTimeout, UpstreamTimeout),
    (httpx.ReadTimeout, UpstreamTimeout),
    (httpx.PoolTimeout, UpstreamTimeout),
    (httpx.ConnectError, Unavailable),
    (httpx.ReadError, Unavailable),
    (httpx.RemoteProtocolError, Unavailable),
    (httpx.ProxyError, Unavailable),
    (httpx.DecodingError, InvalidAnswer),
    (httpx.UnsupportedProtocol, Misconfigured),
    (httpx.InvalidURL, Misconfigured),
    (aiohttp.ServerDisconnectedError, Unavailable),
    (aiohttp.ClientConnectorDNSError, Unavailable),
    (aiohttp.ClientConnectorCertificateError, Misconfigured),
    (aiohttp.ConnectionTimeoutError, UpstreamTimeout),
    (aiohttp.ClientPayloadError, Unavailable),
    (aiohttp.ClientResponseError, InvalidAnswer),
    (http_exceptions.BadStatusLine, InvalidAnswer),
    (ssl.SSLCertVerificationError, Misconfigured),
    (UnreadableBody, InvalidAnswer),
]


@pytest.mark.parametrize(("kind", "meaning"), MEANINGS)
def test_meanings(kind: type[Exception], meaning: type[UpstreamError]) -> None:
    assert type(translate(_made(kind), PARTY)) is meaning


def test_the_systems_words_are_told_and_what_is_ours_is_left() -> None:
    refused = translate(ConnectionRefusedError(111, "x"), PARTY)
    assert refused is not None
    assert "Connection refused" in refused.message
    assert translate(LookupError("a fault of our own"), PARTY) is None


@pytest.mark.parametrize("path", ["a%20b", "%7Ea", "%61b", "a%3Ab", "a+b", "a%2Bb", "x%25y", "a;b=c", "b?q=%5B%5D"])
async def test_a_path_goes_out_as_it_was_made(path: str) -> None:
    seen: list[str] = []

    async def well(call: Call) -> None:
        seen.append(call.path)
        await call.answer(DONE)

    async with ChaosServer(well) as server, Setup(base_url=server.url) as setup:
        await setup.fetch(path)
    assert seen == [f"/{path}"]


async def test_headers_are_few_and_ours() -> None:
    heads: list[str] = []

    async def well(call: Call) -> None:
        heads.append(call.head)
        await call.answer(DONE)

    async with ChaosServer(well) as server, Setup(base_url=server.url) as setup:
        await setup.fetch()
    names = [line.split(":")[0].lower() for line in heads[0].split("\r\n")[1:] if line]
    assert sorted(names) == ["accept", "accept-encoding", "authorization", "host", "user-agent"]
    assert "accept-encoding: gzip\r\n" in heads[0].lower()


async def test_cookies_are_neither_kept_nor_sent() -> None:
    heads: list[str] = []

    async def sticky(call: Call) -> None:
        heads.append(call.head)
        await call.answer(DONE, "200 OK", "Set-Cookie: session=abc; Path=/", "Content-Type: application/json")

    async with ChaosServer(sticky) as server, Setup(base_url=server.url) as setup:
        found = [await setup.fetch() for _ in range(2)]
    assert "cookie" not in heads[1].lower()
    assert found[0].answers[0].headers == {"content-type": "application/json"}


async def test_redirects_are_not_followed() -> None:
    async with ChaosServer(lambda call: call.answer(DONE)) as elsewhere:

        async def away(call: Call) -> None:
            await call.answer(b"", "307 Temporary Redirect", f"Location: {elsewhere.url}/b1")

        async with ChaosServer(away) as server, Setup(base_url=server.url) as setup:
            with pytest.raises(InvalidAnswer, match="redirect"):
                await setup.fetch()
        assert elsewhere.calls == 0


async def test_the_environments_proxy_is_used_by_setting_only(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ChaosServer(lambda call: call.answer(DONE)) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        async with ChaosServer(lambda call: call.answer(DONE)) as server:
            async with Setup(base_url=server.url) as setup:
                await setup.fetch()
            assert (proxy.calls, server.calls) == (0, 1)
            async with Setup(base_url=server.url, trust_env=True) as setup:
                await setup.fetch()
            assert (proxy.calls, server.calls) == (1, 1)
            monkeypatch.setenv("no_proxy", "127.0.0.1")
            async with Setup(base_url=server.url, trust_env=True) as setup:
                await setup.fetch()
            assert (proxy.calls, server.calls) == (1, 2)


async def test_forty_calls_run_as_forty_on_connections_that_stay() -> None:
    together = asyncio.Barrier(40)

    async def all_at_once(call: Call) -> None:
        await together.wait()  # nobody is answered before all have asked
        await call.answer(DONE)

    async with ChaosServer(all_at_once) as server, Setup(base_url=server.url) as setup:
        for _ in range(2):
            found = await asyncio.gather(*(setup.fetch(f"b{number}", timeout=30) for number in range(40)))
            assert all(one.snapshot.status is Status.COMPLETED for one in found)
        assert server.connections == 40


async def test_a_packed_answer_is_asked_for_and_unpacked() -> None:
    import gzip

    body = b'{"status": "COMPLETED", "padding": "' + b"x" * 900_000 + b'"}'
    packed = gzip.compress(body[:400_000]) + gzip.compress(body[400_000:])

    async def well(call: Call) -> None:
        await call.answer(packed, "200 OK", "Content-Encoding: gzip")

    async with ChaosServer(well) as server, Setup(base_url=server.url) as setup:
        assert (await setup.fetch()).answers[0].body == body


async def test_an_empty_answer_may_call_itself_packed() -> None:
    def empty(request: httpx.Request) -> httpx.Response:
        return httpx.Response(401, headers={"content-encoding": "gzip"})

    async with Setup(empty) as setup:
        with pytest.raises(UpstreamError) as caught:
            await setup.fetch()
        assert caught.value.status == 401


@pytest.mark.parametrize("key", ["line\nbreak", "schl\u00fcssel\u0131"])
async def test_a_key_that_no_header_can_carry_is_a_clear_error(key: str) -> None:
    async with ChaosServer(lambda call: call.answer(DONE)) as server, Setup(base_url=server.url) as setup:
        wrong = setup.account.model_copy(update={"key": type(setup.account.key)(key)})
        from adapters.http import Priority
        from tests.fake_market import ref

        with pytest.raises(Misconfigured, match="credentials") as caught:
            await setup.funnel.fetch(wrong, ref(), timeout=1, priority=Priority.QUERY)
        assert key not in repr(caught.value)
        assert server.calls == 0


def test_certificates_that_cannot_be_read_are_told_at_once(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("no certificate")
    for path in (tmp_path / "missing.pem", nothing):
        with pytest.raises(ValueError, match="not a readable file of certificates"):
            UpstreamLimits(ca_file=str(path))


async def test_each_account_has_connections_of_its_own() -> None:
    make = transports(UpstreamLimits())
    one, two = make(account(name="one")), make(account(name="two"))
    assert one is not two


PLAIN = [
    (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", 304, b""),
    (b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}", 404, b"{}"),
    (b"HTTP/1.0 200 OK\r\n\r\n{}", 200, b"{}"),
    (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}", 200, b"{}"),
    (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;x=y\r\n}\r\n0\r\nTrailer: x\r\n\r\n",
        200,
        b"{}",
    ),
    (b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, b"{}"),
    (b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nxyz", 101, b""),
]


@pytest.mark.parametrize(("raw", "status", "body"), PLAIN, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_every_way_to_end_an_answer(raw: bytes, status: int, body: bytes, method: str) -> None:
    heads: list[str] = []

    async def play(call: Call) -> None:
        heads.append(call.head)
        await call.send(raw)
        if b"Content-Length" not in raw and b"chunked" not in raw:
            call.close()

    async with ChaosServer(play) as server:
        wire = Wire(PARTY, transports(UpstreamLimits())(account(server.url)), SystemClock())
        outcome = await wire.send(Request(method, f"{server.url}/b1", {"X-Key": "k"}), 2.0, 1_000)
        await wire.aclose()
    assert isinstance(outcome, Answer)
    assert (outcome.status, outcome.body) == (status, body)
    assert heads[0].startswith(f"{method} /b1 HTTP/1.1\r\n")
    assert ("content-length: 0" in heads[0].lower()) is (method == "POST")
    assert "content-type" not in heads[0].lower()

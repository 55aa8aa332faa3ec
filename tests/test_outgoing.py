"""Requests as they go out: the very bytes, what is refused, and what is never shown."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from adapters.base import Request
from adapters.outgoing import Frame, of_httpx, outgoing, split_plain
from adapters.transport import AiohttpTransport, transports
from adapters.upstream import UpstreamLimits
from tests.chaos_server import Call, ChaosServer
from tests.fake_market import account

pytestmark = pytest.mark.anyio

DONE = b'{"status": "COMPLETED"}'


def test_the_very_bytes() -> None:
    made = outgoing(Request("GET", "https://market.test:8443/a%20b?c=d", {"X-Key": "k", "Accept": "text/plain"}))
    assert made.sent == (
        b"GET /a%20b?c=d HTTP/1.1\r\nhost: market.test:8443\r\nx-key: k\r\naccept: text/plain\r\n"
        b"user-agent: batch-gateway\r\naccept-encoding: gzip\r\n\r\n"
    )
    assert made.origin == (b"https", b"market.test:8443")


def test_what_an_adapter_says_of_packing_is_not_sent() -> None:
    made = outgoing(Request("GET", "http://market.test/", {"Accept-Encoding": "br"}))
    assert made.sent.count(b"accept-encoding") == 1
    assert b"accept-encoding: gzip\r\n" in made.sent


def test_a_request_without_a_body_says_so_where_one_is_expected() -> None:
    assert b"\r\ncontent-length: 0\r\n\r\n" in outgoing(Request("POST", "http://market.test/", {})).sent


def test_both_forms_say_the_same() -> None:
    made = outgoing(Request("POST", "http://market.test/b1", {"X-Key": "k"}))
    request = made.as_httpx()
    assert (request.method, str(request.url)) == ("POST", "http://market.test/b1")
    assert tuple(request.headers.raw) == made.headers


WRONG: list[tuple[str, str, dict[str, str]]] = [
    ("GET", "http://market.test/", {"X-Key": "line\r\nX-Other: 1"}),
    ("GET", "http://market.test/", {"X-Key": "nul\0"}),
    ("GET", "http://market.test/", {"X-Key": "schl\u00fcssel"}),
    ("GET", "http://market.test/", {"X Key": "k"}),
    ("GET", "http://market.test/", {"": "k"}),
    ("GET /other HTTP/1.1\r\n", "http://market.test/", {}),
]


@pytest.mark.parametrize(("method", "url", "headers"), WRONG, ids=str)
def test_nothing_can_end_a_line_before_its_time(method: str, url: str, headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        outgoing(Request(method, url, headers))
    assert "X-Other" not in str(caught.value)


@pytest.mark.parametrize("path", ["a b", "a\nb", "a\r\nHost: other", "\u0131", "a\0b"])
def test_an_address_becomes_one_word_or_is_refused(path: str) -> None:
    try:
        made = outgoing(Request("GET", f"http://market.test/{path}", {}))
    except (ValueError, httpx.InvalidURL):
        return
    assert made.sent.split(b"\r\n")[0].count(b" ") == 2
    assert made.sent.count(b"\r\n") == 6


PLAIN = [
    "http://market.test/b1",
    "HTTP://market.test/b1",
    "https://Market.Test:443/a/b-1_~.x/2026.01?page=2&size=100",
    "http://127.0.0.1:80/a/b",
    "http://[::1]:8080/a/b",
    "http://m\u00fcnchen.test/a",
]
OTHERS = [
    "http://market.test",
    "http://market.test/",
    "http://market.test/a/",
    "http://market.test/a//b",
    "http://market.test/../a",
    "http://market.test/a/./b",
    "http://market.test/a%2Fb%20c",
    "http://market.test/a?b=c%20d#e",
    "http://market.test/a b",
    "http://user:planted@market.test/a",
]


@pytest.mark.parametrize("address", [*PLAIN, *OTHERS])
def test_a_request_made_from_what_others_shared_is_the_same(address: str) -> None:
    headers = (("X-Key", "k"), ("Accept", "text/plain"))
    plain = split_plain(address)
    assert (plain is not None) == (address in PLAIN and address.startswith("http"))
    if plain is not None:
        made, whole = Frame("GET", plain[0], headers).to(plain[1]), outgoing(Request("GET", address, dict(headers)))
        for name in ("method", "address", "url", "headers", "sent", "origin", "body"):
            assert getattr(made, name) == getattr(whole, name)


def test_a_port_that_is_none_is_refused_for_every_path_alike() -> None:
    with pytest.raises(httpx.InvalidURL):
        outgoing(Request("GET", "http://market.test:x/b1", {}))
    with pytest.raises(httpx.InvalidURL):
        Frame("GET", "http://market.test:x", ())


def test_secrets_are_not_shown() -> None:
    made = outgoing(Request("GET", "http://market.test/b1", {"Authorization": "Bearer planted"}))
    assert "planted" not in repr(made)


async def answered(transport: httpx.AsyncBaseTransport, method: str, url: str, **more: Any) -> httpx.Response:
    async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
        return await client.request(method, url, **more)


async def test_httpx_asks_through_it_as_through_its_own() -> None:
    async def echo(call: Call) -> None:
        await call.answer(call.head.encode(), "200 OK", "X-Seen: yes")

    async with ChaosServer(echo) as server:
        transport = transports(UpstreamLimits())(account(server.url))
        found = await answered(transport, "GET", f"{server.url}/b1", headers={"X-Key": "k"})
    assert found.text.startswith("GET /b1 HTTP/1.1\r\n")
    assert "x-key: k\r\n" in found.text.lower()
    assert found.headers["x-seen"] == "yes"


async def test_httpx_reads_a_long_answer_as_it_comes() -> None:
    body = b"x" * 3_000_000

    async with ChaosServer(lambda call: call.answer(body)) as server:
        transport = transports(UpstreamLimits())(account(server.url))
        assert (await answered(transport, "GET", server.url)).content == body


async def test_what_httpx_sends_along_is_sent() -> None:
    made = await of_httpx(httpx.Request("POST", "http://market.test/", content=b"body"))
    assert made.sent.endswith(b"\r\n\r\nbody")
    assert made.as_httpx().read() == b"body"


async def test_a_head_has_no_body_to_wait_for() -> None:
    async def head_only(call: Call) -> None:
        await call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")

    async with ChaosServer(head_only) as server, asyncio.timeout(5):
        transport = transports(UpstreamLimits())(account(server.url))
        assert (await answered(transport, "HEAD", server.url)).status_code == 200


async def test_a_proxy_is_told_the_whole_address_and_its_own_secret() -> None:
    heads: list[str] = []

    async def proxy(call: Call) -> None:
        heads.append(call.head)
        await call.answer(DONE)

    async with ChaosServer(proxy) as server:
        address = server.url.replace("http://", "http://user:planted@")
        transport = AiohttpTransport(UpstreamLimits(), None, address)
        for path in ("b1", "b2"):
            assert (await answered_once(transport, f"http://market.test/{path}?c=d")).content == DONE
        await transport.aclose()
    assert heads[1].startswith("GET http://market.test/b2?c=d HTTP/1.1\r\n")
    assert heads[1].lower().count("proxy-authorization: basic dxnlcjpwbgfudgvk\r\n") == 1
    assert heads[1].lower().count("\r\nhost: market.test\r\n") == 1


async def answered_once(transport: httpx.AsyncBaseTransport, url: str) -> httpx.Response:
    response = await transport.handle_async_request(httpx.Request("GET", url))
    await response.aread()
    return response


async def test_behind_tls_a_proxy_is_asked_for_a_tunnel_and_sees_nothing() -> None:
    heads: list[str] = []

    async def refuse(call: Call) -> None:
        heads.append(call.head)
        await call.answer(b"", "407 Proxy Authentication Required")

    async with ChaosServer(refuse) as server:
        transport = AiohttpTransport(UpstreamLimits(), None, server.url)
        with pytest.raises(Exception, match="407"):
            await transport.exchange(outgoing(Request("GET", "https://market.test/b1", {"X-Key": "planted"})))
        await transport.aclose()
    assert heads[0].startswith("CONNECT market.test:443 HTTP/1.1\r\n")
    assert "planted" not in heads[0]

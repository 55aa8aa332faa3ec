"""The shortcuts of calls: answers that are read without a parser, and connections that are lent anew."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest
from aiohttp.client_proto import ResponseHandler

from adapters.base import Answer, Request
from adapters.clock import SystemClock
from adapters.errors import BatchError
from adapters.transport import transports
from adapters.upstream import UpstreamLimits
from adapters.whole import read_whole
from adapters.wire import Wire
from tests.chaos_server import Call, ChaosServer
from tests.fake_market import account
from tests.test_transport import PARTY

pytestmark = pytest.mark.anyio

STATUSES = (
    b"200 OK",
    b"200",
    b"404 Not Found",
    b"503 ",
    b"204 No Content",
    b"304 Not Modified",
    b"101 Switching",
    b"100 X",
)
HEADERS = (
    *(b"Content-Type: application/json", b"content-type:text/html ", b"Retry-After:\t7", b"Date: now", b"X: \xc3\xa7"),
    *(
        b"Connection: close",
        b"connection: Keep-Alive",
        b"Connection: close, x",
        b"Connection: upgrade",
        b"Upgrade: h2c",
        b"Proxy-Connection: close",
        b"proxy-connection: keep-alive",
    ),
    *(b"Transfer-Encoding: chunked", b"transfer-encoding: identity", b"Content-Length: 3", b"Content-Encoding: gzip"),
    *(b"Keep-Alive: timeout=5", b" folded", b"no colon", b": no name", b"Na me: x", b"Empty:", b"Nul: \0", b"Bell: \a"),
)
BODIES = (b"", b"{}", b'{"a": "b"}', b"0\r\n\r\n", b"\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"\0" * 70)


def drawn(random: Random) -> bytes:
    """An answer as servers write them, with something wrong now and then."""
    body = random.choice(BODIES)
    lines = [
        random.choice((b"HTTP/1.1 ", b"HTTP/1.1 ", b"HTTP/1.1 ", b"HTTP/1.0 ", b"http/1.1 ")) + random.choice(STATUSES)
    ]
    lines += random.choices(HEADERS, k=random.randrange(4))
    length = len(body) + random.choice((0, 0, 0, 0, 0, 1, -1))
    name = random.choice((b"Content-Length", b"content-length", b"CONTENT-LENGTH"))
    lines += [name + random.choice((b": ", b":", b": +", b": 0", b":  ")) + b"%d" % length] * random.choice(
        (1, 1, 1, 1, 0, 2)
    )
    random.shuffle(rest := lines[1:])
    data = b"\r\n".join([lines[0], *rest, b"", body])
    if random.random() < 0.3:
        at = random.randrange(len(data))
        data = data[:at] + random.choice((b"", b"\r", b"\n", b"\0", b" ", b":", b"\xff", b"\r\n")) + data[at + 1 :]
    return data


def as_aiohttp_reads(data: bytes, loop: asyncio.AbstractEventLoop) -> tuple[int, Any, bytes, bool]:
    handler = ResponseHandler(loop)
    handler.set_response_params(read_until_eof=True, auto_decompress=False)
    handler.data_received(data)
    assert len(handler) == 1, "the very one answer"
    (head, payload), _ = handler._buffer.popleft()
    assert payload.is_eof(), "all of it"
    return head.code, tuple(head.raw_headers), payload.read_nowait(), handler.should_close


async def test_what_is_read_without_a_parser_is_read_alike() -> None:
    random, loop, read = Random(7), asyncio.get_running_loop(), 0
    for _ in range(20_000):
        data = drawn(random)
        whole = read_whole(data)
        if whole is not None:
            read += 1
            found = whole.answer
            assert (found.status, tuple(found.headers), found.body, whole.is_last) == as_aiohttp_reads(data, loop), data
    assert read > 500


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}{",
        b"HTTP/1.1 200 OK\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 9_000 + b"\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 101 + b"Content-Length: 2\r\n\r\n{}",
    ],
)
def test_everything_else_is_left_to_the_parser(data: bytes) -> None:
    assert read_whole(data) is None


class Calls:
    """A wire to a server."""

    def __init__(self, server: ChaosServer, **limits: Any) -> None:
        upstream = UpstreamLimits(**limits)
        self.wire = Wire(PARTY, transports(upstream)(account(base_url=server.url)), SystemClock())
        self._url = server.url

    async def ask(self, path: str = "/x", seconds: float = 20.0) -> Answer | BatchError:
        return await self.wire.send(Request("GET", f"{self._url}{path}", {}), seconds, 10_000)


async def well(call: Call) -> None:
    await call.answer(call.path.encode())


async def test_calls_in_a_row_take_one_connection() -> None:
    async with ChaosServer(well) as server:
        calls = Calls(server)
        answers = [await calls.ask(f"/{number}") for number in range(5)]
        assert [answer.body for answer in answers if isinstance(answer, Answer)] == [b"/0", b"/1", b"/2", b"/3", b"/4"]
        assert server.connections == 1
        await calls.wire.aclose()
        assert await server.all_closed()


@pytest.mark.parametrize("limit", [1, 3])
async def test_no_more_connections_than_there_may_be(limit: int) -> None:
    async with ChaosServer(well) as server:
        calls = Calls(server, connections=limit)
        for _ in range(3):
            answers = await asyncio.gather(*(calls.ask(f"/{number}") for number in range(20)))
            assert [answer.body for answer in answers if isinstance(answer, Answer)] == [b"/%d" % n for n in range(20)]
        assert server.connections <= limit
        await calls.wire.aclose()


async def test_an_idle_connection_is_closed_in_time() -> None:
    async with ChaosServer(well) as server:
        calls = Calls(server, keepalive=0.2)
        await asyncio.gather(*(calls.ask() for _ in range(5)))
        assert server.open
        assert await server.all_closed()
        assert isinstance(await calls.ask(), Answer)
        await calls.wire.aclose()


async def test_an_answer_that_is_the_last_one_is_believed() -> None:
    async def once(call: Call) -> None:
        await call.answer(b"{}", "200 OK", "Connection: close")

    async with ChaosServer(once) as server:
        calls = Calls(server)
        assert all([isinstance(await calls.ask(), Answer) for _ in range(3)])
        assert server.connections == 3
        await calls.wire.aclose()


async def test_a_caller_that_leaves_takes_its_connection_along() -> None:
    heard = asyncio.Event()

    async def late(call: Call) -> None:
        if call.path == "/late":
            await heard.wait()
        await call.answer(call.path.encode())

    async with ChaosServer(late) as server:
        calls = Calls(server)
        assert isinstance(await calls.ask(), Answer)
        assert isinstance(await calls.ask("/late", seconds=0.05), BatchError)
        heard.set()
        answer = await calls.ask("/next")
        assert isinstance(answer, Answer)
        assert answer.body == b"/next"
        assert server.connections == 2
        await calls.wire.aclose()


@pytest.mark.parametrize("is_whole", [True, False])
async def test_a_connection_that_is_over_is_closed_at_once(is_whole: bool) -> None:
    async def once(call: Call) -> None:
        if is_whole:
            await call.answer(b"{}", "200 OK", "Connection: close")
        else:
            head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
            await call.send(head + b"2\r\n{}\r\n0\r\n\r\n")

    async with ChaosServer(once) as server:
        calls = Calls(server, keepalive=600)
        await asyncio.gather(*(calls.ask() for _ in range(5)))
        assert await server.all_closed()
        await calls.wire.aclose()


async def ask_twice_over_two_connections(server: ChaosServer) -> None:
    calls = Calls(server)
    for _ in range(2):
        answer = await calls.ask()
        assert isinstance(answer, Answer)
        assert answer.body == b"first"
        await asyncio.sleep(0.2)
    assert server.connections == 2
    await calls.wire.aclose()


async def test_half_an_answer_that_nobody_asked_for_ends_a_connection_too() -> None:
    async def one_and_a_half(call: Call) -> None:
        await call.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n0\r\n\r\n")
        await asyncio.sleep(0.05)
        await call.send(b"HTTP/1.1 200 OK\r\nContent-Le")

    async with ChaosServer(one_and_a_half) as server:
        await ask_twice_over_two_connections(server)


@pytest.mark.parametrize("pieces", [2, 3, 7])
async def test_an_answer_in_pieces_is_read_too(pieces: int) -> None:
    async def slowly(call: Call) -> None:
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX: y\r\n\r\n" + b"{    }"
        step = len(answer) // pieces + 1
        for at in range(0, len(answer), step):
            await call.send(answer[at : at + step])
            await asyncio.sleep(0.01)

    async with ChaosServer(slowly) as server:
        calls = Calls(server)
        for _ in range(2):
            answer = await calls.ask()
            assert isinstance(answer, Answer)
            assert answer.body == b"{    }"
        assert server.connections == 1
        await calls.wire.aclose()


async def test_what_nobody_asked_for_is_no_answer() -> None:
    async def twice(call: Call) -> None:
        await call.answer(b"first")
        await asyncio.sleep(0.05)
        await call.answer(b"unasked")

    async with ChaosServer(twice) as server:
        await ask_twice_over_two_connections(server)

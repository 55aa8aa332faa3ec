"""Clients that vanish, stop reading, flood, or stay while the gateway goes: over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gateway.transports.drain import Drain
from gateway.transports.limits import TransportLimits
from tests.edge import Edge
from tests.live_server import serve, until
from tests.needs import need_files
from tests.raw_clients import Clients, is_open, read_all, read_until, send_frame, subscribe, vanish

STREAMS = ["ws", "sse", "multipart"]
NOTHING = {"live": 0, "streams": 0, "sockets": 0}
FIREHOSE = "subscription { ticks(count: 100000, size: 100000) }"


def assert_within(seconds: float, attempt: Callable[[], float]) -> None:
    """The best of a few: other work may hold up one of them."""
    times = [attempt()]
    while min(times) >= seconds and len(times) < 4:
        times.append(attempt())
    assert min(times) < seconds, times


def freed(edge: Edge) -> float:
    """Seconds until nothing is left of what was streamed."""
    return until(lambda: edge.world.live == 0 and edge.endpoint.dump() == NOTHING)


@pytest.mark.parametrize("go", [vanish, socket.socket.close], ids=["reset", "close"])
@pytest.mark.parametrize("kind", STREAMS)
def test_a_client_that_vanishes_frees_its_generator_within_a_second(kind: str, go: Any) -> None:
    assert_within(1, lambda: _vanished(kind, go))


def _vanished(kind: str, go: Callable[[socket.socket], None]) -> float:
    edge = Edge()
    with serve(edge) as address, Clients(address) as clients:
        connections = [clients.stream(kind, "subscription { endless }") for _ in range(3)]
        for connection in connections:
            read_until(connection, b"first")
        assert edge.world.live == 3
        for connection in connections:
            go(connection)
        return freed(edge)


@pytest.mark.parametrize("kind", STREAMS)
def test_a_client_that_vanishes_while_it_is_sent_to_frees_its_generator(kind: str) -> None:
    assert_within(1, lambda: _vanished_under_way(kind))


def _vanished_under_way(kind: str) -> float:
    edge = Edge()
    with serve(edge) as address, Clients(address) as clients:
        connection = clients.stream(kind, FIREHOSE, receive_buffer=4096)
        read_until(connection, b"tick 0")
        time.sleep(0.2)
        vanish(connection)
        return freed(edge)


def test_a_client_that_vanishes_cancels_its_query() -> None:
    edge = Edge()
    with serve(edge) as address, Clients(address) as clients:
        connection = clients.post("{ gated }")
        until(lambda: edge.world.waiting == 1)
        vanish(connection)
        until(lambda: edge.world.cancelled == 1)
        until(lambda: edge.endpoint.dump() == NOTHING)
        ws = clients.websocket()
        subscribe(ws, "{ gated }")
        until(lambda: edge.world.waiting == 1)
        vanish(ws)
        until(lambda: edge.world.cancelled == 2)


@pytest.mark.parametrize("kind", STREAMS)
def test_a_client_that_stops_reading_is_let_go(kind: str) -> None:
    edge = Edge(TransportLimits(send_wait=0.5))
    with serve(edge, edge.limits) as address, Clients(address) as clients:
        began = time.monotonic()
        stuck = clients.stream(kind, FIREHOSE, receive_buffer=4096)
        reading = clients.stream(kind, "subscription { endless }")
        read_until(reading, b"first")
        until(lambda: edge.world.started == 2)
        until(lambda: edge.world.live == 1)
        assert time.monotonic() - began > 0.5
        until(lambda: not is_open(stuck))  # the connection is gone too, unsent bytes and all
        assert edge.endpoint.dump()["streams"] == 1
        reading.close()


def test_an_answer_that_nobody_reads_holds_no_connection() -> None:
    edge = Edge()
    with serve(edge, TransportLimits(send_wait=0.5)) as address, Clients(address) as clients:
        stuck = clients.post("{ big(size: 20000000) }", receive_buffer=4096)
        until(lambda: len(edge.contexts) == 1)
        until(lambda: not is_open(stuck))


def test_a_request_that_does_not_arrive_is_given_up() -> None:
    edge = Edge(TransportLimits(body_wait=0.2))
    with serve(edge) as address, Clients(address) as clients:
        connection = clients.connect()
        head = b"POST /graphql HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
        connection.sendall(head + b'{"query":')
        answer = read_all(connection)
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"REQUEST_TIMEOUT" in answer


HELLO = b"GET /graphql?query=%7Bhello%7D HTTP/1.1\r\nHost: g\r\n\r\n"
REFUSED = (  # by its head: the answer waits for no body
    b"POST /graphql HTTP/1.1\r\nHost: g\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\n"
)


@pytest.mark.parametrize(("asked", "more"), [(HELLO, b"\r\n"), (REFUSED, b"rest")], ids=["empty-line", "body"])
def test_bytes_that_ask_for_nothing_keep_no_connection_open(asked: bytes, more: bytes) -> None:
    with serve(Edge(), timeout_keep_alive=0.2) as address, Clients(address) as clients:
        connection = clients.connect()
        connection.sendall(asked)
        read_until(connection, b"}")
        with contextlib.suppress(ConnectionError):  # closed, or just being closed
            connection.sendall(more)
            read_all(connection)


@pytest.mark.parametrize("kind", ["sse", "multipart"])
def test_a_socket_in_the_middle_of_an_answer_ends_both(kind: str) -> None:
    edge = Edge()
    with serve(edge) as address, Clients(address) as clients:
        connection = clients.stream(kind, "subscription { endless }")
        read_until(connection, b"first")
        connection.sendall(
            b"GET /graphql HTTP/1.1\r\nHost: g\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert b"101 Switching" not in read_all(connection)
        until(lambda: edge.endpoint.dump() == NOTHING)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"HTTP/1.1", 400),
        (b"HTTP/1.1\r\nHost: a\r\nHost: a", 400),
        (b"HTTP/1.1\r\nHost: a b", 400),
        (b"HTTP/1.1\r\nHost: a/b", 400),
        (b"HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade", 400),
        (b"HTTP/1.1\r\nHost:", 200),
        (b"HTTP/1.1\r\nHost: [::1]:8000", 200),
        (b"HTTP/1.0\r\nHost: a\r\nHost: a", 400),
        (b"HTTP/1.0", 200),
    ],
)
def test_a_request_says_once_for_which_host_it_is(head: bytes, status: int) -> None:
    with serve(Edge()) as address, Clients(address) as clients:
        connection = clients.connect()
        connection.sendall(b"GET /graphql?query=%7Bhello%7D " + head + b"\r\n\r\n")
        assert read_until(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 %d " % status)


def test_a_flood_of_subscribe_and_complete_leaves_nothing_behind() -> None:
    edge = Edge(TransportLimits(operations=20))
    edge.world.slow_close = 0.05
    with serve(edge) as address, Clients(address) as clients:
        connection = clients.websocket()
        for n in range(1000):
            subscribe(connection, "subscription { endless }", str(n))
            send_frame(connection, {"id": str(n), "type": "complete"})
            assert edge.world.live <= 20
        send_frame(connection, {"type": "ping"})
        read_until(connection, b"pong")
        until(lambda: edge.world.live == 0)
        until(lambda: edge.endpoint.dump() == {"live": 1, "streams": 0, "sockets": 1})
        connection.close()
        until(lambda: edge.endpoint.dump() == NOTHING)


def test_a_source_that_does_not_end_is_given_up() -> None:
    edge = Edge(TransportLimits(close_wait=0.2))
    edge.world.slow_close = 60
    with serve(edge) as address, Clients(address) as clients:
        for kind in STREAMS:
            connection = clients.stream(kind, "subscription { endless }")
            read_until(connection, b"first")
            vanish(connection)
        until(lambda: edge.endpoint.dump() == NOTHING)


def test_slow_readers_slow_nobody_and_fill_no_memory() -> None:
    edge = Edge(TransportLimits(send_wait=30))
    with serve(edge) as address, Clients(address) as clients:
        stuck = [clients.stream(kind, FIREHOSE, receive_buffer=4096) for kind in STREAMS]
        until(lambda: edge.world.live == 3)
        time.sleep(0.5)
        before = _memory()
        for _ in range(20):
            connection = clients.post("{ hello }")
            started = time.monotonic()
            read_until(connection, b"hello world")
            assert time.monotonic() - started < 1
            connection.close()
        time.sleep(0.5)
        assert _memory() - before < 20_000_000
        for connection in stuck:
            vanish(connection)
        until(lambda: edge.world.live == 0)


def test_a_drain_ends_every_stream_in_its_own_way_and_lets_queries_finish() -> None:
    edge = Edge()
    with serve(edge) as address, Clients(address) as clients:
        streams = {kind: clients.stream(kind, "subscription { endless }") for kind in STREAMS}
        for connection in streams.values():
            read_until(connection, b"first")
        query = clients.post("{ gated }")
        until(lambda: edge.world.waiting == 1)
        edge.call(edge.drain.begin)
        until(lambda: edge.world.live == 0)
        assert edge.world.waiting == 1
        sse = read_until(streams["sse"], b"0\r\n\r\n")
        assert b"complete" not in sse
        assert b"retry: " in sse
        assert read_until(streams["multipart"], b"0\r\n\r\n").rstrip().endswith(b"--graphql--\r\n\r\n0")
        assert b"\x03\xf4Service restart" in read_until(streams["ws"], b"restart")  # 0x03f4 is 1012
        edge.call(edge.world.gate.set)
        answer = read_all(query)
        assert b'{"data":{"gated":"open"}}' in answer
        assert b"connection: close" in answer


def test_a_drain_begins_once_and_tells_all() -> None:
    drain, told = Drain(), list[int]()
    drain.listen(lambda: told.append(1))
    drain.listen(lambda: told.append(2))
    assert not drain.has_begun
    drain.begin()
    drain.begin()
    assert drain.has_begun
    assert told == [1, 2]
    asyncio.run(drain.wait())


@contextlib.contextmanager
def served() -> Iterator[tuple[subprocess.Popen[bytes], tuple[str, int]]]:
    """The small schema's server in a process of its own, as `serve` would run it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.serve_edge"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parent.parent,
    )
    assert process.stdout is not None
    try:
        yield process, ("127.0.0.1", int(process.stdout.readline()))
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def test_sigterm_ends_streams_and_the_process() -> None:
    assert_within(2, lambda: _terminated(streams_each=3))


@pytest.mark.slow
def test_sigterm_ends_a_thousand_streams_within_two_seconds() -> None:
    need_files(3_000)
    assert_within(2, lambda: _terminated(streams_each=334))


def _terminated(streams_each: int) -> float:
    """Seconds until the process had ended."""
    with served() as (process, address), Clients(address) as clients:
        for kind in STREAMS * streams_each:
            read_until(clients.stream(kind, "subscription { endless }"), b"first")
        query = clients.post("{ later(seconds: 0.4) }")
        read_until(clients.post("{ hello }"), b"hello world")  # what was sent before has come, too
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
        took = time.monotonic() - started
        assert process.returncode == 0
        assert b"Traceback" not in errors, errors.decode()[-2000:]
        assert b'{"data":{"later":"later"}}' in read_all(query)
    return took


@pytest.mark.slow
def test_ten_thousand_clients_that_come_and_vanish_leave_memory_flat() -> None:
    edge = Edge()
    with serve(edge) as address, Clients(address) as clients:

        def cycle(count: int) -> int:
            for n in range(count):
                connection = clients.stream(STREAMS[n % 3], "subscription { endless }")
                read_until(connection, b"first")
                vanish(connection)
            until(lambda: edge.endpoint.dump() == NOTHING)
            edge.contexts.clear()
            gc.collect()
            return _memory()

        grown = [cycle(1000), *(cycle(3000) for _ in range(3))]
        assert edge.world.live == 0
        assert edge.world.started == 10_000
        print("memory after 1,000, 4,000, 7,000 and 10,000:", grown)
        # what leaks does so every time; what the allocator takes once is no leak
        assert min(after - before for before, after in pairwise(grown)) < 1_000_000
        assert grown[-1] - grown[0] < 8_000_000


def _memory() -> int:
    """Resident memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

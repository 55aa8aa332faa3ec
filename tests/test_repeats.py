"""Requests that are answered by their bytes: as the usual way answers them, and past no check."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from adapters.clock import Clock
from gateway.access.jwks import LIFETIME
from gateway.app import Gateway, create_app
from gateway.sandbox.accounts import sandbox_accounts
from gateway.sandbox.app import create_sandbox
from gateway.settings import Settings, make_settings
from gateway.transports.limits import TransportLimits
from gateway.transports.servers import HttpProtocol, http_protocol
from tests.access_world import client
from tests.live_server import serve
from tests.test_access_jwt import NOW, OTHER, RSA, SETTINGS, public, token
from tests.virtual_clock import VirtualClock

pytestmark = pytest.mark.anyio

TOKENS = ("of-the-first", "of-the-second", "of-nobody")
BATCH = (
    "query($id: String!) { batch(ref: {source: TRENDYOL, id: $id}) { ... on NormalizedBatch { id status account } } }"
)
ORIGIN = "https://shop.example"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    with serve(create_sandbox()) as (host, port):
        yield f"http://{host}:{port}"


class Wire(asyncio.Transport):
    """A connection's other end."""

    def __init__(self, peer: str) -> None:
        super().__init__()
        self.peer = peer
        self.written = bytearray()
        self.is_closed = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": (self.peer, 4711), "sockname": ("127.0.0.1", 80)}.get(name, default)

    def write(self, data: Any) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    abort = close

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Connection:
    """Speaks HTTP with a gateway, without sockets."""

    def __init__(self, app: Gateway, *, is_quick: bool = True, peer: str = "127.0.0.1") -> None:
        self.quickly = 0

        def at_once(peer: str, head: bytes, body: bytes) -> tuple[bytes, bytes] | None:
            found = app.at_once(peer, head, body)
            self.quickly += found is not None
            return found

        kind = http_protocol(TransportLimits(), at_once if is_quick else None)
        config = uvicorn.Config(app, http=kind, ws="none", lifespan="off", log_config=None, access_log=False)
        config.load()
        state = ServerState()
        state.default_headers = [(b"date", b"Sun, 22 Nov 2026 08:00:00 GMT")]
        self.wire = Wire(peer)
        self.protocol: HttpProtocol = kind(config, state, {})
        self.protocol.connection_made(self.wire)

    async def send(self, *parts: bytes) -> bytes:
        """What is answered to the bytes, without the request's id."""
        del self.wire.written[:]
        for part in parts:
            self.protocol.data_received(part)
            await asyncio.sleep(0)
        async with asyncio.timeout(60):
            while not _is_whole(bytes(self.wire.written)) and not self.wire.is_closed:  # noqa: ASYNC110  # nothing tells
                await asyncio.sleep(0)
        for _ in range(3):
            await asyncio.sleep(0)
        return re.sub(rb"x-request-id: [\w.-]+", b"x-request-id: some", bytes(self.wire.written))

    def close(self) -> None:
        self.protocol.connection_lost(None)


def _is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    return bool(end) and (b" 204 " in head or (length is not None and len(body) == int(length[1])))


def request(body: bytes, *headers: str, method: str = "POST", path: str = "/graphql", version: str = "1.1") -> bytes:
    lines = [f"{method} {path} HTTP/{version}", "Host: 127.0.0.1", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def asking(batch: str = "done-1", token: str | None = TOKENS[0], *headers: str, **parts: Any) -> bytes:
    """A request for a batch that has ended, as a client of that token sends it."""
    body = json.dumps({"query": BATCH, "variables": {"id": batch}, **parts}).encode()
    shown = [] if token is None else [f"Authorization: Bearer {token}"]
    return request(body, "Content-Type: application/json", *shown, *headers)


def settings_of(sandbox: str, **more: Any) -> Settings:
    tables: dict[str, Any] = {
        "accounts": sandbox_accounts(sandbox),
        "store": {"path": "off"},
        "clients": [client("first", TOKENS[0], "*"), client("second", TOKENS[1], "trendyol-demo")],
        "server": {"cors_origins": [ORIGIN]},
        "limits": {"operations_per_second": 1_000_000, "refusals": 1_000_000},
    }
    return make_settings({**tables, **more})


@asynccontextmanager
async def gateway(settings: Settings, clock: Clock | None = None) -> AsyncGenerator[Gateway]:
    app = create_app(settings, clock)
    events: asyncio.Queue[Any] = asyncio.Queue()
    told: asyncio.Queue[Any] = asyncio.Queue()
    running = asyncio.ensure_future(app({"type": "lifespan"}, events.get, told.put))
    await events.put({"type": "lifespan.startup"})
    assert (await told.get())["type"] == "lifespan.startup.complete"
    try:
        yield app
    finally:
        await events.put({"type": "lifespan.shutdown"})
        await running


async def warm(connection: Connection, asked: bytes) -> None:
    """Ask until it is answered at once."""
    before = connection.quickly
    for _ in range(4):
        await connection.send(asked)
    assert connection.quickly > before


async def test_the_same_bytes_are_answered_at_once_and_alike(sandbox: str) -> None:
    async with gateway(settings_of(sandbox)) as app:
        quick, usual = Connection(app), Connection(app, is_quick=False)
        answers = [await quick.send(asking()) for _ in range(6)]
        assert answers[0].startswith(b"HTTP/1.1 200 OK\r\n")
        assert set(answers) == {await usual.send(asking())}
        assert (quick.quickly, usual.quickly) == (4, 0)


async def test_who_is_out_stays_out(sandbox: str) -> None:
    async with gateway(settings_of(sandbox)) as app:
        connection, other = Connection(app), Connection(app)
        await warm(connection, asking())
        await warm(other, asking(token=TOKENS[1]))
        await app.reload(settings_of(sandbox, clients=[client("second", TOKENS[1], "idefix-demo")]))
        assert b" 401 " in await connection.send(asking())
        assert b"UNKNOWN_ACCOUNT" in await other.send(asking(token=TOKENS[1]))


async def test_a_token_ends_with_its_term(sandbox: str) -> None:
    clock, keys = VirtualClock(), json.dumps({"keys": [public(RSA, "a")]})
    issuer = {"jwks": keys, "issuer": SETTINGS.issuer, "audience": SETTINGS.audience}
    async with gateway(settings_of(sandbox, auth={"jwt": issuer}), clock) as app:
        connection, asked = Connection(app), asking(token=token(accounts=["trendyol-demo"]))
        await warm(connection, asked)
        await clock.advance(92)  # a minute, and what clocks may differ by
        assert b" 401 " in await connection.send(asked)


async def test_a_token_ends_with_its_key(sandbox: str, tmp_path: Path) -> None:
    clock, keys = VirtualClock(), tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": [public(RSA, "a")]}))
    issuer = {"jwks": str(keys), "issuer": SETTINGS.issuer, "audience": SETTINGS.audience}
    async with gateway(settings_of(sandbox, auth={"jwt": issuer}), clock) as app:
        connection, asked = Connection(app), asking(token=token(exp=NOW + 10**6, accounts=["trendyol-demo"]))
        await warm(connection, asked)
        keys.write_text(json.dumps({"keys": [public(OTHER, "a")]}))
        await clock.advance(LIFETIME + 1)
        async with asyncio.timeout(10):
            while b" 401 " not in await connection.send(asked):  # noqa: ASYNC110  # nothing tells when it was read
                await asyncio.sleep(0.005)


async def test_a_document_that_is_taken_back_meanwhile_is_not_remembered(sandbox: str, tmp_path: Path) -> None:
    path, slow = tmp_path / "documents", asking("done-l300-7")
    path.mkdir()
    (path / "a.graphql").write_text(BATCH)
    given = settings_of(sandbox, persisted={"trusted": str(path), "trusted_only": True})
    async with gateway(given) as app:
        connections = [Connection(app), Connection(app)]
        asking_both = [asyncio.ensure_future(connection.send(slow)) for connection in connections]
        await asyncio.sleep(0.05)
        (path / "a.graphql").write_text("{ __typename }")
        await app.reload(given)
        for answer in await asyncio.gather(*asking_both):
            assert b" 200 OK" in answer
        for connection in connections * 2:
            assert b"DOCUMENT_NOT_TRUSTED" in await connection.send(slow)


async def test_nobody_is_answered_with_anothers_head(sandbox: str) -> None:
    async with gateway(settings_of(sandbox)) as app:
        connection = Connection(app)
        await warm(connection, asking())
        for token in (TOKENS[2], None, TOKENS[0][:-1], TOKENS[0].upper()):
            assert b" 401 " in await connection.send(asking(token=token))
        await connection.send(asking())
        assert connection.quickly == 3


async def test_the_limit_of_operations_counts_what_is_answered_at_once(sandbox: str) -> None:
    async with gateway(settings_of(sandbox, limits={"operations_per_second": 200})) as app:
        connection = Connection(app)
        admitted = refused = 0
        while refused < 300 and admitted < 20_000:
            answer = await connection.send(asking())
            admitted, refused = admitted + (b" 200 OK" in answer), refused + (b" 429 " in answer)
        assert refused == 300
        assert connection.quickly > 50


async def test_what_is_answered_at_once_is_counted_and_told(sandbox: str, caplog: pytest.LogCaptureFixture) -> None:
    async with gateway(settings_of(sandbox)) as app:
        connection = Connection(app)
        with caplog.at_level("INFO", "gateway.observe.access"):
            for _ in range(10):
                await connection.send(asking())
        assert connection.quickly == 8
        told = [vars(record)["fields"] for record in caplog.records if record.getMessage() == "http.request"]
        assert [(each["method"], each["path"], each["status"], each["peer"]) for each in told] == [
            ("POST", "/graphql", 200, "127.0.0.1")
        ] * 10
        scraped = await connection.send(
            request(b"", f"Authorization: Bearer {TOKENS[0]}", method="GET", path="/metrics")
        )
        for line in (
            'operations_total{kind="query"} 10.0',
            'http_requests_total{status="200"} 10.0',
            "http_answer_seconds_count 10.0",
            "shared_answers_hit_total 8.0",
            'cache_lookups_total{account="trendyol-demo",marketplace="trendyol",result="hit"} 9.0',
        ):
            assert f"batch_gateway_{line}\n".encode() in scraped


async def test_every_answer_has_an_id_of_its_own(sandbox: str) -> None:
    async with gateway(settings_of(sandbox)) as app:
        connection = Connection(app)
        ids: list[bytes] = []
        for _ in range(8):
            await connection.send(asking())
            ids += re.findall(rb"x-request-id: ([\w.-]+)", bytes(connection.wire.written))
        assert len(set(ids)) == 8


async def test_a_gateway_that_ends_says_so(sandbox: str) -> None:
    async with gateway(settings_of(sandbox)) as app:
        connection = Connection(app)
        await warm(connection, asking())
        app.drain.begin()
        assert b"connection: close\r\n" in await connection.send(asking())


async def test_two_requests_in_one_piece_are_both_answered(sandbox: str) -> None:
    async with gateway(settings_of(sandbox)) as app:
        connection = Connection(app)
        await warm(connection, asking())
        one = await connection.send(asking())
        await connection.send(asking() + asking())
        async with asyncio.timeout(5):
            while bytes(connection.wire.written).count(b"HTTP/1.1 200 OK") < 2:  # noqa: ASYNC110  # nothing tells
                await asyncio.sleep(0)
        assert connection.wire.written.endswith(one.partition(b"\r\n\r\n")[2])


async def test_the_rest_of_a_body_is_no_request(sandbox: str) -> None:
    """A body may hold what looks like a request that is known; it is part of the one that it belongs to."""
    async with gateway(settings_of(sandbox)) as app:
        connection = Connection(app)
        await warm(connection, asking())
        answered = connection.quickly
        inner = asking()
        outer = request(b"0" * 10 + inner, "Content-Type: application/json", f"Authorization: Bearer {TOKENS[0]}")
        cut = len(outer) - len(inner)
        assert b" 400 " in await connection.send(outer[:cut], outer[cut:])
        assert connection.quickly == answered


async def test_a_connection_that_is_used_stays_open(sandbox: str) -> None:
    async with gateway(settings_of(sandbox)) as app:
        connection = Connection(app)
        protocol: Any = connection.protocol
        await warm(connection, asking())
        protocol.timeout_keep_alive_task.cancel()
        protocol.timeout_keep_alive = 60
        protocol.timeout_keep_alive_handler()  # as the timer does that was set with the last answer of the usual way
        assert not connection.wire.is_closed
        protocol.timeout_keep_alive_task.cancel()
        protocol.timeout_keep_alive = 0
        protocol.timeout_keep_alive_handler()
        assert connection.wire.is_closed


def _drawn(random: Random) -> bytes:
    """A request of any kind, more often a good one."""
    batch = random.choice(("done-1", "done-2", "done-3", "slow-1", ""))
    token = random.choice((*TOKENS[:2], *TOKENS[:2], *TOKENS[:2], *TOKENS, None))
    headers = [
        *random.choice(
            ((), (), ("Accept: application/json",), ("Accept: application/graphql-response+json;q=0.9, */*",))
        ),
        *random.choice(((), (), (f"Origin: {ORIGIN}",), ("Origin: https://other.example",))),
        *random.choice(((), (), (), ("X-Request-Id: mine",), ("Connection: keep-alive",), ("Accept: text/html",))),
    ]
    parts = random.choice(({}, {}, {}, {"operationName": None}, {"operationName": "Nobody"}, {"extensions": {"a": 1}}))
    asked = asking(batch, token, *headers, **parts)
    spoiled = random.random()
    if spoiled < 0.03:
        return asked.replace(b"application/json\r\nAuth", b"text/plain\r\nAuth")
    if spoiled < 0.06:
        return asked.replace(b'"query": "query', b'"query": "quary')
    if spoiled < 0.09:
        return asked.replace(b"POST /graphql", b"POST /graphql?ticket=none")
    if spoiled < 0.12:
        return asked.replace(b'{"query"', b'["query"')
    return asked


async def _alike(sandbox: str, seed: int, rounds: int) -> int:
    """Ask both ways; the number of answers that were given at once."""
    random = Random(seed)
    async with gateway(settings_of(sandbox)) as app:
        quick = [Connection(app, peer=peer) for peer in ("127.0.0.1", "127.0.0.1", "127.0.0.2")]
        usual = Connection(app, is_quick=False)
        pool = [_drawn(random) for _ in range(40)]
        for _ in range(rounds):
            asked = random.choice(pool)
            place = random.randrange(3)
            parts = [asked] if random.random() < 0.9 else [asked[:60], asked[60:]]
            found, expected = await quick[place].send(*parts), await usual.send(asked)
            # a batch that moves may have moved between the two
            assert found == expected or b"slow-1" in asked, asked
            if quick[place].wire.is_closed:
                quick[place] = Connection(app)
            if usual.wire.is_closed:
                usual = Connection(app, is_quick=False)
        return sum(connection.quickly for connection in quick)


async def test_both_ways_answer_alike_whatever_is_asked(sandbox: str) -> None:
    assert await _alike(sandbox, 1, 400) > 50


@pytest.mark.slow
async def test_both_ways_answer_alike_thousands_of_times(sandbox: str) -> None:
    found = [await _alike(sandbox, seed, 1_500) for seed in range(2, 6)]
    assert sum(found) > 600

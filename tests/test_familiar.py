"""Requests of which the head alone is known: answered as the usual way answers them, and past no check."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import weakref
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from gateway.app import Gateway
from gateway.sandbox.app import create_sandbox
from gateway.transports.repeated import Familiar
from tests.access_world import client
from tests.live_server import serve
from tests.test_access_jwt import RSA, SETTINGS, public, token
from tests.test_repeats import BATCH, ORIGIN, TOKENS, Connection, asking, gateway, request, settings_of
from tests.virtual_clock import VirtualClock

pytestmark = pytest.mark.anyio

SLOW = "done-l400-%d"
"""A batch that has ended and takes this long to be told of."""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    with serve(create_sandbox()) as (host, port):
        yield f"http://{host}:{port}"


class Following(Connection):
    """A connection whose known heads are followed."""

    def __init__(self, app: Gateway, *, is_quick: bool = False, peer: str = "127.0.0.1") -> None:
        super().__init__(app, is_quick=is_quick, peer=peer)
        self.followed = 0

        def follow(peer: str, head: bytes, body: bytes) -> Familiar | None:
            found = app.follow(peer, head, body)
            self.followed += found is not None
            return found

        protocol: Any = self.protocol
        protocol.follow = follow

    def begin(self, asked: bytes) -> None:
        """Ask, and do not wait."""
        del self.wire.written[:]
        self.protocol.data_received(asked)

    @property
    def answer(self) -> bytes:
        return bytes(self.wire.written)


async def until_answered(connection: Following, pattern: bytes) -> bytes:
    async with asyncio.timeout(60):
        while re.search(pattern, connection.answer) is None:  # noqa: ASYNC110  # nothing tells
            await asyncio.sleep(0.001)
    return connection.answer


async def turns() -> None:
    """What is ready happens, and hardly any time passes."""
    for _ in range(20):
        await asyncio.sleep(0)


async def known(app: Gateway, asked: bytes) -> Following:
    """A connection on which that head is known."""
    connection = Following(app)
    assert b" 200 OK" in await connection.send(asked)
    await connection.send(asked)
    assert connection.followed == 1
    return connection


async def awaiting(app: Gateway) -> Following:
    """A connection on which a request under a known head waits for its marketplace."""
    connection = await known(app, asking(SLOW % 1))
    connection.begin(asking(SLOW % 2))
    await turns()
    return connection


async def test_a_new_question_under_a_known_head_is_answered_alike(sandbox: str) -> None:
    async with gateway(settings_of(sandbox)) as app:
        first, other, usual = await known(app, asking("done-1")), Following(app), Connection(app, is_quick=False)
        for number in range(2, 8):
            asked = asking(f"done-{number}")
            assert await first.send(asked) == await other.send(asked) == await usual.send(asked)
        # also the first request of a connection
        assert (first.followed, other.followed) == (7, 6)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"query": "{ nothing }"}', "Cannot query field"),
        ('{"query": "{ __typename"}', "GRAPHQL_PARSE_FAILED"),
        ('["query"]', "BAD_REQUEST"),
        ('{"query": 5}', "BAD_REQUEST"),
        ('{"query": "mutation { nothing }"}', "mutation"),
        ('{"query": "subscription { batchUpdates(refs: []) { isFinal } }"}', "NOT_ACCEPTABLE"),
        ('{"query": "query ($n: Int!) { a: __typename @skip(if: $n) }", "variables": {"n": 1}}', "VALIDATION_FAILED"),
        ('{"query": "query ($n: Boolean!) { a: __typename @skip(if: $n) }", "variables": {"n": 1}}', "Boolean"),
        ('{"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0000"}}}', ""),
        ('{"query": "{ __typename }", "extensions": {"a": 1}}', '"data"'),
        ('{"query": "{ a: __typename }"}', '"data"'),
    ],
)
async def test_what_is_wrong_with_a_body_is_told_alike(sandbox: str, body: str, said: str) -> None:
    async with gateway(settings_of(sandbox)) as app:
        shown = ("Content-Type: application/json", f"Authorization: Bearer {TOKENS[0]}", "Accept: application/json")
        good = '{"query": "{ __typename }"}'
        asked, plain = (request(text.ljust(200).encode(), *shown) for text in (body, good))
        connection, usual = await known(app, plain), Connection(app, is_quick=False)
        answers = {await connection.send(asked), await usual.send(asked)}
        assert connection.followed == 2
        assert len(answers) == 1
        assert said.encode() in answers.pop()


async def test_both_ways_answer_alike_whatever_is_asked(sandbox: str) -> None:
    random = Random(5)
    async with gateway(settings_of(sandbox)) as app:
        quick = [Following(app, is_quick=True, peer=peer) for peer in ("127.0.0.1", "127.0.0.1", "127.0.0.2")]
        usual = Connection(app, is_quick=False)
        headers: list[tuple[str, ...]] = [(), (f"Origin: {ORIGIN}",), ("Accept: application/graphql-response+json",)]
        for number in range(300):
            batch = random.choice((f"done-{1000 + number}", "done-1", "done-2", "", "a/b"))
            asked = asking(batch, random.choice((*TOKENS, *TOKENS[:2])), *random.choice(headers))
            parts = [asked] if random.random() < 0.9 else [asked[:60], asked[60:]]
            place = random.randrange(3)
            assert await quick[place].send(*parts) == await usual.send(asked), asked
            for at, each in enumerate(quick):
                quick[at] = Following(app, is_quick=True) if each.wire.is_closed else each
            usual = Connection(app, is_quick=False) if usual.wire.is_closed else usual
        assert sum(each.followed for each in quick) > 80


async def test_who_is_out_stays_out(sandbox: str) -> None:
    async with gateway(settings_of(sandbox)) as app:
        connection, other = await known(app, asking()), await known(app, asking(token=TOKENS[1]))
        await app.reload(settings_of(sandbox, clients=[client("second", TOKENS[1], "idefix-demo")]))
        assert b" 401 " in await connection.send(asking("done-2"))
        assert b"UNKNOWN_ACCOUNT" in await other.send(asking("done-2", TOKENS[1]))


async def test_nobody_is_answered_under_anothers_head(sandbox: str) -> None:
    async with gateway(settings_of(sandbox)) as app:
        connection = await known(app, asking())
        for shown in (TOKENS[2], None, TOKENS[0][:-1], TOKENS[0].upper()):
            assert b" 401 " in await connection.send(asking("done-2", shown))
        assert connection.followed == 1


async def test_a_token_ends_with_its_term_also_while_an_answer_is_awaited(sandbox: str) -> None:
    clock, keys = VirtualClock(), json.dumps({"keys": [public(RSA, "a")]})
    issuer = {"jwks": keys, "issuer": SETTINGS.issuer, "audience": SETTINGS.audience}
    async with gateway(settings_of(sandbox, auth={"jwt": issuer}), clock) as app:
        shown = token(accounts=["trendyol-demo"])
        connection = await known(app, asking("done-1", shown))
        await clock.advance(92)  # a minute, and what clocks may differ by
        assert b" 401 " in await connection.send(asking("done-2", shown))


async def test_who_is_put_out_hears_so_instead_of_the_answer(sandbox: str) -> None:
    async with gateway(settings_of(sandbox)) as app:
        connection = await awaiting(app)
        assert (connection.followed, connection.answer) == (2, b"")
        await app.reload(settings_of(sandbox, clients=[client("second", TOKENS[1], "*")]))
        answered = await until_answered(connection, rb"}$")
        assert b"HTTP/1.1 401 " in answered
        assert b"x-request-id: " in answered
        assert b"x-content-type-options: nosniff" in answered


async def test_a_gateway_that_ends_finishes_the_answer_and_says_so(sandbox: str) -> None:
    async with gateway(settings_of(sandbox)) as app:
        connection = await awaiting(app)
        app.drain.begin()
        connection.protocol.shutdown()
        assert not connection.wire.is_closed
        answered = await until_answered(connection, rb"}$")
        assert b"HTTP/1.1 200 OK" in answered
        assert answered.count(b"connection: close\r\n") == 1
        assert connection.wire.is_closed
        assert b"connection: close\r\n" in await Following(app).send(asking("done-3"))


async def test_a_server_that_ends_closes_the_connection_behind_the_answer(sandbox: str) -> None:
    async with gateway(settings_of(sandbox)) as app:
        connection = await awaiting(app)
        connection.protocol.shutdown()
        answered = await until_answered(connection, rb"}$")
        assert answered.count(b"connection: close\r\n") == 1
        assert connection.wire.is_closed


async def test_a_client_that_leaves_takes_its_place_along(sandbox: str) -> None:
    async with gateway(settings_of(sandbox)) as app:
        connection = await known(app, asking("done-00000-1"))
        connection.begin(asking("done-l3000-2"))
        endpoint = app._graphql
        assert endpoint is not None
        await turns()
        assert endpoint.dump()["live"] == 1
        connection.close()
        async with asyncio.timeout(30):
            while endpoint.dump()["live"]:  # noqa: ASYNC110  # nothing tells
                await asyncio.sleep(0.005)
        assert connection.answer == b""


async def test_a_request_behind_one_that_is_awaited_is_answered_after_it(sandbox: str) -> None:
    async with gateway(settings_of(sandbox)) as app:
        connection = await awaiting(app)
        connection.protocol.data_received(asking("done-2"))
        connection.protocol.data_received(asking("done-3"))
        answered = await until_answered(connection, rb"(200 OK[^\0]*){3}}$")
        usual = Connection(app, is_quick=False)
        for batch in (SLOW % 2, "done-2", "done-3"):
            _, _, expected = (await usual.send(asking(batch))).partition(b"\r\n\r\n")
            _, _, answered = answered.partition(b"\r\n\r\n")
            assert answered.startswith(expected)
        assert answered == expected
        assert await connection.send(asking(SLOW % 3)) == await usual.send(asking(SLOW % 3))
        assert connection.followed == 3


async def test_limits_count_what_is_followed(sandbox: str) -> None:
    async with gateway(settings_of(sandbox, limits={"operations_per_second": 100})) as app:
        connection, answers, refused = Following(app), list[bytes](), 0
        while refused < 20 and len(answers) < 5_000:
            answers.append(await connection.send(asking(f"done-{1000 + len(answers)}")))
            refused += b" 429 " in answers[-1]
        assert refused == 20
        assert connection.followed > 20
        assert all(b" 429 " in answer or b" 200 OK" in answer for answer in answers)


async def test_queries_at_the_same_time_are_counted(sandbox: str) -> None:
    async with gateway(settings_of(sandbox, limits={"requests_per_client": 2})) as app:
        await known(app, asking(SLOW % 1))
        connections = [Following(app) for _ in range(3)]
        for number, connection in enumerate(connections, 2):
            connection.begin(asking(SLOW % number))
            await turns()
        assert b" 429 " in await until_answered(connections[2], rb"}$")
        assert [b" 200 OK" in await until_answered(each, rb"}$") for each in connections[:2]] == [True, True]


async def test_what_is_followed_is_counted_and_told(sandbox: str, caplog: pytest.LogCaptureFixture) -> None:
    async with gateway(settings_of(sandbox)) as app:
        connection, ids = Following(app), list[bytes]()
        with caplog.at_level("INFO", "gateway.observe.access"):
            for number in range(10):
                await connection.send(asking(f"done-{number}"))
                ids += re.findall(rb"x-request-id: ([\w.-]+)", bytes(connection.wire.written))
        assert connection.followed == 9
        assert len(set(ids)) == 10
        told = [vars(record)["fields"] for record in caplog.records if record.getMessage() == "http.request"]
        assert [(each["method"], each["path"], each["status"], each["peer"]) for each in told] == [
            ("POST", "/graphql", 200, "127.0.0.1")
        ] * 10
        shown = f"Authorization: Bearer {TOKENS[0]}"
        scraped = await connection.send(request(b"", shown, method="GET", path="/metrics"))
        for line in (
            'operations_total{kind="query"} 10.0',
            'http_requests_total{status="200"} 10.0',
            "http_answer_seconds_count 10.0",
        ):
            assert f"batch_gateway_{line}\n".encode() in scraped


async def test_a_subscription_under_the_head_of_a_query_is_streamed(sandbox: str) -> None:
    async with gateway(settings_of(sandbox)) as app:
        accept = "Accept: application/json, text/event-stream"
        connection = await known(app, asking("done-1", TOKENS[0], accept))
        plain = asking("done-1", TOKENS[0], accept)
        query = 'subscription { batchUpdates(refs: [{source: TRENDYOL, id: "done-1"}]) { isFinal } }'
        size = len(plain.partition(b"\r\n\r\n")[2])
        body = json.dumps({"query": query}).ljust(size).encode()
        assert len(body) == size
        connection.begin(plain.replace(plain.partition(b"\r\n\r\n")[2], body))
        answered = await until_answered(connection, rb"event: complete")
        assert connection.followed == 2
        assert b"text/event-stream" in answered
        assert b'{"isFinal":true}' in answered


async def test_heads_that_say_something_of_their_own_are_not_followed(sandbox: str) -> None:
    async with gateway(settings_of(sandbox)) as app:
        connection = Following(app)
        body = json.dumps({"query": BATCH, "variables": {"id": "done-1"}}).encode()
        shown = ("Content-Type: application/json", f"Authorization: Bearer {TOKENS[0]}")
        for more in ("X-Request-Id: mine", "Expect: 100-continue", "traceparent: 00-1-1-00", "Connection: close"):
            for _ in range(3):
                connection = Following(app) if connection.wire.is_closed else connection
                connection.begin(request(body, *shown, more))
                await until_answered(connection, rb"}$")
            assert connection.followed == 0


async def test_nothing_of_a_request_waits_for_the_garbage_collector(sandbox: str) -> None:
    async with gateway(settings_of(sandbox)) as app:
        connection = await known(app, asking("done-1"))
        gc.disable()
        try:
            left = [weakref.ref(connection.protocol.cycle)]
            for number in range(2, 6):
                await connection.send(asking(f"done-{number}"))
                left.append(weakref.ref(connection.protocol.cycle))
            assert connection.followed == 5
            assert [each() for each in left[:-1]] == [None] * 4
        finally:
            gc.enable()


async def test_a_connection_is_closed_when_it_was_idle_and_not_while_it_waits(sandbox: str) -> None:
    async with gateway(settings_of(sandbox)) as app:
        connection = await known(app, asking(SLOW % 1))
        connection.protocol.timeout_keep_alive_task.cancel()
        connection.protocol.timeout_keep_alive = 0.2
        connection.protocol.timeout_keep_alive_handler()  # as the timer does
        for number in range(2, 5):  # the first ones begin while the timer of an answer before them runs
            connection.begin(asking(SLOW % number))
            await until_answered(connection, rb"}$")
            assert b" 200 OK" in connection.answer
        async with asyncio.timeout(30):
            while not connection.wire.is_closed:  # noqa: ASYNC110  # nothing tells
                await asyncio.sleep(0.005)


async def test_a_connection_that_has_ended_does_not_wait_for_the_garbage_collector(sandbox: str) -> None:
    async with gateway(settings_of(sandbox)) as app:
        connection = await known(app, asking("done-1"))
        left = weakref.ref(connection.protocol)
        gc.disable()
        try:
            connection.protocol.timeout_keep_alive_task.cancel()
            connection.close()
            del connection.protocol.follow, connection.protocol
            await turns()
            assert left() is None
        finally:
            gc.enable()


async def test_who_is_answered_hears_of_the_end_with_others_behind(sandbox: str) -> None:
    async with gateway(settings_of(sandbox)) as app:
        connection = await known(app, asking("done-00000-1"))
        connection.begin(asking("done-l3000-2"))
        connection.protocol.data_received(asking("done-l3000-3"))
        endpoint = app._graphql
        assert endpoint is not None
        await turns()
        assert endpoint.dump()["live"] == 1
        running = connection.protocol._running
        assert running is not connection.protocol.cycle
        connection.close()
        assert running.disconnected
        async with asyncio.timeout(30):
            while endpoint.dump()["live"]:  # noqa: ASYNC110  # nothing tells
                await asyncio.sleep(0.005)
        assert connection.answer == b""

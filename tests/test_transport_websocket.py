"""graphql-transport-ws by its specification, and the older graphql-ws where it is switched on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.transports.clients import Anonymous, Client, Credentials, Unauthorized
from gateway.transports.limits import TransportLimits
from tests.ahead_clock import Ahead
from tests.edge import Edge, Wire, accepted, eventually, parts_sent, ready

pytestmark = pytest.mark.anyio

NOTHING = {"live": 0, "streams": 0, "sockets": 0}


@pytest.fixture
def edge() -> Edge:
    return Edge()


async def test_a_subscription_runs_to_its_end(edge: Edge) -> None:
    wire = await ready(edge)
    wire.subscribe("a", "subscription ($n: Int!) { ticks(count: $n) }", variables={"n": 2}, operationName=None)
    for n in range(2):
        assert await wire.receive() == {"id": "a", "type": "next", "payload": {"data": {"ticks": f"tick {n}"}}}
    assert await wire.receive() == {"id": "a", "type": "complete"}
    await eventually(lambda: edge.world.live == 0)
    await wire.leave()
    assert edge.endpoint.dump() == NOTHING


@pytest.mark.parametrize(
    ("query", "field"), [("{ hello }", "hello"), ("{ later }", "later"), ("mutation { touch }", "touch")]
)
async def test_queries_and_mutations_have_one_result(edge: Edge, query: str, field: str) -> None:
    wire = await ready(edge)
    wire.subscribe("q", query)
    assert list((await wire.receive())["payload"]["data"]) == [field]
    assert await wire.receive() == {"id": "q", "type": "complete"}
    await wire.leave()


async def test_operations_run_side_by_side_and_ids_can_be_used_again(edge: Edge) -> None:
    wire = await ready(edge)
    wire.subscribe("slow", "{ gated }")
    for _ in range(3):
        wire.subscribe("fast", "{ hello }")
        assert (await wire.receive())["id"] == "fast"
        assert await wire.receive() == {"id": "fast", "type": "complete"}
    edge.world.gate.set()
    assert (await wire.receive())["payload"] == {"data": {"gated": "open"}}
    assert await wire.receive() == {"id": "slow", "type": "complete"}
    await wire.leave()


async def test_every_operation_has_a_context_of_its_own(edge: Edge) -> None:
    wire = await ready(edge)
    for _ in range(2):
        wire.subscribe("q", "{ hello }")
        await wire.receive()
        await wire.receive()
    first, second = edge.contexts
    assert first is not second
    await wire.leave()


@pytest.mark.parametrize(
    ("query", "variables", "code"),
    [
        ("{", None, "GRAPHQL_PARSE_FAILED"),
        ("{ nope }", None, "GRAPHQL_VALIDATION_FAILED"),
        ("query ($n: String!) { hello(name: $n) }", {"n": 5}, "BAD_USER_INPUT"),
        ("subscription { failsFirst }", None, "UNKNOWN_ACCOUNT"),
    ],
)
async def test_an_operation_that_cannot_run_costs_no_other_its_life(
    edge: Edge, query: str, variables: Any, code: str
) -> None:
    wire = await ready(edge)
    wire.subscribe("other", "{ gated }")
    wire.subscribe("bad", query, variables=variables)
    message = await wire.receive()
    assert (message["id"], message["type"]) == ("bad", "error")
    assert message["payload"][0]["extensions"]["code"] == code
    edge.world.gate.set()
    assert (await wire.receive())["id"] == "other"
    await wire.leave()


async def test_a_stream_that_breaks_ends_with_error(edge: Edge) -> None:
    wire = await ready(edge)
    wire.subscribe("b", "subscription { breaks }")
    assert (await wire.receive())["payload"] == {"data": {"breaks": "one"}}
    message = await wire.receive()
    assert message["type"] == "error"
    assert message["payload"][0]["extensions"]["code"] == "INTERNAL"
    assert "secret" not in str(message)
    await wire.leave()


async def test_complete_ends_the_generator_at_once(edge: Edge) -> None:
    wire = await ready(edge)
    for _ in range(3):
        wire.subscribe("e", "subscription { endless }")
        assert (await wire.receive())["type"] == "next"
        assert edge.world.live == 1
        wire.send({"id": "e", "type": "complete"})
        await eventually(lambda: edge.world.live == 0)
        await eventually(lambda: edge.endpoint.dump()["streams"] == 0)
    wire.send({"id": "e", "type": "complete"})
    wire.send({"id": "never heard of", "type": "complete"})
    wire.send({"type": "ping"})
    assert await wire.receive() == {"type": "pong"}
    await wire.leave()


async def test_a_completed_query_sends_no_result(edge: Edge) -> None:
    wire = await ready(edge)
    wire.subscribe("g", "{ gated }")
    await eventually(lambda: edge.world.waiting == 1)
    wire.send({"id": "g", "type": "complete"})
    await eventually(lambda: edge.world.cancelled == 1)
    wire.send({"type": "ping"})
    assert await wire.receive() == {"type": "pong"}
    await wire.leave()


async def test_a_client_that_goes_frees_everything(edge: Edge) -> None:
    wire = await ready(edge)
    for n in range(5):
        wire.subscribe(str(n), "subscription { endless }")
        await wire.receive()
    wire.subscribe("q", "{ gated }")
    await eventually(lambda: edge.world.waiting == 1)
    assert edge.world.live == 5
    await wire.leave()
    assert (edge.world.live, edge.world.cancelled) == (0, 1)
    assert edge.endpoint.dump() == NOTHING


async def test_pings_are_answered_with_what_they_bring_even_before_the_init(edge: Edge) -> None:
    wire = await accepted(edge)
    wire.send({"type": "ping", "payload": {"a": [1, "ö"]}})
    assert await wire.receive() == {"type": "pong", "payload": {"a": [1, "ö"]}}
    wire.send({"type": "ping", "payload": None})
    assert await wire.receive() == {"type": "pong"}
    wire.send({"type": "pong"})
    wire.send({"type": "pong", "payload": {}})
    wire.send({"type": "connection_init", "payload": None})
    assert await wire.receive() == {"type": "connection_ack"}
    await wire.leave()


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "null",
        "5",
        '"ping"',
        "[1,2]",
        "[]",
        "{}",
        "{",
        "nonsense",
        '{"type":5}',
        '{"type":null}',
        '{"type":"nonsense"}',
        '{"type":"connection_ack"}',
        '{"type":"next","id":"a","payload":{}}',
        '{"type":"start","id":"a","payload":{"query":"{hello}"}}',
        '{"type":"connection_init","payload":[]}',
        '{"type":"ping","payload":"x"}',
        '{"type":"subscribe"}',
        '{"type":"subscribe","id":"a"}',
        '{"type":"subscribe","id":5,"payload":{"query":"{hello}"}}',
        '{"type":"subscribe","id":"","payload":{"query":"{hello}"}}',
        '{"type":"subscribe","id":null,"payload":{"query":"{hello}"}}',
        '{"type":"subscribe","id":"a","payload":null}',
        '{"type":"subscribe","id":"a","payload":"{hello}"}',
        '{"type":"subscribe","id":"a","payload":[]}',
        '{"type":"subscribe","id":"a","payload":{}}',
        '{"type":"subscribe","id":"a","payload":{"query":5}}',
        '{"type":"subscribe","id":"a","payload":{"query":"{hello}","variables":[]}}',
        '{"type":"subscribe","id":"a","payload":{"query":"{hello}","variables":"{}"}}',
        '{"type":"subscribe","id":"a","payload":{"query":"{hello}","operationName":5}}',
        '{"type":"subscribe","id":"a","payload":{"query":"{hello}","extensions":5}}',
        '{"type":"subscribe","id":"a","payload":{"query":"\\ud800"}}',
        '{"type":"complete"}',
        '{"type":"complete","id":5}',
        '{"type":"complete","id":""}',
        "[" * 50_000,
        '{"type":"ping","payload":{"a":' + "[" * 50_000 + "]" * 50_000 + "}}",
    ],
    ids=lambda frame: frame[:60] or "empty",
)
async def test_malformed_messages_close_with_4400(edge: Edge, frame: str) -> None:
    wire = await ready(edge)
    wire.send(frame)
    code, reason = await wire.closed()
    assert code == 4400
    assert 0 < len(reason.encode()) <= 123
    assert edge.endpoint.dump() == NOTHING


async def test_binary_messages_close_with_4400(edge: Edge) -> None:
    wire = await ready(edge)
    wire.send_bytes(b'{"type":"ping"}')
    assert (await wire.closed())[0] == 4400


async def test_unknown_members_are_ignored(edge: Edge) -> None:
    wire = await ready(edge)
    wire.send(
        {"type": "subscribe", "id": "a", "extra": 1, "payload": {"query": "{ hello }", "extra": [], "variables": None}}
    )
    assert (await wire.receive())["payload"] == {"data": {"hello": "hello world"}}
    await wire.leave()


async def test_operations_before_the_init_close_with_4401(edge: Edge) -> None:
    wire = await accepted(edge)
    wire.subscribe("a", "{ hello }")
    assert await wire.closed() == (4401, "Unauthorized")


async def test_a_second_init_closes_with_4429(edge: Edge) -> None:
    wire = await ready(edge)
    wire.send({"type": "connection_init"})
    assert await wire.closed() == (4429, "Too many initialisation requests")


async def test_an_id_that_is_in_use_closes_with_4409(edge: Edge) -> None:
    wire = await ready(edge)
    wire.subscribe("dupe", "subscription { endless }")
    await wire.receive()
    wire.subscribe("dupe", "{ hello }")
    assert await wire.closed() == (4409, "Subscriber for dupe already exists")
    assert edge.world.live == 0
    long = await ready(edge)
    for _ in range(2):
        long.subscribe("ö" * 500, "{ gated }")
    code, reason = await long.closed()
    assert code == 4409
    assert len(reason.encode()) <= 123


@pytest.mark.parametrize("offered", ["graphql-ws", "nonsense", ""])
async def test_unknown_subprotocols_close_with_4406(edge: Edge, offered: str) -> None:
    wire = Wire(edge, {}, offered)
    assert await wire.event() == {"type": "websocket.accept", "subprotocol": None}
    assert (await wire.closed())[0] == 4406


async def test_the_clients_first_known_subprotocol_is_taken() -> None:
    edge = Edge(options={"legacy_ws": True})
    for offered, expected in (
        (("x", "graphql-transport-ws", "graphql-ws"), "graphql-transport-ws"),
        (("graphql-ws", "graphql-transport-ws"), "graphql-ws"),
    ):
        wire = Wire(edge, {}, *offered)
        assert (await wire.event())["subprotocol"] == expected
        await wire.leave()


async def test_no_init_in_time_closes_with_4408() -> None:
    edge = Edge(TransportLimits(init_wait=0.05))
    wire = await accepted(edge)
    wire.send({"type": "ping"})
    await wire.receive()
    assert await wire.closed() == (4408, "Connection initialisation timeout")


async def test_a_hook_that_does_not_answer_is_not_waited_for() -> None:
    async def forever(credentials: Credentials) -> Client:
        await asyncio.Event().wait()
        return Anonymous()

    edge = Edge(TransportLimits(init_wait=0.05), options={"authenticate": forever})
    wire = await accepted(edge)
    wire.send({"type": "connection_init"})
    assert (await wire.closed())[0] == 4408


async def test_who_is_not_let_in_is_told_by_close_code() -> None:
    async def by_token(credentials: Credentials) -> Client:
        payload = credentials.payload or {}
        if credentials.headers.get(b"authorization") == b"Bearer good" or payload.get("token") == "good":
            return Anonymous("good")
        if payload.get("token") == "broken":
            raise ValueError("secret dsn")
        raise Unauthorized("Show a token.")

    edge = Edge(options={"authenticate": by_token})
    for payload in (None, {}, {"token": "bad"}):
        wire = await accepted(edge)
        wire.send({"type": "connection_init", "payload": payload})
        assert await wire.closed() == (4403, "Show a token.")
    broken = await accepted(edge)
    broken.send({"type": "connection_init", "payload": {"token": "broken"}})
    assert await broken.closed() == (1011, "Internal error")
    for headers, payload in (({"authorization": "Bearer good"}, None), ({}, {"token": "good"})):
        wire = await accepted(edge, **headers)
        wire.send({"type": "connection_init", "payload": payload})
        assert await wire.receive() == {"type": "connection_ack"}
        wire.subscribe("a", "{ hello }")
        await wire.receive()
        assert edge.contexts[-1].client == Anonymous("good")
        await wire.leave()


async def test_foreign_pages_are_refused_before_the_handshake_ends() -> None:
    edge = Edge(options={"origins": frozenset({"https://front.example"})})
    for origin, is_admitted in (
        ("https://evil.example", False),
        ("null", False),
        ("https://front.example", True),
        ("http://gateway", True),
    ):
        wire = Wire(edge, {"origin": origin, "host": "gateway"})
        event = await wire.event()
        assert event["type"] == ("websocket.accept" if is_admitted else "websocket.http.response.start")
        if is_admitted:
            await wire.leave()
        else:
            assert event["status"] == 403
            await wire.app


async def test_large_messages_close_with_1009() -> None:
    edge = Edge(TransportLimits(frame=100))
    wire = await ready(edge)
    wire.subscribe("a", "{ hello }" + " " * 100)
    assert (await wire.closed())[0] == 1009


async def test_idle_sockets_are_closed_but_not_those_with_operations() -> None:
    edge = Edge(TransportLimits(idle=0.1))
    busy = await ready(edge)
    busy.subscribe("s", "subscription { silent }")
    idle = await ready(edge)
    assert await idle.closed() == (1000, "Idle")
    await asyncio.sleep(0.2)
    assert edge.world.live == 1
    edge.world.gate.set()
    assert (await busy.receive())["type"] == "next"
    await busy.leave()


async def test_the_number_of_operations_on_a_socket_is_bounded() -> None:
    edge = Edge(TransportLimits(operations=2))
    wire = await ready(edge)
    for n in range(2):
        wire.subscribe(str(n), "subscription { endless }")
        await wire.receive()
    wire.subscribe("one too many", "{ hello }")
    message = await wire.receive()
    assert (message["id"], message["type"]) == ("one too many", "error")
    assert message["payload"][0]["extensions"]["code"] == "TOO_MANY_OPERATIONS"
    wire.send({"id": "0", "type": "complete"})
    await eventually(lambda: edge.world.live == 1)
    wire.subscribe("q", "{ hello }")
    assert (await wire.receive())["type"] == "next"
    await wire.leave()


async def test_operations_that_do_not_end_count_until_they_have_ended() -> None:
    edge = Edge(TransportLimits(operations=10))
    edge.world.slow_close = 0.3
    wire = await ready(edge)
    refused = 0
    for n in range(200):
        wire.subscribe(str(n), "subscription { endless }")
        message = await wire.receive()
        refused += message["type"] == "error"
        wire.send({"id": str(n), "type": "complete"})
    assert refused == 190
    assert edge.world.started == 10
    assert edge.world.live <= 10
    await eventually(lambda: edge.world.live == 0)
    wire.subscribe("after", "subscription { endless }")
    assert (await wire.receive())["type"] == "next"
    await wire.leave()
    assert edge.world.live == 0
    assert edge.endpoint.dump() == NOTHING


async def test_streams_are_bounded_over_all_sockets() -> None:
    edge = Edge(TransportLimits(streams=2))
    one, two = await ready(edge), await ready(edge)
    for wire in (one, two):
        wire.subscribe("a", "subscription { endless }")
        await wire.receive()
    two.subscribe("b", "subscription { endless }")
    message = await two.receive()
    assert message["payload"][0]["extensions"]["code"] == "TOO_MANY_STREAMS"
    two.subscribe("c", "{ hello }")
    assert (await two.receive())["type"] == "next"
    await one.leave()
    await two.receive()
    two.subscribe("b", "subscription { endless }")
    assert (await two.receive())["type"] == "next"
    await two.leave()
    assert edge.endpoint.dump() == NOTHING


async def test_sockets_are_bounded_in_all_and_for_each_client() -> None:
    edge = Edge(TransportLimits(sockets=2))
    wires = [await accepted(edge) for _ in range(2)]
    third = Wire(edge)
    event = await third.event()
    assert (event["type"], event["status"]) == ("websocket.http.response.start", 503)
    for wire in wires:
        await wire.leave()
    await (await accepted(edge)).leave()

    edge = Edge(TransportLimits(sockets_per_client=1))
    first, second = await ready(edge), await accepted(edge)
    second.send({"type": "connection_init"})
    assert (await second.closed())[0] == 1013
    await first.leave()
    await (await ready(edge)).leave()
    assert edge.endpoint.dump() == NOTHING


async def test_a_drain_closes_with_1012_and_takes_no_more(edge: Edge) -> None:
    wire, waiting = await ready(edge), await accepted(edge)
    wire.subscribe("a", "subscription { endless }")
    await wire.receive()
    edge.drain.begin()
    assert await wire.closed() == (1012, "Service restart")
    assert await waiting.closed() == (1012, "Service restart")
    assert edge.world.live == 0
    late = Wire(edge)
    assert (await late.event())["status"] == 503


async def test_credentials_that_lapse_end_their_own_sockets_alone() -> None:
    async def by_name(credentials: Credentials) -> Client:
        return Anonymous((credentials.payload or {})["name"])

    edge = Edge(options={"authenticate": by_name})
    wires = {}
    for name in ("stays", "goes"):
        wires[name] = wire = await accepted(edge)
        wire.send({"type": "connection_init", "payload": {"name": name}})
        await wire.receive()
        wire.subscribe("a", "subscription { endless }")
        await wire.receive()
    edge.endpoint.end_clients(lambda client: client.name == "goes")
    assert (await wires["goes"].closed())[0] == 4403
    assert edge.world.live == 1
    await wires["stays"].leave()


async def test_a_token_ends_its_socket_when_it_expires() -> None:
    clock = Ahead()

    async def briefly(credentials: Credentials) -> Client:
        return Anonymous("brief", clock.now().timestamp() + 60)

    edge = Edge(TransportLimits(heartbeat=0.2), options={"authenticate": briefly, "clock": clock})
    wire = await ready(edge)
    wire.subscribe("a", "subscription { endless }")
    await wire.receive()
    clock.seconds += 61
    assert (await wire.closed())[0] == 4403
    asking = asyncio.ensure_future(edge.post({"query": "subscription { endless }"}, "text/event-stream"))
    await eventually(lambda: parts_sent(edge, b"first") == 1)
    clock.seconds += 61
    reply = await asking
    assert b"UNAUTHENTICATED" in reply.body
    assert edge.world.live == 0


async def test_a_context_that_fails_costs_its_operation_alone(edge: Edge) -> None:
    wire = await ready(edge)

    def broken(client: object) -> object:
        raise ValueError("secret dsn")

    object.__setattr__(edge.endpoint._websocket._server, "context", broken)
    other = await ready(edge)
    other.subscribe("a", "{ hello }")
    message = await other.receive()
    assert message["payload"][0]["extensions"]["code"] == "INTERNAL"
    assert "secret" not in str(message)
    other.send({"type": "ping"})
    assert await other.receive() == {"type": "pong"}
    await other.leave()
    await wire.leave()


async def test_the_older_protocol_says_the_same_in_other_words() -> None:
    edge = Edge(TransportLimits(heartbeat=0.05), options={"legacy_ws": True})
    wire = await ready(edge, "graphql-ws")
    assert await wire.receive() == {"type": "ka"}
    wire.send({"id": "1", "type": "start", "payload": {"query": "subscription { ticks(count: 1) }"}})
    assert await wire.receive() == {"id": "1", "type": "data", "payload": {"data": {"ticks": "tick 0"}}}
    assert await wire.receive() == {"id": "1", "type": "complete"}
    wire.send({"id": "2", "type": "start", "payload": {"query": "{"}})
    message = await wire.receive()
    assert (message["type"], message["payload"]["extensions"]["code"]) == ("error", "GRAPHQL_PARSE_FAILED")
    wire.send({"id": "3", "type": "start", "payload": {"query": "subscription { endless }"}})
    await wire.receive()
    wire.send({"id": "3", "type": "stop"})
    await eventually(lambda: edge.world.live == 0)
    assert await wire.receive() == {"type": "ka"}
    wire.send({"type": "connection_terminate"})
    while (event := await wire.event())["type"] == "websocket.send":
        assert event["text"] == '{"type":"ka"}'
    assert event["code"] == 1000
    await wire.app


async def test_the_older_protocol_lets_nobody_in_unasked() -> None:
    async def nobody(credentials: Credentials) -> Client:
        raise Unauthorized("No.")

    edge = Edge(options={"legacy_ws": True, "authenticate": nobody})
    wire = await accepted(edge, "graphql-ws")
    wire.send({"id": "1", "type": "start", "payload": {"query": "{ hello }"}})
    assert (await wire.closed())[0] == 4401
    wire = await accepted(edge, "graphql-ws")
    wire.send({"type": "connection_init"})
    assert await wire.receive() == {"type": "connection_error", "payload": {"message": "No."}}
    assert (await wire.closed())[0] == 4403

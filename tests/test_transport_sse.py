"""GraphQL over server-sent events, distinct connections mode."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from gateway.transports.limits import TransportLimits
from gateway.transports.sse import EventStream
from tests.edge import Edge, Reply, eventually, parts_sent

pytestmark = pytest.mark.anyio

EVENTS = "text/event-stream"


def events(body: bytes) -> list[dict[str, str]]:
    """What an EventSource makes of a stream."""
    found: list[dict[str, str]] = []
    for block in body.decode().split("\n\n"):
        fields: dict[str, str] = {}
        for line in block.split("\n"):
            name, separator, value = line.partition(":")
            if name and separator:
                value = value.removeprefix(" ")
                fields[name] = f"{fields[name]}\n{value}" if name in fields else value
        if fields:
            found.append(fields)
    return found


def results(reply: Reply) -> list[Any]:
    """The results of a stream that ended with `complete`."""
    *nexts, last = events(reply.body)
    assert last == {"event": "complete", "id": "complete", "data": ""}
    assert all(set(event) == {"event", "data"} and event["event"] == "next" for event in nexts)
    return [json.loads(event["data"]) for event in nexts]


@pytest.fixture
def edge() -> Edge:
    return Edge()


async def test_a_subscription_is_streamed_to_its_end_by_post_and_get(edge: Edge) -> None:
    query = "subscription ($n: Int!) { ticks(count: $n) }"
    posted = await edge.post({"query": query, "variables": {"n": 2}}, EVENTS)
    got = await edge.get(EVENTS, query=query, variables='{"n":2}')
    for reply in (posted, got):
        assert reply.status == 200
        assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert reply.headers["cache-control"] == "no-cache, no-transform"
        assert reply.headers["x-accel-buffering"] == "no"
        assert "content-length" not in reply.headers
        assert results(reply) == [{"data": {"ticks": "tick 0"}}, {"data": {"ticks": "tick 1"}}]
    assert edge.world.live == 0
    assert edge.endpoint.dump() == {"live": 0, "streams": 0, "sockets": 0}


async def test_the_stream_stands_before_its_first_event(edge: Edge) -> None:
    asking = asyncio.ensure_future(edge.post({"query": "subscription { silent }"}, EVENTS))
    await eventually(lambda: edge.world.live > 0)
    assert not asking.done()
    edge.world.gate.set()
    reply = await asking
    assert reply.chunks[0] == b":\n\n"
    assert results(reply) == [{"data": {"silent": "at last"}}]


@pytest.mark.parametrize("query", ["{ hello }", "{ later }", "mutation { touch }"])
async def test_queries_and_mutations_stream_one_result(edge: Edge, query: str) -> None:
    (result,) = results(await edge.post({"query": query}, EVENTS))
    assert set(result) == {"data"}


async def test_a_client_that_takes_anything_gets_a_subscription_as_events(edge: Edge) -> None:
    for accept in (None, "*/*", f"application/json, {EVENTS};q=0.5"):
        assert len(results(await edge.post({"query": "subscription { ticks }"}, accept))) == 3


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nope }", "GRAPHQL_VALIDATION_FAILED"),
        ("query ($n: String!) { hello(name: $n) }", "BAD_USER_INPUT"),
        ("subscription { failsFirst }", "UNKNOWN_ACCOUNT"),
    ],
)
async def test_errors_before_the_first_event_are_told_in_the_stream(edge: Edge, query: str, code: str) -> None:
    """An EventSource cannot read the body of any other answer, and would connect again and again."""
    reply = await edge.get(EVENTS, query=query)
    assert reply.status == 200
    (result,) = results(reply)
    assert result["errors"][0]["extensions"]["code"] == code
    assert "data" not in result


async def test_a_stream_that_breaks_says_so_and_ends(edge: Edge) -> None:
    reply = await edge.post({"query": "subscription { breaks }"}, EVENTS)
    one, broken = results(reply)
    assert one == {"data": {"breaks": "one"}}
    assert broken["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert b"secret" not in reply.body


async def test_what_is_no_graphql_request_is_answered_by_status(edge: Edge) -> None:
    for body, status in ((b"nonsense", 400), (b"{}", 400), (b'{"query":5}', 400)):
        reply = await edge.post(body, EVENTS)
        assert reply.status == status
        assert reply.headers["content-type"].startswith("application/json")


async def test_an_event_source_that_comes_back_after_the_end_is_sent_away(edge: Edge) -> None:
    first = await edge.get(EVENTS, query="subscription { ticks }")
    last_id = events(first.body)[-1]["id"]
    again = await edge.get(EVENTS, {"last-event-id": last_id}, query="subscription { ticks }")
    assert (again.status, again.body) == (204, b"")
    assert edge.world.started == 1
    other = await edge.get(EVENTS, {"last-event-id": "17"}, query="subscription { ticks }")
    assert len(results(other)) == 3


async def test_a_drained_stream_ends_without_complete_so_that_the_client_comes_back(edge: Edge) -> None:
    asking = asyncio.ensure_future(edge.get(EVENTS, query="subscription { endless }"))
    await eventually(lambda: parts_sent(edge, b"first") == 1)
    edge.drain.begin()
    reply = await asking
    assert edge.world.live == 0
    (event, retry) = events(reply.body)
    assert json.loads(event["data"]) == {"data": {"endless": "first"}}
    assert list(retry) == ["retry"]
    assert 500 <= int(retry["retry"]) <= 3_000


async def test_silence_is_broken_by_a_comment() -> None:
    edge = Edge(TransportLimits(heartbeat=0.05))
    asking = asyncio.ensure_future(edge.get(EVENTS, query="subscription { silent }"))
    await eventually(lambda: parts_sent(edge, b":\n\n") >= 3)
    edge.world.gate.set()
    reply = await asking
    assert reply.chunks.count(b":\n\n") >= 3
    assert len(results(reply)) == 1


def test_json_with_lines_stays_one_event() -> None:
    payload = b'{"a":\n[1,\r\n2],\r"b":\n\n3}'
    (event,) = events(EventStream().part(payload))
    assert json.loads(event["data"]) == json.loads(payload)
    assert events(EventStream().part(b'{"a":1}')) == [{"event": "next", "data": '{"a":1}'}]


@pytest.mark.parametrize("limits", [TransportLimits(streams=1), TransportLimits(streams_per_client=1)])
async def test_the_number_of_streams_is_bounded_in_all_and_for_each_client(limits: TransportLimits) -> None:
    edge = Edge(limits)
    first = asyncio.ensure_future(edge.get(EVENTS, query="subscription { endless }"))
    await eventually(lambda: edge.world.live > 0)
    refused = await edge.get(EVENTS, query="subscription { ticks }")
    assert (refused.status, refused.code) == (429, "TOO_MANY_STREAMS")
    assert refused.headers["retry-after"] == "1"
    edge.drain.begin()
    await first
    assert edge.endpoint.dump()["streams"] == 0

"""Multipart subscriptions, as Apollo's clients read them."""

from __future__ import annotations

import asyncio
import json
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import pytest

from gateway.transports.limits import TransportLimits
from tests.edge import Edge, Reply, eventually, parts_sent

pytestmark = pytest.mark.anyio

MULTIPART = "multipart/mixed;subscriptionSpec=1.0"


def parts(reply: Reply) -> list[Any]:
    """The parts of a whole stream, read by a parser that is not ours; signs of life left out."""
    head = f"Content-Type: {reply.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + reply.body)
    assert message.is_multipart()
    assert not message.defects
    assert reply.body.endswith(b"\r\n--graphql--\r\n")
    found: list[Any] = []
    for part in message.iter_parts():
        assert part.get_content_type() == "application/json"
        found.append(json.loads(part.get_payload(decode=True)))
    return [part for part in found if part]


@pytest.fixture
def edge() -> Edge:
    return Edge()


@pytest.mark.parametrize(
    "accept",
    [
        MULTIPART,
        'multipart/mixed;boundary="graphql";subscriptionSpec=1.0',
        'multipart/mixed;boundary=graphql;subscriptionSpec="1.0", application/json;q=0.9',
        'application/json;q=0.5, multipart/mixed; boundary="-"; subscriptionSpec=1.0',
        "application/json, multipart/mixed;subscriptionSpec=1.0",
    ],
)
async def test_a_subscription_is_streamed_to_its_end(edge: Edge, accept: str) -> None:
    reply = await edge.post({"query": "subscription { ticks(count: 2) }"}, accept)
    assert reply.status == 200
    assert reply.headers["content-type"] == 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0'
    assert parts(reply) == [{"payload": {"data": {"ticks": f"tick {n}"}}} for n in range(2)]
    assert edge.world.live == 0


async def test_the_first_delimiter_comes_at_once_and_each_part_with_the_next(edge: Edge) -> None:
    reply = await edge.post({"query": "subscription { ticks(count: 2) }"}, MULTIPART)
    first, *rest, last = reply.chunks
    assert first == b"--graphql\r\n"
    assert len(rest) == 2
    assert all(chunk.endswith(b"\r\n--graphql\r\n") for chunk in rest)
    assert last.endswith(b"\r\n--graphql--\r\n")


async def test_parts_are_ascii_so_that_no_letter_is_cut_in_two(edge: Edge) -> None:
    words = "ğüşiöç İı 🙂 \\u0131 \\n"
    reply = await edge.post({"query": f'{{ hello(name: "{words}") }}'}, MULTIPART)
    assert reply.body.isascii()
    assert parts(reply) == [{"payload": {"data": {"hello": "hello ğüşiöç İı 🙂 ı \n"}}}]
    refused = await edge.post({"query": '{ "ğ" }'}, MULTIPART)
    assert refused.body.isascii()


async def test_a_query_is_one_part(edge: Edge) -> None:
    assert parts(await edge.post({"query": "{ hello }"}, MULTIPART)) == [
        {"payload": {"data": {"hello": "hello world"}}}
    ]


async def test_errors_before_the_stream_are_plain_where_the_client_reads_that(edge: Edge) -> None:
    reply = await edge.post({"query": "subscription { nope }"}, f"{MULTIPART}, application/graphql-response+json")
    assert (reply.status, reply.code) == (400, "GRAPHQL_VALIDATION_FAILED")
    (part,) = parts(await edge.post({"query": "subscription { nope }"}, MULTIPART))
    assert part["payload"] is None
    assert part["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert (await edge.post(b"nonsense", MULTIPART)).status == 400


async def test_a_stream_that_fails_ends_with_an_error_of_the_stream(edge: Edge) -> None:
    (failed,) = parts(await edge.post({"query": "subscription { failsFirst }"}, MULTIPART))
    assert failed["payload"] is None
    assert failed["errors"][0]["extensions"]["code"] == "UNKNOWN_ACCOUNT"
    reply = await edge.post({"query": "subscription { breaks }"}, MULTIPART)
    one, broken = parts(reply)
    assert one == {"payload": {"data": {"breaks": "one"}}}
    assert broken["payload"] is None
    assert broken["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert b"secret" not in reply.body


async def test_a_drained_stream_ends_with_an_error_to_retry_on(edge: Edge) -> None:
    asking = asyncio.ensure_future(edge.post({"query": "subscription { endless }"}, MULTIPART))
    await eventually(lambda: parts_sent(edge, b"first") == 1)
    edge.drain.begin()
    first, last = parts(await asking)
    assert first == {"payload": {"data": {"endless": "first"}}}
    assert last["payload"] is None
    assert last["errors"][0]["extensions"]["code"] == "SERVICE_RESTART"
    assert edge.world.live == 0


async def test_silence_is_broken_by_an_empty_part() -> None:
    edge = Edge(TransportLimits(heartbeat=0.05))
    asking = asyncio.ensure_future(edge.post({"query": "subscription { silent }"}, MULTIPART))
    await eventually(lambda: parts_sent(edge, b"{}") >= 2)
    edge.world.gate.set()
    reply = await asking
    assert reply.chunks.count(b"Content-Type: application/json\r\n\r\n{}\r\n--graphql\r\n") >= 2
    assert parts(reply) == [{"payload": {"data": {"silent": "at last"}}}]

"""Whatever is sent, the edge answers by its protocols: no fault of its own, no word of its inside."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.edge import Edge, Wire, ready

FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
queries = st.sampled_from(
    [
        "{ hello }",
        "query ($n: String!) { hello(name: $n) }",
        "query A { hello } query B { later }",
        "query ($r: [Ref!]!) { batches(refs: $r) { id } }",
        "mutation { touch }",
        "subscription { ticks }",
        "{",
        "",
    ]
)
requests = st.fixed_dictionaries(
    {},
    optional={
        "query": queries | json_values,
        "variables": st.dictionaries(st.sampled_from(["n", "r", "x"]), json_values, max_size=3) | json_values,
        "operationName": st.sampled_from(["A", "B", "C"]) | json_values,
        "extensions": json_values,
    },
)
accepts = st.sampled_from(
    [
        "*/*",
        "application/json",
        "application/graphql-response+json",
        "text/event-stream",
        "multipart/mixed;subscriptionSpec=1.0",
    ]
) | st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=40)


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


@FUZZ
@given(st.binary(max_size=60) | requests.map(encoded) | json_values.map(encoded), accepts)
def test_any_body_is_answered_with_a_status_of_the_clients_own(body: bytes, accept: str) -> None:
    async def check() -> None:
        messages: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if messages:
                await asyncio.Event().wait()
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            messages.append(message)

        headers = [(b"content-type", b"application/json"), (b"accept", accept.encode("latin-1"))]
        edge = Edge()
        await edge({"type": "http", "method": "POST", "query_string": b"", "headers": headers}, receive, send)
        await edge.endpoint.aclose()
        assert messages[0]["status"] in {200, 400, 406}
        assert b"Traceback" not in b"".join(message["body"] for message in messages[1:])

    asyncio.run(check())


@FUZZ
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")))
def test_any_query_string_is_answered_with_a_status_of_the_clients_own(query_string: bytes) -> None:
    async def check() -> None:
        edge = Edge()
        reply = await edge.ask("GET", query_string=query_string.decode("latin-1"))
        await edge.endpoint.aclose()
        assert reply.status in {200, 400}

    asyncio.run(check())


frames = st.one_of(
    st.text(max_size=40),
    json_values.map(json.dumps),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["connection_init", "ping", "pong", "subscribe", "complete", "next", "x"])},
        optional={"id": st.sampled_from(["1", "2", ""]) | json_values, "payload": requests | json_values},
    ).map(json.dumps),
)


@FUZZ
@given(st.lists(frames, min_size=1, max_size=6))
def test_any_frames_are_answered_or_close_the_socket_with_a_code_of_the_protocol(texts: list[str]) -> None:
    async def check() -> None:
        edge = Edge()
        wire: Wire = await ready(edge)
        for text in texts:
            wire.send(text)
        wire.send("[]")  # which no socket survives
        while (event := await wire.event())["type"] == "websocket.send":
            assert json.loads(event["text"])["type"] in {"pong", "next", "error", "complete"}
        assert event["code"] in {4400, 4409, 4429}
        await wire.app
        assert edge.world.live == 0
        assert edge.endpoint.dump() == {"live": 0, "streams": 0, "sockets": 0}
        await edge.endpoint.aclose()

    asyncio.run(check())

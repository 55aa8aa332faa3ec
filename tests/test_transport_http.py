"""GraphQL over HTTP: negotiation, status codes, and nothing that a malformed request could break."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any

import pytest

from gateway.transports.clients import Anonymous, Client, Credentials, Unauthorized
from gateway.transports.limits import TransportLimits
from gateway.transports.negotiation import Media, acceptable, is_json
from gateway.transports.origins import Origins
from tests.edge import Edge
from tests.live_server import serve

pytestmark = pytest.mark.anyio

JSON = "application/json"
RESPONSE = "application/graphql-response+json"
HELLO = {"query": "{ hello }"}


@pytest.fixture
def edge() -> Edge:
    return Edge()


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (RESPONSE, RESPONSE),
        (f"{RESPONSE}, {JSON}", RESPONSE),
        (f"{JSON}, {RESPONSE}", JSON),
        (f"{RESPONSE}, {JSON};q=0.9", RESPONSE),
        (f"{RESPONSE};q=0.5, {JSON};q=0.9", JSON),
        (f"{RESPONSE}; charset=utf-8", RESPONSE),
        (f"{RESPONSE.upper()} ; Q=1.0", RESPONSE),
        (f"text/html, */*;q=0.1, {RESPONSE};q=0.2", RESPONSE),
        (f"{JSON};q=0, */*", RESPONSE),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", JSON),
        (f"multipart/mixed;deferSpec=20220824, {JSON}", JSON),
    ],
)
async def test_the_dearest_media_type_is_answered(edge: Edge, accept: str | None, expected: str) -> None:
    reply = await edge.post(HELLO, accept)
    assert reply.status == 200
    assert reply.headers["content-type"] == f"{expected}; charset=utf-8"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert int(reply.headers["content-length"]) == len(reply.body)
    assert reply.json == {"data": {"hello": "hello world"}}


@pytest.mark.parametrize(
    "accept",
    ["text/html", "image/png;q=1", f"{JSON};q=0", f"{JSON};charset=utf-16", "multipart/mixed", "nonsense", ',,;="'],
)
async def test_nothing_that_fits_is_406(edge: Edge, accept: str) -> None:
    reply = await edge.post(HELLO, accept)
    assert reply.status == 406
    assert reply.code == "NOT_ACCEPTABLE"


async def test_accept_may_stand_in_several_lines(edge: Edge) -> None:
    messages: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b'{"query":"{hello}"}', "more_body": False}

    async def send(message: Any) -> None:
        messages.append(message)

    lines = [(b"accept", b"text/html"), (b"content-type", b"application/json"), (b"accept", RESPONSE.encode())]
    await edge({"type": "http", "method": "POST", "query_string": b"", "headers": lines}, receive, send)
    assert messages[0]["status"] == 200
    assert dict(messages[0]["headers"])[b"content-type"].startswith(RESPONSE.encode())


def test_streams_are_ranked_like_everything_else() -> None:
    assert acceptable(None) == (Media.JSON, Media.RESPONSE, Media.EVENTS, Media.MULTIPART)
    assert acceptable(b"text/event-stream") == (Media.EVENTS,)
    assert acceptable(b"text/*") == (Media.EVENTS,)
    assert acceptable(b"application/json, text/event-stream") == (Media.JSON, Media.EVENTS)
    assert acceptable(b"application/json;q=0.5, text/event-stream") == (Media.EVENTS, Media.JSON)
    for multipart in (
        b"multipart/mixed;subscriptionSpec=1.0",
        b'multipart/mixed;boundary="graphql";subscriptionSpec="1.0"',
        b"multipart/mixed; boundary=graphql; subscriptionspec=1.0",
        b"multipart/mixed;subscriptionSpec=1.0;boundary='-'",
        b'multipart/mixed;boundary="a,b;c";subscriptionSpec=1.0',
    ):
        assert acceptable(multipart) == (Media.MULTIPART,)
        assert acceptable(multipart + b", application/json;q=0.9") == (Media.MULTIPART, Media.JSON)
    for other in (b"multipart/mixed", b"multipart/mixed;subscriptionSpec=2.0", b"multipart/mixed;deferSpec=20220824"):
        assert acceptable(other) == ()
    assert acceptable(b"x/y," * 5_000 + b"*/*;q=0.001") == tuple(Media)
    assert acceptable(b"application/json;q=high") == ()


def test_quotes_without_an_end_take_time_linear_in_the_header() -> None:
    began = time.process_time()
    for header in (b'"\\' * 30_000, b'x/y;q="a\\' * 6_000, b"x/y" + b';a="\\' * 12_000, b'"a\\"' * 15_000):
        assert acceptable(header) == ()
    assert time.process_time() - began < 5  # some 0.2 s; by trying again behind each quote it were minutes
    assert acceptable(b'application/json, text/html;a="\\') == (Media.JSON,)
    assert acceptable(b'text/html;a="\\", application/json') == ()


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        (b"application/json", True),
        (b"Application/JSON; charset=UTF-8", True),
        (b'application/json;charset="utf-8"', True),
        (b"application/json; charset=utf-16", False),
        (b"application/graphql", False),
        (b"application/x-www-form-urlencoded", False),
        (b"text/plain", False),
        (b"application/jsonp", False),
        (b"", False),
        (b"application/json;" + b"a" * 5_000, False),
    ],
)
def test_bodies_are_json_in_utf8(content_type: bytes, expected: bool) -> None:
    assert is_json(content_type) is expected


async def test_other_content_types_are_415(edge: Edge) -> None:
    for content_type in ("text/plain", "multipart/form-data; boundary=x", "application/json; charset=latin1"):
        reply = await edge.ask("POST", b'{"query":"{hello}"}', {"content-type": content_type})
        assert (reply.status, reply.code) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert (await edge.ask("POST", b'{"query":"{hello}"}', {})).status == 415
    assert (await edge.post(HELLO, **{"content-encoding": "gzip"})).status == 415


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"5",
        b'"abc"',
        b"true",
        b"[]",
        b'[{"query":"{hello}"}]',
        b"{",
        b'{"query":"{hello}"} trailing',
        b'{"query":"{ hello',
        b"\xff\xfe{}",
        b'{"query":"\xff"}',
        b'{"query":"\\ud800"}',
        b'{"query":5}',
        b'{"query":{"a":1}}',
        b'{"query":["{hello}"]}',
        b'{"query":"{hello}","variables":[]}',
        b'{"query":"{hello}","variables":"{}"}',
        b'{"query":"{hello}","variables":{"a":NaN}}',
        b'{"query":"{hello}","variables":{"a":1e999}}',
        b'{"query":"{hello}","operationName":7}',
        b'{"query":"{hello}","extensions":[]}',
        b'{"qeury":"{hello}"}',
        b'{"query":null}',
        b"[" * 100_000,
        b'{"variables":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
    ],
    ids=lambda body: repr(body[:30]),
)
async def test_what_is_no_graphql_request_is_400(edge: Edge, body: bytes) -> None:
    for accept in (JSON, RESPONSE, None):
        reply = await edge.post(body, accept)
        assert reply.status == 400
        assert reply.code == "BAD_REQUEST"
        assert set(reply.json) == {"errors"}


async def test_unknown_members_and_nulls_are_ignored(edge: Edge) -> None:
    request = {**HELLO, "variables": None, "operationName": None, "extensions": None, "id": 5}
    assert (await edge.post(request)).json == {"data": {"hello": "hello world"}}
    assert (await edge.post({**HELLO, "extensions": {"some": "value"}})).status == 200


async def test_huge_integers_are_values_like_any_other(edge: Edge) -> None:
    reply = await edge.post(
        b'{"query":"query($n:Int){ticks:__typename @skip(if:false)}","variables":{"n":' + b"9" * 4000 + b"}}"
    )
    assert reply.status in {200, 400}


@pytest.mark.parametrize(
    "request_",
    [
        {"query": "{"},
        {"query": "{ nope }"},
        {"query": "query ($id: ID!) { __typename }", "variables": {"id": None}},
        {"query": "query ($n: Int!) { hello }", "variables": {"n": "x"}},
        {"query": "{ hello } query B { hello }"},
        {"query": "query A { hello } query B { hello }"},
        {"query": "query A { hello }", "operationName": "B"},
    ],
)
async def test_operations_that_cannot_run_are_400_or_for_plain_json_200(edge: Edge, request_: Any) -> None:
    for accept, status in ((RESPONSE, 400), (JSON, 200), (None, 200), ("*/*", 200)):
        reply = await edge.post(request_, accept)
        assert reply.status == status
        assert set(reply.json) == {"errors"}


async def test_results_with_errors_are_200(edge: Edge) -> None:
    for query, data in (("{ broken }", {"broken": None}), ("{ brokenHard }", None)):
        for accept in (RESPONSE, JSON):
            reply = await edge.post({"query": query}, accept)
            assert reply.status == 200
            assert reply.json["data"] == data
            assert reply.code == "INTERNAL"


async def test_get_runs_queries(edge: Edge) -> None:
    reply = await edge.get(query="query Q($n: String!) { hello(name: $n) }", variables='{"n":"ö🏃"}', operationName="Q")
    assert (reply.status, reply.json) == (200, {"data": {"hello": "hello ö🏃"}})
    assert (await edge.get(query="{ hello }", variables="", operationName="", extensions="")).status == 200
    assert (await edge.get(query="{ hello }", variables="null")).status == 200


async def test_get_runs_no_mutation(edge: Edge) -> None:
    for accept in (RESPONSE, JSON, None, "text/event-stream"):
        reply = await edge.get(accept, query="mutation { touch }")
        assert (reply.status, reply.headers["allow"]) == (405, "POST")
    reply = await edge.get(query="query A { hello } mutation B { touch }", operationName="B")
    assert reply.status == 405
    assert (await edge.get(query="query A { hello } mutation B { touch }", operationName="A")).status == 200


@pytest.mark.parametrize(
    "query_string",
    [
        "",
        "query=",
        "query={hello}&variables=[]",
        "query={hello}&variables={",
        "query={hello}&extensions=5",
        "query=%FF",
        "&" * 200,
        "query=%7Bhello%7D&variables=%FF",
    ],
)
async def test_malformed_gets_are_400(edge: Edge, query_string: str) -> None:
    reply = await edge.ask("GET", query_string=query_string)
    assert (reply.status, reply.code) == (400, "BAD_REQUEST")


async def test_other_methods_are_405(edge: Edge) -> None:
    for method in ("PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"):
        reply = await edge.ask(method)
        assert (reply.status, reply.headers["allow"]) == (405, "GET, POST")


async def test_bodies_and_query_strings_have_a_limit() -> None:
    edge = Edge(TransportLimits(body=100))
    large = json.dumps({"query": "{ hello }", "extensions": {"x": "y" * 100}}).encode()
    for parts in ([large], [large[:60], large[60:]], [large[:60], large[60:90], large[90:]]):
        reply = await edge.ask("POST", parts, {"content-type": JSON})
        assert (reply.status, reply.code) == (413, "BODY_TOO_LARGE")
    for length in ("101", "1000000", "9" * 30):
        reply = await edge.ask("POST", b"{}" + b" " * 99, {"content-type": JSON, "content-length": length})
        assert reply.status == 413
    assert (await edge.ask("POST", [b'{"query":', b'"{hello}"}'], {"content-type": JSON})).status == 200
    assert (await edge.get(query="{ hello }" + " " * 100)).status == 414


async def test_subscriptions_need_a_stream(edge: Edge) -> None:
    for accept in (JSON, RESPONSE):
        reply = await edge.post({"query": "subscription { ticks }"}, accept)
        assert (reply.status, reply.code) == (406, "NOT_ACCEPTABLE")


async def test_every_operation_has_a_context_of_its_own(edge: Edge) -> None:
    await edge.post(HELLO)
    await edge.post(HELLO)
    first, second = edge.contexts
    assert first is not second


async def test_faults_of_the_gateway_are_500_with_an_id() -> None:
    edge = Edge(fault=ValueError("secret dsn"))
    reply = await edge.post(HELLO)
    assert (reply.status, reply.code) == (500, "INTERNAL")
    assert b"secret" not in reply.body
    stream = await edge.post({"query": "subscription { ticks }"}, "text/event-stream")
    assert stream.status == 200
    assert b"INTERNAL" in stream.body
    assert b"secret" not in stream.body


async def _by_token(credentials: Credentials) -> Client:
    token = credentials.headers.get(b"authorization", b"").removeprefix(b"Bearer ")
    if token != b"good":
        raise Unauthorized(status=403 if token == b"known" else 401)
    return Anonymous("good")


async def test_who_is_not_let_in_is_told_by_status() -> None:
    edge = Edge(options={"authenticate": _by_token})
    reply = await edge.post(HELLO)
    assert (reply.status, reply.code, reply.headers["www-authenticate"]) == (401, "UNAUTHENTICATED", "Bearer")
    assert (await edge.post(b"nonsense")).status == 401
    assert (await edge.post(HELLO, "text/event-stream")).status == 401
    assert (await edge.post(HELLO, authorization="Bearer known")).status == 403
    assert (await edge.post(HELLO, authorization="Bearer good")).status == 200
    assert edge.contexts[-1].client == Anonymous("good")


@pytest.mark.parametrize(
    ("headers", "is_admitted"),
    [
        ({}, True),
        ({"origin": "http://gateway.example", "host": "gateway.example"}, True),
        ({"origin": "https://gateway.example:8443", "host": "gateway.example:8443"}, True),
        ({"origin": "https://front.example", "host": "gateway.example"}, True),
        ({"origin": "https://FRONT.example", "host": "gateway.example"}, True),
        ({"origin": "http://front.example", "host": "gateway.example"}, False),
        ({"origin": "https://evil.example", "host": "gateway.example"}, False),
        ({"origin": "null", "host": "gateway.example"}, False),
        ({"origin": "", "host": ""}, False),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}, False),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "script"}, False),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}, False),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, True),
        ({"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}, True),
        ({"sec-fetch-site": "none"}, True),
    ],
)
async def test_get_is_closed_to_foreign_pages(headers: dict[str, str], is_admitted: bool) -> None:
    edge = Edge(options={"origins": frozenset({"https://front.example/"})})
    for accept in (None, "text/event-stream"):
        reply = await edge.get(accept, headers, query="{ hello }")
        assert reply.status == (200 if is_admitted else 403)
        if not is_admitted:
            assert reply.code == "CROSS_SITE"


def test_every_origin_can_be_let_in() -> None:
    assert Origins(frozenset({"*"})).admits({b"origin": b"https://any.example", b"host": b"gateway"})


async def test_too_many_queries_at_once_are_503() -> None:
    edge = Edge(TransportLimits(requests=0))
    reply = await edge.post(HELLO)
    assert (reply.status, reply.code, reply.headers["retry-after"]) == (503, "OVERLOADED", "1")


async def test_a_draining_gateway_answers_queries_and_says_goodbye(edge: Edge) -> None:
    edge.drain.begin()
    reply = await edge.post(HELLO)
    assert (reply.status, reply.headers["connection"]) == (200, "close")
    for accept in ("text/event-stream", "multipart/mixed;subscriptionSpec=1.0"):
        reply = await edge.post({"query": "subscription { ticks }"}, accept)
        assert (reply.status, reply.code) == (503, "SERVICE_RESTART")


def test_malformed_requests_drop_no_connection(edge: Edge) -> None:
    bodies = [b"null", b"5", b"[" * 50_000, b"\xff", b'{"query":"{"}', b'{"query":"{broken}"}', b"x" * 3_000_000]
    with serve(edge) as (host, port):
        connection = http.client.HTTPConnection(host, port)
        for body in bodies:
            connection.request("POST", "/graphql", body, {"content-type": JSON})
            response = connection.getresponse()
            response.read()
            assert response.status < 500
            kept = connection.sock
            connection.request("POST", "/graphql", json.dumps(HELLO), {"content-type": JSON})
            response = connection.getresponse()
            assert (response.status, json.load(response)) == (200, {"data": {"hello": "hello world"}})
            assert connection.sock is kept
        connection.close()

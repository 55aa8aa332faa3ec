"""The engine: prepared once, executed as Strawberry would, encoded once, with errors that have codes."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest
import strawberry
from strawberry.extensions import SchemaExtension

from gateway.engine.documents import CacheBounds, Documents
from gateway.engine.engine import Engine
from gateway.engine.request import OperationRequest, RequestError
from gateway.limits import DocumentLimits
from tests.edge_schema import EdgeContext, World, edge_schema

pytestmark = pytest.mark.anyio

SCHEMA = edge_schema()
ENGINE = Engine(SCHEMA)


async def run(query: str, engine: Engine = ENGINE, **request: Any) -> Any:
    prepared = engine.prepare(OperationRequest(query, **request))
    return json.loads(await engine.execute(prepared, EdgeContext(World())))


async def results(query: str, engine: Engine = ENGINE, world: World | None = None, **request: Any) -> list[Any]:
    prepared = engine.prepare(OperationRequest(query, **request))
    return [json.loads(r) async for r in engine.stream(prepared, EdgeContext(world or World()))]


def refused(query: str | None, engine: Engine = ENGINE, **request: Any) -> RequestError:
    with pytest.raises(RequestError) as caught:
        engine.prepare(OperationRequest(query, **request))
    return caught.value


async def test_a_query_is_answered_as_strawberry_answers_it() -> None:
    batch = "batch(ref: $r) { id __typename items(first: 2) { nodes { name price weight } } }"
    query = f"query Q($r: Ref!) {{ hello later {batch} }}"
    variables = {"r": {"id": "x", "color": "RED"}}
    expected = await SCHEMA.execute(query, variables, EdgeContext(World()))
    answer = await run(query, variables=variables)
    assert answer == {"data": expected.data}
    assert list(answer["data"]) == list(expected.data or {})


async def test_without_waiting_resolvers_the_answer_is_there_at_once() -> None:
    result = ENGINE.run(ENGINE.prepare(OperationRequest("{ hello }")), EdgeContext(World()))
    assert result == b'{"data":{"hello":"hello world"}}'


async def test_raw_json_goes_out_untouched() -> None:
    prepared = ENGINE.prepare(OperationRequest('{ batch(ref: {id: "x"}) { items(first: 1) { nodes { payload } } } }'))
    result = await ENGINE.execute(prepared, EdgeContext(World()))
    assert b'"payload":{"raw":\n[1,2.50]}' in result


async def test_mutations_run() -> None:
    assert await run("mutation { touch }") == {"data": {"touch": "touched"}}


async def test_documents_are_prepared_once() -> None:
    engine = Engine(SCHEMA)
    first = engine.prepare(OperationRequest("{ hello }"))
    assert engine.prepare(OperationRequest("{ hello }")) is first
    query = "query ($n: String!) { hello(name: $n) }"
    one, two = (engine.prepare(OperationRequest(query, {"n": name})) for name in "ab")
    assert one.operation is two.operation
    assert one.identity() != two.identity()
    again = engine.prepare(OperationRequest(query, {"n": "a", "undeclared": 1}))
    assert one.identity() == again.identity()
    assert hash(one.identity()) == hash(again.identity())


async def test_what_a_document_failed_with_is_remembered_too() -> None:
    engine = Engine(SCHEMA)
    first, second = refused("{ nope }", engine), refused("{ nope }", engine)
    assert first.errors is second.errors
    assert first is not second  # a kept exception would keep the frames that it went through


async def test_words_that_repeat_a_long_document_are_cut() -> None:
    (error,) = refused("{ hello(name: " + "9" * 20_000 + ") }").errors
    assert len(error["message"]) < 1_100


async def test_the_memory_for_documents_is_bounded_by_number_and_by_length() -> None:
    documents = Documents(engine_schema(), DocumentLimits(), CacheBounds(documents=3, characters=100))
    texts = [f"{{ hello a{n}: hello }}" for n in range(10)]
    for text in texts:
        documents.get(text)
    assert len(documents) == 3
    documents.get("{ hello }" + " " * 80)
    assert len(documents) == 1
    documents.get("{ hello }" + " " * 200)
    assert len(documents) == 0


def engine_schema() -> Any:
    return SCHEMA._schema


async def test_the_operation_is_chosen_by_name() -> None:
    query = 'query A { hello } query B { hello(name: "b") } subscription C { ticks }'
    assert await run(query, operation_name="B") == {"data": {"hello": "hello b"}}
    assert ENGINE.prepare(OperationRequest(query, None, "C")).kind == "subscription"
    for name in (None, "", "D"):
        assert refused(query, operation_name=name).errors[0]["extensions"]["code"] == "OPERATION_RESOLUTION_FAILURE"
    assert await run("query A { hello }") == await run("query A { hello }", operation_name="A")
    assert refused("fragment F on Query { hello }").errors[0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


@pytest.mark.parametrize(
    ("query", "variables", "code"),
    [
        ("{", None, "GRAPHQL_PARSE_FAILED"),
        ("", None, "GRAPHQL_PARSE_FAILED"),
        ("\x00", None, "GRAPHQL_PARSE_FAILED"),
        ("{ nope }", None, "GRAPHQL_VALIDATION_FAILED"),
        ("type A { a: Int }", None, "GRAPHQL_VALIDATION_FAILED"),
        ("query ($n: String!) { hello(name: $n) }", None, "BAD_USER_INPUT"),
        ("query ($n: String!) { hello(name: $n) }", {"n": 5}, "BAD_USER_INPUT"),
        ("query ($r: [Ref!]!) { batches(refs: $r) { id } }", {"r": [{"id": "a", "color": "BLUE"}]}, "BAD_USER_INPUT"),
    ],
)
async def test_what_the_client_did_wrong_has_a_stable_code(query: str, variables: Any, code: str) -> None:
    error = refused(query, variables=variables)
    assert error.errors[0]["extensions"]["code"] == code
    assert error.errors[0]["message"]
    assert error.status == 400
    assert error.is_well_formed


async def test_a_request_without_a_query_is_no_graphql_request() -> None:
    error = refused(None)
    assert not error.is_well_formed
    assert error.errors[0]["extensions"]["code"] == "BAD_REQUEST"


async def test_errors_of_batches_carry_their_facts() -> None:
    answer = await run("{ hello limited }")
    assert answer["data"] == {"hello": "hello world", "limited": None}
    assert answer["errors"] == [
        {
            "message": "Wait a little.",
            "locations": [{"line": 1, "column": 9}],
            "path": ["limited"],
            "extensions": {
                "code": "RATE_LIMITED",
                "isRetryable": True,
                "retryAfter": 2.5,
                "sourceMessage": "Too many requests",
            },
        }
    ]


async def test_errors_that_bring_their_code_keep_it() -> None:
    assert (await run("{ refused }"))["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "cursor": "x"}


async def test_arguments_that_cannot_be_read_are_the_clients_fault() -> None:
    answer = await run("query ($n: String) { hello(name: $n) }", variables={"n": None})
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert answer["errors"][0]["path"] == ["hello"]


@pytest.mark.parametrize("query", ["{ broken }", "{ brokenHard }", "{ unencodable }"])
async def test_what_nobody_foresaw_is_in_the_log_and_nowhere_else(query: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answer = await run(query)
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "INTERNAL"
    assert "secret" not in json.dumps(answer)
    error_id = error["extensions"]["id"]
    assert error_id in error["message"]
    (record,) = caplog.records
    assert error_id in record.getMessage()
    assert record.exc_info


async def test_one_fault_at_many_places_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    fields = " ".join(f"b{n}: broken" for n in range(20))
    with caplog.at_level(logging.ERROR):
        answer = await run(f"{{ {fields} }}")
    assert len(answer["errors"]) == 20
    assert len({error["extensions"]["id"] for error in answer["errors"]}) == 1
    assert len(caplog.records) == 1


async def test_subscriptions_stream_their_results() -> None:
    assert await results("subscription { ticks(count: 2) }") == [{"data": {"ticks": f"tick {n}"}} for n in range(2)]
    assert await results("{ hello }") == [{"data": {"hello": "hello world"}}]


async def test_a_subscription_that_cannot_start_says_so_before_its_first_event() -> None:
    with pytest.raises(RequestError) as caught:
        await results("subscription { failsFirst }")
    assert caught.value.errors[0]["extensions"] == {"code": "UNKNOWN_ACCOUNT", "isRetryable": False}
    with pytest.raises(RequestError) as caught:
        await results("subscription ($n: Int) { ticks(count: $n) }", variables={"n": None})
    assert caught.value.errors[0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_a_subscription_that_breaks_leaks_nothing() -> None:
    stream = ENGINE.stream(ENGINE.prepare(OperationRequest("subscription { breaks }")), EdgeContext(World()))
    assert await anext(stream) == b'{"data":{"breaks":"one"}}'
    with pytest.raises(RequestError) as caught:
        await anext(stream)
    assert caught.value.errors[0]["extensions"]["code"] == "INTERNAL"
    assert "secret" not in str(caught.value.errors)


async def test_closing_a_stream_closes_its_source_at_once() -> None:
    world = World()
    stream = ENGINE.subscribe(ENGINE.prepare(OperationRequest("subscription { endless }")), EdgeContext(world))
    await anext(stream)
    assert world.live == 1
    await stream.aclose()
    assert world.live == 0


@pytest.mark.parametrize("field", ["value", "slowValue"])
async def test_equal_updates_are_executed_once_for_all_subscribers(field: str) -> None:
    world = World()
    engine = Engine(SCHEMA, share=lambda context: "everybody")
    query = f"subscription {{ updates(count: 2) {{ number {field} }} }}"
    streams = await asyncio.gather(*(results(query, engine, world) for _ in range(50)))
    assert all(stream == streams[0] for stream in streams)
    assert len(streams[0]) == 2
    assert world.resolved == 2


async def test_updates_are_not_shared_across_operations_scopes_or_without_a_key() -> None:
    world = World()
    scopes = iter("abcdefgh")
    by_scope = Engine(SCHEMA, share=lambda context: next(scopes))
    for _ in range(2):
        await results("subscription { updates(count: 1) { value } }", by_scope, world)
    assert world.resolved == 2
    shared = Engine(SCHEMA, share=lambda context: "everybody")
    for query in (
        "subscription { updates(count: 1) { value number } }",
        "subscription { updates(count: 1) { value } }",
    ):
        await results(query, shared, world)
    assert world.resolved == 4
    query = "subscription ($c: Int!, $s: Boolean!) { updates(count: $c, shared: $s) { value } }"
    for count, is_shared in ((1, True), (2, True), (1, False), (1, False)):
        await results(query, shared, world, variables={"c": count, "s": is_shared})
    assert world.resolved == 4 + 1 + 2 + 1 + 1
    for _ in range(2):
        await results("subscription { updates(count: 1) { value } }", ENGINE, world)
    assert world.resolved == 9 + 2


async def test_a_subscriber_that_leaves_takes_nothing_from_the_others() -> None:
    world = World()
    engine = Engine(SCHEMA, share=lambda context: "everybody")
    query = "subscription { updates(count: 1) { slowValue } }"
    leader, follower = (asyncio.ensure_future(results(query, engine, world)) for _ in range(2))
    await asyncio.sleep(0.002)
    leader.cancel()
    assert len(await follower) == 1
    assert world.resolved == 1


async def test_schemas_that_this_engine_would_run_wrongly_are_refused() -> None:
    class Extension(SchemaExtension):
        pass

    @strawberry.type
    class Query:
        one: int = 1

    with pytest.raises(ValueError, match="extensions"):
        Engine(strawberry.Schema(Query, extensions=[Extension]))

"""What clients read: the schema over the core, run by the engine."""

from __future__ import annotations

import asyncio
import base64
import json
import traceback
from typing import Any

import httpx
import pytest

from gateway.core.accounts import Scope
from gateway.engine.engine import Engine
from gateway.engine.request import OperationRequest
from schema.context import Context, QueryLimits
from schema.items import cursor
from schema.root import build_schema
from tests.core_world import World, body, ends_at, ref, trendyol_account, world

pytestmark = pytest.mark.anyio
ENGINE = Engine(build_schema())


async def run(w: World, query: str, scope: Scope | None = None, **variables: Any) -> dict[str, Any]:
    context = Context(w.batches, w.watches, scope or Scope(), QueryLimits(references=50))
    request = OperationRequest(query=query, variables=variables, operation_name=None, extensions=None)
    task = asyncio.ensure_future(ENGINE.execute(ENGINE.prepare(request), context))
    for _ in range(200):
        await w.clock.settle(10)
        if task.done():
            return json.loads(task.result())
        await w.clock.advance(0.5)
    raise AssertionError("never answered")


def code_of(answer: dict[str, Any]) -> str:
    return answer["errors"][0]["extensions"]["code"]


def many(batch_id: str, number: int) -> httpx.Response:
    items = [
        {
            "requestItem": {
                "barcode": f"868{i:04}",
                "quantity": i,
                "listPrice": 19.90,
                "product": {"title": f"Gömlek {i}", "brandId": 9_007_199_254_740_993, "salePrice": 10},
            },
            "status": "FAILED" if i % 3 == 0 else "SUCCESS",
            "failureReasons": ["Fiyat hatalı"] if i % 3 == 0 else [],
        }
        for i in range(number)
    ]
    failed = sum(i["status"] == "FAILED" for i in items)
    return httpx.Response(
        200,
        json={
            "batchRequestId": batch_id,
            "status": "COMPLETED",
            "items": items,
            "itemCount": number,
            "failedItemCount": failed,
            "creationDate": 1_767_225_600_000,
            "lastModification": 1_767_225_601_337,
            "batchRequestType": "ProductV2OnBoarding",
        },
    )


async def test_one_fragment_reads_the_shared_fields_of_all() -> None:
    async with world() as w:
        w.marketplace.scripts["b"] = lambda *_: many("b", 9)
        answer = await run(
            w,
            """{ batch(ref: {source: TRENDYOL, id: "b"}) { __typename ... on NormalizedBatch {
                id marketplace source account batchId operation status sourceStatus outcome isTerminal isConfirmed
                progress itemCount succeededCount failedCount pendingCount createdAt updatedAt expiresAt isStale
                failureSummary { message count explanation } } ... on TrendyolBatch { batchRequestType
                declaredItemCount } } }""",
        )
        batch = answer["data"]["batch"]
        assert "errors" not in answer
        assert batch["__typename"] == "TrendyolBatch"
        assert (batch["status"], batch["outcome"], batch["isTerminal"]) == ("COMPLETED", "PARTIALLY_SUCCEEDED", True)
        counts = [batch[name] for name in ("itemCount", "succeededCount", "failedCount", "pendingCount")]
        assert counts == [9, 6, 3, 0]
        assert batch["createdAt"] == "2026-01-01T00:00:00+00:00"
        assert batch["updatedAt"] == "2026-01-01T00:00:01.337000+00:00"
        assert batch["expiresAt"] == "2026-01-01T04:00:00+00:00"
        assert batch["failureSummary"] == [{"message": "Fiyat hatalı", "count": 3, "explanation": None}]
        assert batch["operation"] == "PRODUCT_CREATE"


async def test_items_are_paged_filtered_and_found() -> None:
    query = """query($first: Int!, $after: String, $status: BatchItemStatus, $search: String) {
        trendyolBatch(id: "b") { items(first: $first, after: $after, status: $status, search: $search) {
            totalCount isComplete pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
            edges { cursor node { index } }
            nodes { index key title status payload
                ... on TrendyolItem { barcode listPrice product { brandId } } } } } }"""
    async with world() as w:
        w.marketplace.scripts["b"] = lambda *_: many("b", 12)

        async def page(**variables: Any) -> dict[str, Any]:
            answer = await run(w, query, **({"first": 5} | variables))
            assert "errors" not in answer, answer
            return answer["data"]["trendyolBatch"]["items"]

        first = await page()
        assert [n["index"] for n in first["nodes"]] == [0, 1, 2, 3, 4]
        assert first["nodes"][1]["listPrice"] == "19.9"
        assert first["nodes"][1]["product"]["brandId"] == "9007199254740993"
        assert first["nodes"][1]["payload"]["quantity"] == 1
        assert first["pageInfo"]["hasNextPage"]
        second = await page(after=first["pageInfo"]["endCursor"])
        assert [n["index"] for n in second["nodes"]] == [5, 6, 7, 8, 9]
        assert second["pageInfo"]["hasPreviousPage"]
        failed = await page(status="FAILED", first=2)
        assert ([n["index"] for n in failed["nodes"]], failed["totalCount"]) == ([0, 3], 4)
        rest = await page(status="FAILED", after=failed["pageInfo"]["endCursor"])
        assert [n["index"] for n in rest["nodes"]] == [6, 9]
        assert not rest["pageInfo"]["hasNextPage"]
        assert [n["index"] for n in (await page(search="GÖMLEK 11"))["nodes"]] == [11]
        assert [n["index"] for n in (await page(search="8680007"))["nodes"]] == [7]
        assert (await page(first=0))["pageInfo"]["hasNextPage"]
        assert len((await page(first=1000))["nodes"]) == 12
        for wrong in ({"first": 1001}, {"first": -1}, {"after": "bm90IGEgY3Vyc29y"}):
            assert code_of(await run(w, query, **({"first": 5} | wrong))) == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    "text", ["item:-1", "item:01", "item: 1", "item:1_0", "item:٣", "item:" + "1" * 5000, "1", "x:1"]
)
async def test_a_cursor_is_taken_as_it_was_given_and_in_no_other_form(text: str) -> None:
    sealed = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    query = 'query($after: String) { trendyolBatch(id: "b") { items(after: $after) { totalCount } } }'
    async with world() as w:
        w.marketplace.scripts["b"] = lambda *_: many("b", 2)
        for after in (sealed, sealed + "=", cursor(1) + "=", cursor(1) + " "):
            assert code_of(await run(w, query, after=after)) == "BAD_USER_INPUT"
        assert "errors" not in await run(w, query, after=cursor(1))


async def test_a_remark_about_an_item_that_succeeded_is_no_failure_of_the_batch() -> None:
    async with world() as w:
        told = many("b", 2).json()
        told["items"][1]["failureReasons"] = ["Fiyat hatalı", "Marka listede yok"]
        w.marketplace.scripts["b"] = lambda *_: httpx.Response(200, json=told)
        answer = await run(
            w,
            """{ trendyolBatch(id: "b") { failedCount failureSummary { message count }
                items { nodes { failures { message } } } } }""",
        )
        batch = answer["data"]["trendyolBatch"]
        assert batch["failedCount"] == 1
        assert batch["failureSummary"] == [{"message": "Fiyat hatalı", "count": 1}]
        assert len(batch["items"]["nodes"][1]["failures"]) == 2


@pytest.mark.parametrize("search", ["kırmızı", "KIRMIZI", "kirmizi", "İSTANBUL", "istanbul", "Istanbul"])
async def test_a_search_finds_either_turkish_i(search: str) -> None:
    async with world() as w:
        told = many("b", 2).json()
        told["items"][1]["requestItem"]["product"]["title"] = "KIRMIZI İstanbul Kırmızı"
        w.marketplace.scripts["b"] = lambda *_: httpx.Response(200, json=told)
        query = 'query($search: String) { trendyolBatch(id: "b") { items(search: $search) { nodes { index } } } }'
        answer = await run(w, query, search=search)
        assert answer["data"]["trendyolBatch"]["items"]["nodes"] == [{"index": 1}]


async def test_one_failing_batch_leaves_the_rest_whole_and_in_order() -> None:
    async with world() as w:
        w.marketplace.scripts["good"] = ends_at(0, "good")
        w.marketplace.scripts["html"] = lambda *_: httpx.Response(200, text="<html>busy</html>")
        answer = await run(
            w,
            """{ batches(refs: [{source: TRENDYOL, id: "missing"}, {source: TRENDYOL, id: "good"}, {source: TRENDYOL,
                id: "a/b"}, {source: MIRCATE, id: "x"}, {source: TRENDYOL, id: "html"}]) {
                ref { source batchId account } batch { ... on NormalizedBatch { status } }
                error { code message isRetryable } } }""",
        )
        results = answer["data"]["batches"]
        assert "errors" not in answer
        assert [r["error"]["code"] if r["error"] else None for r in results] == [
            "NOT_FOUND",
            None,
            "INVALID_REF",
            "UNKNOWN_ACCOUNT",
            "UPSTREAM_INVALID_ANSWER",
        ]
        assert results[1]["batch"] == {"status": "COMPLETED"}
        assert results[1]["ref"] == {"source": "TRENDYOL", "batchId": "good", "account": "shop"}
        assert results[3]["ref"]["account"] is None


async def test_a_failing_batch_is_null_with_its_code() -> None:
    async with world() as w:
        w.marketplace.scripts["locked"] = lambda *_: httpx.Response(
            401, json={"exception": "ClientApiAuthenticationException", "errors": [{"message": "yetki yok"}]}
        )
        answer = await run(w, '{ batch(ref: {source: TRENDYOL, id: "locked"}) { __typename } }')
        assert answer["data"] == {"batch": None}
        error = answer["errors"][0]
        assert error["path"] == ["batch"]
        assert error["extensions"]["code"] == "UNAUTHENTICATED_UPSTREAM"
        assert "yetki yok" in json.dumps(error, ensure_ascii=False)


async def test_a_last_known_state_stands_beside_a_failure() -> None:
    async with world() as w:
        w.marketplace.scripts["b"] = lambda _, call: body("b", "PROCESSING") if call == 1 else httpx.Response(503)
        query = """{ batches(refs: [{source: TRENDYOL, id: "b"}], maxAge: 0) {
            batch { ... on NormalizedBatch { status isStale fetchedAt } } error { code isRetryable } } }"""
        first = (await run(w, query))["data"]["batches"][0]
        assert (first["error"], first["batch"]["isStale"]) == (None, False)
        second = (await run(w, query))["data"]["batches"][0]
        assert second["error"] == {"code": "UPSTREAM_UNAVAILABLE", "isRetryable": True}
        assert second["batch"]["isStale"]
        assert second["batch"]["fetchedAt"] == first["batch"]["fetchedAt"]


async def test_a_failure_that_lasts_holds_nothing_of_those_who_were_told() -> None:
    async with world() as w:
        w.marketplace.scripts["b"] = lambda *_: httpx.Response(400, headers={"retry-after": "1000"})
        lengths: list[int] = []
        for _ in range(4):
            answer = await run(w, '{ awaitBatch(ref: {source: TRENDYOL, id: "b"}, timeout: 0.1) { __typename } }')
            assert code_of(answer) == "REJECTED_UPSTREAM"
            look = w.watches.latest(ref("b"))
            assert look is not None
            assert look.error is not None
            lengths.append(len(traceback.extract_tb(look.error.__traceback__)))
        assert w.marketplace.calls["b"] == 1
        assert lengths == lengths[:1] * 4


async def test_a_global_id_leads_back_to_its_batch() -> None:
    async with world(trendyol_account("shop"), trendyol_account("other")) as w:
        w.marketplace.scripts["b:1@x"] = ends_at(0, "b:1@x")
        found = await run(w, '{ batch(ref: {source: TRENDYOL, id: "b:1@x", account: "other"}) { ...on Node { id } } }')
        global_id = found["data"]["batch"]["id"]
        query = "query($id: ID!) { node(id: $id) { __typename id ... on NormalizedBatch { account batchId } } }"
        node = (await run(w, query, id=global_id))["data"]["node"]
        assert node == {"__typename": "TrendyolBatch", "id": global_id, "account": "other", "batchId": "b:1@x"}
        hidden = await run(w, query, Scope(frozenset({"shop"})), id=global_id)
        assert hidden["data"]["node"] is None
        assert code_of(hidden) == "UNKNOWN_ACCOUNT"
        assert code_of(await run(w, query, id="bm9uc2Vuc2U")) == "INVALID_REF"
        both = await run(w, "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=["x", global_id])
        assert both["data"]["nodes"] == [None, {"id": global_id}]
        assert both["errors"][0]["path"] == ["nodes", 0]


async def test_marketplaces_are_what_the_client_may_use() -> None:
    accounts = "accounts { name budgetLeft breaker watchedBatches }"
    query = f"{{ marketplaces {{ marketplace title sources retention {accounts} }} }}"
    async with world(trendyol_account("shop"), trendyol_account("other", limit="7/10s")) as w:
        everything = (await run(w, query))["data"]["marketplaces"]
        assert [(m["marketplace"], m["title"]) for m in everything] == [("TRENDYOL", "Trendyol")]
        assert everything[0]["retention"] == 14_400
        mine = (await run(w, query, Scope(frozenset({"other"}))))["data"]["marketplaces"]
        assert mine[0]["accounts"] == [{"name": "other", "budgetLeft": 7, "breaker": "CLOSED", "watchedBatches": 0}]
        assert (await run(w, query, Scope(frozenset())))["data"]["marketplaces"] == []


async def test_waiting_answers_at_the_end() -> None:
    async with world() as w:
        w.marketplace.scripts["b"] = ends_at(8, "b")
        w.marketplace.scripts["long"] = ends_at(900, "long")
        fields = "... on NormalizedBatch { status }"
        one = await run(w, f'{{ awaitBatch(ref: {{source: TRENDYOL, id: "b"}}, timeout: 30) {{ {fields} }} }}')
        assert one["data"]["awaitBatch"] == {"status": "COMPLETED"}
        two = await run(
            w,
            f"""{{ awaitBatches(refs: [{{source: TRENDYOL, id: "long"}}, {{source: TRENDYOL, id: "b"}}], timeout: 5,
                until: ALL) {{ batch {{ {fields} }} error {{ code }} }} }}""",
        )
        assert [r["batch"]["status"] for r in two["data"]["awaitBatches"]] == ["IN_PROGRESS", "COMPLETED"]
        wrong = await run(w, f'{{ awaitBatch(ref: {{source: TRENDYOL, id: "b"}}, timeout: -1) {{ {fields} }} }}')
        assert code_of(wrong) == "BAD_USER_INPUT"


async def test_arguments_out_of_bounds_are_refused_with_words() -> None:
    async with world() as w:
        negative = await run(w, '{ batch(ref: {source: TRENDYOL, id: "b"}, maxAge: -1) { __typename } }')
        assert code_of(negative) == "BAD_USER_INPUT"
        refs = [{"source": "TRENDYOL", "id": str(n)} for n in range(51)]
        query = "query($refs: [BatchRef!]!) { batches(refs: $refs) { error { code } } }"
        assert code_of(await run(w, query, refs=refs)) == "BAD_USER_INPUT"
        source = await run(w, '{ idefixBatch(id: "b", source: TRENDYOL) { status } }')
        assert code_of(source) == "INVALID_REF"


async def test_a_stream_of_updates_is_read_through_the_schema() -> None:
    query = """subscription($refs: [BatchRef!]!) { batchUpdates(refs: $refs) { ref { batchId account } version
        previousVersion previousStatus isFinal error { code } batch { ... on NormalizedBatch { status progress } }
        changedItems { index status } } }"""
    async with world() as w:
        w.marketplace.scripts["b"] = ends_at(10, "b")
        refs = [{"source": "TRENDYOL", "id": "b"}, {"source": "TRENDYOL", "id": "a/b"}]
        request = OperationRequest(query=query, variables={"refs": refs}, operation_name=None, extensions=None)
        updates: list[dict[str, Any]] = []

        async def read() -> None:
            context = Context(w.batches, w.watches)
            async for event in ENGINE.subscribe(ENGINE.prepare(request), context):
                answer = json.loads(event)
                assert "errors" not in answer, answer
                updates.append(answer["data"]["batchUpdates"])

        task = asyncio.ensure_future(read())
        await w.clock.advance(40)
        assert task.done()
        task.result()
        assert updates[0]["error"] == {"code": "INVALID_REF"}
        assert updates[0]["isFinal"]
        mine = [u for u in updates if u["ref"]["batchId"] == "b"]
        assert [u["batch"]["status"] for u in mine] == ["IN_PROGRESS", "IN_PROGRESS", "COMPLETED"]
        assert [[i["index"] for i in u["changedItems"]] for u in mine] == [[0, 1], [0], [1]]
        assert mine[0]["previousVersion"] is None
        assert [u["previousVersion"] for u in mine[1:]] == [u["version"] for u in mine[:-1]]
        assert [u["isFinal"] for u in mine] == [False, False, True]
        assert w.watches.count() == 0

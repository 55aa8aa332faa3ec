"""SureCart: what is asked, and each rule of its reading by name."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.errors import InvalidAnswer, NotFound, Rejected, Unauthenticated
from adapters.model import Failure, ItemStatus, Outcome, Snapshot, Status
from adapters.registry import ADAPTERS
from adapters.surecart import SureCartBatch, SureCartBatchOperation
from tests.exchange import Talk, account, answer, read, talk

SURECART = ADAPTERS["surecart"]


def operation(number: int, status: str | None = "completed", code: object = 200, **members: Any) -> dict[str, Any]:
    return {
        "id": f"op-{number}",
        "object": "batch_operation",
        "http_method": "POST",
        "path": f"/v1/products/{number}",
        "body": {"n": number},
        "query_params": None,
        "status": status,
        "response_status": code,
        "response_body": None,
        "batch": "batch-1",
        "created_at": 1776176511,
        "updated_at": 1776176512,
        **members,
    }


def batch(operations: object = None, count: object = None, status: str = "completed", **members: Any) -> dict[str, Any]:
    return {
        "id": "batch-1",
        "object": "batch",
        "status": status,
        "batch_operations_count": count,
        "batch_operations": operations,
        **members,
    }


def listed(operations: list[Any], count: int | None = None) -> dict[str, Any]:
    pagination = {"count": len(operations) if count is None else count, "limit": 100, "page": 1}
    return {"object": "list", "pagination": pagination, "data": operations}


def asked(*bodies: object) -> Talk:
    return talk("surecart-batch", "batch-1", [answer(body) for body in bodies])


def one(status: str | None = "completed", code: object = 200, **members: Any) -> Snapshot:
    return read("surecart-operation", operation(1, status, code, **members), "op-1")


def keys(snapshot: Snapshot) -> list[str | None]:
    return [item.key for item in snapshot.items]


def test_asks_for_a_batch_with_its_operations() -> None:
    request = next(SURECART.ask(account("surecart"), "surecart-batch", "b-1"))
    assert (request.method, request.url) == (
        "GET",
        "https://api.surecart.com/v1/batches/b-1?expand%5B%5D=batch_operations",
    )
    assert request.headers["Authorization"] == "Bearer token"


def test_asks_for_an_operation() -> None:
    request = next(SURECART.ask(account("surecart"), "surecart-operation", "o-1"))
    assert request.url == "https://api.surecart.com/v1/batch_operations/o-1"


@pytest.mark.parametrize("token", ["", "a b", "x\r\nY: z"])
def test_a_token_that_cannot_be_sent_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="token"):
        account("surecart", token=token)


@pytest.mark.parametrize("shape", [list, listed])
def test_operations_come_as_a_list_object_or_a_bare_array(shape: Any) -> None:
    found = asked(batch(shape([operation(1), operation(2, code=422)]), 2))
    assert len(found.requests) == 1
    assert found.snapshot.counts == (2, 1, 1, 0)
    assert found.snapshot.outcome is Outcome.PARTIALLY_SUCCEEDED


def test_operations_that_are_missing_are_read_page_by_page() -> None:
    operations = [operation(n) for n in range(250)]
    pages = [listed(operations[at : at + 100], 250) for at in (0, 100, 200)]
    found = asked(batch(listed(operations[:20], 250), 250), *pages)
    url = "https://api.surecart.com/v1/batch_operations?batch_ids%5B%5D=batch-1&limit=100&page="
    assert [request.url for request in found.requests[1:]] == [f"{url}1", f"{url}2", f"{url}3"]
    assert found.snapshot.counts == (250, 250, 0, 0)
    assert keys(found.snapshot) == [f"/v1/products/{n}" for n in range(250)]
    assert len(json.loads(found.snapshot.payload)["batch_operations"]) == 250


def test_operations_that_are_ids_alone_are_read_in_their_order() -> None:
    operations = [operation(n) for n in range(3)]
    found = asked(batch([one["id"] for one in operations], 3), listed(operations[::-1]))
    assert keys(found.snapshot) == ["/v1/products/0", "/v1/products/1", "/v1/products/2"]


@pytest.mark.parametrize("expanded", [None, "", {}, 5])
def test_operations_that_were_not_expanded_are_read(expanded: object) -> None:
    assert asked(batch(expanded, 1), listed([operation(1)])).snapshot.counts == (1, 1, 0, 0)


def test_without_a_count_the_pages_are_read_to_their_end() -> None:
    operations = [operation(n) for n in range(150)]
    found = asked(batch(None, None), {"data": operations[:100]}, {"data": operations[100:]})
    assert len(found.snapshot.items) == 150
    assert len(found.requests) == 3


def test_a_page_may_be_a_bare_array_or_smaller_than_asked() -> None:
    operations = [operation(n) for n in range(3)]
    small = {"object": "list", "pagination": {"count": 3, "limit": 2, "page": 1}}
    found = asked(batch(None, 3), {**small, "data": operations[:2]}, operations[2:])
    assert found.snapshot.counts == (3, 3, 0, 0)


def test_pages_that_bring_nothing_new_end_the_reading() -> None:
    found = asked(batch([operation(1)], 5, batch_operations_count=5), listed([operation(1)], 5))
    assert len(found.requests) == 2
    assert not found.snapshot.items.is_complete
    assert found.snapshot.counts == (5, None, None, None)
    assert found.snapshot.outcome is None


@pytest.mark.parametrize("shape", [list, listed])
@pytest.mark.parametrize("embedded", [100, 200])
def test_a_page_of_operations_that_were_embedded_is_not_the_end(shape: Any, embedded: int) -> None:
    operations = [operation(n, code=422 if n == 249 else 201) for n in range(250)]
    pages = [listed(operations[at : at + 100], 250) for at in (0, 100, 200)]
    found = asked(batch(shape(operations[:embedded]), 250), *pages)
    assert found.snapshot.counts == (250, 249, 1, 0)
    assert found.snapshot.outcome is Outcome.PARTIALLY_SUCCEEDED
    assert found.snapshot.items.is_complete


def test_no_fewer_operations_are_expected_than_have_finished() -> None:
    operations = [operation(n) for n in range(5)]
    found = asked(batch(operations[:2], finished_batch_operations_count=5), listed(operations))
    assert found.snapshot.counts == (5, 5, 0, 0)


def test_pages_shorter_than_asked_are_read_on_while_operations_are_missing() -> None:
    operations = [operation(n) for n in range(5)]
    found = asked(batch(None, 5), operations[:2], {"data": operations[2:4]}, operations[4:])
    assert found.snapshot.counts == (5, 5, 0, 0)


@pytest.mark.parametrize("told", [{}, {"pagination": {"count": 5}}, {"pagination": {"count": 5, "limit": 2}}])
def test_small_pages_of_embedded_operations_are_not_the_end_either(told: dict[str, Any]) -> None:
    operations = [operation(n) for n in range(5)]
    pages = [{**told, "data": operations[at : at + 2]} for at in (0, 2, 4)]
    assert asked(batch(operations[:2], 5), *pages).snapshot.counts == (5, 5, 0, 0)


def test_a_marketplace_that_repeats_its_first_page_is_asked_no_further() -> None:
    page = [operation(n) for n in range(100)]
    found = asked(batch(page, 250), page, page)
    assert len(found.requests) == 3
    assert found.snapshot.counts == (250, None, None, None)


def test_the_number_of_operations_may_be_told_by_their_pages_alone() -> None:
    operations = [operation(n, code=404 if n else 200) for n in range(3)]
    counts = asked(batch(None, None), listed(operations)).snapshot.counts
    assert counts == (3, 1, 2, 0)
    empty = asked(batch(None, None), listed([])).snapshot
    assert (empty.counts, empty.outcome) == ((0, 0, 0, 0), Outcome.SUCCEEDED)


def test_operations_of_another_batch_are_passed_over() -> None:
    found = asked(batch(None, 2), listed([operation(1), operation(2, batch="batch-2"), operation(3, batch=None)]))
    assert keys(found.snapshot) == ["/v1/products/1", "/v1/products/3"]


def test_operations_without_an_id_count_too() -> None:
    assert asked(batch([operation(1, id=None), operation(2, id=None)], 2)).snapshot.counts == (2, 2, 0, 0)


@pytest.mark.parametrize("page", [{"foo": 1}, "x", b"<html>", b"null"])
def test_a_page_that_is_no_list_is_an_invalid_answer(page: object) -> None:
    assert isinstance(asked(batch(None, 2), page).error, InvalidAnswer)


def test_a_page_of_null_is_empty() -> None:
    assert asked(batch(None, 2, "in_progress"), {"object": "list", "data": None}).snapshot.counts[0] == 2


def test_a_batch_is_never_failed() -> None:
    snapshot = asked(batch([operation(1, "failed", None)], 1, "failed")).snapshot
    assert snapshot.status is Status.UNKNOWN
    assert snapshot.source_status == "failed"


def test_an_empty_completed_batch_has_succeeded() -> None:
    found = asked(batch([], 0, finished_batch_operations_count=0))
    assert len(found.requests) == 1
    assert found.snapshot.outcome is Outcome.SUCCEEDED
    assert found.snapshot.counts == (0, 0, 0, 0)
    assert found.snapshot.progress == 1
    assert len(found.snapshot.items) == 0


def test_counters_stand_in_for_operations_that_cannot_be_read() -> None:
    counted = batch(None, 4, "in_progress", finished_batch_operations_count=1)
    snapshot = asked(counted, listed([])).snapshot
    assert snapshot.counts == (4, None, None, 3)
    assert snapshot.progress == 0.25


@pytest.mark.parametrize(
    ("status", "code", "stands"),
    [
        ("pending", None, ItemStatus.PENDING),
        ("in_progress", None, ItemStatus.PENDING),
        ("completed", 200, ItemStatus.SUCCEEDED),
        ("completed", "204", ItemStatus.SUCCEEDED),
        ("completed", 404, ItemStatus.FAILED),
        ("completed", 0, ItemStatus.FAILED),
        ("completed", None, ItemStatus.UNKNOWN),
        ("completed", True, ItemStatus.UNKNOWN),
        ("failed", None, ItemStatus.FAILED),
        ("failed", 200, ItemStatus.FAILED),
        ("timed_out", None, ItemStatus.FAILED),
        ("lost", 200, ItemStatus.UNKNOWN),
        (None, 200, ItemStatus.UNKNOWN),
    ],
)
def test_an_operation_succeeds_only_when_completed_with_2xx(
    status: str | None, code: object, stands: ItemStatus
) -> None:
    assert one(status, code).items.heads[0].status is stands


@pytest.mark.parametrize(
    ("body", "reasons"),
    [
        ({"code": "x.y", "message": "Bad"}, [("x.y", "Bad")]),
        (
            {"code": "x", "message": "Bad", "validation_errors": [{"code": "x.name", "message": "No name"}]},
            [("x", "Bad"), ("x.name", "No name")],
        ),
        ({"message": "Bad", "validation_errors": {}}, [(None, "Bad")]),
        ({"message": "Bad", "validation_errors": {"name": ["is blank"]}}, [(None, "Bad"), (None, "name: is blank")]),
        ({}, [("HTTP 422", None)]),
        (None, [("HTTP 422", None)]),
        ("Unprocessable", [("HTTP 422", "Unprocessable")]),
        ({"status": 422, "error": "Unprocessable"}, [("HTTP 422", "Unprocessable")]),
        ({"errors": ["No name", "No price"]}, [("HTTP 422", "No name; No price")]),
    ],
)
def test_a_failure_tells_what_the_call_answered(body: object, reasons: list[tuple[str | None, str | None]]) -> None:
    snapshot = one(code=422, response_body=body)
    assert [(reason.code, reason.message) for reason in snapshot.items.heads[0].failures] == reasons


@pytest.mark.parametrize("status", ["failed", "timed_out"])
def test_an_operation_that_was_not_executed_is_explained(status: str) -> None:
    (reason,) = one(status, None).items.heads[0].failures
    assert reason == Failure(None, None, reason.explanation)
    assert reason.explanation is not None
    assert reason.explanation.en != reason.explanation.tr
    (said,) = one(status, None, response_body={"code": "internal", "message": "Oops"}).items.heads[0].failures
    assert said == Failure("internal", "Oops", reason.explanation)


def test_an_operation_is_a_batch_of_one_item_itself() -> None:
    snapshot = one()
    (item,) = snapshot.items
    assert isinstance(item.own, Snapshot)
    assert item.own == snapshot
    assert item.own.source == "surecart-operation"


def test_an_item_of_a_batch_is_its_operation() -> None:
    snapshot = asked(batch([operation(1), operation(2, code=404)], 2)).snapshot
    inner = snapshot.items[1].own
    assert isinstance(inner, Snapshot)
    assert (inner.source, inner.id, inner.outcome) == ("surecart-operation", "op-2", Outcome.FAILED)
    assert inner == read("surecart-operation", json.loads(inner.payload), "op-2")
    assert snapshot.items[1].title == "POST /v1/products/2"
    assert snapshot.items[1].payload is not None
    assert json.loads(snapshot.items[1].payload) == {
        "http_method": "POST",
        "path": "/v1/products/2",
        "query_params": None,
        "body": {"n": 2},
    }


@pytest.mark.parametrize("parent", ["batch-1", {"id": "batch-1", "object": "batch"}])
def test_the_batch_of_an_operation_is_an_id_or_an_object(parent: object) -> None:
    found = one(batch=parent).own
    assert isinstance(found, SureCartBatchOperation)
    assert found.parent_batch_id == "batch-1"


@pytest.mark.parametrize("parent", [None, {}, [], 0.5])
def test_an_operation_may_name_no_batch(parent: object) -> None:
    found = one(batch=parent).own
    assert isinstance(found, SureCartBatchOperation)
    assert found.parent_batch_id in {None, "0.5"}


def test_an_operation_has_its_own_fields() -> None:
    found = one(query_params={"a": 1}, response_body={"ok": True}).own
    assert isinstance(found, SureCartBatchOperation)
    assert (found.object, found.http_method, found.path, found.response_status) == (
        "batch_operation",
        "POST",
        "/v1/products/1",
        200,
    )
    assert (found.body, found.query_params, found.response_body) == (b'{"n": 1}', b'{"a": 1}', b'{"ok": true}')


@pytest.mark.parametrize(("source", "kind"), [("surecart-batch", "batch"), ("surecart-operation", "batch_operation")])
def test_the_name_of_its_kind_is_shape_enough(source: str, kind: str) -> None:
    bare = [answer({"object": kind, "status": "pending"}), answer({"object": "list", "data": []})]
    snapshot = talk(source, "batch-1", bare[: 2 if kind == "batch" else 1]).snapshot
    assert (snapshot.status, snapshot.outcome, snapshot.is_confirmed) == (Status.PENDING, None, False)


def test_a_batch_has_its_own_fields() -> None:
    found = asked(batch([], 0, finished_batch_operations_count="0")).snapshot.own
    assert isinstance(found, SureCartBatch)
    assert (found.object, found.batch_operations_count, found.finished_batch_operations_count) == ("batch", 0, 0)


def test_times_are_seconds() -> None:
    snapshot = one(created_at=1776176511, updated_at=None)
    assert snapshot.created_at == datetime(2026, 4, 14, 14, 21, 51, tzinfo=UTC)
    assert (snapshot.updated_at, snapshot.completed_at) == (None, None)
    assert one(created_at=1776176511000).created_at is None


@pytest.mark.parametrize(
    ("source", "body"),
    [
        ("surecart-batch", {"id": "batch-2", "object": "batch", "status": "completed"}),
        ("surecart-batch", operation(1, id="batch-1")),
        ("surecart-operation", {"id": "batch-1", "object": "batch", "status": "completed"}),
        ("surecart-operation", operation(1, id="batch-2")),
        ("surecart-operation", {"status": "completed"}),
    ],
)
def test_an_answer_about_something_else_is_invalid(source: str, body: object) -> None:
    assert isinstance(talk(source, "batch-1", [answer(body)]).error, InvalidAnswer)


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (404, {"http_status": "unprocessable_entity", "code": "batch.not_found"}, NotFound),
        (422, {"http_status": "not_found", "validation_errors": [{"message": "x"}]}, Rejected),
        (422, {"http_status": 404, "validation_errors": {}}, Rejected),
        (401, {"http_status": "unauthorized"}, Unauthenticated),
    ],
)
def test_the_real_status_counts_and_not_the_word(status: int, said: object, kind: type[Exception]) -> None:
    assert isinstance(SURECART.refusal(answer(said, status)), kind)

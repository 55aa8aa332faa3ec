"""idefix: what is asked, and each rule of its reading by name."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from adapters.errors import InvalidAnswer, NotFound, Rejected, Unauthenticated, Unavailable
from adapters.idefix import IdefixBatch, IdefixItem
from adapters.model import Failure, ItemStatus, Operation, Outcome, Snapshot, Status
from adapters.registry import ADAPTERS
from tests.exchange import account, answer, read, talk

IDEFIX = ADAPTERS["idefix"]
FAST, CREATE, STOCK = (source.name for source in IDEFIX.sources)

FAST_CODES = [
    *("PRODUCT_POOL_ALREADY_EXIST", "PRODUCT_BARCODE_NOT_EXIST", "VENDOR_CATEGORY_ACCESS_DENIED"),
    *("VENDOR_ACCESS_DENIED", "BRAND_EXCLUSIVE_NOT_AUTHORIZED"),
]
STOCK_CODES = [
    *("DATA_PARSE_ERROR", "BATCH_NOT_EXIST", "BATCH_ALREADY_PROCESSED", "PRODUCT_NOT_FOUND"),
    *("CATALOG_PRICE_LOCKED", "NO_PRICE"),
]
CREATE_CODES = [
    *("CATEGORY_MANDATORY_ATTRIBUTE_MISSED", "ATTRIBUTE_MULTIPLE_NOT_ALLOWED", "CUSTOM_ATTRIBUTE_NOT_SUPPORTED_YET"),
    *("ATTRIBUTEVALUE_NOT_DEFINED", "BRAND_NOT_EXIST", "BRAND_FAILED_TO_MATCH", "CATEGORY_FAILED_TO_MATCH"),
    *("VENDOR_RETURN_ADDRESS_NOT_CORRECT", "VENDOR_SHIPMENT_ADDRESS_NOT_CORRECT", "PRODUCT_IMAGE_MANDATORY_ONCREATE"),
    *("VENDOR_CATEGORY_ACCESS_DENIED", "VENDOR_BRAND_ACCESS_DENIED", "VENDOR_ACCESS_DENIED"),
    *("BRAND_EXCLUSIVE_NOT_AUTHORIZED", "VENDOR_IN_VACATION_MODE", "PRODUCT_POOL_ALREADY_EXIST"),
    *("DATA_PARSE_ERROR", "NO_BATCH_ID_EXIST"),
]


def idefix(*items: dict[str, Any], source: str = FAST, **members: Any) -> Snapshot:
    return read(source, {"batchRequestId": "batch-1", "status": "completed", "items": list(items), **members})


def own(snapshot: Snapshot) -> IdefixItem:
    found = snapshot.items[0].own
    assert isinstance(found, IdefixItem)
    return found


@pytest.mark.parametrize(
    ("source", "path"),
    [
        (FAST, "catalog/4711/fast-listing-result/4b-63d2"),
        (CREATE, "pool/4711/batch-result/4b-63d2"),
        (STOCK, "catalog/4711/inventory-result/4b-63d2"),
    ],
)
def test_asks_the_documented_path(source: str, path: str) -> None:
    request = next(IDEFIX.ask(account("idefix"), source, "4b-63d2"))
    assert (request.method, request.url) == ("GET", f"https://merchantapi.idefix.com/pim/{path}")


@pytest.mark.parametrize(
    ("base_url", "root"),
    [
        ("https://merchantapi.idefix.com", "https://merchantapi.idefix.com/pim/"),
        ("https://merchantapi.idefix.com/", "https://merchantapi.idefix.com/pim/"),
        ("https://merchantapi.idefix.com/pim", "https://merchantapi.idefix.com/pim/"),
        ("https://ide-pimapi.idefiks.net/api/connector", "https://ide-pimapi.idefiks.net/api/connector/"),
        ("http://127.0.0.1:9000/idefix/pim/", "http://127.0.0.1:9000/idefix/pim/"),
    ],
)
def test_a_path_of_its_own_replaces_pim(base_url: str, root: str) -> None:
    request = next(IDEFIX.ask(account("idefix", base_url=base_url), FAST, "1"))
    assert request.url == f"{root}catalog/4711/fast-listing-result/1"


@pytest.mark.parametrize(("secret", "pair"), [("secret", b"key:secret"), ("", b"key:")])
def test_the_key_is_sent_with_its_secret_or_without(secret: str, pair: bytes) -> None:
    request = next(IDEFIX.ask(account("idefix", api_secret=secret), FAST, "1"))
    assert request.headers["X-API-KEY"] == base64.b64encode(pair).decode()


def test_a_missing_secret_is_a_mistake_but_an_empty_key_too() -> None:
    with pytest.raises(ValueError, match="api_key"):
        account("idefix", api_key="")


@pytest.mark.parametrize("source", [FAST, CREATE, STOCK])
def test_where_get_is_not_allowed_post_is_tried(source: str) -> None:
    found = talk(source, "batch-1", [answer(b"", 405), answer({"status": "running", "batchRequestId": "batch-1"})])
    assert [request.method for request in found.requests] == ["GET", "POST"]
    assert len({request.url for request in found.requests}) == 1
    assert found.snapshot.status is Status.IN_PROGRESS


def test_where_neither_is_allowed_the_address_is_wrong() -> None:
    error = talk(FAST, "batch-1", [answer(b"", 405), answer(b"", 405)]).error
    assert isinstance(error, Rejected)
    assert "base_url" in error.message


def test_the_items_status_decides_and_pool_state_does_not() -> None:
    snapshot = idefix({"status": "completed", "poolState": "platform_declined"})
    assert snapshot.outcome is Outcome.SUCCEEDED
    assert snapshot.next_step is None


def test_waiting_for_approval_is_a_next_step_of_the_item_and_the_batch() -> None:
    snapshot = idefix({"status": "completed"}, {"status": "completed", "poolState": " Waiting_Vendor_Approve "})
    assert snapshot.next_step is not None
    assert "24 hours" in snapshot.next_step.en
    assert "24 saat" in snapshot.next_step.tr
    assert [item.next_step for item in snapshot.items] == [None, snapshot.next_step]
    assert snapshot.status is Status.COMPLETED


def test_a_declined_item_asks_for_nothing() -> None:
    assert idefix({"status": "DECLINE", "poolState": "waiting_vendor_approve"}).next_step is None


def test_a_completed_create_batch_with_pending_products_is_terminal_without_an_outcome() -> None:
    snapshot = idefix(
        {"status": "ready_for_sale"}, {"status": "not_matched"}, {"status": "missing_info"}, source=CREATE
    )
    assert snapshot.status is Status.COMPLETED
    assert snapshot.is_terminal
    assert snapshot.outcome is None
    assert not snapshot.is_settled
    assert snapshot.counts == (3, 1, 1, 1)


def test_products_are_items_too() -> None:
    snapshot = read(CREATE, {"status": "completed", "products": [{"status": "ready_for_sale", "barcode": "1"}]})
    assert [item.key for item in snapshot.items] == ["1"]
    both = {"status": "completed", "products": [{"barcode": "p"}], "items": [{"barcode": "i"}]}
    assert read(CREATE, both).items[0].key == "p"
    assert read(FAST, both).items[0].key == "i"


@pytest.mark.parametrize("source", [FAST, CREATE])
@pytest.mark.parametrize("odd", [None, "x", 3, {"0": {}}])
def test_items_that_are_no_list_are_none(source: str, odd: object) -> None:
    snapshot = read(source, {"status": "completed", "items": odd, "products": odd})
    assert len(snapshot.items) == 0
    assert snapshot.counts == (None, None, None, None)


@pytest.mark.parametrize(
    ("reasons", "read_as"),
    [
        ("NO_PRICE", [("NO_PRICE", None)]),
        ("no_price", [("no_price", None)]),
        ({"code": "NO_PRICE", "message": "Fiyat yok"}, [("NO_PRICE", "Fiyat yok")]),
        ({"message": "NO_PRICE"}, [("NO_PRICE", None)]),
        (["NO_PRICE", {"message": "Fiyat yok"}], [("NO_PRICE", None), (None, "Fiyat yok")]),
        ([["NO_PRICE"]], [("NO_PRICE", None)]),
        ("Fiyat yok", [(None, "Fiyat yok")]),
        ("SOME_NEW_CODE", [("SOME_NEW_CODE", None)]),
        (None, []),
        ("", []),
        ([], []),
        (7, [(None, "7")]),
        (True, []),
    ],
)
def test_failure_reasons_in_every_shape(reasons: object, read_as: list[tuple[str | None, str | None]]) -> None:
    snapshot = idefix({"status": "decline", "failureReasons": reasons}, source=STOCK)
    assert [(one.code, one.message) for one in snapshot.items.heads[0].failures] == read_as


@pytest.mark.parametrize("code", sorted({*FAST_CODES, *STOCK_CODES, *CREATE_CODES}))
def test_every_documented_code_is_explained_in_both_languages(code: str) -> None:
    (reason,) = idefix({"status": "decline", "failureReasons": code}).items.heads[0].failures
    assert reason.code == code
    assert reason.explanation is not None
    assert reason.explanation.en != reason.explanation.tr
    assert min(len(words) for words in reason.explanation) > 30


def test_a_code_that_is_not_documented_is_not_explained() -> None:
    snapshot = idefix({"status": "decline", "failureReasons": "SOME_NEW_CODE"})
    assert snapshot.items.heads[0].failures == (Failure("SOME_NEW_CODE"),)


def test_already_processed_means_still_processing() -> None:
    (reason,) = idefix({"status": "decline", "failureReasons": "BATCH_ALREADY_PROCESSED"}).items.heads[0].failures
    assert reason.explanation is not None
    assert "still being processed" in reason.explanation.en
    assert read(STOCK, {"message": "BATCH_ALREADY_PROCESSED"}).status is Status.IN_PROGRESS
    assert talk(STOCK, "1", [answer({"code": "BATCH_ALREADY_PROCESSED"}, 409)]).snapshot.status is Status.IN_PROGRESS
    assert not read(STOCK, {"message": "BATCH_ALREADY_PROCESSED"}).is_confirmed
    said = read(STOCK, {"batchRequestId": "batch-1", "status": "BATCH_ALREADY_PROCESSED"})
    assert (said.status, said.source_status) == (Status.IN_PROGRESS, "BATCH_ALREADY_PROCESSED")


@pytest.mark.parametrize("status", [400, 404, 409, 422, 500])
@pytest.mark.parametrize(
    "said",
    [
        {"errors": "BATCH_ALREADY_PROCESSED"},
        ["BATCH_ALREADY_PROCESSED"],
        "BATCH_ALREADY_PROCESSED",
        b"Error: BATCH_ALREADY_PROCESSED",
        b"\xff BATCH_ALREADY_PROCESSED",
    ],
)
def test_still_processing_is_told_in_any_shape(status: int, said: object) -> None:
    snapshot = talk(STOCK, "1", [answer(said, status)]).snapshot
    assert (snapshot.status, snapshot.source_status) == (Status.IN_PROGRESS, "BATCH_ALREADY_PROCESSED")
    assert "BATCH_ALREADY_PROCESSED" in json.dumps(json.loads(snapshot.payload))


@pytest.mark.parametrize("said", [b"BATCH_NOT_EXIST", {"errors": "BATCH_NOT_EXIST"}, ["BATCH_NOT_EXIST"]])
def test_a_code_is_found_in_any_shape(said: object) -> None:
    assert isinstance(IDEFIX.refusal(answer(said, 400)), NotFound)


def test_a_code_in_a_page_is_none() -> None:
    page = b"<html><title>502</title><!-- BATCH_ALREADY_PROCESSED --></html>"
    assert isinstance(IDEFIX.refusal(answer(page, 502)), Unavailable)


@pytest.mark.parametrize("word", ["completed", "failed", "cancelled", "running"])
@pytest.mark.parametrize("key", ["message", "errors", "error", "exception", "code"])
def test_the_status_word_of_an_error_is_not_the_batchs(word: str, key: str) -> None:
    assert isinstance(talk(FAST, "1", [answer({"status": word, key: "Sistem hatası"})]).error, InvalidAnswer)
    for nothing in (None, False, "", []):
        assert read(FAST, {"status": word, key: nothing}).source_status == word
    assert read(FAST, {"status": word, key: "x", "batchRequestId": "batch-1"}).source_status == word


@pytest.mark.parametrize("code", ["BATCH_NOT_EXIST", "NO_BATCH_ID_EXIST"])
@pytest.mark.parametrize("status", [200, 201, 400, 404, 422, 500])
@pytest.mark.parametrize("shape", ["message", "code", "error", "failureReasons"])
def test_an_unknown_batch_is_not_found_whatever_the_http_status(code: str, status: int, shape: str) -> None:
    error = talk(STOCK, "batch-1", [answer({shape: code}, status)]).error
    assert isinstance(error, NotFound)
    assert code in str(error.source_message)


def test_a_code_in_an_item_is_about_the_item() -> None:
    snapshot = idefix({"status": "decline", "failureReasons": "BATCH_NOT_EXIST"}, source=STOCK)
    assert snapshot.outcome is Outcome.FAILED


@pytest.mark.parametrize("status", [401, 400, 403])
def test_an_unknown_vendor_token(status: int) -> None:
    error = IDEFIX.refusal(answer({"message": "VENDOR_TOKEN_NOT_EXIST"}, status))
    assert isinstance(error, Unauthenticated)
    assert "vendor_id" in error.message


def test_an_item_has_its_own_fields() -> None:
    item = {
        "title": "Mug",
        "barcode": "869",
        "price": 20.50,
        "comparePrice": "30",
        "inventoryQuantity": 7,
        "vendorStockCode": "M-1",
        "productId": 0,
        "poolState": "waiting_vendor_approve",
        "statusDateCreatedAt": "2023-01-26T15:51:21+03:00",
        "status": "completed",
        "weight": "195",
        "deliveryType": "regular",
        "needAutoMatch": True,
        "matchedProduct": {"name": "Porcelain mug", "images": ["https://images.example/1.png"], "attributes": []},
    }
    snapshot = idefix(item)
    found = own(snapshot)
    assert (found.barcode, found.price, found.compare_price) == ("869", Decimal("20.5"), Decimal(30))
    assert (found.inventory_quantity, found.vendor_stock_code, found.product_id) == (7, "M-1", "0")
    assert found.status_date_created_at == datetime(2023, 1, 26, 12, 51, 21, tzinfo=UTC)
    assert (found.weight, found.delivery_type, found.need_auto_match) == (Decimal(195), "regular", True)
    assert found.matched_product is not None
    assert found.matched_product.name == "Porcelain mug"
    assert found.matched_product.images == ("https://images.example/1.png",)
    assert found.matched_product.attributes == ()
    assert (snapshot.items[0].key, snapshot.items[0].title) == ("869", "Mug")


def test_the_payload_of_an_item_is_what_was_submitted() -> None:
    submitted = {"barcode": "869", "price": 20, "inventoryQuantity": 7}
    results = {"status": "decline", "poolState": None, "failureReasons": "NO_PRICE", "productId": 0}
    payload = idefix({**submitted, **results}).items[0].payload
    assert json.loads(payload or b"") == submitted


def test_the_stock_code_or_matched_name_stand_in() -> None:
    item = idefix({"vendorStockCode": "M-1", "matchedProduct": {"name": "Mug"}, "status": "completed"}).items[0]
    assert (item.key, item.title) == ("M-1", "Mug")


def test_times_are_read_with_their_zone() -> None:
    snapshot = idefix(createdAt="2023-01-26T15:51:20+03:00", completedAt=None, lastUpdatedAt="2023-01-26T15:51:21+0300")
    assert snapshot.created_at == datetime(2023, 1, 26, 12, 51, 20, tzinfo=UTC)
    assert snapshot.updated_at == datetime(2023, 1, 26, 12, 51, 21, tzinfo=UTC)
    assert snapshot.completed_at is None
    assert isinstance(snapshot.own, IdefixBatch)
    assert snapshot.own.last_updated_at == snapshot.updated_at


@pytest.mark.parametrize("time", ["2023-01-26T15:51:20", "2023-01-26", "26.01.2023 15:51", "", 5])
def test_a_time_without_a_zone_is_null(time: object) -> None:
    assert idefix(createdAt=time).created_at is None


@pytest.mark.parametrize(
    ("source", "operation"),
    [(FAST, Operation.PRODUCT_CREATE), (CREATE, Operation.PRODUCT_CREATE), (STOCK, Operation.PRICE_AND_STOCK)],
)
def test_operation(source: str, operation: Operation) -> None:
    assert idefix(source=source).operation is operation


@pytest.mark.parametrize("shown", [{"createdAt": "2023-01-26T15:51:20+03:00"}, {"items": [{"status": "created"}]}])
def test_a_time_or_an_item_confirms(shown: dict[str, Any]) -> None:
    assert not read(STOCK, {"status": "running", "batchRequestId": "batch-1"}).is_confirmed
    assert read(STOCK, {"status": "running", **shown}).is_confirmed


def test_an_answer_about_another_batch_is_invalid() -> None:
    error = talk(STOCK, "4b-1", [answer({"batchRequestId": "4b-2", "status": "completed"})]).error
    assert isinstance(error, InvalidAnswer)


def test_items_without_a_word_are_unknown() -> None:
    assert idefix({"barcode": "1"}, {"status": None}).items.heads[0].status is ItemStatus.UNKNOWN

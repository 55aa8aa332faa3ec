"""Trendyol: what is asked, and each rule of its reading by name."""

from __future__ import annotations

import base64
import json
import math
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.errors import Forbidden, InvalidAnswer, NotFound, RateLimited, Rejected, Unauthenticated, Unavailable
from adapters.model import Failure, ItemStatus, Operation, Outcome, Snapshot, Status
from adapters.registry import ADAPTERS
from adapters.trendyol import TrendyolAccount, TrendyolBatch, TrendyolItem
from tests.exchange import account, answer, read, talk

TRENDYOL = ADAPTERS["trendyol"]
CREATED = 1772442900000


def body(**members: Any) -> dict[str, Any]:
    return {"batchRequestId": "batch-1", "status": "COMPLETED", **members}


def items(*words: str | None) -> list[dict[str, Any]]:
    return [{"requestItem": {"barcode": f"b{n}"}, "status": word, "failureReasons": []} for n, word in enumerate(words)]


def trendyol(**members: Any) -> Snapshot:
    return read("trendyol", body(**members))


def own(snapshot: Snapshot, index: int = 0) -> TrendyolItem:
    found = snapshot.items[index].own
    assert isinstance(found, TrendyolItem)
    return found


def refusal(status: int, said: object) -> Any:
    return TRENDYOL.refusal(answer(said, status))


def test_asks_the_documented_path_with_basic_auth_and_user_agent() -> None:
    request = next(TRENDYOL.ask(account("trendyol"), "trendyol", "76e5-1736179465"))
    assert request.method == "GET"
    assert request.url == (
        "https://apigw.trendyol.com/integration/product/sellers/2738/products/batch-requests/76e5-1736179465"
    )
    assert request.headers["Authorization"] == "Basic " + base64.b64encode(b"key:secret").decode()
    assert request.headers["User-Agent"] == "2738 - SelfIntegration"
    assert "storeFrontCode" not in request.headers
    assert "Accept-Language" not in request.headers


def test_sends_integrator_store_front_and_language_where_configured() -> None:
    own = account("trendyol", integrator="Acme Tools", store_front="DE", language="en", seller_id="99")
    request = next(TRENDYOL.ask(own, "trendyol", "1"))
    assert request.headers["User-Agent"] == "99 - Acme Tools"
    assert request.headers["storeFrontCode"] == "DE"
    assert request.headers["Accept-Language"] == "en"
    assert "/sellers/99/" in request.url


@pytest.mark.parametrize("seller", ["2738", 2738])
def test_a_seller_id_may_be_a_number(seller: object) -> None:
    own = account("trendyol", seller_id=seller)
    assert isinstance(own, TrendyolAccount)
    assert own.seller_id == "2738"


@pytest.mark.parametrize(
    "values",
    [
        {"seller_id": ""},
        {"seller_id": True},
        {"seller_id": "27 38"},
        {"seller_id": "2738\r\nX: y"},
        {"integrator": "Acme\r\nX-Evil: 1"},
        {"integrator": "Ünal"},
        {"integrator": ""},
        {"store_front": "D E"},
        {"language": "en\n"},
        {"api_key": ""},
        {"api_secret": "a b"},
        {"unknown": "x"},
    ],
)
def test_values_that_cannot_be_sent_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        account("trendyol", **values)


def test_other_stores_and_languages_are_told_apart() -> None:
    plain, german = account("trendyol"), account("trendyol", store_front="DE")
    assert plain.identity() != german.identity()


def test_a_word_that_is_there_decides_over_settled_items() -> None:
    snapshot = trendyol(status="IN_PROGRESS", itemCount=2, items=items("SUCCESS", "FAILED"))
    assert snapshot.status is Status.IN_PROGRESS
    assert snapshot.progress == 1
    assert snapshot.outcome is None


@pytest.mark.parametrize("absent", [{}, {"status": None}])
def test_without_a_status_a_batch_ends_with_its_last_item(absent: dict[str, None]) -> None:
    def stock(count: object, *words: str) -> Status:
        found = {"batchRequestId": "batch-1", "itemCount": count, "items": items(*words), **absent}
        return read("trendyol", found).status

    assert stock(2, "SUCCESS", "FAILED") is Status.COMPLETED
    assert stock("2", "SUCCESS", "FAILED") is Status.COMPLETED
    assert stock(3, "SUCCESS", "FAILED") is Status.IN_PROGRESS
    assert stock(1, "SUCCESS", "FAILED") is Status.IN_PROGRESS
    assert stock(2, "SUCCESS", "PROCESSING") is Status.IN_PROGRESS
    assert stock(2, "SUCCESS", "whatever") is Status.IN_PROGRESS
    assert stock(None, "SUCCESS", "SUCCESS") is Status.IN_PROGRESS
    assert stock(0) is Status.IN_PROGRESS


def test_a_batch_failed_without_items_has_failed() -> None:
    assert trendyol(status="FAILED", items=[]).outcome is Outcome.FAILED


def test_an_unknown_id_is_answered_as_processing_and_stays_unconfirmed() -> None:
    assert not trendyol(status="PROCESSING").is_confirmed
    assert not trendyol(status="PROCESSING", items=[], itemCount=0, failedItemCount=0, creationDate=0).is_confirmed


@pytest.mark.parametrize(
    "shown",
    [{"items": items("PROCESSING")}, {"creationDate": CREATED}, {"itemCount": 1}, {"lastModification": CREATED}],
)
def test_an_item_a_time_or_a_count_confirms(shown: dict[str, Any]) -> None:
    assert trendyol(status="PROCESSING", **shown).is_confirmed


def test_times_are_utc_and_the_batch_is_forgotten_four_hours_after_its_creation() -> None:
    snapshot = trendyol(creationDate=1746704227943, lastModification="1746704228000")
    assert snapshot.created_at == datetime(2025, 5, 8, 11, 37, 7, 943000, tzinfo=UTC)
    assert snapshot.updated_at == datetime(2025, 5, 8, 11, 37, 8, tzinfo=UTC)
    assert snapshot.completed_at is None
    assert snapshot.expires_at == datetime(2025, 5, 8, 15, 37, 7, 943000, tzinfo=UTC)


def test_the_number_in_the_id_decides_nothing() -> None:
    snapshot = read("trendyol", {"batchRequestId": "a-1", "status": "IN_PROGRESS"}, "a-1")
    assert snapshot.expires_at is None


@pytest.mark.parametrize("absurd", [0, -1, 1736154265, 10**18, 10**40, "soon", True, [], None, "2025-05-08T11:37:07"])
def test_absurd_times_are_null(absurd: object) -> None:
    snapshot = trendyol(creationDate=absurd)
    assert snapshot.created_at is None
    assert snapshot.expires_at is None


@pytest.mark.parametrize(
    ("kind", "operation"),
    [
        ("ProductV2OnBoarding", Operation.PRODUCT_CREATE),
        ("ProductV2Update", Operation.PRODUCT_UPDATE),
        ("ProductInventoryUpdate", Operation.PRICE_AND_STOCK),
        ("ProductArchiveUpdate", Operation.ARCHIVE),
        ("productdeletion ", Operation.DELETE),
        ("ProductMagic", Operation.OTHER),
        (None, Operation.OTHER),
        (7, Operation.OTHER),
    ],
)
def test_operation(kind: object, operation: Operation) -> None:
    assert trendyol(batchRequestType=kind).operation is operation


def test_an_item_of_a_create_batch() -> None:
    product = {
        "barcode": "8690000000001",
        "title": "T-shirt",
        "brandId": 9007199254740993,
        "quantity": "50",
        "listPrice": 249.90,
        "salePrice": 199,
        "vatRate": 20,
        "dimensionalWeight": 1.25,
        "images": [{"url": "https://images.example/1.jpg"}, "https://images.example/2.jpg", {}, None],
        "attributes": [{"attributeId": 1, "attributeValueId": None, "customAttributeValue": "White"}, "odd"],
        "deliveryOption": {"deliveryDuration": 1},
    }
    raw = '{"product": ' + json.dumps(product).replace("249.9", "249.90") + ', "barcode": "8690000000001"}'
    text = f'{{"batchRequestId":"batch-1","status":"COMPLETED","items":[{{"requestItem":{raw},"status":"SUCCESS"}}]}}'
    snapshot = read("trendyol", text.encode())
    item = snapshot.items[0]
    assert (item.key, item.title) == ("8690000000001", "T-shirt")
    assert item.payload == raw.encode()
    found = own(snapshot).product
    assert found is not None
    assert found.brand_id == "9007199254740993"
    assert found.quantity == 50
    assert str(found.list_price) == "249.90"
    assert found.sale_price == Decimal(199)
    assert found.dimensional_weight == Decimal("1.25")
    assert found.images == ("https://images.example/1.jpg", "https://images.example/2.jpg")
    assert found.attributes is not None
    assert [(one.attribute_id, one.custom_attribute_value) for one in found.attributes] == [("1", "White")]
    assert found.delivery_option == b'{"deliveryDuration": 1}'


def test_an_item_of_a_price_and_stock_batch() -> None:
    request = {"updateRequestDate": "2025-05-08T11:37:07.950+00:00", "quantity": 100, "salePrice": 99.9}
    snapshot = trendyol(items=[{"requestItem": {**request, "barcode": 123, "listPrice": "100"}, "status": "SUCCESS"}])
    found = own(snapshot)
    assert (found.barcode, found.quantity, found.sale_price) == ("123", 100, Decimal("99.9"))
    assert found.list_price == Decimal(100)
    assert found.update_request_date == datetime(2025, 5, 8, 11, 37, 7, 950000, tzinfo=UTC)
    assert found.product is None
    assert snapshot.items[0].key == "123"


def test_an_item_of_an_archive_batch() -> None:
    request = {"archived": True, "supplierId": 2748, "barcode": "b"}
    snapshot = trendyol(items=[{"requestItem": request, "status": "SUCCESS", "batchRequestLogId": "log-1"}])
    found = own(snapshot)
    assert (found.archived, found.supplier_id, found.batch_request_log_id) == (True, "2748", "log-1")
    assert json.loads(snapshot.items[0].payload or b"") == request


@pytest.mark.parametrize("odd", [None, "x", 5, [], [1]])
def test_a_request_item_that_is_no_object_costs_nothing_else(odd: object) -> None:
    snapshot = trendyol(items=[{"requestItem": odd, "status": "SUCCESS", "failureReasons": None}], itemCount=1)
    assert snapshot.outcome is Outcome.SUCCEEDED
    assert snapshot.items[0].key is None
    assert own(snapshot).product is None


@pytest.mark.parametrize("odd", [None, "x", 5, []])
def test_an_item_that_is_no_object_is_unknown(odd: object) -> None:
    snapshot = trendyol(items=[odd, *items("SUCCESS")])
    assert [head.status for head in snapshot.items.heads] == [ItemStatus.UNKNOWN, ItemStatus.SUCCEEDED]
    assert snapshot.outcome is None
    assert not snapshot.is_settled


@pytest.mark.parametrize("odd", [None, "x", 5, {}, {"a": 1}])
def test_items_that_are_no_list_are_none(odd: object) -> None:
    snapshot = trendyol(items=odd, itemCount=3, failedItemCount=1)
    assert len(snapshot.items) == 0
    assert snapshot.counts == (3, 2, 1, 0)


@pytest.mark.parametrize(
    ("reasons", "read_as"),
    [
        (["Barkod zaten var"], [Failure(None, "Barkod zaten var")]),
        ("Barkod zaten var", [Failure(None, "Barkod zaten var")]),
        ([{"code": "C1", "message": "Bad"}], [Failure("C1", "Bad")]),
        ({"message": "Bad"}, [Failure(None, "Bad")]),
        ([None, "", [], {}], []),
        (None, []),
        ({"barcode": "is taken"}, [Failure(None, "barcode: is taken")]),
        ({"message": {"tr": "Hatalı", "price": 1.5}}, [Failure(None, 'message: {"tr":"Hatalı","price":1.5}')]),
        ({"fields": ["a", None], "fatal": True}, [Failure(None, 'fields: ["a",null], fatal: true')]),
    ],
)
def test_failure_reasons(reasons: object, read_as: list[Failure]) -> None:
    snapshot = trendyol(items=[{"status": "FAILED", "failureReasons": reasons}])
    assert list(snapshot.items.heads[0].failures) == read_as


def test_the_envelope_has_its_own_fields() -> None:
    snapshot = trendyol(
        itemCount=2, failedItemCount=0, items=items("FAILED"), sourceType="API", notes=None, objectKey="k"
    )
    assert isinstance(snapshot.own, TrendyolBatch)
    assert (snapshot.own.declared_item_count, snapshot.own.declared_failed_item_count) == (2, 0)
    assert (snapshot.own.source_type, snapshot.own.notes, snapshot.own.object_key) == ("API", None, "k")


def test_half_a_surrogate_pair_is_replaced_and_everything_else_kept() -> None:
    text = rb'{"batchRequestId":"batch-1","status":"COMPLETED","notes":"\ud83d\ude00 \ud83d \\ud800 \ude00x"}'
    snapshot = read("trendyol", text)
    assert isinstance(snapshot.own, TrendyolBatch)
    assert snapshot.own.notes == "\N{GRINNING FACE} \N{REPLACEMENT CHARACTER} \\ud800 \N{REPLACEMENT CHARACTER}x"
    assert b"\xed" not in snapshot.payload
    json.loads(snapshot.payload)["notes"].encode()


def test_of_a_key_that_comes_twice_the_last_counts() -> None:
    assert read("trendyol", b'{"items":[],"status":"COMPLETED","status":"IN_PROGRESS"}').status is Status.IN_PROGRESS


def test_a_byte_order_mark_is_passed_over() -> None:
    assert read("trendyol", b'\xef\xbb\xbf{"items":[],"status":"COMPLETED"}').status is Status.COMPLETED


@pytest.mark.parametrize("echo", ["BATCH-1", " batch-1 ", None, "", {}, []])
def test_an_echo_that_names_no_other_batch_is_taken(echo: object) -> None:
    assert read("trendyol", {"batchRequestId": echo, "status": "COMPLETED"}).status is Status.COMPLETED


@pytest.mark.parametrize("echo", ["batch-2", 7])
def test_an_answer_about_another_batch_is_invalid(echo: object) -> None:
    error = talk("trendyol", "batch-1", [answer({"batchRequestId": echo, "status": "COMPLETED"})]).error
    assert isinstance(error, InvalidAnswer)
    assert "another batch" in error.message


@pytest.mark.parametrize("word", ["COMPLETED", "FAILED", "PROCESSING"])
@pytest.mark.parametrize("error", [{"errors": ["x"]}, {"exception": "TrendyolSystemException"}, {"message": "x"}])
def test_the_status_word_of_an_error_is_not_the_batchs(word: str, error: dict[str, Any]) -> None:
    assert isinstance(talk("trendyol", "batch-1", [answer({"status": word, **error})]).error, InvalidAnswer)
    assert read("trendyol", {"status": word, **dict.fromkeys(error)}).source_status == word
    assert read("trendyol", {"status": word, "itemCount": 1, **error}).source_status == word


@pytest.mark.parametrize(
    ("status", "said", "kind", "words"),
    [
        (401, {"exception": "ClientApiAuthenticationException", "errors": []}, Unauthenticated, "api_key"),
        (401, {"exception": "TrendyolAuthorizationException"}, Unauthenticated, "seller_id"),
        (403, b"Forbidden", Forbidden, "User-Agent"),
        (403, b"<html><title>Attention Required</title></html>", Forbidden, "stage"),
        (503, b"Service Unavailable", Unavailable, "stage"),
        (429, {"errors": ["slow down"]}, RateLimited, "slow"),
        (400, {"errors": [{"key": "invalid.storefrontcode"}]}, Rejected, "store_front"),
        (404, {"body": {"errors": [{"message": "No such batch"}]}}, NotFound, "id"),
    ],
)
def test_refusals_tell_what_to_do(status: int, said: object, kind: type[Exception], words: str) -> None:
    error = refusal(status, said)
    assert isinstance(error, kind)
    assert words in error.message


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"errors": [{"key": "generic.exception", "message": "Hata"}]}, "generic.exception: Hata"),
        ({"errors": ["First", "Second"]}, "First; Second"),
        ({"errors": "Only"}, "Only"),
        ({"body": {"errors": [{"message": "Inner"}]}}, "Inner"),
        ({"exception": "TrendyolSystemException", "errors": [{"message": "Hata"}]}, "TrendyolSystemException; Hata"),
        (b"plain words\n\n and more", "plain words and more"),
        ({"odd": 1}, '{"odd": 1}'),
        (b"", None),
    ],
)
def test_the_marketplaces_own_words_are_kept(said: object, words: str | None) -> None:
    assert refusal(500, said).source_message == words


def big_answer(count: int) -> bytes:
    """A create batch of so many products; 1,000 make 1.2 MB."""
    product = {
        "barcode": "8690000000001",
        "title": "Pamuklu tişört, beyaz",
        "description": 'Yumuşak pamuktan "klasik" tişört.\n' * 16,
        "brandId": 187803,
        "listPrice": 249.90,
        "attributes": [{"attributeId": n, "attributeValueId": n * 7, "customAttributeValue": None} for n in range(6)],
        "images": [{"url": "https://images.example/products/zoom/tisort-beyaz.jpg"}],
    }
    one = {"requestItem": {"product": product, "barcode": "8690000000001"}, "status": "SUCCESS", "failureReasons": []}
    return json.dumps(body(items=[one] * count, itemCount=count, creationDate=CREATED), ensure_ascii=False).encode()


@pytest.mark.slow
def test_a_thousand_items_cost_less_than_json_loads() -> None:
    text = big_answer(1000)
    reading = loading = math.inf
    for round_ in range(200):  # in turns, until both have had a quiet moment
        reading = min(reading, _seconds(lambda: read("trendyol", text)))
        loading = min(loading, _seconds(lambda: json.loads(text)))
        if reading <= 0.8 * loading and round_ >= 15:
            break
    print(f"{len(text)} bytes: snapshot {reading * 1000:.1f} ms, json.loads {loading * 1000:.1f} ms")
    assert reading <= 0.8 * loading


def _seconds(work: Any) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def test_big_and_small_answers_read_the_same() -> None:
    snapshot = read("trendyol", big_answer(30))
    assert snapshot.counts == (30, 30, 0, 0)
    assert snapshot.outcome is Outcome.SUCCEEDED
    assert snapshot.items[29].title == "Pamuklu tişört, beyaz"
    assert [item.index for item in snapshot.items[10:12]] == [10, 11]
    assert snapshot.items[-1].index == 29


def test_the_usual_and_the_unusual_way_read_the_same() -> None:
    """One item that is no object sends the whole answer the slower way."""
    found = [*items("SUCCESS", "FAILED", "weird"), {"status": "FAILED", "failureReasons": ["x"]}]
    usual = trendyol(items=found, itemCount=4, creationDate=CREATED)
    unusual = trendyol(items=[*found, None], itemCount=4, creationDate=CREATED)
    assert unusual.items.heads[:4] == usual.items.heads
    assert list(unusual.items)[:4] == list(usual.items)
    assert unusual.own == usual.own
    assert unusual.created_at == usual.created_at
    assert usual.expires_at == (usual.created_at or datetime.max.replace(tzinfo=UTC)) + timedelta(hours=4)

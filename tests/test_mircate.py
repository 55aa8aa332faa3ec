"""Mircate: what is asked, and each rule of its reading by name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters.errors import InvalidAnswer, NotFound, RateLimited, Rejected, Unauthenticated
from adapters.mircate import MircateAccount, MircateBatch, MircateItem
from adapters.model import Failure, ItemStatus, Operation, Outcome, Snapshot, Status
from adapters.registry import ADAPTERS
from tests.exchange import account, answer, read, talk

MIRCATE = ADAPTERS["mircate"]


def mircate(**members: Any) -> Snapshot:
    return read("mircate", members)


def own_words(**words: str) -> dict[str, Any]:
    return {"status_words": words}


def test_asks_the_documented_path_below_the_merchants_project() -> None:
    request = next(MIRCATE.ask(account("mircate", base_url="https://api.example/5p1/"), "mircate", "B 1"))
    assert (request.method, request.url) == (
        "GET",
        "https://api.example/5p1/CALL/MerchantImportJob/checkBatchStatus/B%201",
    )
    assert request.headers["x-api-key"] == "key"


def test_the_base_url_is_required() -> None:
    with pytest.raises(ValueError, match="base_url"):
        MircateAccount.model_validate({"name": "m", "marketplace": "mircate", "api_key": "k"})


@pytest.mark.parametrize("key", ["", "a b", "line\nend", "ş"])
def test_a_key_that_cannot_be_sent_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="api_key"):
        account("mircate", api_key=key)


def test_an_empty_object_says_nothing() -> None:
    snapshot = mircate()
    assert snapshot.status is Status.UNKNOWN
    assert snapshot.source_status is None
    assert not snapshot.is_terminal
    assert not snapshot.is_confirmed
    assert snapshot.payload == b"{}"


def test_the_sample_of_the_page_is_a_template() -> None:
    snapshot = mircate(
        batchStatus="string",
        failCount=0,
        successCount=0,
        failedProducts=[{}],
        ratio="string",
        pushPriceFrequency=0,
        bulkOperationType="string",
    )
    assert snapshot.status is Status.UNKNOWN
    assert snapshot.source_status == "string"
    assert snapshot.counts == (None, 0, 0, None)
    assert isinstance(snapshot.own, MircateBatch)
    assert (snapshot.own.batch_status, snapshot.own.ratio, snapshot.own.push_price_frequency) == ("string", "string", 0)
    assert snapshot.own.failed_products is not None
    assert json.loads(snapshot.own.failed_products) == [{}]


@pytest.mark.parametrize("spelling", ["in progress", "IN_PROGRESS", "in-progress", "InProgress", "  in  progress "])
def test_spellings_of_a_known_word(spelling: str) -> None:
    assert mircate(batchStatus=spelling).status is Status.IN_PROGRESS


@pytest.mark.parametrize(
    "word",
    ["processed", "started", "new", "ok", "true", "tamamlandi", "not done", "incomplete", "unsuccessful", "impartial"],
)
def test_a_word_that_is_not_known_is_unknown(word: str) -> None:
    snapshot = mircate(batchStatus=word, successCount=5, failCount=0, ratio="100%")
    assert snapshot.status is Status.UNKNOWN
    assert snapshot.source_status == word
    assert snapshot.outcome is None


@pytest.mark.parametrize("word", ["BITTI", "bitti", "Bİttİ", " BIT TI "])
def test_an_account_may_add_words_of_its_own(word: str) -> None:
    own = own_words(BITTI="COMPLETED", done="FAILED", **{"YARI YOLDA": "in_progress"})
    assert read("mircate", {"batchStatus": word}, **own).status is Status.COMPLETED
    assert read("mircate", {"batchStatus": "Done"}, **own).status is Status.FAILED
    assert read("mircate", {"batchStatus": "yari_yolda"}, **own).status is Status.IN_PROGRESS
    assert read("mircate", {"batchStatus": "running"}, **own).status is Status.IN_PROGRESS


@pytest.mark.parametrize("words", [{"X": "FINISHED"}, {"": "COMPLETED"}, {"X": 1}, {"X": None}, "COMPLETED"])
def test_words_that_mean_nothing_are_refused(words: object) -> None:
    with pytest.raises(ValueError, match="status_words"):
        account("mircate", status_words=words)


def test_items_are_the_failed_products_only() -> None:
    snapshot = mircate(
        batchStatus="completed", successCount=9, failCount=1, failedProducts=[{"sku": "A", "name": "Cup"}]
    )
    assert not snapshot.items.is_complete
    (item,) = snapshot.items
    assert (item.key, item.title, item.status) == ("A", "Cup", ItemStatus.FAILED)
    assert item.payload is not None
    assert json.loads(item.payload) == {"sku": "A", "name": "Cup"}
    assert isinstance(item.own, MircateItem)
    assert item.own.product == item.payload
    assert not mircate(batchStatus="completed").items.is_complete


def test_a_sum_that_outgrows_the_apis_int_is_not_told() -> None:
    most = 2**31 - 1
    assert mircate(batchStatus="done", successCount=most, failCount=0).counts == (most, most, 0, 0)
    snapshot = mircate(batchStatus="done", successCount=most, failCount=1)
    assert snapshot.counts[:3] == (None, most, 1)
    assert snapshot.outcome is Outcome.PARTIALLY_SUCCEEDED


def test_items_never_give_the_counts() -> None:
    snapshot = mircate(batchStatus="completed", successCount=9, failCount=3, failedProducts=[{"sku": "A"}])
    assert snapshot.counts == (12, 9, 3, 0)
    assert snapshot.outcome is Outcome.PARTIALLY_SUCCEEDED


@pytest.mark.parametrize(
    ("product", "key", "reasons"),
    [
        ("SKU-1", "SKU-1", ()),
        (17, "17", ()),
        ({"barcode": 869}, "869", ()),
        ({"id": "x", "message": "Too cheap"}, "x", (Failure(None, "Too cheap"),)),
        ({"errorCode": "E1", "error": "Too cheap"}, None, (Failure("E1", "Too cheap"),)),
        ({"errorCode": "E1"}, None, (Failure("E1"),)),
        ({"errors": [{"code": "E1", "message": "a"}, "b"]}, None, (Failure("E1", "a"), Failure(None, "b"))),
        ({}, None, ()),
        ([1], None, ()),
    ],
)
def test_failed_products_in_any_shape(product: object, key: str | None, reasons: tuple[Failure, ...]) -> None:
    snapshot = mircate(batchStatus="failed", failedProducts=[product, None])
    (item,) = snapshot.items
    assert (item.key, item.failures) == (key, reasons)
    assert item.status is ItemStatus.FAILED


@pytest.mark.parametrize("odd", [None, "x", {}, 4])
def test_failed_products_that_are_no_list_are_none(odd: object) -> None:
    snapshot = mircate(batchStatus="completed", successCount=1, failedProducts=odd)
    assert len(snapshot.items) == 0
    assert snapshot.counts == (None, 1, None, None)


def test_progress_is_the_ratio_and_nothing_else() -> None:
    assert mircate(batchStatus="running", ratio="50%", successCount=1, failCount=0).progress == 0.5
    assert mircate(batchStatus="completed", ratio="1", successCount=1, failCount=0).progress is None
    assert mircate(batchStatus="completed", successCount=1, failCount=0).progress is None


def test_the_text_of_an_unreadable_ratio_stays() -> None:
    snapshot = mircate(batchStatus="running", ratio="almost")
    assert isinstance(snapshot.own, MircateBatch)
    assert (snapshot.own.ratio, snapshot.progress) == ("almost", None)


@pytest.mark.parametrize("shown", [{"successCount": 1}, {"failCount": 1}, {"failedProducts": [{}]}, {"ratio": "1%"}])
def test_a_count_or_an_item_or_progress_confirms(shown: dict[str, Any]) -> None:
    assert not mircate(batchStatus="pending", successCount=0, failCount=0, ratio="0%").is_confirmed
    assert mircate(batchStatus="pending", **shown).is_confirmed


def test_there_are_no_times() -> None:
    snapshot = mircate(batchStatus="done", successCount=1)
    assert (snapshot.created_at, snapshot.updated_at, snapshot.completed_at, snapshot.expires_at) == (None,) * 4
    assert snapshot.operation is Operation.PRICE_AND_STOCK


@pytest.mark.parametrize(
    ("status", "kind"), [(204, NotFound), (404, NotFound), (403, Unauthenticated), (400, Rejected), (429, RateLimited)]
)
def test_refusals(status: int, kind: type[Exception]) -> None:
    assert isinstance(MIRCATE.refusal(answer(b"", status)), kind)


@pytest.mark.parametrize("body", [{"message": "Forbidden"}, {"foo": 1}])
def test_an_object_of_another_shape_is_invalid(body: object) -> None:
    assert isinstance(talk("mircate", "1", [answer(body)]).error, InvalidAnswer)

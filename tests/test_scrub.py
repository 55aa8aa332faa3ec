"""Scrubbing: shape and words of state stay, values of people and shops go, secrets go wherever they stand."""

from __future__ import annotations

import json
import random
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.http import Fetched
from adapters.model import BatchRef
from adapters.scrub import Scrubber
from gateway.cli.recording import recording, secrets_of
from tests.exchange import Recorded, account, recorded

READ = [one for one in recorded() if "error" not in one.expect]

BODY: dict[str, Any] = {
    "batchRequestId": "76e5a1b2-1736179465",
    "status": "COMPLETED",
    "creationDate": 1736179465000,
    "lastUpdatedAt": "2026-01-06T16:04:25+03:00",
    "itemCount": 2,
    "price": Decimal("149.90"),
    "quantity": 0,
    "archived": False,
    "none": None,
    "empty": "",
    "items": [
        {
            "status": "FAILED",
            "barcode": "8690000000012",
            "title": "Mavi Pamuklu Tişört",
            "image": "https://cdn.shop.com/a/b1.jpg?token=1",
            "contact": "ayse.yilmaz@shop.com",
            "phone": "+90 532 111 22 33",
            "failureReasons": [
                "8690000000012 barkodlu Mavi Pamuklu Tişört zaten var",
                {"code": "X_1", "message": "No"},
            ],
        },
        {"status": "SUCCESS", "barcode": "8690000000012", "code": "SUMMER10"},
    ],
    "by": {"8690000000012": 1},
}


def scrub(*bodies: object, secrets: tuple[str, ...] = (), seed: int = 1) -> list[Any]:
    return Scrubber(random.Random(seed), secrets).scrub(bodies)


def test_structure_and_words_of_state_stay() -> None:
    [found] = scrub(BODY)
    assert list(found) == list(BODY)
    for key in ("status", "creationDate", "lastUpdatedAt", "itemCount", "quantity", "archived", "none", "empty"):
        assert found[key] == BODY[key]
    first, second = found["items"]
    assert (first["status"], second["status"]) == ("FAILED", "SUCCESS")
    assert first["failureReasons"][1] == {"code": "X_1", "message": "No"}


def test_values_are_made_up_in_the_same_shape_and_type() -> None:
    [found] = scrub(BODY)
    first, second = found["items"]
    assert found["batchRequestId"] != BODY["batchRequestId"]
    assert re.fullmatch(r"[0-9a-f]{8}-\d{10}", found["batchRequestId"])
    assert isinstance(found["price"], Decimal)
    assert re.fullmatch(r"\d{3}\.\d\d", str(found["price"]))
    assert re.fullmatch(r"\d{13}", first["barcode"])
    assert re.fullmatch(r"[A-Z][a-z]+ [A-Z][a-z]+ [A-Z][a-z]+", first["title"])
    assert first["image"].startswith("https://example.com/")
    assert first["contact"].endswith("@example.com")
    assert re.fullmatch(r"\+\d\d \d{3} \d{3} \d\d \d\d", first["phone"])
    assert second["code"] != "SUMMER10"


def test_nothing_of_the_values_is_left() -> None:
    text = json.dumps(scrub(BODY), default=str, ensure_ascii=False)
    for value in ("76e5a1b2", "8690000000012", "149.90", "Pamuklu", "cdn.shop", "yilmaz", "532", "SUMMER10"):
        assert value not in text


def test_the_same_value_becomes_the_same_made_up_value() -> None:
    [found, other] = scrub(BODY, {"barcode": 8690000000012})
    first, second = found["items"]
    assert first["barcode"] == second["barcode"] == str(other["barcode"]) == next(iter(found["by"]))
    assert first["barcode"] in first["failureReasons"][0]
    assert first["title"] in first["failureReasons"][0]
    assert first["failureReasons"][0].endswith(" zaten var")


def test_secrets_go_wherever_they_stand() -> None:
    body = {"s3cr3t-key": "x", "message": "key s3cr3t-key refused", "status": "s3cr3t-key", "n": ["as3cr3t-keyb"]}
    text = json.dumps(scrub(body, secrets=("s3cr3t-key",)))
    assert "s3cr3t" not in text


def test_every_run_makes_up_other_values() -> None:
    assert scrub(BODY, seed=1) != scrub(BODY, seed=2)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_any_json_keeps_its_structure(value: Any) -> None:
    [found] = scrub(value)
    assert _skeleton(found) == _skeleton(value) or _has_data_keys(value)


def _skeleton(value: Any) -> Any:
    if isinstance(value, dict):
        return [_skeleton(inner) for inner in value.values()]
    if isinstance(value, list):
        return [_skeleton(inner) for inner in value]
    return type(value)


def _has_data_keys(value: Any) -> bool:
    return bool(re.search(r"\d{5}|@|-", json.dumps(value, default=str)))


@pytest.mark.parametrize("one", READ, ids=[one.name for one in READ])
def test_every_recorded_answer_reads_the_same_when_scrubbed(one: Recorded) -> None:
    """`recording` raises where it does not."""
    shop = account(one.marketplace, **one.account)
    ref = BatchRef(one.source, shop.name, one.id)
    kept = Fetched(one.play().snapshot, one.answers, datetime(2026, 1, 2, tzinfo=UTC))
    found = recording(shop, ref, kept, Scrubber(random.Random(7), secrets_of(shop)))
    assert found["id"] != one.id
    assert one.id not in json.dumps(found, default=str)

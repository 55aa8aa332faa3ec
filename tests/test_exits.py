"""Exit statuses: what scripts see of the end of a command."""

from __future__ import annotations

import pytest

from adapters.model import Counts, Snapshot
from gateway.cli.exits import Exit, of_code, of_snapshot
from gateway.cli.seen import Seen
from tests.exchange import read

CREATE = "idefix-product-create"


def ended(word: str, *items: str) -> Snapshot:
    return read(CREATE, {"status": word, "products": [{"status": item} for item in items]})


@pytest.mark.parametrize(
    ("snapshot", "status"),
    [
        (ended("completed", "ready_for_sale"), Exit.DONE),
        (ended("completed", "ready_for_sale", "missing_info"), Exit.FAILED),
        (ended("completed", "ready_for_sale", "not_matched"), Exit.DONE),
        (ended("completed", "not_matched", "missing_info"), Exit.FAILED),
        (ended("running", "not_matched", "missing_info"), Exit.DONE),
        (ended("on_hold", "missing_info"), Exit.DONE),
        (ended("failed"), Exit.FAILED),
        (ended("cancelled"), Exit.FAILED),
        (ended("cancelled", "ready_for_sale"), Exit.DONE),
        (ended("cancelled", "ready_for_sale", "not_matched"), Exit.FAILED),
    ],
)
def test_the_status_says_whether_the_batch_or_an_item_failed(snapshot: Snapshot, status: Exit) -> None:
    assert of_snapshot(snapshot) is status
    outcome = snapshot.outcome.value if snapshot.outcome else None
    seen = Seen("a", is_final=True, status=snapshot.status.value, outcome=outcome, counts=Counts(*snapshot.counts))
    assert seen.exit is status


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("INVALID_REF", Exit.USAGE),
        ("GAVE_UP", Exit.TIMEOUT),
        ("UPSTREAM_TIMEOUT", Exit.TIMEOUT),
        ("UPSTREAM_UNAVAILABLE", Exit.UNANSWERED),
        ("NOT_FOUND", Exit.UNANSWERED),
        ("A_CODE_OF_A_LATER_GATEWAY", Exit.UNANSWERED),
    ],
)
def test_the_status_of_an_error(code: str, status: Exit) -> None:
    assert of_code(code) is status


def test_a_failed_product_counts_against_a_counter_that_denies_it() -> None:
    snapshot = read("mircate", {"batchStatus": "done", "failCount": 0, "failedProducts": [{"sku": "1"}]})
    assert of_snapshot(snapshot) is Exit.FAILED
